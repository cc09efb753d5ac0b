// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// Divides time over causes, by what the tasks did that had to do with it.
struct StallAccount {
  private let trace: LedgerTrace
  private let ring: RingWork
  private var timelines: [Int64: TaskTimeline] = [:]
  /// Time in unknown stacks, by their place in the trace; nil: without a stack. ns.
  private var unknown: [Int32?: Int64] = [:]

  init(_ trace: consuming LedgerTrace) {
    ring = RingWork(trace.takeWorks())
    self.trace = trace
  }

  // MARK: Operations

  /// - Parameters:
  ///   - operation: its user_data; nil: no operation of io_uring.
  ///   - pid: of the task that called for it; nil: not known.
  /// - Returns: `behind`: of it, queued while the worker ran another operation.
  mutating func divide(
    _ operation: Int64?, by pid: Int64?, _ start: Int64, _ end: Int64
  ) -> (sums: CauseSums, behind: Int64) {
    var sums = CauseSums()
    var behind: Int64 = 0
    guard let pid else {
      sums[.untraced] = end - start
      return (sums, behind)
    }
    for leg in ring.legs(of: operation, by: pid, start, end) {
      if leg.role == .behind { behind += leg.end - leg.start }
      add(leg, to: &sums)
    }
    return (sums, behind)
  }

  private mutating func add(_ leg: RingWork.Leg, to sums: inout CauseSums) {
    guard let pid = leg.pid else {
      sums[leg.role == .worker ? .untraced : .ioWqQueue] += leg.end - leg.start
      return
    }
    let timeline = timeline(of: pid)
    timeline.visit(leg.start, leg.end) { piece, from, until in
      var time = until - from
      let cause = Self.cause(piece, in: leg.role)
      if cause == .running {
        let unlisted = timeline.unlisted(from, until)
        sums[.unlistedWait] += unlisted
        time -= unlisted
      }
      sums[cause] += time
      if cause == .unknownWait { unknown[piece.stack, default: 0] += time }
    }
  }

  /// What a task's doing means for the operation that it carries, or that waits for it.
  private static func cause(_ piece: TaskTimeline.Piece, in role: RingWork.Leg.Role) -> StallCause {
    switch (role, piece.cause) {
    // That it is in a queue is known, however little its worker's own doing is.
    case (.queued, .cpuWait): .cpuWait
    case (.queued, _): .ioWqQueue
    case (.behind, .running), (.behind, .lostRecords), (.behind, .idle): .ioWqQueue
    // To wait for a completion is no cause when nobody is seen to bring it about.
    case (.alone, .completion): .unseenCompletion
    default: piece.cause
    }
  }

  private mutating func timeline(of pid: Int64) -> TaskTimeline {
    if let made = timelines[pid] { return made }
    let task = TaskTimeline.Account(
      waits: Self.slice(trace.waits, pid, \.pid), sections: Self.slice(trace.sections, pid, \.pid),
      unlisted: Self.slice(trace.unlisted, pid, \.pid), death: trace.deaths[pid])
    let made = TaskTimeline(task, of: trace)
    timelines[pid] = made
    return made
  }

  /// A task's part of what is sorted by task.
  private static func slice<Element>(
    _ all: [Element], _ pid: Int64, _ key: (Element) -> Int64
  ) -> ArraySlice<Element> {
    let start = all.partitioningIndex { key($0) >= pid }
    let end = all.partitioningIndex { key($0) > pid }
    return all[start..<end]
  }

  /// The costliest first, those of the same functions together.
  var unknownStacks: [StallLedger.UnknownStack] {
    var sums: [[String]: Int64] = [:]
    for (stack, time) in unknown {
      sums[stack.map { trace.stacks[Int($0)].frames } ?? [], default: 0] += time
    }
    return StallLedger.UnknownStack.ordered(sums)
  }

  // MARK: Pressure

  /// PSI does not say what it counted: its time is divided as what the cgroup's tasks waited for meanwhile,
  /// each task's waits with the same weight.
  mutating func divide(_ stall: PressureStall) -> StallEpisode {
    var sums = CauseSums()
    for (pid, group) in trace.groups where stall.covers(group) {
      timeline(of: pid).visit(stall.start, stall.end) { piece, from, until in
        // A task that reclaims is stalled for memory also while it waits for a CPU.
        let cause = piece.cause == .cpuWait ? piece.section : piece.cause
        if cause?.pressure == stall.resource || cause == .unknownWait {
          sums[piece.cause] += until - from
        }
      }
    }
    if sums.total > stall.full {
      sums = sums.scaled(to: stall.full)
    } else {
      // PSI saw a stall that no task that the trace follows was in.
      sums[.untraced] += stall.full - sums.total
    }
    return StallEpisode(
      kind: stall.resource.file, victim: stall.group, start: stall.start, end: stall.end,
      isInFlight: false, time: stall.full, parts: sums.parts, behind: 0)
  }
}

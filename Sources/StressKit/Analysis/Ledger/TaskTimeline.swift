// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What one task did, without gaps, as far as the trace tells.
struct TaskTimeline {
  struct Piece {
    var start: Int64
    var cause: StallCause
    /// It did not wait, whatever else it did.
    var isOnCPU = false
    /// What it was in the midst of when it waited for a CPU.
    var section: StallCause?
    /// Of `LedgerTrace.stacks`.
    var stack: Int32?
  }

  /// What the trace has of one task, each by its start.
  struct Account {
    var waits: ArraySlice<LedgerTrace.Wait>
    var sections: ArraySlice<LedgerTrace.Section>
    var unlisted: ArraySlice<LedgerTrace.Unlisted>
    var death: Int64?
  }

  /// On-CPU time of a second, and how much of it were waits without a line, ns.
  private struct Second {
    var start: Int64
    var onCPU: Int64
    var unlisted: Int64
  }

  /// Sections in which a task has work to do. How long a pause was planned, or a throttling took in jiffies, is
  /// no measure of a time on the CPU.
  private static let works: [StallCause] = [.memcgReclaim, .directReclaim, .compaction]

  /// Ascending; each lasts until the next begins, the last until `end`.
  private var pieces: [Piece] = []
  private var end: Int64
  private var seconds: [Second] = []

  init(_ task: Account, of trace: LedgerTrace) {
    let sections = CauseTrack(task.sections)
    end = max(trace.range.lowerBound, min(task.death ?? .max, trace.range.upperBound))
    if task.waits.isEmpty, task.unlisted.isEmpty {
      // No scheduler's account: what the sections tell is all there is.
      sections.visit(trace.range.lowerBound, end) { start, cause in
        pieces.append(Piece(start: start, cause: cause ?? .untraced))
      }
    } else {
      follow(task, sections, trace)
    }
    if task.death != nil, end < trace.range.upperBound {
      pieces.append(Piece(start: end, cause: .exited))
      end = trace.range.upperBound
    }
    seconds = task.unlisted.map { line in
      var onCPU: Int64 = 0
      visit(line.second, line.second + LedgerTrace.second) { piece, from, until in
        if piece.isOnCPU { onCPU += until - from }
      }
      return Second(start: line.second, onCPU: onCPU, unlisted: min(line.sum, onCPU))
    }
  }

  // MARK: Making it

  private mutating func follow(_ task: Account, _ sections: CauseTrack, _ trace: LedgerTrace) {
    let works = CauseTrack(task.sections.filter { Self.works.contains($0.cause) })
    let reasons = ThrottleReasons(task.sections)
    let free: StallCause = trace.isWhole ? .running : .lostRecords
    var cursor = trace.range.lowerBound
    for (i, wait) in zip(task.waits.indices, task.waits) {
      // Two waits of a task do not overlap, unless the record is damaged.
      let start = max(wait.start, cursor)
      let stop = min(wait.end ?? end, end)
      guard start < stop else { continue }
      run(cursor, start, works, free)
      let awake = min(max(wait.awake, start), stop)
      switch wait.stack.flatMap({ trace.stacks[Int($0)].cause }) {
      case .throttled:
        let next = i + 1 < task.waits.endIndex ? task.waits[i + 1].start : Int64.max
        sleep(start, awake, reasons.reason(of: wait, before: next), wait.stack)
      case let cause?: sleep(start, awake, cause, wait.stack)
      case nil:
        sections.visit(start, awake) { start, cause in
          pieces.append(Piece(start: start, cause: cause ?? .unknownWait, stack: wait.stack))
        }
      }
      works.visit(awake, stop) { start, cause in
        pieces.append(Piece(start: start, cause: .cpuWait, section: cause))
      }
      cursor = stop
    }
    run(cursor, end, works, free)
  }

  private mutating func run(
    _ start: Int64, _ end: Int64, _ works: CauseTrack, _ free: StallCause
  ) {
    works.visit(start, end) { start, cause in
      pieces.append(Piece(start: start, cause: cause ?? free, isOnCPU: true))
    }
  }

  private mutating func sleep(_ start: Int64, _ end: Int64, _ cause: StallCause, _ stack: Int32?) {
    if start < end { pieces.append(Piece(start: start, cause: cause, stack: stack)) }
  }

  // MARK: Reading it

  /// Calls `body` for each piece of an interval, in order; where nothing is known it is `untraced`.
  func visit(
    _ from: Int64, _ until: Int64, _ body: (_ piece: Piece, _ from: Int64, _ until: Int64) -> Void
  ) {
    let nothing = Piece(start: from, cause: .untraced)
    guard let first = pieces.first?.start, from < end, until > first else {
      if from < until { body(nothing, from, until) }
      return
    }
    if from < first { body(nothing, from, first) }
    var i = max(0, pieces.partitioningIndex { $0.start > from } - 1)
    while i < pieces.count, pieces[i].start < until {
      let stop = i + 1 < pieces.count ? pieces[i + 1].start : end
      let (start, stopped) = (max(from, pieces[i].start), min(until, stop))
      if start < stopped { body(pieces[i], start, stopped) }
      i += 1
    }
    if until > end { body(nothing, max(from, end), until) }
  }

  /// How much of a time on the CPU was spent in waits that have no line: of each second in proportion, ns.
  func unlisted(_ from: Int64, _ until: Int64) -> Int64 {
    var sum: Int64 = 0
    var i = max(0, seconds.partitioningIndex { $0.start > from } - 1)
    while i < seconds.count, seconds[i].start < until {
      let second = seconds[i]
      let overlap = min(until, second.start + LedgerTrace.second) - max(from, second.start)
      // Both factors are below 2^30.
      if overlap > 0, second.onCPU > 0 { sum += second.unlisted * overlap / second.onCPU }
      i += 1
    }
    return min(sum, until - from)
  }
}

// SPDX-License-Identifier: Apache-2.0

/// Who carried the operations of io_uring: the task that submits, a worker, or nobody yet.
struct RingWork {
  /// Part of an operation's time, and whose time that was.
  struct Leg {
    enum Role {
      /// The submitter, before the operation went to a worker, or after.
      case submitter
      /// The submitter of an operation of a ring that no worker was seen at work on.
      case alone
      /// The worker that runs it.
      case worker
      /// Queued: the worker that is to run it has nothing to do, as far as that can be seen.
      case queued
      /// Queued: the worker runs another operation.
      case behind
    }
    var role: Role
    /// nil: no worker has taken it, or which one was not seen.
    var pid: Int64?
    var start: Int64
    var end: Int64
  }

  /// Legs so far, without gaps: each begins where the one before it ends.
  private struct Legs {
    private(set) var all: [Leg] = []
    private(set) var cursor: Int64

    init(from start: Int64) { cursor = start }

    mutating func add(_ role: Leg.Role, _ pid: Int64?, until end: Int64) {
      guard cursor < end else { return }
      all.append(Leg(role: role, pid: pid, start: cursor, end: end))
      cursor = end
    }
  }

  private struct Key: Hashable {
    var owner: Int64
    var operation: Int64
  }

  /// Each operation's, by their start.
  private var works: [Key: [LedgerTrace.Work]] = [:]
  /// What each worker ran, one after the other.
  private var runs: [Int64: [(start: Int64, end: Int64)]] = [:]
  /// The workers of each submitter.
  private var workers: [Int64: [Int64]] = [:]

  init(_ all: [LedgerTrace.Work]) {
    for var work in all.sorted(by: { $0.start < $1.start }) {
      let key = Key(owner: work.owner, operation: work.operation)
      // A run that has not ended does not say who runs it; the end of its queueing does.
      if work.stage == .running, work.worker == nil { work.worker = works[key]?.last?.worker }
      works[key, default: []].append(work)
      guard work.stage == .running, let worker = work.worker else { continue }
      if runs[worker] == nil { workers[work.owner, default: []].append(worker) }
      runs[worker, default: []].append((work.start, work.end ?? .max))
    }
    // A worker runs one at a time: an end that was not seen is no later than the next begin.
    for (worker, all) in runs {
      let closed = zip(all, all.dropFirst()).map { ($0.start, min($0.end, $1.start)) }
      runs[worker] = closed + all.suffix(1)
    }
  }

  /// An operation's time, in order and without gaps.
  ///
  /// - Parameters:
  ///   - operation: its user_data; nil: it is a system call of the task's own.
  ///   - pid: of the task that called or submitted.
  func legs(of operation: Int64?, by pid: Int64, _ start: Int64, _ end: Int64) -> [Leg] {
    var legs = Legs(from: start)
    guard let operation else {
      legs.add(.submitter, pid, until: end)
      return legs.all
    }
    let all = works[Key(owner: pid, operation: operation)] ?? []
    // What began before it belongs to an earlier operation with the same user_data.
    let own = all[all.partitioningIndex { $0.start >= start }...].prefix { $0.start < end }
    for work in own {
      legs.add(.submitter, pid, until: work.start)
      let stop = min(work.end ?? end, end)
      switch work.stage {
      case .running: legs.add(.worker, work.worker, until: stop)
      case .queued:
        let others = (workers[pid] ?? []).filter { $0 != work.worker }
        let first = work.worker.map { [$0] } ?? []
        wait(for: (first + others)[...], or: work.worker, until: stop, &legs)
      }
    }
    // A worker has begun it, and the end of that was not seen.
    if let last = own.last, last.stage == .queued { legs.add(.worker, last.worker, until: end) }
    legs.add(own.isEmpty ? .alone : .submitter, pid, until: end)
    return legs.all
  }

  /// Time in the queue: behind what the first of some workers runs, and while it has nothing to do behind what
  /// the others run.
  ///
  /// - Parameter taker: the worker that takes it up in the end.
  private func wait(
    for workers: ArraySlice<Int64>, or taker: Int64?, until end: Int64, _ legs: inout Legs
  ) {
    guard let worker = workers.first else { return legs.add(.queued, taker, until: end) }
    let runs = runs[worker] ?? []
    let cursor = legs.cursor
    for run in runs[runs.partitioningIndex { $0.end > cursor }...].prefix(while: { $0.start < end })
    {
      if legs.cursor < run.start {
        wait(for: workers.dropFirst(), or: taker, until: run.start, &legs)
      }
      legs.add(.behind, worker, until: min(run.end, end))
    }
    if legs.cursor < end { wait(for: workers.dropFirst(), or: taker, until: end, &legs) }
  }
}

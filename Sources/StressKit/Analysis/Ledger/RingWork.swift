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

  /// By submitter and operation, each operation's by their start.
  private var works: [LedgerTrace.Work]
  /// What each worker ran, one after the other.
  private var runs: [Int64: [(start: Int64, end: Int64)]] = [:]
  /// The workers of each submitter.
  private var workers: [Int64: [Int64]] = [:]

  /// - Parameter works: in no order. They are sorted where they are: copies would be most of what a ledger takes.
  init(_ works: consuming [LedgerTrace.Work]) {
    works.sort { ($0.start, $0.stage.rawValue) < ($1.start, $1.stage.rawValue) }
    // Of each operation, who was to run it when it was last heard of.
    var takers: [Key: Int64?] = [:]
    for i in works.indices {
      let work = works[i]
      let key = Key(owner: work.owner, operation: work.operation)
      // A run that has not ended does not say who runs it; the end of its queueing does.
      let worker = work.worker ?? (work.stage == .running ? takers[key] ?? nil : nil)
      works[i].worker = worker
      takers[key] = .some(worker)
      guard work.stage == .running, let worker else { continue }
      if runs[worker] == nil { workers[work.owner, default: []].append(worker) }
      runs[worker, default: []].append((work.start, work.end ?? .max))
    }
    // A worker runs one at a time: an end that was not seen is no later than the next begin.
    for worker in Array(runs.keys) {
      runs[worker]?.withUnsafeMutableBufferPointer { all in
        for i in all.indices.dropLast() { all[i].end = min(all[i].end, all[i + 1].start) }
      }
    }
    works.sort { ($0.owner, $0.operation) < ($1.owner, $1.operation) }
    self.works = works
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
    // What began before it belongs to an earlier operation with the same user_data.
    let first = works.partitioningIndex {
      ($0.owner, $0.operation, $0.start) >= (pid, operation, start)
    }
    let own = works[first...].prefix {
      $0.owner == pid && $0.operation == operation && $0.start < end
    }
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

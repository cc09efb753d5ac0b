// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// Where the time of a trial's stalls went. The parts of a stall sum to its time, and what is not explained
/// is one of them; docs/ledger.md has the rules.
package struct StallLedger: Sendable {
  /// A stack in which tasks waited that is not in the table: what to add to it.
  package struct UnknownStack: Sendable, Equatable {
    /// Innermost first; empty: the record has no stack.
    package var frames: [String]
    /// Summed over stalls: two that waited for one worker count its time twice. ns.
    package var time: Int64

    /// The costliest first.
    package static func ordered(_ sums: [[String]: Int64]) -> [UnknownStack] {
      sums.map { UnknownStack(frames: $0.key, time: $0.value) }
        .sorted { ($1.time, $0.frames.description) < ($0.time, $1.frames.description) }
    }
  }

  /// Shorter operations are not looked at, ns.
  package static let threshold: Int64 = 10_000_000

  /// Operations, by their start.
  package private(set) var operations: [StallEpisode] = []
  /// Stalls of the whole cgroup, by PSI.
  package private(set) var pressure: [StallEpisode] = []
  /// The costliest first.
  package private(set) var unknownStacks: [UnknownStack] = []
  /// Whether the record has the scheduler's events: without them most of the time is unexplained.
  package private(set) var hasScheduler: Bool

  /// - Parameter threshold: ns; where `observe.slow` is longer the record has no shorter ones.
  package init(_ record: RecordReader, threshold: Int64 = threshold) {
    let trace = LedgerTrace(record)
    hasScheduler = !trace.waits.isEmpty
    // 5.10's event of a request's queueing does not say which operation it is of.
    let tellsQueue = TraceHealth(record)?.saw(.queueAsyncWork) ?? hasScheduler
    var account = StallAccount(consume trace)
    let pids = Self.pids(record)
    for names in OperationNames.all {
      record.forEach(names.type) { line in
        let found = line.ints([names.time, names.start, names.pid, names.op])
        guard let time = found[0], time >= threshold,
          let start = found[1], start >= 0, time <= .max - start,
          let kind = line.string(names.kind)
        else { return }
        let victim =
          line.string(names.stream) ?? line.string(names.task) ?? line.string(names.pinned)
        let pid = found[2] ?? victim.flatMap { pids[$0] }
        let (sums, behind) = account.divide(found[3], by: pid, start, start + time)
        operations.append(
          StallEpisode(
            kind: kind, victim: victim, start: start, end: start + time,
            isInFlight: names.isInFlight, time: time, parts: sums.parts,
            behind: tellsQueue ? behind : nil))
      }
    }
    operations.sort { $0.start < $1.start }
    unknownStacks = account.unknownStacks
    pressure = PressureStall.all(in: record, threshold: threshold).map { account.divide($0) }
  }

  /// Of the workers, by their names: older records' operations tell the name only.
  private static func pids(_ record: RecordReader) -> [String: Int64] {
    var pids: [String: Int64] = [:]
    for line in record.lines(WorkerLine.self) where line.event == .start {
      if let name = line.name, let pid = line.pid { pids[name] = pid }
    }
    return pids
  }
}

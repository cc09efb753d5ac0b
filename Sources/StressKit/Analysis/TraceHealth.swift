// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What a trial's trace saw and what it missed.
package struct TraceHealth: Sendable, Equatable {
  /// Why there is none although it was asked for.
  package var failure: String?
  /// What else went wrong with events and buffers, as messages.
  package var failures: [String] = []
  /// Events counted, by `system:name`.
  package var events: [String: Int] = [:]
  /// Records that the ring buffers lost, by CPU.
  package var lost: [Int: Int] = [:]
  /// Rows that found no room on their way to the record, and intervals that the tables had none for.
  package var dropped = 0
  /// Events and fields that this kernel lacks.
  package var missing: [String] = []
  /// Buffered io_uring writes that went to an io-wq worker, by stream, told by io_uring_queue_async_work.
  package var punted: [String: Int] = [:]
  /// CPU time of the trace's thread, ns.
  package var cpuTime: Double = 0

  /// nil when the trial was not to be traced, or made no end.
  package init?(_ record: RecordReader) {
    guard let line = record.last(TraceLine.self) else { return nil }
    failure = line.failed
    let start = record.first(TraceStartLine.self)
    failures = (start?.failures ?? []) + (line.failures ?? [])
    for (name, count) in line.events?.members ?? [] { events[name] = count.count ?? 0 }
    for cpu in line.lost ?? [] {
      let parts = [cpu.overrun, cpu.commitOverrun, cpu.dropped].compactMap { $0?.count }
      lost[cpu.cpu?.count ?? 0] = parts.reduce(0, +)
    }
    dropped = (line.droppedRows?.count ?? 0) + (line.tableOverflow?.count ?? 0)
    missing = start?.missing ?? []
    for (name, count) in line.punted?.members ?? [] { punted[name] = count.count ?? 0 }
    cpuTime = line.cpuTime.map(Double.init) ?? 0
  }

  /// Whether an event was recorded, be it that it never came.
  package func saw(_ event: TraceEvent) -> Bool { count(event) != nil }

  /// How often an event came; nil when nobody looked, or this kernel lacks it.
  package func count(_ event: TraceEvent) -> Int? {
    failure == nil ? events[event.label] : nil
  }

  package var lostRecords: Int { lost.values.reduce(0, +) }
}

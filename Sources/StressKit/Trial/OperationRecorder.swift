import CLinux
import Histogram

/// Gathers what a stream's worker leaves in shared memory and tells it to the record: every slow
/// operation by itself, all of them as a histogram.
final class StreamRecorder {
  let worker: WorkerProcess
  private let slow: UInt64
  private let record: RecordWriter
  private var writes = StreamRecorder.empty
  private var syncs = StreamRecorder.empty
  /// Latencies above the histogram's range: recorded by count, never dropped silently.
  private var beyond: Int64 = 0
  private var inFlightIsRecorded = false
  private var endedBeforeStop = false
  /// When the trial stopped looking: later ends are not the trial's.
  private var cutoff = UInt64.max
  private var totals: WorkerProcess.Totals?

  /// 1 us to 1 h, three significant digits.
  private static var empty: Histogram<UInt64> {
    Histogram(lowestDiscernibleValue: 1000, highestTrackableValue: 3_600_000_000_000)
  }

  /// - Parameter slow: operations at least this long are recorded one by one, ns.
  init(_ worker: WorkerProcess, slow: UInt64, _ record: RecordWriter) {
    self.worker = worker
    self.slow = slow
    self.record = record
  }

  func collect() {
    worker.drain { operation in
      // It was in flight at the cut-off, and counts with its age.
      if operation.end > cutoff { return }
      let latency = operation.end - operation.start
      let kind = SharedBlock.Kind(rawValue: operation.kind) ?? .write
      let fits = kind == .write ? writes.record(latency) : syncs.record(latency)
      if !fits { beyond += 1 }
      if latency >= slow {
        record.emit(
          "slow", at: operation.end,
          [
            ("stream", .string(worker.name)), ("kind", .string(kind.label)),
            ("start", .uint(operation.start)), ("latency", .uint(latency)),
            ("bytes", .uint(operation.bytes)),
          ])
      }
    }
  }

  /// Operations that have not ended when the worker died or time is up, with their age at that moment.
  /// Only the first call counts: the slots of a dead worker stay as they were.
  func recordInFlight(at time: UInt64) {
    if inFlightIsRecorded { return }
    inFlightIsRecorded = true
    endedBeforeStop = worker.hasEnded()
    cutoff = time
    totals = worker.totals
    for operation in worker.inFlight() where operation.start < time {
      record.emit(
        "in-flight", at: time,
        [
          ("stream", .string(worker.name)), ("kind", .string(operation.kind.label)),
          ("start", .uint(operation.start)), ("age", .uint(time - operation.start)),
          ("bytes", .uint(operation.bytes)),
        ])
    }
  }

  /// How far the stream is, and the age of its oldest operation in flight: all that is left of it should
  /// the guest not live to tell the rest.
  func recordProgress(at time: UInt64) {
    let oldest = worker.inFlight().map(\.start).min()
    record.emit(
      "progress", at: time,
      [
        ("stream", .string(worker.name)), ("bytes", .uint(worker.totals.bytes)),
        ("oldest", oldest.map { .uint(time - min($0, time)) } ?? .null),
      ])
  }

  /// What ended the stream: its size, the trial's time, a kill, or its own failure.
  private var end: String {
    guard endedBeforeStop else { return "time" }
    if worker.isDone { return "size" }
    return worker.failure != nil ? "failed" : "killed"
  }

  /// The stream's totals and histograms; values are ns, as `[value, count]` pairs.
  func finish() {
    let totals = totals ?? worker.totals
    record.emit(
      "stream", at: cutoff,
      [
        ("stream", .string(worker.name)), ("ended", .string(end)),
        ("bytes", .uint(totals.bytes)), ("first_start", .uint(totals.firstStart)),
        ("last_end", .uint(totals.lastEnd)), ("inline", .uint(totals.inline)),
        ("punted", .uint(totals.punted)), ("paced", .uint(totals.paced)),
        ("log_lost", .uint(totals.logLost)), ("beyond_range", .int(beyond)),
        ("write_latency", Self.pairs(writes)), ("fsync_latency", Self.pairs(syncs)),
      ])
  }

  private static func pairs(_ histogram: Histogram<UInt64>) -> JSON {
    .array(
      histogram.recordedValues().map { [.uint($0.value), .uint(UInt64($0.count))] })
  }
}

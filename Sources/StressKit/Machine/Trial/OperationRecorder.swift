import CLinux
import Histogram
import StressCore
import StressRecord

/// Gathers what a worker leaves in shared memory and tells it to the record: every slow operation by
/// itself, all of them as histograms.
package final class OperationRecorder {
  let worker: WorkerProcess
  private let slow: UInt64
  private let record: RecordWriter
  /// By kind; made when the first of a kind is seen, but for what every stream has.
  private var latencies: [Latencies?]
  private var inFlightIsRecorded = false
  private var endedBeforeStop = false
  /// When the trial stopped looking: later ends are not the trial's.
  private var cutoff = UInt64.max
  /// Of each slot the beginnings of the operation that is told as in flight, and of the one logged last; 0: none.
  private var told: [UInt64]
  private var logged: [UInt64]
  private var atCutoff: WorkerProcess.Totals?
  /// Bytes of operations that have ended after the cut-off, which the worker's totals have.
  private var bytesLater: UInt64 = 0
  /// When the last one ended before it; 0: none has, or none is logged.
  private var lastEnd: UInt64 = 0
  /// Operations that began after it: a worker goes on until it is told to stop.
  private var begunLater: UInt64 = 0
  /// Operations in the log that make no sense.
  private var damaged: UInt64 = 0
  private var behind: UInt64 = 0

  /// The latencies of one kind of operation: of the whole trial, and second by second.
  final class Latencies {
    /// A day, ns. What takes longer is counted as that, but for `max`.
    static let longest: UInt64 = 86_400_000_000_000

    private var histogram = empty

    private static var empty: Histogram<UInt64> {
      Histogram(lowestDiscernibleValue: 1000, highestTrackableValue: longest)
    }

    /// What one takes, bytes.
    static let memory = empty.estimatedFootprintInBytes + LatencySeries.memory
    private(set) var max: UInt64?
    private(set) var count: UInt64 = 0
    var series: LatencySeries

    init(of kind: SharedBlock.Kind, worker: String, _ record: RecordWriter) {
      series = LatencySeries(of: kind.label, worker: worker, record)
    }

    /// An operation, which does not end before it begins.
    func record(_ operation: SharedBlock.Operation) {
      let latency = operation.end - operation.start
      histogram.record(min(latency, Self.longest))
      max = Swift.max(max ?? 0, latency)
      count += 1
      series.record(latency, at: operation.end)
    }

    /// The whole trial's, as `[value, count]` pairs.
    var pairs: JSON {
      .array(histogram.recordedValues().map { [.uint($0.value), .uint(UInt64($0.count))] })
    }
  }

  /// - Parameter slow: operations at least this long are recorded one by one, ns.
  package init(_ worker: WorkerProcess, slow: UInt64, _ record: RecordWriter) {
    self.worker = worker
    self.slow = slow
    self.record = record
    latencies = Array(repeating: nil, count: SharedBlock.Kind.allCases.count)
    told = Array(repeating: 0, count: worker.slots)
    logged = told
    // A stream tells these in any case.
    if worker.role == .stream {
      for kind in [SharedBlock.Kind.write, .fsync] { _ = latencies(of: kind) }
    }
  }

  private func latencies(of kind: SharedBlock.Kind) -> Latencies {
    let index = Int(kind.rawValue)
    if let made = latencies[index] { return made }
    let made = Latencies(of: kind, worker: worker.name, record)
    latencies[index] = made
    return made
  }

  /// Hears of the operations that have ended since the last call.
  package func collect() {
    worker.drain { operation in
      // Another process has written it, on a kernel that is under test.
      guard operation.start <= operation.end, operation.slot < logged.count else {
        damaged += 1
        return
      }
      logged[Int(operation.slot)] = operation.start
      if operation.end > cutoff {
        takeLate(operation)
        return
      }
      lastEnd = max(lastEnd, operation.end)
      let kind = SharedBlock.Kind(rawValue: operation.kind) ?? .write
      // The worker keeps the histogram of first touches; it logs the slow ones only.
      if kind != .populate { latencies(of: kind).record(operation) }
      if operation.end - operation.start >= slow { tell(operation) }
    }
    worker.drainEvidence { if $0.time <= cutoff { tell($0) } }
    let now = cl_boottime()
    for case let latencies? in latencies { latencies.series.tell(before: now) }
  }

  /// An operation that has ended when the trial was no longer looking.
  private func takeLate(_ operation: SharedBlock.Operation) {
    if operation.kind != SharedBlock.Kind.read.rawValue { bytesLater &+= operation.bytes }
    if operation.start >= cutoff {
      begunLater += 1
    } else {
      // It was in flight at the cut-off, and counts with its age; not twice, should its slot have been seen.
      tellInFlight(
        WorkerProcess.InFlight(
          kind: SharedBlock.Kind(rawValue: operation.kind) ?? .write, slot: operation.slot,
          start: operation.start, bytes: operation.bytes, file: operation.file,
          offset: operation.offset))
    }
  }

  private func tell(_ evidence: SharedBlock.Evidence) {
    func known(_ value: UInt64) -> JSON {
      value == SharedBlock.Evidence.unknown ? .null : .uint(value)
    }
    record.emit(
      "state", at: evidence.time,
      subject + [
        ("round", .uint(evidence.round)), ("extents", known(evidence.extents)),
        ("delalloc_bytes", known(evidence.delayed)),
        ("unwritten_bytes", known(evidence.unwritten)), ("dirty_pages", known(evidence.dirty)),
        ("writeback_pages", known(evidence.writeback)),
      ])
  }

  private func tell(_ operation: SharedBlock.Operation) {
    let kind = SharedBlock.Kind(rawValue: operation.kind) ?? .write
    record.emit(
      "slow", at: operation.end,
      subject + [
        ("kind", .string(kind.label)), ("start", .uint(operation.start)),
        ("latency", .uint(operation.end - operation.start)), ("bytes", .uint(operation.bytes)),
        ("file", .int(Int64(operation.file))), ("offset", .uint(operation.offset)),
        ("ahead", .int(Int64(operation.ahead))), ("in_flight", .int(Int64(operation.inFlight))),
        ("in_flight_bytes", .uint(operation.bytesInFlight)),
      ] + request(kind, operation.slot))
  }

  /// What the trace of io_uring calls an operation.
  private func request(_ kind: SharedBlock.Kind, _ slot: UInt64) -> [(String, JSON)] {
    worker.userData(kind, slot: slot).map { [("op", .uint($0))] } ?? []
  }

  /// Whose operations these are.
  private var subject: [(String, JSON)] {
    [
      (worker.role.label, .string(worker.name)),
      ("pid", .int(Int64(worker.pid))),
    ]
  }

  /// Operations that have not ended when the worker died or time is up, with their age at that moment. Those that end
  /// between that moment and the look at the slots are told by `collect`.
  /// Only the first call counts: the slots of a dead worker stay as they were.
  package func recordInFlight(at time: UInt64) {
    if inFlightIsRecorded { return }
    inFlightIsRecorded = true
    endedBeforeStop = worker.hasEnded()
    cutoff = time
    atCutoff = worker.totals
    behind = worker.behind(at: time)
    // A worker may die with an operation both in the log and in its slot.
    collect()
    for operation in worker.inFlight()
    where operation.start < time && logged[Int(operation.slot)] != operation.start {
      tellInFlight(operation)
    }
  }

  private func tellInFlight(_ operation: WorkerProcess.InFlight) {
    if told[Int(operation.slot)] == operation.start { return }
    told[Int(operation.slot)] = operation.start
    record.emit(
      "in-flight", at: cutoff,
      subject + [
        ("kind", .string(operation.kind.label)), ("start", .uint(operation.start)),
        ("age", .uint(cutoff - operation.start)), ("bytes", .uint(operation.bytes)),
        ("file", .int(Int64(operation.file))), ("offset", .uint(operation.offset)),
      ] + request(operation.kind, operation.slot))
  }

  /// How far the worker is, and the age of its oldest operation in flight: all that is left of it should
  /// the guest not live to tell the rest.
  func recordProgress(at time: UInt64) {
    let oldest = worker.inFlight().map(\.start).min()
    record.emit(
      "progress", at: time,
      [
        (worker.role.label, .string(worker.name)), ("bytes", .uint(worker.totals.bytes)),
        ("oldest", oldest.map { .uint(time - min($0, time)) } ?? .null),
      ])
  }

  /// What ended the worker: its size or rounds, the trial's time, a kill, or its own failure.
  private var end: String {
    guard endedBeforeStop else { return "time" }
    if worker.isDone { return worker.role == .task ? "rounds" : "size" }
    return worker.failure != nil ? "failed" : "killed"
  }

  /// The worker's totals, as far as they are the trial's.
  private var totals: WorkerProcess.Totals {
    let last = worker.totals
    var totals = atCutoff ?? last
    // The look at them came after the cut-off, too.
    totals.bytes = last.bytes > bytesLater ? last.bytes - bytesLater : 0
    if last.lastEnd > cutoff { totals.lastEnd = lastEnd }
    totals.logLost = last.logLost &+ damaged
    return totals
  }

  /// The worker's totals and histograms, when it has been collected from for the last time.
  package func finish() {
    let totals = totals
    for operation in worker.inFlight()
    where operation.start >= cutoff && logged[Int(operation.slot)] != operation.start {
      begunLater += 1
    }
    var members: [(String, JSON)] = []
    for kind in SharedBlock.Kind.allCases {
      guard let latencies = latencies[Int(kind.rawValue)] else { continue }
      latencies.series.flush()
      members += [
        (kind == .touch ? "touches" : "\(kind.label)s", .uint(latencies.count)),
        ("\(kind.label)_max", latencies.max.map { .uint($0) } ?? .null),
        ("\(kind.label)_latency", latencies.pairs),
      ]
    }
    let type: String
    switch worker.role {
    case .stream: type = "stream"
    case .pinned:
      type = "touches"
      members.append(("behind", .uint(behind)))
    case .task:
      // `task` is what the trace says of a pid.
      type = "rounds"
      members += [
        ("rounds", .uint(totals.rounds)), ("states_lost", .uint(totals.evidenceLost)),
      ]
    }
    record.emit(
      type, at: cutoff,
      subject + [
        ("ended", .string(end)),
        ("bytes", .uint(totals.bytes)), ("first_start", .uint(totals.firstStart)),
        ("last_end", .uint(totals.lastEnd)), ("inline", .uint(totals.inline)),
        ("punted", .uint(totals.punted)), ("paced", .uint(totals.paced)),
        ("log_lost", .uint(totals.logLost)), ("begun_later", .uint(begunLater)),
      ] + members)
  }

  /// How far a pin has come and, unless its pages were locked, how long they took to come.
  func finishPinning() {
    collect()
    let now = cl_boottime()
    if worker.hasEnded() { recordInFlight(at: now) }
    let reach = worker.reach
    var members: [(String, JSON)] = [
      ("size", .uint(reach.size)), ("reached", .uint(reach.reached)),
      ("errno", .optional(reach.refusal?.name)),
    ]
    if let touches = worker.touches {
      members += [
        ("touches", .uint(touches.count)), ("touch_max", .uint(touches.max)),
        ("log_lost", .uint(worker.totals.logLost)),
        (
          "touch_latency",
          .array(touches.histogram.map { [.uint($0.value), .uint($0.count)] })
        ),
      ]
    }
    record.emit("pin", at: now, subject + members)
  }
}

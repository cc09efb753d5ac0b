// SPDX-License-Identifier: Apache-2.0
import CLinux
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
  /// Of each slot, by their numbers, the operation that is told as in flight, and the one logged last; 0: none.
  private var told: [UInt32]
  private var logged: [UInt32]
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

    private var histogram = LatencyHistogram(upTo: longest)

    /// What one takes, bytes.
    static let memory = LatencyHistogram.memory(upTo: longest) + LatencySeries.memory
    private(set) var max: UInt64?
    private(set) var count: UInt64 = 0
    var series: LatencySeries

    init(of kind: SharedBlock.Kind, worker: String, _ record: RecordWriter) {
      series = LatencySeries(of: kind.label, worker: worker, record)
    }

    /// An operation, which does not end before it begins.
    func record(_ operation: SharedBlock.Operation) {
      let latency = operation.end - operation.start
      histogram.record(latency)
      max = Swift.max(max ?? 0, latency)
      count += 1
      series.record(latency, at: operation.end)
    }

    /// The whole trial's, as `[value, count]` pairs.
    var pairs: JSON {
      .array(histogram.pairs.map { [.uint($0.value), .uint($0.count)] })
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
      guard operation.start <= operation.end, Int(operation.slot) < logged.count else {
        damaged += 1
        return
      }
      logged[Int(operation.slot)] = operation.number
      // One that is told as in flight is that, even where the worker had stamped its end before the cut-off.
      if operation.end > cutoff || told[Int(operation.slot)] == operation.number {
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
    if operation.kind != worker.uncounted?.rawValue { bytesLater &+= operation.bytes }
    if operation.start >= cutoff {
      begunLater += 1
    } else {
      // It was in flight at the cut-off, and counts with its age; not twice, should its slot have been seen.
      tellInFlight(
        WorkerProcess.InFlight(
          kind: SharedBlock.Kind(rawValue: operation.kind) ?? .write, slot: operation.slot,
          number: operation.number, start: operation.start, bytes: operation.bytes,
          file: operation.file,
          offset: operation.offset))
    }
  }

  private func tell(_ evidence: SharedBlock.Evidence) {
    func known(_ value: UInt64) -> Int64? {
      value == SharedBlock.Evidence.unknown ? nil : Int64(clamping: value)
    }
    record.emit(StateLine.self, at: evidence.time) {
      name(&$0)
      $0.pid = Int64(worker.pid)
      $0.round = Int64(clamping: evidence.round)
      $0.extents = known(evidence.extents)
      $0.delallocBytes = known(evidence.delayed)
      $0.unwrittenBytes = known(evidence.unwritten)
      $0.dirtyPages = known(evidence.dirty)
      $0.writebackPages = known(evidence.writeback)
    }
  }

  private func tell(_ operation: SharedBlock.Operation) {
    let kind = SharedBlock.Kind(rawValue: operation.kind) ?? .write
    record.emit(SlowLine.self, at: operation.end) {
      name(&$0)
      $0.pid = Int64(worker.pid)
      $0.kind = kind.label
      $0.start = Int64(clamping: operation.start)
      $0.latency = Int64(clamping: operation.end - operation.start)
      $0.bytes = Int64(clamping: operation.bytes)
      $0.file = Int64(operation.file)
      $0.offset = Int64(clamping: operation.offset)
      $0.ahead = Int64(operation.ahead)
      $0.inFlight = Int64(operation.inFlight)
      $0.inFlightBytes = Int64(clamping: operation.bytesInFlight)
      $0.op = request(operation.slot)
    }
  }

  /// What the trace of io_uring calls an operation.
  private func request(_ slot: UInt32) -> Int64? {
    worker.userData(slot: slot).map { Int64(clamping: $0) }
  }

  /// Says in a line whose operations these are.
  private func name(_ line: inout some WorkersLine) {
    switch worker.role {
    case .stream: line.stream = worker.name
    case .pinned: line.pinned = worker.name
    case .task: line.task = worker.name
    }
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
    where operation.start < time && logged[Int(operation.slot)] != operation.number {
      tellInFlight(operation)
    }
  }

  private func tellInFlight(_ operation: WorkerProcess.InFlight) {
    if told[Int(operation.slot)] == operation.number { return }
    told[Int(operation.slot)] = operation.number
    record.emit(InFlightLine.self, at: cutoff) {
      name(&$0)
      $0.pid = Int64(worker.pid)
      $0.kind = operation.kind.label
      $0.start = Int64(clamping: operation.start)
      $0.age = Int64(clamping: cutoff - operation.start)
      $0.bytes = Int64(clamping: operation.bytes)
      $0.file = Int64(operation.file)
      $0.offset = Int64(clamping: operation.offset)
      $0.op = request(operation.slot)
    }
  }

  /// How far the worker is, and the age of its oldest operation in flight: all that is left of it should
  /// the guest not live to tell the rest.
  func recordProgress(at time: UInt64) {
    let oldest = worker.inFlight().map(\.start).min()
    record.emit(ProgressLine.self, at: time) {
      name(&$0)
      $0.bytes = Int64(clamping: worker.totals.bytes)
      $0.oldest = oldest.map { Int64(clamping: time - min($0, time)) }
    }
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
    for operation in worker.inFlight() where logged[Int(operation.slot)] != operation.number {
      if operation.start >= cutoff {
        begunLater += 1
      } else {
        // A rate wanted it before the cut-off, or its slot could not be read then.
        tellInFlight(operation)
      }
    }
    tellUnread()
    switch worker.role {
    case .stream:
      record.emit(StreamLine.self, at: cutoff) {
        fill(&$0, totals)
        $0.action = worker.action?.rawValue
      }
    case .pinned:
      record.emit(TouchesLine.self, at: cutoff) {
        fill(&$0, totals)
        $0.behind = Int64(clamping: behind)
      }
    case .task:
      record.emit(RoundsLine.self, at: cutoff) {
        fill(&$0, totals)
        $0.rounds = Int64(clamping: totals.rounds)
        $0.statesLost = Int64(clamping: totals.evidenceLost)
      }
    }
  }

  /// Says that operations in flight may be missing, or their ages too small.
  private func tellUnread() {
    let unread = worker.takeUnread()
    if unread == 0 { return }
    record.emit(
      NoteLine("worker \(worker.name): \(unread) times an operation in flight could not be read"))
  }

  private func fill(_ line: inout some TotalsLine, _ totals: WorkerProcess.Totals) {
    name(&line)
    line.pid = Int64(worker.pid)
    line.ended = end
    line.bytes = Int64(clamping: totals.bytes)
    line.firstStart = Int64(clamping: totals.firstStart)
    line.lastEnd = Int64(clamping: totals.lastEnd)
    line.inline = Int64(clamping: totals.inline)
    line.punted = Int64(clamping: totals.punted)
    line.paced = Int64(clamping: totals.paced)
    line.logLost = Int64(clamping: totals.logLost)
    line.begunLater = Int64(clamping: begunLater)
    for kind in SharedBlock.Kind.allCases {
      guard let latencies = latencies[Int(kind.rawValue)] else { continue }
      latencies.series.flush()
      line.add(
        OperationTotals(
          kind: kind.label, count: Int64(clamping: latencies.count),
          max: latencies.max.map { Int64(clamping: $0) }, latency: latencies.pairs))
    }
  }

  /// How far a pin has come and, unless its pages were locked, how long they took to come.
  func finishPinning() {
    collect()
    let now = cl_boottime()
    if worker.hasEnded() { recordInFlight(at: now) }
    tellUnread()
    let reach = worker.reach
    record.emit(PinLine.self, at: now) {
      name(&$0)
      $0.pid = Int64(worker.pid)
      $0.size = Int64(clamping: reach.size)
      $0.reached = Int64(clamping: reach.reached)
      $0.errno = reach.refusal?.name
      guard let touches = worker.touches else { return }
      $0.touches = Int64(clamping: touches.count)
      $0.touchMax = Int64(clamping: touches.max)
      $0.logLost = Int64(clamping: worker.totals.logLost)
      $0.touchLatency = .array(touches.histogram.map { [.uint($0.value), .uint($0.count)] })
    }
  }
}

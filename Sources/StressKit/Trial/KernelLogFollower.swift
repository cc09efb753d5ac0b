import CLinux
import Synchronization

/// Puts the kernel log into the record as it comes: every line raw, every OOM report parsed.
final class KernelLogFollower {
  private struct State {
    var parser = OOMReportParser()
    var clock = KernelLogClock()
    var killLines = 0
    var incidents = 0
  }

  private let shared: Shared
  private let reader: KernelLogReader
  private var isReading = false

  private final class Shared: Sendable {
    let state = Mutex(State())
  }

  init(_ record: RecordWriter) throws(HarnessError) {
    let shared = Shared()
    self.shared = shared
    reader = try KernelLogReader(
      prepare: { last in
        shared.state.withLock { $0.clock.mark(at: last ? nil : cl_boottime()) }
      },
      { line in shared.state.withLock { state in Self.handle(line, &state, record) } })
  }

  /// - Parameter reading: whether the log is read from now on, or only at the end.
  func start(reading: Bool) throws(HarnessError) {
    isReading = reading
    if reading {
      try reader.start()
    } else {
      // The clocks are compared now: the mark is the first thing that will be read.
      shared.state.withLock { $0.clock.mark(at: cl_boottime()) }
    }
  }

  func stop() {
    if !isReading { try? reader.start() }
    reader.stop()
  }

  /// "Killed process" lines: equal to memory.events' oom_kill, which counts a victim of
  /// memory.oom.group twice.
  var killLines: Int { shared.state.withLock { $0.killLines } }
  var incidents: Int { shared.state.withLock { $0.incidents } }
  var gaps: Int { reader.gaps }
  var failure: HarnessError? { reader.failure }

  private static func handle(
    _ line: KernelLogRecord, _ state: inout State, _ record: RecordWriter
  ) {
    switch state.clock.take(line) {
    case .mark: break
    case .pair(let pair):
      record.emit(
        "clock", at: pair.after,
        [("before", .uint(pair.before)), ("after", .uint(pair.after)), ("log", .uint(pair.log))])
    case .other:
      record.emit(
        "kmsg", at: state.clock.boottime(line.time),
        [
          ("seq", .uint(line.sequence)), ("level", .int(Int64(line.level))),
          ("text", .string(line.text)),
        ])
    }
    let time = state.clock.boottime(line.time)
    // Marks too: to the parser a gap in the numbers is a loss.
    switch state.parser.feed(line) {
    case .incident(let report):
      state.killLines += 1
      state.incidents += 1
      record.emit("oom", at: time, [("report", report.json)])
    case .groupKill(let victim, let incident):
      state.killLines += 1
      record.emit(
        "oom-group-kill", at: time, [("victim", victim.json), ("incident", .uint(incident))])
    case .withoutKill(let report, let reason):
      record.emit(
        "oom-without-kill", at: time,
        [("reason", .string(reason.rawValue)), ("report", report.json)])
    case nil: break
    }
  }
}

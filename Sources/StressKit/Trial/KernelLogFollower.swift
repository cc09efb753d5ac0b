import CLinux
import Synchronization

/// Puts the kernel log into the record as it comes: every line raw, every OOM report parsed.
final class KernelLogFollower {
  private struct State {
    var parser = OOMReportParser()
    var killLines = 0
    var incidents = 0
    /// CLOCK_BOOTTIME minus the log's own clock, ns; nil until the mark has come by.
    var offset: Int64?
    /// Calibration: boot time when the mark was written.
    var marked: UInt64 = 0
  }

  private let shared: Shared
  private let reader: KernelLogReader
  private var isReading = false

  private final class Shared: Sendable {
    let state = Mutex(State())
  }

  private static let mark = "wbstress: mark"

  init(_ record: RecordWriter) throws(HarnessError) {
    let shared = Shared()
    self.shared = shared
    reader = try KernelLogReader { line in
      shared.state.withLock { state in Self.handle(line, &state, record) }
    }
  }

  /// - Parameter reading: whether the log is read from now on, or only at the end.
  func start(reading: Bool) throws(HarnessError) {
    isReading = reading
    if reading { try reader.start() }
    // The log's clock is the scheduler's; one line of our own tells its distance from CLOCK_BOOTTIME.
    shared.state.withLock { $0.marked = cl_boottime() }
    try? File.set("/dev/kmsg", Self.mark)
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

  private static func handle(
    _ line: KernelLogRecord, _ state: inout State, _ record: RecordWriter
  ) {
    if state.offset == nil, line.text == mark {
      state.offset = Int64(state.marked) - Int64(line.time)
    }
    let time = UInt64(clamping: Int64(line.time) + (state.offset ?? 0))
    record.emit(
      "kmsg", at: time,
      [
        ("seq", .uint(line.sequence)), ("level", .int(Int64(line.level))),
        ("text", .string(line.text)),
      ])
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

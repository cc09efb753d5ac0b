// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressRecord
import Synchronization

/// Puts the kernel log into the record as it comes: every line raw, every OOM report of the trial's parsed.
final class KernelLogFollower {
  private struct State {
    var account = OOMAccount()
    var clock = KernelLogClock()
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

  /// Says which kills are the trial's.
  func own(_ change: (inout OOMAccount.Owner) -> Void) {
    shared.state.withLock { change(&$0.account.owner) }
  }

  func stop() {
    if !isReading { try? reader.start() }
    reader.stop()
  }

  /// What it has told of kills so far.
  var account: OOMAccount { shared.state.withLock { $0.account } }
  var gaps: Int { reader.gaps }
  var failure: HarnessError? { reader.failure }

  private static func handle(
    _ line: KernelLogRecord, _ state: inout State, _ record: RecordWriter
  ) {
    switch state.clock.take(line) {
    case .mark: break
    case .pair(let pair):
      record.emit(ClockLine.self, at: pair.after) {
        $0.before = Int64(clamping: pair.before)
        $0.after = Int64(clamping: pair.after)
        $0.log = Int64(clamping: pair.log)
      }
    case .other:
      record.emit(KmsgLine.self, at: state.clock.boottime(line.time)) {
        $0.seq = Int64(clamping: line.sequence)
        $0.level = Int64(line.level)
        $0.text = line.text
      }
    }
    // Marks too: to the parser a gap in the numbers is a loss.
    switch state.account.take(line) {
    case .report(let told): record.emit(told, at: state.clock.boottime(line.time))
    case .groupKill(let told): record.emit(told, at: state.clock.boottime(line.time))
    case .withoutKill(let told): record.emit(told, at: state.clock.boottime(line.time))
    case nil: break
    }
  }
}

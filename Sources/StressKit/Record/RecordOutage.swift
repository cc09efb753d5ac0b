// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A time in which lines could not go where they should.
struct RecordOutage {
  /// The errno's name, or `queue`: the record's reader was away, and the writer's queue full.
  let why: String
  /// Lines that were written late.
  private(set) var kept = 0
  /// Lines that are lost, by type.
  private(set) var lost: [String: Int] = [:]
  /// `t` of the first and the last line that it met, on the record's own clock, ns; nil: none had one.
  private var times: ClosedRange<UInt64>?

  init(why: String) { self.why = why }

  var losses: Int { lost.values.reduce(0, +) }

  /// As in `sample 12, span 3`.
  var lostText: String {
    lost.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }

  mutating func keep(at time: UInt64?) {
    kept += 1
    note(time)
  }

  mutating func lose(_ type: String, at time: UInt64?) {
    lost[type, default: 0] += 1
    note(time)
  }

  private mutating func note(_ time: UInt64?) {
    guard let time else { return }
    times = min(times?.lowerBound ?? time, time)...max(times?.upperBound ?? time, time)
  }

  /// The record's line of it, with its end.
  var line: [UInt8] {
    var line = OutageLine()
    line.t = times.map { Int64(clamping: $0.upperBound) }
    line.from = times.map { Int64(clamping: $0.lowerBound) }
    line.why = why
    line.kept = Int64(kept)
    line.lost = Keyed(lost.sorted { $0.key < $1.key }.map { ($0.key, Int64($0.value)) })
    return line.bytes
  }
}

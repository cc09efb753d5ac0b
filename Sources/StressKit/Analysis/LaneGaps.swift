// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// Readings that a lane did not take while the streams ran, counted from the times of those it took: set-up,
/// when a guest loads modules and fills memory, is no part of the measurement.
package struct LaneGaps: Sendable, Equatable {
  /// Records from before these had one lane, `main`.
  private static let lanes = ["fast", "slow", "rstat"]

  /// Readings missed, and taken, by lane.
  package var missed: [String: Int] = [:]
  package var taken: [String: Int] = [:]

  /// - Parameter window: the streams' time, CLOCK_BOOTTIME in ns.
  package init(_ record: RecordReader, _ window: ClosedRange<Int64>?) {
    guard let window else { return }
    for name in Self.lanes {
      guard let lane = record.lane(name), let interval = lane.interval, interval > 0 else {
        continue
      }
      let times = lane.times.filter(window.contains)
      taken[name] = times.count
      // A late reading is not a missed one: only whole intervals without any count.
      missed[name] = zip(times, times.dropFirst()).reduce(0) { sum, pair in
        sum + max(0, Int((Double(pair.1 - pair.0) / Double(interval)).rounded()) - 1)
      }
    }
  }
}

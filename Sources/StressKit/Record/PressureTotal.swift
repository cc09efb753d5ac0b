// SPDX-License-Identifier: Apache-2.0

/// A total of PSI, reading by reading, held against the time that passes: nobody can have been stalled for longer
/// than that since the boot, or between two readings, and no total falls. From the first reading on that
/// cannot be, all are unknown.
///
/// Linux 6.0-rc1 counted 265 years of `some` and 140 of `full` (linux-kernel, "oomd with 6.0-rc1 has ridiculously high memory
/// pressure stats", August 2022).
package struct PressureTotal: Sendable {
  /// By how much a total may grow beyond the time: a reading is taken behind the moment of its time, by as much as
  /// its thread has to wait for a CPU, ns.
  private static let slack: Int64 = 2_000_000_000

  /// The least so far by which a total was ahead of the time, negative if it was behind, ns: at the boot it
  /// is 0.
  private var ahead: Int64 = 0
  private var last: Int64 = 0
  private var isImpossible = false
  /// Readings that have been refused.
  package private(set) var refused = 0

  package init() {}

  /// Whether a lane's column is such a total, by its name: docs/record.md has the columns.
  package static func isOne(column name: String) -> Bool {
    let file = name.prefix { $0 != ":" }
    return file.hasSuffix("pressure") || file.hasPrefix("pressure/")
  }

  /// What is known of a reading; nil: nothing.
  ///
  /// - Parameters:
  ///   - total: us; `SampleLine.unknown` is passed over.
  ///   - time: CLOCK_BOOTTIME, ns; readings come in its order.
  package mutating func known(_ total: Int64, at time: Int64) -> Int64? {
    if total == SampleLine.unknown { return nil }
    if !isImpossible {
      let (stalled, isTooLarge) = total.multipliedReportingOverflow(by: 1000)
      let (now, isBeyond) = stalled.subtractingReportingOverflow(Self.most(in: time))
      isImpossible = isTooLarge || isBeyond || total < last || now > ahead + Self.slack
      ahead = min(ahead, now)
      last = total
    }
    refused += isImpossible ? 1 : 0
    return isImpossible ? nil : total
  }

  /// Whether a total can have grown by so much in so much time, both ns.
  package static func canGrow(by stalled: UInt64, in time: UInt64) -> Bool {
    let time = Int64(clamping: min(time, UInt64(LineHead.latest)))
    return stalled <= UInt64(most(in: time) + slack)
  }

  /// The time and a sixteenth of it: PSI counts by sched_clock, which runs apart from CLOCK_BOOTTIME by as much as
  /// its calibration is off.
  private static func most(in time: Int64) -> Int64 { time + time / 16 }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore

/// The kernel's jiffies against CLOCK_BOOTTIME: some trace fields count in them.
package struct JiffyClock: Equatable, Sendable {
  /// CONFIG_HZ.
  package let hz: UInt64
  /// A moment in jiffies, and by CLOCK_BOOTTIME in ns.
  private let jiffies: UInt64
  private let time: UInt64

  private static let second: UInt64 = 1_000_000_000

  /// By `timestamp` of /proc/schedstat, which is jiffies (Documentation/scheduler/sched-stats.rst); nil where the kernel
  /// has no scheduler statistics.
  ///
  /// - Parameter tick: ns of a jiffy. To count jiffies for a second would not tell it: a CPU that its host holds up
  ///   catches up at four times the rate.
  package init?(path: String = "/proc/schedstat", tick: UInt64 = cl_tick()) {
    let before = cl_boottime()
    guard tick > 0, let text = try? File.text(path) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix("timestamp ") }
    guard let line, let jiffies = UInt64(line.dropFirst("timestamp ".count)) else { return nil }
    self.init(tick: tick, jiffies: jiffies, at: before)
  }

  /// - Parameter time: when the jiffies were read, CLOCK_BOOTTIME in ns.
  package init(tick: UInt64, jiffies: UInt64, at time: UInt64) {
    // The kernel rounds the other way round (include/linux/jiffies.h, TICK_NSEC).
    hz = (Self.second + tick / 2) / tick
    self.jiffies = jiffies
    self.time = time
  }

  /// Nanoseconds of so many jiffies.
  package func nanoseconds(_ jiffies: Int64) -> UInt64 {
    UInt64(clamping: jiffies).multipliedReportingOverflow(by: Self.second / hz).partialValue
  }

  /// How long before `time` the jiffies were at `jiffies`, ns; 0 for what lies behind it.
  package func age(of jiffies: Int64, at time: UInt64) -> UInt64 {
    // In halves, and wrapping: a product of a day's nanoseconds and a rate does not fit, nor does nonsense.
    let elapsed = Int64(bitPattern: time &- self.time)
    let (seconds, rest) = elapsed.quotientAndRemainder(dividingBy: Int64(Self.second))
    let rate = Int64(hz)
    let ticks = seconds &* rate &+ rest * rate / Int64(Self.second)
    return nanoseconds(max(0, Int64(bitPattern: self.jiffies) &+ ticks &- jiffies))
  }
}

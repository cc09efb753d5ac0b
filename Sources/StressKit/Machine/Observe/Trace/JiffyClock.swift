// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore

/// The kernel's jiffies against CLOCK_BOOTTIME: some trace fields count in them.
///
/// Learnt from the `timestamp` of /proc/schedstat (Documentation/scheduler/sched-stats.rst), which is jiffies,
/// so CONFIG_HZ need not be known.
package struct JiffyClock: Equatable, Sendable {
  package struct Reading: Equatable, Sendable {
    package var jiffies: UInt64
    /// CLOCK_BOOTTIME, ns.
    package var time: UInt64
    package init(jiffies: UInt64, time: UInt64) {
      self.jiffies = jiffies
      self.time = time
    }
  }

  /// CONFIG_HZ.
  package let hz: UInt64
  private let reference: Reading

  private static let rates: [UInt64] = [100, 250, 300, 1000]
  private static let second: UInt64 = 1_000_000_000

  /// nil where the kernel has no scheduler statistics.
  package static func read(_ path: String = "/proc/schedstat") -> Reading? {
    let before = cl_boottime()
    guard let text = try? File.text(path) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix("timestamp ") }
    guard let line, let jiffies = UInt64(line.dropFirst("timestamp ".count)) else { return nil }
    return Reading(jiffies: jiffies, time: before)
  }

  /// nil when the readings are too close to each other to tell the rates apart.
  package init?(_ first: Reading, _ second: Reading) {
    guard second.time > first.time, second.jiffies > first.jiffies else { return nil }
    let ticks = second.jiffies - first.jiffies
    guard ticks >= 10 else { return nil }
    let measured = ticks * Self.second / (second.time - first.time)
    let nearest = Self.rates.min {
      $0.distance(to: measured).magnitude < $1.distance(to: measured).magnitude
    }
    guard let nearest else { return nil }
    hz = nearest
    reference = second
  }

  /// Nanoseconds of so many jiffies.
  package func nanoseconds(_ jiffies: Int64) -> UInt64 {
    UInt64(clamping: jiffies).multipliedReportingOverflow(by: Self.second / hz).partialValue
  }

  /// How long before `time` the jiffies were at `jiffies`, ns; 0 for what lies behind it.
  package func age(of jiffies: Int64, at time: UInt64) -> UInt64 {
    // In halves, and wrapping: a product of a day's nanoseconds and a rate does not fit, nor does nonsense.
    let elapsed = Int64(bitPattern: time &- reference.time)
    let (seconds, rest) = elapsed.quotientAndRemainder(dividingBy: Int64(Self.second))
    let rate = Int64(hz)
    let ticks = seconds &* rate &+ rest * rate / Int64(Self.second)
    return nanoseconds(max(0, Int64(bitPattern: reference.jiffies) &+ ticks &- jiffies))
  }
}

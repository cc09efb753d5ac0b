// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// When a trial is aborted for the sake of the machine that it runs on.
package struct MachineLimits: Sendable, Equatable {
  /// MemAvailable of /proc/meminfo may not fall below this, bytes; nil: no limit.
  package var available: UInt64?
  /// A cgroup beside the test may not stall for memory (`full`, Documentation/accounting/psi.rst) for a larger
  /// share of time than this for `pressureTime`, percent; nil: no limit.
  package var pressure: Int?
  package var pressureTime: UInt64 = 10_000_000_000
  /// How long the supervisor may go without a step while streams run, ns.
  package var stuck: UInt64 = Self.stuckTime

  package static let stuckTime: UInt64 = 60_000_000_000
  package static let usualPressure = 50

  package init() {}

  /// What holds where the user says nothing: of a profile that has no memory.max, and so is meant to load the whole
  /// machine, nothing but `stuck`.
  package func completed(for profile: Profile, total: UInt64) -> MachineLimits {
    let isLimited = profile.limits.contains { $0.key == "memory.max" && $0.value != "max" }
    var limits = self
    if isLimited {
      limits.available = available ?? Self.usualAvailable(total)
      limits.pressure = pressure ?? Self.usualPressure
    }
    return limits
  }

  /// 2 % of the machine's memory, and from 64 MiB to 1 GiB: a small machine needs some MiB to be logged in to, a
  /// large one does not suffer at 10 GiB. Of a very small machine an eighth.
  package static func usualAvailable(_ total: UInt64) -> UInt64 {
    min(max(total / 50, 64 << 20), 1 << 30, total / 8)
  }

  /// MemTotal of /proc/meminfo, bytes; 0: not known.
  package static func memTotal(_ path: String = "/proc/meminfo") -> UInt64 {
    let words = File.line(path)?.split(separator: " ") ?? []
    return words.count > 1 ? (UInt64(words[1]) ?? 0) << 10 : 0
  }

  /// The cgroups at the top of the hierarchy that are not the test's, such as system.slice and user.slice; where
  /// there are none, the caller's own.
  ///
  /// - Parameter test: the cgroup that holds the limits.
  package static func beside(_ test: Cgroup) -> [Cgroup] {
    let own = test.location.prefix { $0 != "/" }
    let others = File.names(in: Cgroup.mount)
      .filter { !$0.hasPrefix(own) && File.exists("\(Cgroup.mount)/\($0)/memory.pressure") }
      .prefix(Watchdog.mostPressures).map { Cgroup(path: $0) }
    return others.isEmpty ? [(try? CgroupTree.own()) ?? Cgroup(path: "")] : others
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// A count that a trial has once, by where it was read.
package struct TrialCounter: Hashable, Comparable, Sendable {
  package enum Source: String, Sendable, Comparable {
    /// Of the whole machine, by /proc/vmstat.
    case vmstat
    /// Of the limited cgroup.
    case memoryStat = "memory.stat"
    /// Records of an event.
    case trace
    /// Times that a task was made to wait.
    case span

    package static func < (a: Source, b: Source) -> Bool { a.rawValue < b.rawValue }
  }

  package var source: Source
  package var name: String

  package static func < (a: TrialCounter, b: TrialCounter) -> Bool {
    (a.source, a.name) < (b.source, b.name)
  }

  /// An event without its system.
  package var shortName: String { name.split(separator: ":").last.map(String.init) ?? name }

  /// Counters of the page allocator and of page faults move most in any run and tell least.
  private static let bookkeeping = ["pgalloc", "pgfree", "pgfault", "pgreuse", "numa_", "pgskip"]

  package static func isBookkeeping(_ name: String) -> Bool {
    bookkeeping.contains { name.hasPrefix($0) }
  }
}

extension TrialSummary {
  /// What it counted from before the streams until after them, bookkeeping aside; what nobody counted is not
  /// there.
  package var counters: [TrialCounter: Double] {
    var counters: [TrialCounter: Double] = [:]
    for (source, growth) in [(TrialCounter.Source.vmstat, vmstat), (.memoryStat, memoryStat)] {
      for (name, count) in growth where !TrialCounter.isBookkeeping(name) {
        counters[TrialCounter(source: source, name: name)] = Double(count)
      }
    }
    guard let trace, trace.failure == nil else { return counters }
    for (name, count) in trace.events {
      counters[TrialCounter(source: .trace, name: name)] = Double(count)
    }
    for reason in Profile.Expectation.Metric.Reason.allCases {
      let name = TraceSpan.throttled(reason).label
      counters[TrialCounter(source: .span, name: name)] = throttled(reason).map(Double.init)
    }
    if trace.saw(.balanceDirtyPages) {
      let name = TraceSpan.dirtyThrottle.label
      counters[TrialCounter(source: .span, name: name)] = Double(latencies[name]?.count ?? 0)
    }
    return counters
  }
}

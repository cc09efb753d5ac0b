// SPDX-License-Identifier: Apache-2.0

/// Whether a counter tells how much there is, or how much there has been since the boot.
package enum CounterKind: Sendable, Equatable {
  /// May rise and fall: pages, bytes, requests in flight.
  case gauge
  /// Only ever grows: events, totals. Of such a one the rate tells something.
  case cumulative

  /// Of a lane's column, by its name: docs/record.md has the columns.
  package init(column name: String) {
    let parts = name.split(separator: ":", maxSplits: 1)
    let file = parts[0].split(separator: "/").last.map(String.init) ?? ""
    let key = parts.count > 1 ? String(parts[1]) : ""
    let isCumulative =
      switch file {
      case "vmstat": CounterKind(vmstat: key) == .cumulative
      case "memory.stat": CounterKind(memoryStat: key) == .cumulative
      case "memory.current": false
      case "disk": key != "in_flight"
      case "bdi", "wb_stats": ["BdiDirtied", "BdiWritten", "WbDirtied", "WbWritten"].contains(key)
      // Pressure, events, and the times of processors and threads.
      default: true
      }
    self = isCumulative ? .cumulative : .gauge
  }

  /// Of /proc/vmstat: what is called nr_ is a gauge, but for these.
  package init(vmstat key: String) {
    let isGauge =
      key == "workingset_nodes" || (key.hasPrefix("nr_") && !Self.nodeCounters.contains(key))
    self = isGauge ? .gauge : .cumulative
  }

  /// Of memory.stat: all but its events is in bytes.
  package init(memoryStat key: String) {
    self = Self.statEvents.contains { key.hasPrefix($0) } ? .cumulative : .gauge
  }

  private static let nodeCounters: Set<String> = [
    "nr_dirtied", "nr_written", "nr_throttled_written", "nr_vmscan_write",
    "nr_vmscan_immediate_reclaim", "nr_foll_pin_acquired", "nr_foll_pin_released",
  ]

  /// Of memory.stat the beginnings of what counts events: Documentation/admin-guide/cgroup-v2.rst.
  private static let statEvents = [
    "pg", "workingset_", "thp_", "swpin", "swpout", "zswpin", "zswpout", "zswpwb", "numa_",
  ]
}

// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What a counter counts in, as the kernel gives it: docs/record.md has the columns.
package enum CounterUnit: String, Sendable {
  case count
  case pages
  case bytes
  case kibibytes = "KiB"
  case kibibytesPerSecond = "KiB/s"
  /// Of 512 bytes, whatever the device's are.
  case sectors
  case nanoseconds = "ns"
  case microseconds = "us"
  case milliseconds = "ms"
  /// USER_HZ, 1/100 s on every architecture that matters here.
  case ticks = "1/100 s"

  /// Of a lane's column, by its name.
  package init(column name: String) {
    let parts = name.split(separator: ":", maxSplits: 1)
    let file = parts[0].split(separator: "/").last.map(String.init) ?? ""
    let key = parts.count > 1 ? String(parts[1]) : ""
    self =
      switch file {
      case "vmstat": CounterUnit(vmstat: key)
      case "memory.stat": CounterUnit(memoryStat: key)
      case "memory.current": .bytes
      case "disk": Self.disk(key)
      case "bdi", "wb_stats": Self.writeback(key)
      case _ where PressureTotal.isOne(column: name): .microseconds
      case "cpu": .ticks
      case _ where key == "run" || key == "wait": .nanoseconds
      default: .count
      }
  }

  /// Of /proc/vmstat (mm/vmstat.c): what is called nr_ is in pages, but for these.
  package init(vmstat key: String) {
    self =
      switch key {
      case "pgpgin", "pgpgout", "nr_kernel_stack": .kibibytes
      case "nr_foll_pin_acquired", "nr_foll_pin_released": .count
      case _ where key.hasPrefix("nr_"): .pages
      default: .count
      }
  }

  /// Of memory.stat: all but its events is in bytes.
  package init(memoryStat key: String) {
    self = CounterKind(memoryStat: key) == .gauge ? .bytes : .count
  }

  /// Documentation/block/stat.rst.
  private static func disk(_ key: String) -> CounterUnit {
    if key.hasSuffix("sectors") { return .sectors }
    return key.hasSuffix("ticks") || key == "time_in_queue" ? .milliseconds : .count
  }

  /// mm/backing-dev.c, bdi_debug_stats_show: lists of inodes and the state are plain numbers.
  private static func writeback(_ key: String) -> CounterUnit {
    if key.hasSuffix("Bandwidth") { return .kibibytesPerSecond }
    return key.hasPrefix("b_") || key == "state" || key.hasSuffix("_list") ? .count : .kibibytes
  }
}

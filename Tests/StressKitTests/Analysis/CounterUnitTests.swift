// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

struct CounterUnitTests {
  /// As docs/record.md says it of each lane's columns.
  @Test(
    arguments: [
      ("vmstat:nr_dirty", .pages), ("vmstat:pgpgout", .kibibytes),
      ("vmstat:nr_kernel_stack", .kibibytes),
      ("vmstat:pgscan_direct", .count), ("vmstat:nr_foll_pin_acquired", .count),
      ("vmstat:nr_vmscan_immediate_reclaim", .pages), ("vmstat:workingset_nodes", .count),
      ("wbstress/memory.current", .bytes), ("wbstress/db/memory.events:max", .count),
      ("wbstress/memory.stat:file_dirty", .bytes), ("wbstress/memory.stat:pgscan", .count),
      ("pressure/io:some", .microseconds), ("wbstress/memory.pressure:full", .microseconds),
      ("cpu:iowait", .ticks), ("pressure/cpu:some", .microseconds),
      ("disk:write_sectors", .sectors), ("disk:write_ticks", .milliseconds),
      ("disk:time_in_queue", .milliseconds), ("disk:in_flight", .count), ("disk:flush_ios", .count),
      ("bdi:BdiWriteback", .kibibytes), ("bdi:BdiWriteBandwidth", .kibibytesPerSecond),
      ("bdi:b_dirty", .count), ("bdi:state", .count),
      ("wbstress/backup/wb_stats:WbDirtied", .kibibytes),
      ("kswapd0:run", .nanoseconds), ("kswapd0:slices", .count), ("kworker/u:wait", .nanoseconds),
    ] as [(String, CounterUnit)])
  func columns(_ column: String, _ unit: CounterUnit) {
    #expect(CounterUnit(column: column) == unit)
  }
}

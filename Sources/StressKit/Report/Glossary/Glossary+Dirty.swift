// SPDX-License-Identifier: Apache-2.0
import StressCore

extension Glossary {
  static let dirty: [Entry] = [
    Entry(
      "nr_dirty", file: "vmstat", in: .dirty,
      """
      File pages that are dirty now (of 4 KiB; memory.stat's file_dirty is bytes). Folded from \
      CPUs once a second (vm.stat_interval), up to 125 pages a CPU late. mm/vmstat.c.
      """),
    Entry(
      "nr_writeback", file: "vmstat", in: .dirty,
      """
      Pages under writeback now. A page may be dirty and under writeback at once.
      """),
    Entry(
      "nr_writeback_temp", file: "vmstat", in: .dirty,
      """
      Temporary pages of FUSE's writeback; 6.18 has it no more.
      """),
    Entry(
      "nr_zone_write_pending", file: "vmstat", in: .dirty,
      """
      Dirty pages and those under writeback of the zones: what reclaim looks at before it \
      throttles for NOPROGRESS.
      """),
    Entry(
      "nr_dirtied", file: "vmstat", in: .dirty,
      """
      Pages that became dirty, since the boot. Less nr_written it is what waits to be written.
      """),
    Entry(
      "nr_written", file: "vmstat", in: .dirty,
      """
      Pages whose writeback has ended, since the boot.
      """),
    Entry(
      "nr_throttled_written", file: "vmstat", in: .dirty,
      """
      Pages whose writeback ended while a task sat in VMSCAN_THROTTLE_WRITEBACK. Since 5.16. Zero \
      does not mean that nobody waited: other reasons do not count.
      """),
    Entry(
      "nr_dirty_threshold", "nr_dirty_background_threshold", file: "vmstat", in: .dirty,
      """
      The machine's dirty limits, pages, computed when read: where dirtiers are paused, and where \
      the flusher is woken. A cgroup has limits of its own, of its own page cache and headroom, \
      which are in no file but wb_stats (6.10 and later).
      """),
    Entry(
      "nr_bounce", file: "vmstat", in: .dirty,
      """
      Pages of bounce buffers; gone from 6.18's dump.
      """),
    Entry(
      "pgpgin", "pgpgout", file: "vmstat", in: .dirty,
      """
      KiB, not pages, that requests to disks read or wrote; the page cache's hits are not in them.
      """),
    Entry(
      "drop_pagecache", "drop_slab", file: "vmstat", in: .dirty,
      """
      How often vm.drop_caches was written to: calls, not pages.
      """),
  ]
}

// SPDX-License-Identifier: Apache-2.0
extension Glossary {
  static let machine: [Entry] = [
    Entry(
      "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
      file: "cpu", in: .machine,
      """
      Time of all CPUs together by /proc/stat, 1/100 s. steal: the hypervisor gave the CPU to \
      others; iowait is idle time in which a task of that CPU waited for I/O, and not to be relied \
      on. proc_stat(5).
      """),
    Entry(
      "run", "wait", "slices", file: "kswapd", in: .machine,
      """
      A kswapd thread by its schedstat: ns on a CPU, ns waiting for one, and time slices. \
      Documentation/scheduler/sched-stats.rst.
      """),
    Entry(
      "run", "wait", file: "kworker/u", in: .machine,
      """
      All unbound kworkers and the writeback rescuer by their schedstat, the dead included, ns: \
      flushers run on them, beside other unbound work.
      """),
    Entry(
      "read_ios", "write_ios", "discard_ios", "flush_ios", "read_merges", "write_merges",
      "discard_merges", file: "disk", in: .machine,
      """
      Requests of the scratch disk that have ended, and those that were merged into another. \
      Documentation/block/stat.rst.
      """),
    Entry(
      "read_sectors", "write_sectors", "discard_sectors", file: "disk", in: .machine,
      """
      Sectors of 512 bytes, whatever the disk's block size is. Documentation/block/stat.rst.
      """),
    Entry(
      "read_ticks", "write_ticks", "discard_ticks", "flush_ticks", file: "disk", in: .machine,
      """
      ms that requests took, summed over them. Documentation/block/stat.rst.
      """),
    Entry(
      "in_flight", "io_ticks", "time_in_queue", file: "disk", in: .machine,
      """
      Requests under way now; ms in which there was any; ms of all requests, summed. \
      Documentation/block/stat.rst.
      """),
    Entry(
      "BdiWriteback", "BdiReclaimable", "BdiDirtyThresh", "DirtyThresh", "BackgroundThresh",
      "BdiDirtied", "BdiWritten", file: "bdi", in: .machine,
      """
      debugfs, bdi/DEVICE/stats, KiB: what is under writeback, what is dirty, the device's and the \
      machine's limits, and the totals dirtied and written; of the root's writeback alone, which \
      cgroups' is not in. mm/backing-dev.c.
      """),
    Entry(
      "BdiWriteBandwidth", file: "bdi", in: .machine,
      """
      The kernel's estimate of how fast the device writes, KiB/s, learnt in steps of 200 ms.
      """),
    Entry(
      "b_dirty", "b_io", "b_more_io", "b_dirty_time", "bdi_list", file: "bdi", in: .machine,
      """
      Inodes on the flusher's lists: dirty, being written, to be gone on with, with only a time \
      stamp to write; bdi_list is 1 where the device is registered.
      """),
    Entry(
      "state", file: "bdi", in: .machine,
      """
      Bit mask of the writeback's state (enum wb_state): registered, congestion or work under way.
      """),
    Entry(
      "WbWriteback", "WbReclaimable", "WbDirtyThresh", "WbDirtied", "WbWritten", file: "wb_stats",
      in: .machine,
      """
      debugfs, bdi/DEVICE/wb_stats of 6.10 and later, KiB: of one cgroup's writeback what is under \
      writeback, what is dirty, its dirty limit, and totals. A cgroup has one from the first page \
      it dirties until that is forgotten. mm/backing-dev.c.
      """),
    Entry(
      "WbWriteBandwidth", file: "wb_stats", in: .machine,
      """
      The kernel's estimate of how fast this cgroup's writeback gets on, KiB/s.
      """),
    Entry(
      "b_dirty", "b_io", "b_more_io", "b_dirty_time", "state", file: "wb_stats", in: .machine,
      """
      Of one cgroup's writeback: inodes on its lists, and its state as a bit mask.
      """),
  ]
}

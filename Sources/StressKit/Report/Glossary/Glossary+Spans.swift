// SPDX-License-Identifier: Apache-2.0
import StressRecord

extension Glossary {
  static let latencies: [Entry] = LatencySection.operations.map { kind in
    Entry(
      kind.of, in: .latencies,
      """
      Latency of an operation, timed in user space: \(kind.definition). Every one counts; those of at least \
      observe.slow also have a line of type slow.
      """)
  }

  static let spans: [Entry] =
    TraceSpan.allCases.map { span in
      Entry(span.label, in: .spans, "Measured: \(span.definition). \(remarks(span))")
    } + [
      Entry(
        "reclaim-throttle", in: .spans,
        "In older records the intervals of all four VMSCAN_THROTTLE_ reasons together.")
    ]

  /// Beside how it is measured: what it is not, or depends on.
  private static func remarks(_ span: TraceSpan) -> String {
    switch span {
    case .dirtyThrottle:
      """
      What a dirtier is made to wait so that writeback keeps up; at most 200 ms a pause \
      (mm/page-writeback.c). On 6.9 and later the decision for a cgroup rests on counts that may \
      be 2 s old, unless somebody reads memory.stat. For io_uring's tries that must not sleep \
      there is none: their worker is paused.
      """
    case .throttledWriteback:
      """
      reclaim_throttle() of mm/vmscan.c, since 5.16: until writeback ends, HZ/10 (100 ms) at most. \
      kswapd waits so when it meets pages for the second time that are still under writeback; of \
      cgroups only those of v1, whose writeback is not their own (81a70c21d917). Whatever the \
      reason, io_uring's workers and kernel threads other than kswapd are not throttled.
      """
    case .throttledIsolated:
      """
      reclaim_throttle(), since 5.16: too many pages are off the lists in the hands of other \
      reclaimers; HZ/50 (20 ms) at most.
      """
    case .throttledNoprogress:
      """
      reclaim_throttle(), since 5.16: nothing was freed although reclaim tried hard; since 5.17 \
      one jiffy at most, and neither kswapd nor a cgroup's reclaim waits so (1b4e3f26f9f7). Left \
      out while at most half of the node's reclaimable pages are dirty or under writeback \
      (skip_throttle_noprogress).
      """
    case .throttledCongested:
      """
      reclaim_throttle(), since 5.17: every dirty page that was scanned is already on its way to \
      the disk; one jiffy at most, so 4 ms at HZ=250 and 1 ms at HZ=1000. Left out as for \
      NOPROGRESS: with much clean cache elsewhere on the node a cgroup full of dirty pages does \
      not wait. Not for kswapd, nor for io_uring's workers, and MGLRU of 6.1 to 6.18 never takes \
      it.
      """
    case .memcgReclaim:
      """
      Reclaim on behalf of a cgroup that met memory.high or memory.max, or of memory.reclaim. The \
      event does not tell which cgroup: it is told by the task. Global pgscan_direct does not \
      count it up to 6.18, and does on 7.2.
      """
    case .directReclaim:
      """
      Reclaim of a task because the machine, or a zone, is short of memory: not for a cgroup's \
      limit.
      """
    case .kswapd:
      """
      kswapd of a node is awake. How much CPU it took is in the columns kswapdN:run.
      """
    case .balance:
      """
      One pass of a node's kswapd, since 7.2, with the pages that it reclaimed: what kswapd did \
      while it was awake. A pass that reclaims nothing is also an event of its own since 7.3 \
      (mm_vmscan_kswapd_reclaim_fail).
      """
    case .inodeWriteback:
      """
      The cheapest true latency of writeback: with one file a stream, how long it had pages under \
      writeback without a break. Bursts that overlap are one interval.
      """
    case .blockRead, .blockWrite, .blockFlush, .blockDiscard:
      """
      At the scratch disk itself: a device.delay lies above it and is not in these, nor is waiting \
      for the scheduler. Merged requests count once. If these are short and inode-writeback is \
      long, the time is above the device.
      """
    case .flusherWake:
      """
      How long the flusher let reclaim wait that met nothing but dirty pages. Never, where reclaim \
      does not wake it (MGLRU of 6.1 to 6.12 before 1bc542c6a0d1).
      """
    case .workQueue:
      """
      Only work that was asked for (sync, foreign flush, free space): background, periodic and \
      vmscan writeback is not queued.
      """
    case .dirtyAge:
      """
      How long the inode's oldest dirty page had waited when the flusher came to it; in jiffies. \
      It is reset when the inode is queued again. vm.dirty_expire_centisecs is when age alone \
      makes it due.
      """
    case .jbd2Commit:
      """
      A commit of ext4's journal, in the kernel thread jbd2/DEV, ordered data included. It belongs \
      to no cgroup.
      """
    case .jbd2Buffer:
      """
      A task waited for a journal buffer that a commit was writing; only waits that the event \
      reports.
      """
    case .ext4Sync:
      """
      fsync(2) and the like in ext4, journal commit and flush included.
      """
    case .ext4Writepages:
      """
      One round of allocating blocks and submitting pages of an inode: the submission, not the \
      I/O.
      """
    case .xfsGrant:
      """
      A transaction waits for room in xfs's log.
      """
    case .btrfsOrdered:
      """
      From submission of a piece of a file's data to the end of its I/O, checksums and compression \
      included.
      """
    case .btrfsTicket:
      """
      A task waits for room to be reserved, which may need writeback and a commit.
      """
    case .compaction:
      """
      Direct compaction or kcompactd, a zone at a time; waits for pages under writeback where it \
      is synchronous.
      """
    case .kcompactd:
      """
      kcompactd of a node is awake.
      """
    case .migrate:
      """
      One call that moves pages. A page under writeback is waited for only in synchronous modes.
      """
    case .oomReap:
      """
      The reaper gives the victim's anonymous memory back before it has exited.
      """
    case .offCPU:
      """
      Where a task of the trial waited: with its kernel stack, its state (S, D, R for preempted) \
      and when it was woken. The stall ledger is made of these. It has no percentiles: whoever is \
      idle is off the CPU, too.
      """
    case .ioWqQueue:
      """
      A request that could not be carried out inline waits for a worker of io_uring. On ext4 every \
      buffered write goes that way, and those of one file one after the other.
      """
    case .ioWqRun:
      """
      What the worker needs for the request, waits included.
      """
    }
  }
}

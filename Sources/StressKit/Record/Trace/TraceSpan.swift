// SPDX-License-Identifier: Apache-2.0
import StressCore

/// An interval that two events, or one that tells its length, make.
package enum TraceSpan: UInt8, CaseIterable, Sendable {
  case dirtyThrottle
  case throttledWriteback, throttledIsolated, throttledNoprogress, throttledCongested
  case memcgReclaim, directReclaim, kswapd, balance
  case inodeWriteback, blockRead, blockWrite, blockFlush, blockDiscard
  case flusherWake, workQueue, dirtyAge
  case jbd2Commit, jbd2Buffer, ext4Sync, ext4Writepages, xfsGrant, btrfsOrdered, btrfsTicket
  case compaction, kcompactd, migrate, oomReap
  case offCPU, ioWqQueue, ioWqRun

  /// The throttling in reclaim for a reason.
  package static func throttled(_ reason: Profile.Expectation.Metric.Reason) -> TraceSpan {
    switch reason {
    case .writeback: .throttledWriteback
    case .isolated: .throttledIsolated
    case .noprogress: .throttledNoprogress
    case .congested: .throttledCongested
    }
  }

  /// In the record, and what the interval is from and to.
  package var label: String {
    switch self {
    case .dirtyThrottle: "dirty-throttle"
    // The kernel's own names, which people search for.
    case .throttledWriteback: "VMSCAN_THROTTLE_WRITEBACK"
    case .throttledIsolated: "VMSCAN_THROTTLE_ISOLATED"
    case .throttledNoprogress: "VMSCAN_THROTTLE_NOPROGRESS"
    case .throttledCongested: "VMSCAN_THROTTLE_CONGESTED"
    case .memcgReclaim: "memcg-reclaim"
    case .directReclaim: "direct-reclaim"
    case .kswapd: "kswapd"
    case .balance: "balance-pgdat"
    case .inodeWriteback: "inode-writeback"
    case .blockRead: "block-read"
    case .blockWrite: "block-write"
    case .blockFlush: "block-flush"
    case .blockDiscard: "block-discard"
    case .flusherWake: "flusher-wake"
    case .workQueue: "writeback-queue"
    case .dirtyAge: "inode-dirty-age"
    case .jbd2Commit: "jbd2-commit"
    case .jbd2Buffer: "jbd2-lock-buffer"
    case .ext4Sync: "ext4-sync-file"
    case .ext4Writepages: "ext4-writepages"
    case .xfsGrant: "xfs-log-grant"
    case .btrfsOrdered: "btrfs-ordered-extent"
    case .btrfsTicket: "btrfs-reserve-ticket"
    case .compaction: "compaction"
    case .kcompactd: "kcompactd"
    case .migrate: "migrate-pages"
    case .oomReap: "oom-reap"
    case .offCPU: "off-cpu"
    case .ioWqQueue: "io-wq-queue"
    case .ioWqRun: "io-wq-run"
    }
  }

  /// How the interval is measured: printed with each figure.
  package var definition: String {
    switch self {
    case .dirtyThrottle:
      "pause of a dirtier as balance_dirty_pages announces it (planned, not measured)"
    case .throttledWriteback, .throttledIsolated, .throttledNoprogress, .throttledCongested:
      "usec_delayed of mm_vmscan_throttled with that reason"
    case .memcgReclaim: "mm_vmscan_memcg_reclaim_begin to _end of a task"
    case .directReclaim: "mm_vmscan_direct_reclaim_begin to _end of a task"
    case .kswapd: "mm_vmscan_kswapd_wake to _sleep of a node"
    case .balance: "mm_vmscan_balance_pgdat_begin to _end of a node"
    case .inodeWriteback:
      "sb_mark_inode_writeback to sb_clear_inode_writeback of an inode: its first page under"
        + " writeback to its last"
    case .blockRead, .blockWrite, .blockFlush, .blockDiscard:
      "block_rq_issue to block_rq_complete of a request"
    case .flusherWake:
      "begin of the reclaim that first met dirty pages to writeback_start for reason vmscan"
    case .workQueue: "writeback_queue to writeback_exec of explicit work"
    case .dirtyAge: "dirtied_when of an inode to writeback_single_inode_start (in jiffies)"
    case .jbd2Commit: "jbd2_start_commit to jbd2_end_commit"
    case .jbd2Buffer: "stall_ms of jbd2_lock_buffer_stall"
    case .ext4Sync: "ext4_sync_file_enter to _exit of a task"
    case .ext4Writepages: "ext4_writepages to _result of a task"
    case .xfsGrant: "xfs_log_grant_sleep to _wake of a task"
    case .btrfsOrdered: "btrfs_ordered_extent_add to _mark_finished"
    case .btrfsTicket: "start_ns of btrfs_reserve_ticket to the event"
    case .compaction: "mm_compaction_begin to _end of a task"
    case .kcompactd: "mm_compaction_kcompactd_wake to _sleep of a node"
    case .migrate: "mm_migrate_pages_start to mm_migrate_pages of a task"
    case .oomReap: "start_task_reaping to finish_task_reaping of a victim"
    case .offCPU: "sched_switch from one of the trial's tasks to the next sched_switch to it"
    case .ioWqQueue: "io_uring_queue_async_work to io_wq_submit_work of a request"
    case .ioWqRun: "io_wq_submit_work to its return"
    }
  }

  /// Whether a task of the trial waits while it lasts: then even a short one is of interest.
  package var isStall: Bool {
    switch self {
    case .dirtyThrottle, .throttledWriteback, .throttledIsolated, .throttledNoprogress,
      .throttledCongested, .memcgReclaim, .directReclaim, .flusherWake, .jbd2Buffer, .xfsGrant,
      .btrfsTicket, .compaction, .oomReap, .ext4Sync, .migrate, .workQueue, .jbd2Commit, .offCPU,
      .ioWqQueue, .ioWqRun:
      true
    case .kswapd, .balance, .inodeWriteback, .blockRead, .blockWrite, .blockFlush, .blockDiscard,
      .dirtyAge,
      .ext4Writepages, .btrfsOrdered, .kcompactd:
      false
    }
  }

  /// Names of a row's values.
  package var values: [String] {
    switch self {
    case .dirtyThrottle, .throttledWriteback, .throttledIsolated, .throttledNoprogress,
      .throttledCongested:
      []
    case .memcgReclaim, .directReclaim: ["nr_reclaimed", "order", "gfp_flags"]
    case .kswapd, .kcompactd: ["nid", "order"]
    case .balance: ["nid", "order", "nr_reclaimed"]
    case .inodeWriteback: ["dev", "ino"]
    case .blockRead, .blockWrite, .blockFlush, .blockDiscard: ["dev", "sector", "bytes", "error"]
    case .flusherWake: ["cgroup_ino", "nr_pages"]
    case .workQueue: ["reason", "cgroup_ino", "nr_pages"]
    case .dirtyAge: ["ino", "cgroup_ino"]
    case .jbd2Commit: ["dev", "transaction"]
    case .jbd2Buffer, .xfsGrant: ["dev"]
    case .ext4Sync: ["dev", "ino", "ret"]
    case .ext4Writepages: ["dev", "ino", "pages_written"]
    case .btrfsOrdered: ["ino", "file_offset", "len"]
    case .btrfsTicket: ["bytes", "flush", "error"]
    case .compaction: ["status"]
    case .migrate: ["succeeded", "failed", "reason"]
    case .oomReap: ["victim"]
    case .offCPU: ["state", "woken", "stack"]
    case .ioWqQueue, .ioWqRun: ["owner", "op"]
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// Kernel functions in which tasks wait, and what they wait for there: 6.1 to 6.18. A function that a compiler
/// has inlined is not in a stack, so the one that calls it is named as well.
package enum WaitChannels {
  /// A task with one of these in its stack waits for that, whatever it was called for; the innermost counts.
  private static let channels: [(StallCause, String)] = [
    // mm/page-writeback.c
    (.dirtyThrottle, "balance_dirty_pages balance_dirty_pages_ratelimited_flags"),
    (.dirtyThrottle, "balance_dirty_pages_ratelimited"),
    (
      .folioWriteback,
      "folio_wait_writeback folio_wait_writeback_killable folio_wait_stable wait_on_page_writeback"
    ),
    // fs/fs-writeback.c: an inode that the flusher has (I_SYNC), and work that it was given.
    (.folioWriteback, "inode_wait_for_writeback __inode_wait_for_writeback"),
    (.folioWriteback, "inode_sleep_on_writeback wb_wait_for_completion"),
    // fs/btrfs/extent_io.c: metadata; __btrfs_wait_marked_extents waits for its folios.
    (.folioWriteback, "wait_on_extent_buffer_writeback lock_extent_buffer_for_io"),

    // mm/vmscan.c, mm/memcontrol.c, mm/page_alloc.c
    (.throttled, "reclaim_throttle"),
    (.memcgReclaim, "try_to_free_mem_cgroup_pages"),
    (.directReclaim, "try_to_free_pages throttle_direct_reclaim __alloc_pages_slowpath"),
    (.memoryHigh, "mem_cgroup_handle_over_high __mem_cgroup_handle_over_high"),
    (.oom, "out_of_memory mem_cgroup_out_of_memory oom_kill_process pagefault_out_of_memory"),
    (.oom, "mem_cgroup_oom_synchronize"),
    // mm/compaction.c, mm/migrate.c; the last drains the other CPUs' folio batches first (mm/swap.c).
    (.compaction, "compact_zone try_to_compact_pages compact_zone_order compact_node"),
    (.compaction, "migrate_pages migrate_pages_batch migration_entry_wait_on_locked"),
    (.compaction, "__migration_entry_wait migration_entry_wait __lru_add_drain_all"),
    // mm/memory.c, mm/swap_state.c, mm/page_io.c, mm/shmem.c
    (.swapIn, "do_swap_page swap_read_folio swap_readpage swapin_readahead shmem_swapin_folio"),
    (.swapIn, "swap_cluster_readahead read_swap_cache_async"),

    // mm/filemap.c, mm/readahead.c
    (.fileRead, "filemap_get_pages filemap_read filemap_read_folio filemap_fault read_pages"),
    (.fileRead, "page_cache_ra_unbounded page_cache_ra_order do_read_cache_folio"),

    // block/, fs/buffer.c
    (.blockLayer, "blk_mq_get_tag rq_qos_wait wbt_wait __rq_qos_throttle ioc_rqos_throttle"),
    (.blockLayer, "__blk_throtl_bio blkcg_maybe_throttle_current blkcg_iolatency_throttle"),
    (.blockLayer, "__bio_queue_enter blk_queue_enter submit_bio_wait bio_await_chain"),
    (.blockLayer, "blk_io_schedule blkdev_issue_flush blk_execute_rq bio_alloc_bioset"),
    (.blockLayer, "mempool_alloc mempool_alloc_noprof"),
    (.blockLayer, "__wait_on_buffer __lock_buffer __sync_dirty_buffer __bread_gfp"),
    // Metadata that is read, and the barrier of a btrfs commit.
    (.blockLayer, "xfs_buf_iowait __xfs_buf_submit _xfs_buf_read read_extent_buffer_pages"),
    (.blockLayer, "write_all_supers"),

    // fs/jbd2, fs/ext4/fast_commit.c
    (.journal, "jbd2_log_wait_commit start_this_handle add_transaction_credits"),
    (.journal, "wait_transaction_locked do_get_write_access jbd2_journal_lock_updates"),
    (
      .journal,
      "jbd2_journal_commit_transaction jbd2_journal_wait_updates __jbd2_log_wait_for_space jbd2_log_do_checkpoint"
    ),
    (.journal, "jbd2_fc_begin_commit jbd2_fc_wait_bufs ext4_fc_commit jbd2_write_superblock"),
    // fs/xfs: the log's force, a full in-core log, a CIL over its limit, a pinned inode or buffer.
    (.journal, "xlog_wait_on_iclog xlog_cil_force_seq xlog_force_lsn xfs_log_force"),
    (.journal, "xfs_log_force_seq xlog_state_get_iclog_space xlog_cil_order_write"),
    (.journal, "xlog_cil_commit xfs_log_commit_cil __xfs_iunpin_wait xfs_buf_wait_unpin"),
    // fs/btrfs/transaction.c, tree-log.c
    (.journal, "btrfs_commit_transaction wait_current_trans btrfs_sync_log wait_log_commit"),
    (.journal, "wait_for_commit btrfs_wait_for_commit btrfs_pin_log_trans start_transaction"),
    (.journal, "btrfs_log_inode btrfs_log_inode_parent btrfs_log_dentry_safe start_log_trans"),

    // fs/xfs/xfs_log.c, fs/btrfs/space-info.c
    (.spaceReservation, "xlog_grant_head_wait xlog_grant_head_check xfs_log_reserve"),
    (.spaceReservation, "xfs_log_regrant handle_reserve_ticket wait_reserve_ticket"),
    (.spaceReservation, "__reserve_bytes reserve_bytes flush_space btrfs_reserve_data_bytes"),
    (.spaceReservation, "btrfs_reserve_metadata_bytes"),
    // fs/btrfs/block-group.c: which of a group's space is free has not been read yet.
    (.spaceReservation, "btrfs_wait_block_group_cache_progress btrfs_caching_ctl_wait_done"),
    // fs/btrfs/ordered-data.c
    (.orderedExtent, "btrfs_start_ordered_extent btrfs_start_ordered_extent_nowriteback"),
    (.orderedExtent, "btrfs_wait_ordered_range btrfs_wait_ordered_extents"),
    (.orderedExtent, "btrfs_lock_and_flush_ordered_range btrfs_wait_ordered_roots"),
    // Tree blocks, ranges of a file, buffers of an allocation group.
    (.metadataLock, "btrfs_tree_lock __btrfs_tree_lock btrfs_tree_lock_nested"),
    (.metadataLock, "btrfs_tree_read_lock __btrfs_tree_read_lock btrfs_tree_read_lock_nested"),
    (.metadataLock, "lock_extent __lock_extent wait_extent_bit btrfs_lock_extent_bits"),
    (.metadataLock, "btrfs_drew_read_lock btrfs_drew_write_lock xfs_buf_lock"),

    // io_uring/
    (.completion, "io_cqring_wait io_cqring_wait_schedule"),
    // Frozen, stopped, or on its way out.
    (.signal, "get_signal do_freezer_trap do_signal_stop ptrace_stop __refrigerator do_exit"),
    // By its own wish.
    (.idle, "do_nanosleep hrtimer_nanosleep common_nsleep futex_wait __futex_wait"),
    (.idle, "do_epoll_wait do_sys_poll do_select pipe_read anon_pipe_read do_sigtimedwait"),
    (.idle, "do_wait eventfd_read"),
  ]

  /// A task waits for that only when it sleeps in the function itself: others are called from there.
  private static let direct: [(StallCause, String)] = [
    (.idle, "io_wq_worker io_wqe_worker"),
    // 6.1 has io_cqring_wait in it.
    (.completion, "__do_sys_io_uring_enter"),
  ]

  /// A task that waits there for a bit of a folio, and not for its lock, waits for writeback: in these
  /// folio_wait_writeback is inlined (mm/page-writeback.c; shrink_page_list, mm/vmscan.c, until 3.x).
  private static let writers = frames(
    "write_cache_pages writeback_iter writeback_get_folio folio_prepare_writeback shrink_page_list")
  private static let folioBits = frames(
    "folio_wait_bit folio_wait_bit_common wait_on_page_bit wait_on_page_bit_common")

  /// Waits for I/O that says nothing else: a buffer's, for one.
  private static let io = frames("bit_wait_io wait_for_completion_io blk_wait_io")

  /// The scheduler's own, inside all of them.
  private static let scheduler = frames(
    """
    __switch_to __schedule schedule schedule_timeout schedule_timeout_interruptible schedule_timeout_killable
    schedule_timeout_uninterruptible schedule_timeout_idle schedule_hrtimeout
    schedule_hrtimeout_range schedule_hrtimeout_range_clock schedule_preempt_disabled io_schedule
    io_schedule_timeout preempt_schedule preempt_schedule_common __cond_resched wait_for_completion
    """)

  /// Sleeping locks: what they guard is told by who takes them. An inode's and an address space's are of this
  /// kind.
  private static let locks = frames("rwsem_down_write_slowpath rwsem_down_read_slowpath")
  /// A file system's own, of whatever it guards; unless an outer function tells more.
  private static let mutexes = frames("__mutex_lock")
  private static let mutexPaths = ["ext4_", "jbd2_", "xfs_", "btrfs_"]
  private static let inodePaths = [
    "ext4_", "xfs_", "btrfs_", "iomap_", "vfs_", "generic_file_", "do_truncate", "do_unlinkat",
    "do_renameat2", "path_openat",
  ]
  private static let addressSpacePaths = [
    "lock_mm_and_find_vma", "do_user_addr_fault", "exc_page_fault", "vm_mmap_pgoff", "__vm_munmap",
    "do_mprotect_pkey", "do_mlock", "do_madvise", "mm_populate", "__mm_populate",
  ]

  /// Who waits for a folio's lock while it is read in, waits for the reading.
  private static let folioLocks = frames(
    "__folio_lock __folio_lock_killable __folio_lock_or_retry __folio_lock_async")

  private static func frames(_ text: String) -> Set<String> {
    Set(text.split(whereSeparator: \.isWhitespace).map(String.init))
  }

  /// By function.
  static let causes = table(channels)
  private static let directCauses = table(direct)

  private static func table(_ rows: [(StallCause, String)]) -> [String: StallCause] {
    Dictionary(
      uniqueKeysWithValues: rows.flatMap { cause, names in frames(names).map { ($0, cause) } })
  }

  /// A function's name without what a compiler has added: `.isra.0`, `.constprop.0`, `.part.0`, `.cold`.
  private static func bare(_ frame: String) -> String { String(frame.prefix { $0 != "." }) }

  /// What a task with this stack waits for; nil: nothing in it is known.
  ///
  /// - Parameter stack: innermost first.
  package static func cause(of stack: [String]) -> StallCause? {
    var isDirect = true
    var isInLock = false
    var isInMutex = false
    var isOfFilesystem = false
    var isInFolioLock = false
    var isInFolioBit = false
    var isInIO = false
    for frame in stack.lazy.map(bare) {
      if scheduler.contains(frame) { continue }
      if isDirect, let cause = directCauses[frame] { return cause }
      isDirect = false
      if io.contains(frame) {
        isInIO = true
      } else if folioBits.contains(frame) {
        isInFolioBit = true
      } else if isInFolioBit, writers.contains(frame) {
        return isInFolioLock ? .folioLock : .folioWriteback
      } else if locks.contains(frame) {
        isInLock = true
      } else if mutexes.contains(frame) {
        isInMutex = true
      } else if folioLocks.contains(frame) {
        isInFolioLock = true
      } else if let cause = causes[frame] {
        return isInFolioLock && cause != .fileRead && cause != .swapIn ? .folioLock : cause
      } else if isInLock, !isInFolioLock {
        if addressSpacePaths.contains(frame) { return .mmapLock }
        if inodePaths.contains(where: frame.hasPrefix) { return .inodeLock }
      } else if isInMutex, mutexPaths.contains(where: frame.hasPrefix) {
        isOfFilesystem = true
      }
    }
    if isInFolioLock { return .folioLock }
    return isInIO ? .blockLayer : isOfFilesystem ? .metadataLock : nil
  }

  /// A stack for people: from where the scheduler was called outwards.
  package static func text(_ stack: [String], atMost count: Int) -> String {
    let shown = stack.map(bare).drop(while: scheduler.contains).prefix(count)
    return shown.joined(separator: " < ")
  }
}

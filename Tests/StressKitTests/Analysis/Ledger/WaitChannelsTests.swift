// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressRecord

struct WaitChannelsTests {
  /// Stacks as the kernel has them, without what is outside the file systems.
  @Test(
    arguments: [
      (
        "io_schedule_timeout balance_dirty_pages balance_dirty_pages_ratelimited_flags",
        .dirtyThrottle
      ),
      (
        "io_schedule folio_wait_bit_common folio_wait_writeback __filemap_fdatawait_range",
        .folioWriteback
      ),
      ("schedule_timeout_killable mem_cgroup_handle_over_high resume_user_mode_work", .memoryHigh),
      ("schedule_timeout __alloc_pages_slowpath __alloc_pages", .directReclaim),
      ("schedule_preempt_disabled __mutex_lock mem_cgroup_out_of_memory try_charge_memcg", .oom),
      ("schedule jbd2_log_wait_commit ext4_sync_file do_fsync", .journal),
      ("schedule wait_transaction_locked add_transaction_credits start_this_handle", .journal),
      ("schedule xlog_cil_force_seq xfs_log_force_seq xfs_file_fsync", .journal),
      ("schedule btrfs_commit_transaction btrfs_sync_file", .journal),
      ("schedule_preempt_disabled __mutex_lock btrfs_sync_log btrfs_sync_file", .journal),
      ("schedule xlog_grant_head_wait xlog_grant_head_check xfs_log_reserve", .spaceReservation),
      (
        "schedule __reserve_bytes btrfs_reserve_metadata_bytes start_transaction", .spaceReservation
      ),
      ("schedule btrfs_start_ordered_extent btrfs_wait_ordered_range", .orderedExtent),
      ("io_schedule rq_qos_wait wbt_wait __rq_qos_throttle blk_mq_submit_bio", .blockLayer),
      ("io_schedule blk_mq_get_tag __blk_mq_alloc_requests", .blockLayer),
      ("io_schedule bit_wait_io out_of_line_wait_on_bit ext4_read_bh ext4_create", .blockLayer),
      ("io_schedule bit_wait_io __wait_on_bit do_get_write_access", .journal),
      ("io_schedule folio_wait_bit_common filemap_get_pages filemap_read", .fileRead),
      ("io_schedule compact_zone compact_zone_order try_to_compact_pages", .compaction),
      ("schedule io_cqring_wait __do_sys_io_uring_enter", .completion),
      ("do_nanosleep hrtimer_nanosleep common_nsleep", .idle),
    ] as [(String, StallCause)])
  func aStackTellsTheCause(_ stack: String, _ cause: StallCause) {
    #expect(WaitChannels.cause(of: Self.frames(stack)) == cause)
  }

  /// Hung-task reports of public lists, of 3.10 to 6.19: what each task waited for, read by hand.
  private static let hung: [String: [(task: String, cause: StallCause)]] = [
    "cloudflare-wb-wait-6.12": [("kworker/34:2:243325", .folioWriteback)],
    // kjournald waits for a block of the journal, sync for kjournald.
    "jbd2-5.10-rc3": [("jbd2/sdb1-8:3602", .blockLayer), ("sync:3823", .journal)],
    "memcg-free-wait-2025": [("kworker/4:1:1334558", .folioWriteback)],
    "xfs-log-grant-6.3": [("repro:541", .spaceReservation)],
    // A page under writeback, within reclaim, within writeback.
    "xfs-writepages-reclaim-5.6": [("redis-server:16212", .folioWriteback)],
    "btrfs-backup-nfsd-6.14": [("nfsd:5136", .folioLock)],
    // Tree blocks under writeback; mutexes of the tree log, which are no inode's lock.
    "btrfs-transacti-5.2": [
      ("btrfs-transacti:1361", .folioWriteback), ("postgres:62682", .journal),
      ("postgres:80145", .journal), ("postgres:87299", .journal), ("postgres:93108", .journal),
      ("btrfs-transacti:1361", .folioWriteback), ("postgres:62682", .journal),
      ("postgres:80145", .journal), ("postgres:87299", .journal), ("postgres:93108", .journal),
    ],
    // A CIL over its limit.
    "xfs-hang-5.8": [
      ("cp:9636", .journal), ("kworker/2:5:9646", .journal), ("kworker/2:13:9654", .journal),
      ("kworker/2:36:9677", .journal), ("kworker/2:37:9678", .journal),
      ("kworker/2:38:9679", .journal), ("kworker/2:53:9694", .journal),
      ("kworker/2:77:9718", .journal), ("kworker/2:82:9723", .journal),
      ("kworker/2:96:9737", .journal),
    ],
    "blk-get-tag-wbt-2026": [
      ("kworker/1:1:52", .blockLayer), ("kworker/u9:12:2982", .blockLayer),
      ("jbd2/sda-8:5196", .blockLayer), ("systemd-journal:5222", .journal),
      ("kworker/u9:31:8341", .blockLayer), ("kworker/u9:33:8733", .blockLayer),
      ("rs:main Q:Reg:9088", .journal), ("repro:9782", .blockLayer), ("repro:9793", .blockLayer),
      ("repro:9794", .blockLayer),
    ],
  ]

  @Test(arguments: hung.keys.sorted())
  func aHungTaskOfThePublics(_ name: String) throws {
    let expected = try #require(Self.hung[name])
    let stacks = try SavedLog.stacks("cases/hung/\(name).txt")
    #expect(stacks.map(\.task) == expected.map(\.task))
    for (stack, expected) in zip(stacks, expected) {
      #expect(WaitChannels.cause(of: stack.frames) == expected.cause, "\(stack.task)")
    }
  }

  private static func frames(_ text: String) -> [String] {
    text.split(separator: " ").map(String.init)
  }
  private func cause(_ text: String) -> StallCause? { WaitChannels.cause(of: Self.frames(text)) }

  @Test func theInnermostFunctionCounts() {
    #expect(cause("schedule_timeout reclaim_throttle try_to_free_mem_cgroup_pages") == .throttled)
    // memory.high first reclaims, and then sleeps.
    #expect(cause("try_to_free_mem_cgroup_pages mem_cgroup_handle_over_high") == .memcgReclaim)
    #expect(cause("folio_wait_writeback btrfs_commit_transaction") == .folioWriteback)
    #expect(cause("schedule frobnicate try_to_free_mem_cgroup_pages") == .memcgReclaim)
  }

  /// Whatever else is in the stack, and in whatever order the table is.
  @Test func noFunctionHidesOneThatItHasCalled() {
    var outer: [StallCause: String] = [:]
    for (name, cause) in WaitChannels.causes.sorted(by: { $0.key < $1.key }) { outer[cause] = name }
    #expect(outer.count > 15)
    for (name, cause) in WaitChannels.causes {
      for caller in outer.values {
        #expect(WaitChannels.cause(of: ["schedule", name, caller]) == cause, "\(name) \(caller)")
        let io = ["io_schedule", "bit_wait_io", "out_of_line_wait_on_bit", name, caller]
        #expect(WaitChannels.cause(of: io) == cause, "\(name) \(caller)")
      }
    }
  }

  @Test func namesThatACompilerMade() {
    #expect(cause("schedule wait_current_trans.isra.0 start_transaction") == .journal)
    #expect(cause("schedule_preempt_disabled __mutex_lock.constprop.0 btrfs_sync_log") == .journal)
    #expect(
      WaitChannels.text(Self.frames("__schedule schedule a.part.0 b c"), atMost: 2) == "a < b")
  }

  @Test func aLockIsWhatItGuards() {
    let write = "schedule rwsem_down_write_slowpath "
    #expect(cause(write + "ext4_buffered_write_iter vfs_write") == .inodeLock)
    #expect(cause(write + "down_write xfs_ilock xfs_file_buffered_write") == .inodeLock)
    #expect(cause("rwsem_down_read_slowpath down_read lock_mm_and_find_vma") == .mmapLock)
    #expect(cause("schedule_preempt_disabled __mutex_lock frobnicate") == nil)
    // An inode's lock is an rwsem: a file system's mutex, or what keeps it from being frozen, is something else.
    let mutex = "schedule_preempt_disabled __mutex_lock mutex_lock "
    #expect(cause(mutex + "ext4_orphan_add ext4_truncate") == .metadataLock)
    #expect(cause(mutex + "btrfs_frobnicate btrfs_commit_transaction") == .journal)
    #expect(cause("schedule percpu_rwsem_wait __percpu_down_read vfs_write ksys_write") == nil)
    // The path alone is no lock.
    #expect(cause("schedule frobnicate ext4_buffered_write_iter vfs_write") == nil)
  }

  @Test func aFolioIsLockedWhileItIsRead() {
    let lock = "io_schedule folio_wait_bit_common __folio_lock_or_retry "
    #expect(cause(lock + "do_swap_page handle_mm_fault") == .swapIn)
    #expect(cause(lock + "filemap_fault __do_fault") == .fileRead)
    #expect(cause("io_schedule __folio_lock truncate_inode_pages_range ext4_setattr") == .folioLock)
    #expect(cause("__folio_lock migrate_pages_batch compact_zone") == .folioLock)
  }

  /// kjournald2, whom a stalled fsync waits for.
  @Test func aCommitWaitsForItsUpdatesAndForItsData() {
    let commit = "jbd2_journal_commit_transaction kjournald2 kthread"
    #expect(cause("schedule " + commit) == .journal)
    #expect(cause("schedule jbd2_journal_wait_updates " + commit) == .journal)
    let data = "ext4_journalled_submit_inode_data_buffers ext4_journal_submit_inode_data_buffers "
    let folio = "io_schedule folio_wait_bit_common folio_wait_bit write_cache_pages "
    #expect(cause(folio + data + commit) == .folioWriteback)
    #expect(cause("io_schedule folio_wait_bit_common writeback_iter " + data) == .folioWriteback)
    // A lock's wait goes through the same function.
    let lock = "io_schedule folio_wait_bit_common __folio_lock write_cache_pages "
    #expect(cause(lock + data + commit) == .folioLock)
    // What writes the data out waits for the block layer, and not for a folio.
    #expect(cause("io_schedule blk_mq_get_tag write_cache_pages " + data + commit) == .blockLayer)
    #expect(cause("schedule frobnicate write_cache_pages ext4_writepages") == nil)
  }

  @Test func aWorkerIsIdleOnlyWhereItWaitsForWork() {
    #expect(cause("schedule schedule_timeout io_wq_worker ret_from_fork") == .idle)
    #expect(cause("schedule_timeout io_wqe_worker ret_from_fork") == .idle)
    #expect(
      cause("schedule frobnicate io_wq_submit_work io_worker_handle_work io_wq_worker") == nil)
    // 6.1 has inlined io_cqring_wait.
    #expect(cause("schedule __do_sys_io_uring_enter do_syscall_64") == .completion)
    #expect(cause("schedule frobnicate __do_sys_io_uring_enter do_syscall_64") == nil)
  }

  @Test func nothingIsKnownOfNothing() {
    #expect(cause("") == nil && cause("schedule io_schedule") == nil)
    #expect(cause("0xffffffff81000000 0xffffffff81000010") == nil)
    #expect(WaitChannels.text([], atMost: 8).isEmpty)
  }

  @Test func causesHaveNamesOfTheirOwn() {
    #expect(Set(StallCause.allCases.map(\.label)).count == StallCause.allCases.count)
    #expect(StallCause.allCases.filter(\.isUnexplained).count == 5)
  }
}

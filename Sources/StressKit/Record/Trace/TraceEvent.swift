// SPDX-License-Identifier: Apache-2.0

/// The kernel's events that explain a stall, with the fields that are taken of each.
///
/// An event that a kernel lacks, or that lacks a field named here without `?`, is left out and named in the
/// record. Sources: include/trace/events/*.h of 6.1 to 6.18, fs/xfs/xfs_trace.h.
package enum TraceEvent: UInt8, CaseIterable, Sendable {
  // Reclaim.
  case throttled, directReclaimBegin, directReclaimEnd, memcgReclaimBegin, memcgReclaimEnd
  case shrinkInactive, writeFolio, kswapdWake, kswapdSleep, wakeupKswapd
  // Of kernels since 7.2 (balance_pgdat) and 7.3.
  case balanceBegin, balanceEnd, kswapdFail, kswapdClearHopeless
  // Dirty throttling and writeback.
  case balanceDirtyPages, dirtyRatelimit, workQueue, workExec, workStart, workWritten, workWait
  case wakeBackground, pagesWritten, singleInodeStart, singleInode, markInode, clearInode
  case folioWait, trackForeign, flushForeign, switchWbs, memcgFlush
  // OOM.
  case markVictim, wakeReaper, startReaping, finishReaping, skipReaping, retryZone, retryCompact
  // Block layer.
  case blockIssue, blockComplete, blockRequeue, blockError
  // File systems.
  case jbd2Start, jbd2End, jbd2Run, jbd2Checkpoint, jbd2Stall
  case ext4SyncEnter, ext4SyncExit, ext4Writepages, ext4WritepagesResult
  case xfsGrantSleep, xfsGrantWake, xfsLogForce, xfsSync
  case btrfsOrderedAdd, btrfsOrderedFinished, btrfsTicket, btrfsFlushSpace, btrfsSync
  // io_uring, compaction, migration, tasks.
  case queueAsyncWork, compactionBegin, compactionEnd, compactTry, kcompactdWake, kcompactdSleep
  case migrateStart, migratePages, taskRename
  // Who kills the trial's tasks, if not the kernel.
  case signalGenerate
  // Where the trial's tasks are while they are not running.
  case schedSwitch, schedWakeup, kernelStack, ioWqBegin, ioWqEnd
  // What its commands ask the kernel for.
  case sysEnter, sysExit

  /// The events that `observe.sched` is about.
  package static let scheduling: [TraceEvent] = [
    .schedSwitch, .schedWakeup, .kernelStack, .ioWqBegin, .ioWqEnd,
  ]

  /// The events that `observe.syscalls` is about.
  package static let calls: [TraceEvent] = [.sysEnter, .sysExit]

  /// Those of which only a second's sum over all tasks is told: one for each batch of pages, or each page.
  package static let summed: [TraceEvent] = [.shrinkInactive, .trackForeign]

  /// Those of which only the number is told. Any other that no interval is made of has a line each time.
  package static let counted: [TraceEvent] = [
    .workWritten, .workWait, .pagesWritten, .singleInode, .wakeupKswapd, .wakeReaper, .compactTry,
    .xfsSync, .btrfsSync,
  ]

  /// How the names of the trial's tasks begin: the workers' (Worker.run), which none of the harness's other
  /// threads has, and those of io_uring's threads, which say for which task they work.
  package static let taskNames = ["wb-stream", "wb-pinned", "wb-task", ioWorker]
  package static let ioWorker = "iou-wrk-"

  /// Which of an event's occurrences concern the trial; the kernel drops the others.
  package enum Scope: Sendable {
    case all
    /// Those whose field of this name is the block device (or swap) under test.
    case device(String)
    /// Those whose field is the file system's superblock, which need not be the block device: btrfs.
    case superblock(String)
    /// Those whose field is the backing device's name (`254:0`, `btrfs-1`).
    case backing(String)
    /// Threads that io_uring makes for a task.
    case ioWorkers
    /// Those in which one of these fields is the name of one of the trial's tasks.
    case tasks([String])
    /// System calls that are measured (``SystemCall``), of the commands' threads.
    case calls
  }

  /// Where the kernel has an event from.
  package enum Source: Sendable {
    case tracepoint
    /// A kprobe of ours at the beginning of a function, with these arguments
    /// (Documentation/trace/kprobetrace.rst).
    case probe(function: String, arguments: String)
    /// One at its end.
    case returnProbe(function: String)
    /// The tracer itself, whose records a trigger asks for (`TraceInstance.enableStacks`).
    case tracer
  }

  package struct Definition: Sendable {
    package var system: String
    package var name: String
    /// At most eight integers, in the order of `TraceRecord.values`; `a|b` where a later kernel renamed it,
    /// `?` behind one that may be missing, `a[0]` for an element of an array.
    package var fields: [String]
    /// A short text that comes with them.
    package var text: String?
    /// A field of 64-bit words that goes on to the record's end.
    package var words: String?
    package var scope: Scope
    package var source: Source

    /// Whether the kernel has it only as long as somebody probes a function.
    package var isProbe: Bool {
      switch source {
      case .probe, .returnProbe: true
      case .tracepoint, .tracer: false
      }
    }

    /// The fields as the record names them: as the earliest kernel does.
    package var names: [String] {
      fields.map { $0.split(separator: "|")[0].filter { $0 != "?" } }
    }
  }

  package var definition: Definition { Self.definitions[Int(rawValue)] }
  package var label: String { definition.system + ":" + definition.name }

  private static let definitions: [Definition] = allCases.map { event in
    func define(
      _ system: String, _ name: String, _ fields: String = "", text: String? = nil,
      words: String? = nil, _ scope: Scope = .all, _ source: Source = .tracepoint
    ) -> Definition {
      Definition(
        system: system, name: name, fields: fields.split(separator: " ").map(String.init),
        text: text, words: words, scope: scope, source: source)
    }
    let reclaimBegin = "order gfp_flags"
    let work = "nr_pages sync_mode reason cgroup_ino for_background for_kupdate"
    let bdi = Scope.backing("name")
    switch event {
    case .throttled:
      return define("vmscan", "mm_vmscan_throttled", "usec_delayed reason usec_timeout nid")
    case .directReclaimBegin:
      return define("vmscan", "mm_vmscan_direct_reclaim_begin", reclaimBegin)
    case .directReclaimEnd:
      return define("vmscan", "mm_vmscan_direct_reclaim_end", "nr_reclaimed")
    case .memcgReclaimBegin:
      return define("vmscan", "mm_vmscan_memcg_reclaim_begin", reclaimBegin)
    case .memcgReclaimEnd:
      return define("vmscan", "mm_vmscan_memcg_reclaim_end", "nr_reclaimed")
    case .shrinkInactive:
      return define(
        "vmscan", "mm_vmscan_lru_shrink_inactive",
        "nr_scanned nr_reclaimed nr_dirty nr_writeback nr_congested nr_immediate")
    case .writeFolio: return define("vmscan", "mm_vmscan_write_folio", "reclaim_flags")
    case .kswapdWake: return define("vmscan", "mm_vmscan_kswapd_wake", "nid order")
    case .kswapdSleep: return define("vmscan", "mm_vmscan_kswapd_sleep", "nid")
    case .wakeupKswapd: return define("vmscan", "mm_vmscan_wakeup_kswapd", "nid order")
    case .balanceBegin: return define("vmscan", "mm_vmscan_balance_pgdat_begin", "nid order")
    case .balanceEnd:
      return define("vmscan", "mm_vmscan_balance_pgdat_end", "nid order nr_reclaimed")
    case .kswapdFail: return define("vmscan", "mm_vmscan_kswapd_reclaim_fail", "nid failures")
    case .kswapdClearHopeless:
      return define("vmscan", "mm_vmscan_kswapd_clear_hopeless", "nid reason")

    case .balanceDirtyPages:
      return define(
        "writeback", "balance_dirty_pages",
        "pause cgroup_ino limit dirty bdi_dirty|wb_dirty dirtied task_ratelimit dirty_ratelimit",
        .backing("bdi"))
    case .dirtyRatelimit:
      return define(
        "writeback", "bdi_dirty_ratelimit",
        "cgroup_ino write_bw avg_write_bw dirty_rate dirty_ratelimit task_ratelimit",
        .backing("bdi"))
    case .workQueue: return define("writeback", "writeback_queue", work, bdi)
    case .workExec: return define("writeback", "writeback_exec", work, bdi)
    case .workStart: return define("writeback", "writeback_start", work, bdi)
    case .workWritten: return define("writeback", "writeback_written", work, bdi)
    case .workWait: return define("writeback", "writeback_wait", work, bdi)
    case .wakeBackground: return define("writeback", "writeback_wake_background", "cgroup_ino", bdi)
    case .pagesWritten: return define("writeback", "writeback_pages_written", "pages")
    case .singleInodeStart:
      return define(
        "writeback", "writeback_single_inode_start",
        "ino dirtied_when cgroup_ino state nr_to_write", bdi)
    case .singleInode:
      return define(
        "writeback", "writeback_single_inode", "ino dirtied_when cgroup_ino state wrote", bdi)
    case .markInode:
      return define("writeback", "sb_mark_inode_writeback", "dev ino", .superblock("dev"))
    case .clearInode:
      return define("writeback", "sb_clear_inode_writeback", "dev ino", .superblock("dev"))
    case .folioWait: return define("writeback", "folio_wait_writeback", "ino index", bdi)
    case .trackForeign: return define("writeback", "track_foreign_dirty", "", bdi)
    case .flushForeign: return define("writeback", "flush_foreign", "", bdi)
    case .switchWbs: return define("writeback", "inode_switch_wbs", "", bdi)
    case .memcgFlush:
      return define("memcg", "memcg_flush_stats", "id stats_updates force needs_flush")

    case .markVictim:
      return define(
        "oom", "mark_victim", "pid total_vm? anon_rss? file_rss? shmem_rss? oom_score_adj?",
        text: "comm?")
    case .wakeReaper: return define("oom", "wake_reaper", "pid")
    case .startReaping: return define("oom", "start_task_reaping", "pid")
    case .finishReaping: return define("oom", "finish_task_reaping", "pid")
    case .skipReaping: return define("oom", "skip_task_reaping", "pid")
    case .retryZone:
      return define("oom", "reclaim_retry_zone", "order reclaimable available no_progress_loops")
    case .retryCompact: return define("oom", "compact_retry", "order retries max_retries ret")

    case .blockIssue:
      return define(
        "block", "block_rq_issue", "dev sector bytes nr_sector", text: "rwbs", .device("dev"))
    case .blockComplete:
      return define(
        "block", "block_rq_complete", "dev sector nr_sector error", text: "rwbs", .device("dev"))
    case .blockRequeue:
      return define("block", "block_rq_requeue", "dev sector", text: "rwbs", .device("dev"))
    case .blockError:
      return define(
        "block", "block_rq_error", "dev sector nr_sector error", text: "rwbs", .device("dev"))

    case .jbd2Start: return define("jbd2", "jbd2_start_commit", "dev transaction", .device("dev"))
    case .jbd2End: return define("jbd2", "jbd2_end_commit", "dev transaction", .device("dev"))
    case .jbd2Run:
      return define(
        "jbd2", "jbd2_run_stats",
        "dev tid wait request_delay locked flushing logging blocks_logged", .device("dev"))
    case .jbd2Checkpoint:
      return define(
        "jbd2", "jbd2_checkpoint_stats", "dev tid chp_time forced_to_close written dropped",
        .device("dev"))
    case .jbd2Stall:
      return define("jbd2", "jbd2_lock_buffer_stall", "dev stall_ms", .device("dev"))
    case .ext4SyncEnter: return define("ext4", "ext4_sync_file_enter", "dev ino", .device("dev"))
    case .ext4SyncExit: return define("ext4", "ext4_sync_file_exit", "dev ino ret", .device("dev"))
    case .ext4Writepages:
      return define("ext4", "ext4_writepages", "dev ino nr_to_write sync_mode", .device("dev"))
    case .ext4WritepagesResult:
      return define("ext4", "ext4_writepages_result", "dev ino pages_written ret", .device("dev"))
    case .xfsGrantSleep:
      return define("xfs", "xfs_log_grant_sleep", "dev curr_res unit_res", .device("dev"))
    case .xfsGrantWake: return define("xfs", "xfs_log_grant_wake", "dev", .device("dev"))
    case .xfsLogForce: return define("xfs", "xfs_log_force", "dev lsn", .device("dev"))
    case .xfsSync: return define("xfs", "xfs_file_fsync", "dev ino", .device("dev"))
    case .btrfsOrderedAdd:
      return define(
        "btrfs", "btrfs_ordered_extent_add", "ino file_offset root_objectid len|num_bytes?")
    case .btrfsOrderedFinished:
      return define(
        "btrfs", "btrfs_ordered_extent_mark_finished",
        "ino file_offset root_objectid len|num_bytes?")
    case .btrfsTicket:
      return define("btrfs", "btrfs_reserve_ticket", "start_ns bytes flush error")
    case .btrfsFlushSpace: return define("btrfs", "btrfs_flush_space", "num_bytes state ret")
    case .btrfsSync: return define("btrfs", "btrfs_sync_file", "ino datasync")

    case .queueAsyncWork:
      return define("io_uring", "io_uring_queue_async_work", "opcode user_data work")
    case .compactionBegin: return define("compaction", "mm_compaction_begin", "sync")
    case .compactionEnd: return define("compaction", "mm_compaction_end", "sync status")
    case .compactTry:
      return define("compaction", "mm_compaction_try_to_compact_pages", "order gfp_mask")
    case .kcompactdWake:
      return define("compaction", "mm_compaction_kcompactd_wake", "nid order")
    case .kcompactdSleep: return define("compaction", "mm_compaction_kcompactd_sleep", "nid")
    case .migrateStart: return define("migrate", "mm_migrate_pages_start", "mode reason")
    case .migratePages:
      return define("migrate", "mm_migrate_pages", "succeeded failed mode reason")
    case .signalGenerate:
      return define("signal", "signal_generate", "pid sig code", .tasks(["comm"]))
    // A pid of its own, always that of the running task, the event no longer has on 7.2.
    case .taskRename:
      return define("task", "task_rename", "pid|common_pid", text: "newcomm", .ioWorkers)

    case .schedSwitch:
      return define(
        "sched", "sched_switch", "prev_pid prev_state next_pid", text: "prev_comm",
        .tasks(["prev_comm", "next_comm"]))
    case .schedWakeup: return define("sched", "sched_wakeup", "pid", .tasks(["comm"]))
    case .kernelStack:
      return define("ftrace", "kernel_stack", "size", words: "caller", .all, .tracer)
    // What io_worker_handle_work calls for a struct io_wq_work (io_uring/io-wq.c), and its return. A probe of
    // io_wq_free_work, which comes next, was hit for 19 to 34 of 64 requests on 6.12.117, on 6.1 for all.
    case .ioWqBegin:
      let probe = Source.probe(function: "io_wq_submit_work", arguments: "work=$arg1:x64")
      return define("kprobe", "io_wq_submit_work", "work", .all, probe)
    case .ioWqEnd:
      let probe = Source.returnProbe(function: "io_wq_submit_work")
      return define("kprobe", "io_wq_submit_work__return", "", .all, probe)

    // One pair for all calls; unlike events of single ones they need no CONFIG_FTRACE_SYSCALLS
    // (include/trace/events/syscalls.h).
    case .sysEnter: return define("raw_syscalls", "sys_enter", "id args[0] args[2]", .calls)
    case .sysExit: return define("raw_syscalls", "sys_exit", "id ret", .calls)
    }
  }
}

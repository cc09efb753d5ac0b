// SPDX-License-Identifier: Apache-2.0
import StressCore

/// An interval that two events, or one that tells its length, make. A further one is a case here and its row in
/// the table; the digest, the record, the ledger, the reports and the pages on them take it from there.
package enum TraceSpan: UInt8, CaseIterable, Sendable {
  case dirtyThrottle
  case throttledWriteback, throttledIsolated, throttledNoprogress, throttledCongested
  case memcgReclaim, directReclaim, kswapd, balance
  case inodeWriteback, blockRead, blockWrite, blockFlush, blockDiscard
  case flusherWake, workQueue, dirtyAge
  case jbd2Commit, jbd2Buffer, ext4Sync, ext4Writepages, xfsGrant, btrfsOrdered, btrfsTicket
  case compaction, kcompactd, migrate, oomReap
  case offCPU, ioWqQueue, ioWqRun
  case writeCall, syncCall

  /// The throttling in reclaim for a reason.
  package static func throttled(_ reason: Profile.Expectation.Metric.Reason) -> TraceSpan {
    switch reason {
    case .writeback: .throttledWriteback
    case .isolated: .throttledIsolated
    case .noprogress: .throttledNoprogress
    case .congested: .throttledCongested
    }
  }

  /// The calls of commands, which have a histogram for each command and each mount.
  package static let calls: [TraceSpan] = [.writeCall, .syncCall]

  package var traits: SpanTraits { Self.table[Int(rawValue)] }
  package var label: String { traits.label }
  package var definition: String { traits.definition }
  package var isStall: Bool { traits.isStall }

  private static let table = allCases.map(\.made)

  private static let callValues: [SpanTraits.Value] = ["fd", "call", "ret"]

  /// As a list.
  private static func callNames(isSync: Bool) -> String {
    SystemCall.allCases.filter { $0.traits.isSync == isSync }.map(\.rawValue)
      .joined(separator: ", ")
  }

  private static let throttledNote =
    "ends at the event; older records call all of them `reclaim-throttle`"
  private static let requestRemark = """
    At the scratch disk itself: a device.delay lies above it and is not in these, nor is waiting \
    for the scheduler. Merged requests count once. If these are short and inode-writeback is \
    long, the time is above the device.
    """
  private static let requestNote =
    "a partial completion counts as a request; measured at the scratch disk, below `device.delay`,"
    + " which is not included"

  private var made: SpanTraits {
    switch self {
    case .dirtyThrottle:
      SpanTraits(
        label: "dirty-throttle",
        definition:
          "pause of a dirtier as balance_dirty_pages announces it (planned, not measured)",
        interval: .told(by: .balanceDirtyPages, "pause", in: .milliseconds, .ahead),
        values: [], isStall: true, track: .task,
        cause: .dirtyThrottle,
        section: .reclaim(row: "balance_dirty_pages pauses", rank: 5),
        note:
          """
          io_uring's non-blocking attempts do not sleep; they are `event` lines with `nowait`
          """,
        remark:
          """
          What a dirtier is made to wait so that writeback keeps up; at most 200 ms a pause \
          (mm/page-writeback.c). On 6.9 and later the decision for a cgroup rests on counts that may \
          be 2 s old, unless somebody reads memory.stat. For io_uring's tries that must not sleep \
          there is none: their worker is paused.
          """)
    case .throttledWriteback:
      // The kernel's own names, which people search for.
      SpanTraits(
        label: "VMSCAN_THROTTLE_WRITEBACK",
        definition: "usec_delayed of mm_vmscan_throttled with that reason",
        interval: .throttled(1),
        values: [], isStall: true, track: .sections,
        cause: .throttledWriteback,
        section: .reclaim(rank: 1),
        note: Self.throttledNote,
        remark:
          """
          reclaim_throttle() of mm/vmscan.c, since 5.16: until writeback ends, HZ/10 (100 ms) at most. \
          kswapd waits so when it meets pages for the second time that are still under writeback; of \
          cgroups only those of v1, whose writeback is not their own (81a70c21d917). Whatever the \
          reason, io_uring's workers and kernel threads other than kswapd are not throttled.
          """)
    case .throttledIsolated:
      SpanTraits(
        label: "VMSCAN_THROTTLE_ISOLATED",
        definition: "usec_delayed of mm_vmscan_throttled with that reason",
        interval: .throttled(2),
        values: [], isStall: true, track: .sections,
        cause: .throttledIsolated,
        section: .reclaim(rank: 2),
        note: Self.throttledNote,
        remark:
          """
          reclaim_throttle(), since 5.16: too many pages are off the lists in the hands of other \
          reclaimers; HZ/50 (20 ms) at most.
          """)
    case .throttledNoprogress:
      SpanTraits(
        label: "VMSCAN_THROTTLE_NOPROGRESS",
        definition: "usec_delayed of mm_vmscan_throttled with that reason",
        interval: .throttled(4),
        values: [], isStall: true, track: .sections,
        cause: .throttledNoprogress,
        section: .reclaim(rank: 3),
        note: Self.throttledNote,
        remark:
          """
          reclaim_throttle(), since 5.16: nothing was freed although reclaim tried hard; since 5.17 \
          one jiffy at most, and neither kswapd nor a cgroup's reclaim waits so (1b4e3f26f9f7). Left \
          out while at most half of the node's reclaimable pages are dirty or under writeback \
          (skip_throttle_noprogress).
          """)
    case .throttledCongested:
      SpanTraits(
        label: "VMSCAN_THROTTLE_CONGESTED",
        definition: "usec_delayed of mm_vmscan_throttled with that reason",
        interval: .throttled(8),
        values: [], isStall: true, track: .sections,
        cause: .throttledCongested,
        section: .reclaim(rank: 4),
        note: Self.throttledNote,
        remark:
          """
          reclaim_throttle(), since 5.17: every dirty page that was scanned is already on its way to \
          the disk; one jiffy at most, so 4 ms at HZ=250 and 1 ms at HZ=1000. Left out as for \
          NOPROGRESS: with much clean cache elsewhere on the node a cgroup full of dirty pages does \
          not wait. Not for kswapd, nor for io_uring's workers, and MGLRU of 6.1 to 6.18 never takes \
          it.
          """)
    case .memcgReclaim:
      SpanTraits(
        label: "memcg-reclaim",
        definition: "mm_vmscan_memcg_reclaim_begin to _end of a task",
        interval: .pair(.memcgReclaimBegin, .memcgReclaimEnd, by: [.task]),
        values: ["nr_reclaimed", "order", "gfp_flags"], isStall: true, track: .sections,
        cause: .memcgReclaim,
        section: .reclaim(row: "memcg reclaim", rank: 6),
        remark:
          """
          Reclaim on behalf of a cgroup that met memory.high or memory.max, or of memory.reclaim. The \
          event does not tell which cgroup: it is told by the task. Global pgscan_direct does not \
          count it up to 6.18, and does on 7.2.
          """)
    case .directReclaim:
      SpanTraits(
        label: "direct-reclaim",
        definition: "mm_vmscan_direct_reclaim_begin to _end of a task",
        interval: .pair(.directReclaimBegin, .directReclaimEnd, by: [.task]),
        values: ["nr_reclaimed", "order", "gfp_flags"], isStall: true, track: .sections,
        cause: .directReclaim,
        section: .reclaim(row: "direct reclaim", rank: 7),
        remark:
          """
          Reclaim of a task because the machine, or a zone, is short of memory: not for a cgroup's \
          limit.
          """)
    case .kswapd:
      SpanTraits(
        label: "kswapd",
        definition: "mm_vmscan_kswapd_wake to _sleep of a node",
        interval: .pair(.kswapdWake, .kswapdSleep, by: ["nid"]),
        values: ["nid", "order"], isStall: false, track: .sections,
        remark:
          """
          kswapd of a node is awake. How much CPU it took is in the columns kswapdN:run.
          """)
    case .balance:
      SpanTraits(
        label: "balance-pgdat",
        definition: "mm_vmscan_balance_pgdat_begin to _end of a node",
        interval: .pair(.balanceBegin, .balanceEnd, by: ["nid"]),
        values: ["nid", "order", "nr_reclaimed"], isStall: false, track: .sections,
        note: "one pass of kswapd, with `nr_reclaimed`; 7.2 and later",
        remark:
          """
          One pass of a node's kswapd, since 7.2, with the pages that it reclaimed: what kswapd did \
          while it was awake. A pass that reclaims nothing is also an event of its own since 7.3 \
          (mm_vmscan_kswapd_reclaim_fail).
          """)
    case .inodeWriteback:
      SpanTraits(
        label: "inode-writeback",
        definition:
          "sb_mark_inode_writeback to sb_clear_inode_writeback of an inode: its first page under"
          + " writeback to its last",
        interval: .pair(.markInode, .clearInode, by: ["dev", "ino"]),
        values: ["dev", "ino"], isStall: false, track: .machine,
        section: .primary,
        remark:
          """
          The cheapest true latency of writeback: with one file a stream, how long it had pages under \
          writeback without a break. Bursts that overlap are one interval.
          """)
    case .blockRead:
      SpanTraits(
        label: "block-read",
        definition: "block_rq_issue to block_rq_complete of a request",
        interval: .own(.blockIssue, .blockComplete),
        values: ["dev", "sector", "bytes", "error"], isStall: false, track: .machine,
        note: Self.requestNote,
        remark: Self.requestRemark)
    case .blockWrite:
      SpanTraits(
        label: "block-write",
        definition: "block_rq_issue to block_rq_complete of a request",
        interval: .own(.blockIssue, .blockComplete),
        values: ["dev", "sector", "bytes", "error"], isStall: false, track: .machine,
        section: .primary,
        note: Self.requestNote,
        remark: Self.requestRemark)
    case .blockFlush:
      SpanTraits(
        label: "block-flush",
        definition: "block_rq_issue to block_rq_complete of a request",
        interval: .own(.blockIssue, .blockComplete),
        values: ["dev", "sector", "bytes", "error"], isStall: false, track: .machine,
        note: Self.requestNote,
        remark: Self.requestRemark)
    case .blockDiscard:
      SpanTraits(
        label: "block-discard",
        definition: "block_rq_issue to block_rq_complete of a request",
        interval: .own(.blockIssue, .blockComplete),
        values: ["dev", "sector", "bytes", "error"], isStall: false, track: .machine,
        note: Self.requestNote,
        remark: Self.requestRemark)
    case .flusherWake:
      SpanTraits(
        label: "flusher-wake",
        definition:
          "begin of the reclaim that first met dirty pages to writeback_start for reason vmscan",
        interval: .own(.shrinkInactive, .workStart),
        values: ["cgroup_ino", "nr_pages"], isStall: true, track: .machine,
        note:
          """
          the first such reclaim since the flusher last started for reclaim; if the flusher \
          starts before that scan is reported, the oldest reclaim in progress counts
          """,
        remark:
          """
          How long the flusher let reclaim wait that met nothing but dirty pages. Never, where reclaim \
          does not wake it (MGLRU of 6.1 to 6.12 before 1bc542c6a0d1).
          """)
    case .workQueue:
      SpanTraits(
        label: "writeback-queue",
        definition: "writeback_queue to writeback_exec of explicit work",
        interval: .pair(.workQueue, .workExec, by: ["cgroup_ino", "reason"]),
        values: ["reason", "cgroup_ino", "nr_pages"], isStall: true, track: .machine,
        note: "sync and foreign flush",
        remark:
          """
          Only work that was asked for (sync, foreign flush, free space): background, periodic and \
          vmscan writeback is not queued.
          """)
    case .dirtyAge:
      SpanTraits(
        label: "inode-dirty-age",
        definition: "dirtied_when of an inode to writeback_single_inode_start (in jiffies)",
        interval: .sinceJiffy(of: .singleInodeStart, "dirtied_when"),
        values: ["ino", "cgroup_ino"], isStall: false, track: .machine,
        remark:
          """
          How long the inode's oldest dirty page had waited when the flusher came to it; in jiffies. \
          It is reset when the inode is queued again. vm.dirty_expire_centisecs is when age alone \
          makes it due.
          """)
    case .jbd2Commit:
      SpanTraits(
        label: "jbd2-commit",
        definition: "jbd2_start_commit to jbd2_end_commit",
        interval: .pair(.jbd2Start, .jbd2End, by: ["dev"]),
        values: ["dev", "transaction"], isStall: true, track: .sections,
        note: "jbd2_run_stats is an `event`, with jiffies converted to ns",
        remark:
          """
          A commit of ext4's journal, in the kernel thread jbd2/DEV, ordered data included. It belongs \
          to no cgroup.
          """)
    case .jbd2Buffer:
      SpanTraits(
        label: "jbd2-lock-buffer",
        definition: "stall_ms of jbd2_lock_buffer_stall",
        interval: .told(by: .jbd2Stall, "stall_ms", in: .milliseconds),
        values: ["dev"], isStall: true, track: .sections,
        cause: .journal,
        note: "ends at the event",
        remark:
          """
          A task waited for a journal buffer that a commit was writing; only waits that the event \
          reports.
          """)
    case .ext4Sync:
      SpanTraits(
        label: "ext4-sync-file",
        definition: "ext4_sync_file_enter to _exit of a task",
        interval: .pair(.ext4SyncEnter, .ext4SyncExit, by: [.task]),
        values: ["dev", "ino", "ret"], isStall: true, track: .sections,
        remark:
          """
          An fsync or the like in ext4, with the journal commit and the flush.
          """)
    case .ext4Writepages:
      SpanTraits(
        label: "ext4-writepages",
        definition: "ext4_writepages to _result of a task",
        interval: .pair(.ext4Writepages, .ext4WritepagesResult, by: [.task, "ino"]),
        values: ["dev", "ino", "pages_written"], isStall: false, track: .sections,
        remark:
          """
          One round of allocating blocks and submitting pages of an inode: the submission, not the \
          I/O.
          """)
    case .xfsGrant:
      SpanTraits(
        label: "xfs-log-grant",
        definition: "xfs_log_grant_sleep to _wake of a task",
        interval: .pair(.xfsGrantSleep, .xfsGrantWake, by: [.task]),
        values: ["dev"], isStall: true, track: .sections,
        cause: .spaceReservation,
        remark:
          """
          A transaction waits for room in xfs's log.
          """)
    case .btrfsOrdered:
      SpanTraits(
        label: "btrfs-ordered-extent",
        definition: "btrfs_ordered_extent_add to _mark_finished",
        interval: .pair(.btrfsOrderedAdd, .btrfsOrderedFinished, by: ["ino", "file_offset"]),
        values: ["ino", "file_offset", "len"], isStall: false, track: .machine,
        remark:
          """
          From submission of a piece of a file's data to the end of its I/O, checksums and compression \
          included.
          """)
    case .btrfsTicket:
      SpanTraits(
        label: "btrfs-reserve-ticket",
        definition: "start_ns of btrfs_reserve_ticket to the event",
        interval: .since(.btrfsTicket, "start_ns"),
        values: ["bytes", "flush", "error"], isStall: true, track: .sections,
        cause: .spaceReservation,
        remark:
          """
          A task waits for room to be reserved, which may need writeback and a commit.
          """)
    case .compaction:
      SpanTraits(
        label: "compaction",
        definition: "mm_compaction_begin to _end of a task",
        interval: .pair(.compactionBegin, .compactionEnd, by: [.task]),
        values: ["status"], isStall: true, track: .sections,
        cause: .compaction,
        remark:
          """
          Direct compaction or kcompactd, a zone at a time; waits for pages under writeback where it \
          is synchronous.
          """)
    case .kcompactd:
      SpanTraits(
        label: "kcompactd",
        definition: "mm_compaction_kcompactd_wake to _sleep of a node",
        // It also looks around without having been woken.
        interval: .pair(.kcompactdWake, .kcompactdSleep, by: ["nid"], endsAlone: true),
        values: ["nid", "order"], isStall: false, track: .sections,
        remark:
          """
          kcompactd of a node is awake.
          """)
    case .migrate:
      SpanTraits(
        label: "migrate-pages",
        definition: "mm_migrate_pages_start to mm_migrate_pages of a task",
        interval: .pair(.migrateStart, .migratePages, by: [.task]),
        values: ["succeeded", "failed", "reason"], isStall: true, track: .sections,
        cause: .compaction,
        remark:
          """
          One call that moves pages. A page under writeback is waited for only in synchronous modes.
          """)
    case .oomReap:
      SpanTraits(
        label: "oom-reap",
        definition: "start_task_reaping to finish_task_reaping of a victim",
        interval: .pair(.startReaping, .finishReaping, by: ["pid"]),
        values: [.init("victim", of: "pid")], isStall: true, track: .sections,
        remark:
          """
          The reaper gives the victim's anonymous memory back before it has exited.
          """)
    case .offCPU:
      SpanTraits(
        label: "off-cpu",
        definition: "sched_switch from one of the trial's tasks to the next sched_switch to it",
        interval: .own(.schedSwitch, .schedSwitch),
        values: ["state", "woken", "stack"], isStall: true, track: .task,
        note:
          """
          for workers and io-wq threads. No histogram, because an idle task is off the CPU too
          """,
        remark:
          """
          Where a task of the trial waited: with its kernel stack, its state (S, D, R for preempted) \
          and when it was woken. The stall ledger is made of these. It has no percentiles: whoever is \
          idle is off the CPU, too.
          """)
    case .ioWqQueue:
      SpanTraits(
        label: "io-wq-queue",
        definition: "io_uring_queue_async_work to io_wq_submit_work of a request",
        interval: .own(.queueAsyncWork, .ioWqBegin),
        values: ["owner", "op"], isStall: true, track: .owner,
        note: "a kprobe on the start of the work",
        remark:
          """
          A request that could not be carried out inline waits for a worker of io_uring. On ext4 every \
          buffered write goes that way, and those of one file one after the other.
          """)
    case .ioWqRun:
      SpanTraits(
        label: "io-wq-run",
        definition: "io_wq_submit_work to its return",
        interval: .own(.ioWqBegin, .ioWqEnd),
        values: ["owner", "op"], isStall: true, track: .sections,
        note: "kprobes, paired by worker: a worker runs one request at a time",
        remark:
          """
          What the worker needs for the request, waits included.
          """)
    case .writeCall:
      SpanTraits(
        label: "write-call",
        definition: "sys_enter to sys_exit of a command's call that writes to a descriptor",
        interval: .own(.sysEnter, .sysExit),
        values: Self.callValues, isStall: false, track: .sections,
        note:
          "\(Self.callNames(isSync: false)); with `observe.syscalls`, [by command and mount](#calls-of-commands)",
        remark:
          """
          A call of one of a command's threads as a whole: copying, throttling and reclaim are in it. Named with what \
          is behind the descriptor, as in write-call:scratch; a pipe's or a socket's waits for its reader. Only with \
          observe.syscalls. docs/record.md.
          """)
    case .syncCall:
      SpanTraits(
        label: "sync-call",
        definition: "sys_enter to sys_exit of a command's call that has something written back",
        interval: .own(.sysEnter, .sysExit),
        values: Self.callValues, isStall: false, track: .sections,
        note:
          "\(Self.callNames(isSync: true)); with `observe.syscalls`, [by command and mount](#calls-of-commands)",
        remark:
          """
          As write-call, of fsync and the like, named with the mount of what is synced. msync(2) has no descriptor: \
          its mount is unknown.
          """)
    }
  }
}

/// What a span is, for all that measures, records, explains or draws one.
package struct SpanTraits: Sendable {
  /// What tells one interval from another of its span.
  package enum Key: Sendable, Equatable, ExpressibleByStringLiteral {
    /// The task that both events happen in.
    case task
    /// A field of both events.
    case field(String)

    package init(stringLiteral name: String) { self = .field(name) }
  }

  /// What an event tells a length in; ns.
  package enum Unit: UInt64, Sendable {
    case microseconds = 1000
    case milliseconds = 1_000_000
  }

  /// Of an event that tells a length: where its interval lies.
  package enum Side: Sendable { case behind, ahead }

  /// A field that has a value, as one that is one of several has.
  package struct Condition: Sendable {
    package var field: String
    package var value: Int64
  }

  /// The events that make it. Fields are named as ``TraceEvent/Definition/names`` has them.
  package enum Interval: Sendable {
    /// From one event to the next other one with the same key, of which there are at most two parts. A beginning that
    /// follows another of its key takes its place.
    ///
    /// - Parameter endsAlone: that an end without a beginning is nothing that was missed.
    case pair(_ begin: TraceEvent, _ end: TraceEvent, by: [Key], endsAlone: Bool = false)
    /// An event has the length in a field: it lies behind the event, or ahead of it.
    case told(
      by: TraceEvent, _ field: String, in: Unit, _ side: Side = .behind, where: Condition? = nil)
    /// From the time in a field (CLOCK_MONOTONIC, ns) to the event.
    case since(_ event: TraceEvent, _ field: String)
    /// From the time in a field, in jiffies, to the event.
    case sinceJiffy(of: TraceEvent, _ field: String)
    /// From one event to another by rules that the digest has code for.
    case own(_ begin: TraceEvent, _ end: TraceEvent)

    /// By a bit of mm_vmscan_throttled's reason (mm/vmscan.c, enum vmscan_throttle_state).
    fileprivate static func throttled(_ reason: Int64) -> Interval {
      .told(
        by: .throttled, "usec_delayed", in: .microseconds,
        where: Condition(field: "reason", value: reason))
    }
  }

  /// A value of a row.
  package struct Value: Sendable, ExpressibleByStringLiteral {
    /// In the record.
    package var name: String
    /// Of the event that ends it, or else of the one that begins it, of which at most two are kept.
    package var field: String

    package init(_ name: String, of field: String) {
      self.name = name
      self.field = field
    }
    package init(stringLiteral name: String) { self.init(name, of: name) }
  }

  /// Where a trace draws it.
  package enum Track: Sendable {
    /// Of the task that ends it, a track for the span.
    case task
    /// The same, of the task that asked for the request.
    case owner
    /// Of the task, among the kernel's sections, which lie in one another.
    case sections
    /// Of no task: who ends one has nothing to do with it.
    case machine
  }

  /// Where the report on a campaign has it, beside its percentiles.
  package enum Section: Sendable {
    /// Nowhere.
    case latency
    /// Nowhere, but its percentiles stand before the others', which explain them.
    case primary
    /// In what reclaim did, as a row of this label, or of the span's own; by rank.
    case reclaim(row: String? = nil, rank: Int)
  }

  /// In the record.
  package var label: String
  /// How the interval is measured: printed with each figure.
  package var definition: String
  package var interval: Interval
  /// None: those of the event's fields.
  package var values: [Value]
  /// Whether a task of the trial waits while it lasts: then even a short one is of interest.
  package var isStall: Bool
  package var track: Track
  /// What a task's time in it goes to in the ledger, unless something in it says more; nil: it is not a section of the
  /// task that ends it, or the ledger knows that task's waits otherwise.
  package var cause: StallCause?
  package var section = Section.latency
  /// Beside the definition in docs/record.md.
  package var note = ""
  /// Beside how it is measured: what it is not, or depends on.
  package var remark: String

  /// The event that ends it, or that tells of it.
  package var end: TraceEvent {
    switch interval {
    case .pair(_, let end, _, _), .told(let end, _, _, _, _), .since(let end, _),
      .sinceJiffy(let end, _), .own(_, let end):
      end
    }
  }

  /// Names of a row's values in the record.
  package var valueNames: [String] {
    values.isEmpty ? end.definition.names : values.map(\.name)
  }
}

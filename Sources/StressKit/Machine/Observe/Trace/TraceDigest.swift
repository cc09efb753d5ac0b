// SPDX-License-Identifier: Apache-2.0
import StressRecord
import Synchronization

/// Makes intervals and counts of the trace's records as they come, in the order of their time.
///
/// One thread feeds it, another takes the rows away; neither waits for the other, and nothing here
/// allocates. What finds no room is counted.
package final class TraceDigest: @unchecked Sendable {
  private static let second: UInt64 = 1_000_000_000
  /// Writeback passes of one kind that follow each other within this are one wake-up of the flusher.
  private static let samePass: UInt64 = 100_000_000
  /// Reasons of writeback (include/linux/backing-dev-defs.h, enum wb_reason).
  private static let forReclaim: Int64 = 1
  /// IORING_OP_WRITE, _WRITEV and _WRITE_FIXED (include/uapi/linux/io_uring.h).
  private static let writes: Set<Int64> = [23, 2, 5]

  private let rows: UnsafeMutableBufferPointer<TraceRow>
  private let put = Atomic<Int>(0)
  private let taken = Atomic<Int>(0)
  private var open = SpanTable(capacity: 1 << 14, nothing: Int64(0))
  /// Buffered writes that went to an io-wq worker, by the task that submitted them.
  private var punted = SpanTable(capacity: 1 << 10, nothing: Int64(0))
  /// What the trial's tasks do while they do not run.
  package var tasks: TaskTimes
  /// Where they sleep.
  package let stacks = StackTable()

  /// Records seen, by event.
  package private(set) var counts = InlineArray<128, Int>(repeating: 0)
  /// Rows that found the ring full.
  package private(set) var droppedRows = 0
  /// Ends whose beginning was not seen, as at the trace's start.
  package var unpaired: Int { unbegun + tasks.unpaired }
  private var unbegun = 0

  private var scanned = InlineArray<8, Int64>(repeating: 0)
  private var scannedSince: UInt64 = 0
  /// Pages dirtied by a task of another cgroup than their inode's owner: by the ten thousand a second with
  /// data=journal, each without a word of its own.
  private var foreign: Int64 = 0
  private var foreignSince: UInt64 = 0
  private var reclaiming = 0
  private var reclaimingSince: UInt64 = 0
  private var metDirtySince: UInt64 = 0

  /// What one takes, with its tables and stacks, bytes at most.
  package static let memory = 8 << 20

  /// - Parameter capacity: rows kept for a reader that is late; a power of two.
  package init(capacity: Int = 1 << 14) {
    precondition(TraceEvent.allCases.count <= 128 && capacity.nonzeroBitCount == 1)
    tasks = TaskTimes(stacks)
    rows = .allocate(capacity: capacity)
    let nothing = TraceRow(nil, TraceRecord(.throttled), from: 0)
    // Touched now: a page fault later would be an allocation under pressure.
    rows.initialize(repeating: nothing)
  }

  deinit { rows.deallocate() }

  package var overflowed: Int { open.overflowed + punted.overflowed + tasks.overflowed }

  /// The event has `1 << reason`; a reason that is not known yet is an event by itself.
  private static func throttledSpan(_ mask: Int64) -> TraceSpan? {
    switch mask {
    case 1: .throttledWriteback
    case 2: .throttledIsolated
    case 4: .throttledNoprogress
    case 8: .throttledCongested
    default: nil
    }
  }

  // MARK: In

  package func take(_ record: borrowing TraceRecord) {
    counts[Int(record.event.rawValue)] += 1
    let task = UInt64(UInt32(bitPattern: record.pid))
    switch record.event {
    case .throttled:
      let delayed = UInt64(clamping: record.values[0]) &* 1000
      emit(
        Self.throttledSpan(record.values[1]), record,
        from: record.time &- min(delayed, record.time))
    case .directReclaimBegin: beginReclaim(.directReclaim, task, record)
    case .directReclaimEnd: endReclaim(.directReclaim, task, record)
    case .memcgReclaimBegin: beginReclaim(.memcgReclaim, task, record)
    case .memcgReclaimEnd: endReclaim(.memcgReclaim, task, record)
    case .shrinkInactive: sum(record, task)
    case .kswapdWake: begin(.kswapd, record.values[0], 0, record, extra: record.values[1])
    case .kswapdSleep: end(.kswapd, record.values[0], 0, record) { $0[1] = $1 }
    case .balanceBegin: begin(.balance, record.values[0], 0, record)
    case .balanceEnd: end(.balance, record.values[0], 0, record) { _, _ in }
    case .kcompactdWake: begin(.kcompactd, record.values[0], 0, record, extra: record.values[1])
    case .kcompactdSleep:
      // It also looks around without having been woken.
      if open.began(UInt64(TraceSpan.kcompactd.rawValue), UInt64(bitPattern: record.values[0]))
        != nil
      {
        end(.kcompactd, record.values[0], 0, record) { $0[1] = $1 }
      }

    case .balanceDirtyPages:
      guard record.values[0] > 0 else { return }
      var row = TraceRow(.dirtyThrottle, record, from: record.time)
      row.end = record.time &+ UInt64(record.values[0]) &* 1_000_000
      push(row)
    case .workQueue: begin(.workQueue, record.values[3], record.values[2], record)
    case .workExec:
      end(.workQueue, record.values[3], record.values[2], record) { values, _ in
        let (pages, reason, cgroup) = (values[0], values[2], values[3])
        values[0] = reason
        values[1] = cgroup
        values[2] = pages
      }
    case .workStart: startWork(record)
    case .singleInodeStart:
      // Its age is for the reader to tell, who knows what a jiffy is.
      push(TraceRow(.dirtyAge, record, from: record.time))
    case .markInode: begin(.inodeWriteback, record.values[0], record.values[1], record)
    case .clearInode: end(.inodeWriteback, record.values[0], record.values[1], record) { _, _ in }

    case .startReaping: begin(.oomReap, record.values[0], 0, record)
    case .finishReaping: end(.oomReap, record.values[0], 0, record) { _, _ in }
    case .blockIssue:
      let span = Self.blockSpan(record)
      begin(span, record.values[0], Self.sector(span, record), record, extra: record.values[2])
    case .blockComplete: completeBlock(record)

    case .jbd2Start: begin(.jbd2Commit, record.values[0], 0, record)
    case .jbd2End: end(.jbd2Commit, record.values[0], 0, record) { _, _ in }
    case .jbd2Stall:
      let stalled = UInt64(clamping: record.values[1]) &* 1_000_000
      emit(.jbd2Buffer, record, from: record.time &- min(stalled, record.time))
    case .ext4SyncEnter: begin(.ext4Sync, Int64(record.pid), 0, record)
    case .ext4SyncExit: end(.ext4Sync, Int64(record.pid), 0, record) { _, _ in }
    case .ext4Writepages: begin(.ext4Writepages, Int64(record.pid), record.values[1], record)
    case .ext4WritepagesResult:
      end(.ext4Writepages, Int64(record.pid), record.values[1], record) { _, _ in }
    case .xfsGrantSleep: begin(.xfsGrant, Int64(record.pid), 0, record)
    case .xfsGrantWake: end(.xfsGrant, Int64(record.pid), 0, record) { _, _ in }
    case .btrfsOrderedAdd: begin(.btrfsOrdered, record.values[0], record.values[1], record)
    case .btrfsOrderedFinished:
      end(.btrfsOrdered, record.values[0], record.values[1], record) { values, _ in
        values[2] = values[3]
      }
    case .btrfsTicket: ticket(record)

    case .queueAsyncWork:
      if Self.writes.contains(record.values[0]) {
        let before = punted.began(0, task)?.start ?? 0
        punted.begin(0, task, at: before + 1)
      }
      tasks.queueRequest(record)
    case .compactionBegin: begin(.compaction, Int64(record.pid), 0, record)
    case .compactionEnd:
      end(.compaction, Int64(record.pid), 0, record) { values, _ in values[0] = values[1] }
    case .migrateStart: begin(.migrate, Int64(record.pid), 0, record)
    case .migratePages:
      end(.migrate, Int64(record.pid), 0, record) { values, _ in values[2] = values[3] }

    case .schedSwitch: if let row = tasks.schedSwitch(record) { push(row) }
    case .schedWakeup: tasks.wakeup(record)
    case .kernelStack: tasks.stack(record)
    case .ioWqBegin: if let row = tasks.beginRequest(record) { push(row) }
    case .ioWqEnd: if let row = tasks.endRequest(record) { push(row) }

    case .workWritten, .workWait, .pagesWritten, .singleInode, .wakeupKswapd, .wakeReaper,
      .compactTry,
      .xfsSync, .btrfsSync:
      break
    case .trackForeign:
      if record.time &- foreignSince >= Self.second { flushForeign(record.time) }
      foreign &+= 1
    case .writeFolio, .dirtyRatelimit, .wakeBackground, .folioWait, .flushForeign,
      .switchWbs, .memcgFlush, .markVictim, .skipReaping, .retryZone, .retryCompact, .blockRequeue,
      .blockError, .jbd2Run, .jbd2Checkpoint, .xfsLogForce, .btrfsFlushSpace, .taskRename,
      .signalGenerate, .kswapdFail, .kswapdClearHopeless:
      emit(nil, record, from: record.time)
    }
  }

  /// Records of a CPU were lost before this, CLOCK_BOOTTIME in ns.
  package func lose(before time: UInt64) { tasks.lose(before: time) }

  private func begin(
    _ span: TraceSpan, _ a: Int64, _ b: Int64, _ record: borrowing TraceRecord, extra: Int64 = 0
  ) {
    open.begin(
      UInt64(span.rawValue), UInt64(bitPattern: a), UInt64(bitPattern: b), at: record.time,
      extra: extra)
  }

  private func end(
    _ span: TraceSpan, _ a: Int64, _ b: Int64, _ record: borrowing TraceRecord,
    _ arrange: (inout InlineArray<8, Int64>, _ extra: Int64) -> Void
  ) {
    guard
      let began = open.end(UInt64(span.rawValue), UInt64(bitPattern: a), UInt64(bitPattern: b))
    else {
      unbegun += 1
      return
    }
    var row = TraceRow(span, record, from: min(began.start, record.time))
    arrange(&row.values, began.extra)
    push(row)
  }

  private func emit(_ span: TraceSpan?, _ record: borrowing TraceRecord, from start: UInt64) {
    push(TraceRow(span, record, from: start))
  }

  /// A flush is issued for sector 0 and completes for the last one there is.
  private static func sector(_ span: TraceSpan, _ record: borrowing TraceRecord) -> Int64 {
    span == .blockFlush ? 0 : record.values[1]
  }

  private func completeBlock(_ record: borrowing TraceRecord) {
    let span = Self.blockSpan(record)
    let done = record.values[2] << 9
    // The end of a write with a flush behind it, whose data was complete before: block/blk-flush.c.
    if done == 0, span != .blockFlush { return }
    let sector = Self.sector(span, record)
    let began = open.began(
      UInt64(span.rawValue), UInt64(bitPattern: record.values[0]), UInt64(bitPattern: sector))
    if let began, done < began.extra {
      // A part of it: the rest completes from where this ends.
      open.begin(
        UInt64(span.rawValue), UInt64(bitPattern: record.values[0]),
        UInt64(bitPattern: sector &+ record.values[2]), at: began.start, extra: began.extra &- done)
    }
    end(span, record.values[0], sector, record) { values, bytes in values[2] = min(bytes, done) }
  }

  /// The operation of a request is the first letter of its `rwbs`, or the second behind F for a flush that
  /// goes before it (kernel/trace/blktrace.c, blk_fill_rwbs).
  private static func blockSpan(_ record: borrowing TraceRecord) -> TraceSpan {
    let letters = (record.text[0], record.text[1])
    let isLed = letters.0 == UInt8(ascii: "F") && letters.1 != UInt8(ascii: "F")
    switch isLed ? letters.1 : letters.0 {
    case UInt8(ascii: "R"): return .blockRead
    case UInt8(ascii: "W"): return .blockWrite
    case UInt8(ascii: "D"): return .blockDiscard
    default: return .blockFlush
    }
  }

  // MARK: Reclaim and the flusher

  private func beginReclaim(_ span: TraceSpan, _ task: UInt64, _ record: borrowing TraceRecord) {
    let isNew = open.began(UInt64(span.rawValue), task) == nil
    let isKept = open.begin(
      UInt64(span.rawValue), task, at: record.time,
      extra: record.values[0] << 32 | record.values[1] & 0xffff_ffff)
    guard isNew, isKept else { return }
    if reclaiming == 0 { reclaimingSince = record.time }
    reclaiming += 1
  }

  private func endReclaim(_ span: TraceSpan, _ task: UInt64, _ record: borrowing TraceRecord) {
    guard let began = open.end(UInt64(span.rawValue), task) else {
      unbegun += 1
      return
    }
    reclaiming -= 1
    var row = TraceRow(span, record, from: began.start)
    row.values[1] = began.extra >> 32
    row.values[2] = began.extra & 0xffff_ffff
    push(row)
  }

  private func sum(_ record: borrowing TraceRecord, _ task: UInt64) {
    if record.time &- scannedSince >= Self.second { flushSum(record.time) }
    // Wrapping, here and below: what a damaged page says must not end the harness.
    scanned[0] &+= 1
    for i in 0..<6 { scanned[i + 1] &+= record.values[i] }
    // Met by a task that reclaims for itself, whose reclaim wakes the flusher; kswapd has no begin.
    if record.values[2] > 0, metDirtySince == 0 {
      let began =
        open.began(UInt64(TraceSpan.memcgReclaim.rawValue), task)
        ?? open.began(UInt64(TraceSpan.directReclaim.rawValue), task)
      metDirtySince = record.time
      if let began { metDirtySince = began.start }
    }
  }

  /// Hands over the sums of the second that is over, or of what there is at the end.
  package func flushSums(_ now: UInt64) {
    flushSum(now)
    flushForeign(now)
  }

  private func flushForeign(_ now: UInt64) {
    if foreign > 0 {
      var row = TraceRow(nil, TraceRecord(.trackForeign, time: now), from: foreignSince)
      row.values[0] = foreign
      push(row)
      foreign = 0
    }
    foreignSince = now - now % Self.second
  }

  private func flushSum(_ now: UInt64) {
    if scanned[0] > 0 {
      var row = TraceRow(nil, TraceRecord(.shrinkInactive, time: now), from: scannedSince)
      row.values = scanned
      push(row)
      scanned = .init(repeating: 0)
    }
    scannedSince = now - now % Self.second
  }

  private func startWork(_ record: borrowing TraceRecord) {
    let (pages, reason, cgroup) = (record.values[0], record.values[2], record.values[3])
    if reason == Self.forReclaim, metDirtySince > 0 || reclaiming > 0 {
      // The flusher may be there before the scan that woke it is told.
      let since = metDirtySince > 0 ? metDirtySince : reclaimingSince
      var row = TraceRow(.flusherWake, record, from: min(since, record.time))
      row.values[0] = cgroup
      row.values[1] = pages
      push(row)
      metDirtySince = 0
      reclaimingSince = record.time
    }
    // A pass has one such event for each of its rounds; its first is what is told.
    let key = UInt64(TraceSpan.allCases.count)
    let before = open.end(key, UInt64(bitPattern: cgroup), UInt64(bitPattern: reason))?.start
    open.begin(key, UInt64(bitPattern: cgroup), UInt64(bitPattern: reason), at: record.time)
    if let before, record.time &- before < Self.samePass { return }
    emit(nil, record, from: record.time)
  }

  private func ticket(_ record: borrowing TraceRecord) {
    // CLOCK_MONOTONIC, which is our clock less the time that the machine slept: never in a trial.
    let start = UInt64(clamping: record.values[0])
    guard start > 0, start <= record.time else {
      unbegun += 1
      return
    }
    var row = TraceRow(.btrfsTicket, record, from: start)
    for i in 0..<3 { row.values[i] = record.values[i + 1] }
    push(row)
  }

  // MARK: Out

  private func push(_ row: TraceRow) {
    let slot = put.load(ordering: .relaxed)
    // No flood of single events, while the reader is late, may leave no room for a kill.
    let room = row.span == nil && row.event != .markVictim ? rows.count / 2 : rows.count
    guard slot - taken.load(ordering: .acquiring) < room else {
      droppedRows += 1
      return
    }
    rows[slot & (rows.count - 1)] = row
    put.store(slot + 1, ordering: .releasing)
  }

  /// Hands over the rows not yet taken. To be called by one thread.
  package func drain(_ body: (borrowing TraceRow) -> Void) {
    let end = put.load(ordering: .acquiring)
    var next = taken.load(ordering: .relaxed)
    while next < end {
      body(rows[next & (rows.count - 1)])
      next += 1
      taken.store(next, ordering: .releasing)
    }
  }

  /// Intervals that have not ended, with their task or thing, once no more records come.
  package func visitOpen(
    _ body: (_ span: TraceSpan, _ a: Int64, _ b: Int64, _ start: UInt64) -> Void
  ) {
    open.visit { kind, a, b, start, _ in
      guard let span = TraceSpan(rawValue: UInt8(truncatingIfNeeded: kind)) else { return }
      body(span, Int64(bitPattern: a), Int64(bitPattern: b), start)
    }
  }

  /// Buffered io_uring writes that were handed to an io-wq worker, by submitting task, at the end.
  package func puntedWrites() -> [(pid: Int32, count: Int)] {
    var all: [(pid: Int32, count: Int)] = []
    punted.visit { _, pid, _, count, _ in
      all.append((Int32(truncatingIfNeeded: pid), Int(count)))
    }
    return all.sorted { $0.pid < $1.pid }
  }
}

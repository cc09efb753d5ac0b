// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

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
  private let ring: SPSCRing
  /// Of a beginning, what its end does not tell.
  private struct Kept: BitwiseCopyable {
    var first: Int64 = 0
    var second: Int64 = 0
  }
  private var open = SpanTable(capacity: 1 << 14, nothing: Kept())
  private let steps = SpanSteps()
  /// Buffered writes that went to an io-wq worker, by the task that submitted them.
  private var punted = SpanTable(capacity: 1 << 10, nothing: Int64(0))
  private let calls = CallTable()
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

  /// - Parameters:
  ///   - capacity: rows kept for a reader that is late; a power of two.
  ///   - threads: names of threads that are the trial's beside its workers'.
  package init(capacity: Int = 1 << 14, threads: ThreadNames = ThreadNames()) {
    precondition(TraceEvent.allCases.count <= 128 && capacity.nonzeroBitCount == 1)
    tasks = TaskTimes(stacks, threads: threads)
    rows = .allocate(capacity: capacity)
    ring = SPSCRing(capacity: capacity)
    let nothing = TraceRow(nil, TraceRecord(.throttled), from: 0)
    // Touched now: a page fault later would be an allocation under pressure.
    rows.initialize(repeating: nothing)
  }

  deinit {
    rows.deallocate()
    ring.deallocate()
  }

  package var overflowed: Int { open.overflowed + punted.overflowed + tasks.overflowed }

  // MARK: In

  package func take(_ record: borrowing TraceRecord) {
    let event = Int(record.event.rawValue)
    counts[event] += 1
    var step = steps.steps + Int(steps.bounds[event])
    let end = steps.steps + Int(steps.bounds[event + 1])
    var isTaken = false
    while step < end {
      let condition = step.pointee.condition
      let isMet =
        condition == SpanSteps.nothing
        ? !isTaken || step.pointee.action != .alone
        : record.values[Int(condition)] == step.pointee.value
      if isMet {
        follow(step, record)
        isTaken = true
      }
      step += 1
    }
  }

  /// Not inlined: out of a loop the compiler hoists the checks for exclusive access, which then nest and take 30 ns.
  @inline(never)
  private func follow(_ step: UnsafeMutablePointer<SpanSteps.Step>, _ record: borrowing TraceRecord)
  {
    switch step.pointee.action {
    case .begin: begin(step, record)
    case .end: end(step, record)
    case .behind:
      let length = UInt64(clamping: record.values[Int(step.pointee.field)])
      emit(step, record, from: record.time &- min(length &* step.pointee.unit, record.time))
    case .ahead:
      let length = record.values[Int(step.pointee.field)]
      guard length > 0 else { return }
      let end = record.time &+ UInt64(length) &* step.pointee.unit
      emit(step, record, from: record.time, to: end)
    case .since:
      // CLOCK_MONOTONIC, which is our clock less the time that the machine slept: never in a trial.
      let start = UInt64(clamping: record.values[Int(step.pointee.field)])
      guard start > 0, start <= record.time else {
        unbegun += 1
        return
      }
      emit(step, record, from: start)
    case .jiffy: emit(step, record, from: record.time)
    case .alone:
      guard let row = room(isEvent: !Self.isKill(record.event)) else { return }
      row.pointee = TraceRow(nil, record, from: record.time)
      ring.fill()
    case .own: own(record)
    }
  }

  /// What no table tells.
  private func own(_ record: borrowing TraceRecord) {
    switch record.event {
    case .shrinkInactive: sum(record)
    case .trackForeign:
      if record.time &- foreignSince >= Self.second { flushForeign(record.time) }
      foreign &+= 1
    case .workStart: startWork(record)
    case .blockIssue: issueBlock(record)
    case .blockComplete: completeBlock(record)
    case .queueAsyncWork:
      if Self.writes.contains(record.values[0]) {
        let before = punted.began(0, Self.task(record))?.start ?? 0
        punted.begin(0, Self.task(record), at: before + 1)
      }
      tasks.queueRequest(record)
    case .schedSwitch: if let row = tasks.schedSwitch(record) { push(row) }
    case .schedWakeup: tasks.wakeup(record)
    case .kernelStack: tasks.stack(record)
    case .ioWqBegin: if let row = tasks.beginRequest(record) { push(row) }
    case .ioWqEnd: if let row = tasks.endRequest(record) { push(row) }
    case .sysEnter: enterCall(record)
    case .sysExit: leaveCall(record)
    default: break
    }
  }

  /// Records of a CPU were lost before this, CLOCK_BOOTTIME in ns.
  package func lose(before time: UInt64) { tasks.lose(before: time) }

  // MARK: Steps

  private static func task(_ record: borrowing TraceRecord) -> UInt64 {
    UInt64(UInt32(bitPattern: record.pid))
  }

  @inline(__always)
  private static func part(_ place: UInt8, of record: borrowing TraceRecord) -> UInt64 {
    if place < SpanSteps.kept { return UInt64(bitPattern: record.values[Int(place)]) }
    return place == SpanSteps.task ? task(record) : 0
  }

  @inline(__always)
  private func begin(_ step: UnsafeMutablePointer<SpanSteps.Step>, _ record: borrowing TraceRecord)
  {
    var extra = Kept()
    if step.pointee.kept.0 != SpanSteps.nothing {
      extra.first = record.values[Int(step.pointee.kept.0)]
      if step.pointee.kept.1 != SpanSteps.nothing {
        extra.second = record.values[Int(step.pointee.kept.1)]
      }
    }
    let before = open.count
    open.begin(
      step.pointee.kind, Self.part(step.pointee.key.0, of: record),
      Self.part(step.pointee.key.1, of: record), at: record.time, extra: extra)
    // One that had begun already, or that found no room, is none more.
    guard step.pointee.isReclaim, open.count > before else { return }
    if reclaiming == 0 { reclaimingSince = record.time }
    reclaiming += 1
  }

  @inline(__always)
  private func end(_ step: UnsafeMutablePointer<SpanSteps.Step>, _ record: borrowing TraceRecord) {
    let began = open.end(
      step.pointee.kind, Self.part(step.pointee.key.0, of: record),
      Self.part(step.pointee.key.1, of: record))
    guard let began else {
      if !step.pointee.endsAlone { unbegun += 1 }
      return
    }
    if step.pointee.isReclaim { reclaiming -= 1 }
    emit(step, record, from: min(began.start, record.time), began.extra)
  }

  /// - Parameter end: nil: the event's time.
  @inline(__always)
  private func emit(
    _ step: UnsafeMutablePointer<SpanSteps.Step>, _ record: borrowing TraceRecord,
    from start: UInt64, to end: UInt64? = nil, _ kept: Kept = Kept()
  ) {
    guard let row = room(isEvent: false) else { return }
    row.pointee = TraceRow(step.pointee.span, record, from: start)
    if let end { row.pointee.end = end }
    for i in 0..<Int(step.pointee.count) {
      let place = step.pointee.values[i]
      row.pointee.values[i] =
        switch place {
        case SpanSteps.kept: kept.first
        case SpanSteps.kept + 1: kept.second
        default: record.values[Int(place)]
        }
    }
    ring.fill()
  }

  // MARK: Requests of a disk

  private func issueBlock(_ record: borrowing TraceRecord) {
    let span = Self.blockSpan(record)
    open.begin(
      UInt64(span.rawValue), UInt64(bitPattern: record.values[0]),
      UInt64(bitPattern: Self.sector(span, record)), at: record.time,
      extra: Kept(first: record.values[2]))
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
    let kind = UInt64(span.rawValue)
    let device = UInt64(bitPattern: record.values[0])
    let sector = Self.sector(span, record)
    guard let began = open.end(kind, device, UInt64(bitPattern: sector)) else {
      unbegun += 1
      return
    }
    if done < began.extra.first, done != 0 {
      // A part of it: the rest completes from where this ends.
      open.begin(
        kind, device, UInt64(bitPattern: sector &+ record.values[2]), at: began.start,
        extra: Kept(first: began.extra.first &- done))
    }
    var row = TraceRow(span, record, from: min(began.start, record.time))
    row.values[2] = min(began.extra.first, done)
    push(row)
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

  // MARK: System calls

  private func enterCall(_ record: borrowing TraceRecord) {
    guard let call = calls[record.values[0]] else { return }
    let descriptor: Int64 =
      switch call.descriptor {
      // An int: what the register has above it means nothing.
      case .first: Int64(Int32(truncatingIfNeeded: record.values[1]))
      case .third: Int64(Int32(truncatingIfNeeded: record.values[2]))
      case .none: SampleLine.unknown
      }
    open.begin(
      UInt64(call.span.rawValue), Self.task(record), at: record.time,
      extra: Kept(first: descriptor, second: record.values[0]))
  }

  private func leaveCall(_ record: borrowing TraceRecord) {
    guard let span = calls[record.values[0]]?.span else { return }
    guard let began = open.end(UInt64(span.rawValue), Self.task(record)),
      began.extra.second == record.values[0]
    else {
      unbegun += 1
      return
    }
    var row = TraceRow(span, record, from: min(began.start, record.time))
    row.values[0] = began.extra.first
    row.values[1] = record.values[0]
    row.values[2] = record.values[1]
    push(row)
  }

  // MARK: Reclaim and the flusher

  private func sum(_ record: borrowing TraceRecord) {
    if record.time &- scannedSince >= Self.second { flushSum(record.time) }
    // Wrapping, here and below: what a damaged page says must not end the harness.
    scanned[0] &+= 1
    for i in 0..<6 { scanned[i + 1] &+= record.values[i] }
    if record.values[2] > 0, metDirtySince == 0 {
      let task = Self.task(record)
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
    push(TraceRow(nil, record, from: record.time))
  }

  // MARK: Out

  private func push(_ row: TraceRow) {
    guard let place = room(isEvent: row.span == nil && !Self.isKill(row.event)) else { return }
    place.pointee = row
    ring.fill()
  }

  private static func isKill(_ event: TraceEvent) -> Bool {
    if case .markVictim = event { true } else { false }
  }

  /// Where the next row goes; nil: nowhere.
  @inline(__always)
  private func room(isEvent: Bool) -> UnsafeMutablePointer<TraceRow>? {
    // No flood of single events, while the reader is late, may leave no room for a kill.
    guard let place = ring.next(room: isEvent ? ring.capacity / 2 : ring.capacity) else {
      droppedRows += 1
      return nil
    }
    return rows.baseAddress.map { $0 + place }
  }

  /// Hands over the rows not yet taken. To be called by one thread.
  package func drain(_ body: (borrowing TraceRow) -> Void) {
    ring.empty { body(rows[$0]) }
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

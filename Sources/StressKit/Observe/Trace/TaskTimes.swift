/// Where the trial's tasks are while they do not run, and io_uring's requests until a worker is done with them.
///
/// Tables of fixed size; nothing allocates after it is made. Times are CLOCK_BOOTTIME, ns.
package struct TaskTimes: ~Copyable {
  /// A task that is off its CPU.
  package struct OffCPU: BitwiseCopyable {
    /// `prev_state` of sched_switch, a bit mask (include/linux/sched.h, TASK_REPORT).
    package var state: Int64 = 0
    /// That it left.
    package var cpu: Int32 = 0
    /// Where it sleeps, by `StackTable`; -1: not told.
    package var stack: Int32 = -1
    /// When it was woken; 0: not yet.
    package var woken: UInt64 = 0

    /// Without one of these it was preempted, be it by cond_resched (TASK_REPORT_MAX).
    private static let asleep: Int64 = 0xff
    package var isAsleep: Bool { state & Self.asleep != 0 }
  }

  /// EXIT_DEAD and EXIT_ZOMBIE: it does not come back.
  private static let dead: Int64 = 0x30
  private static let prefixes = TraceEvent.taskNames.map { Array($0.utf8) }

  package private(set) var tasks = SpanTable(capacity: 1 << 12, nothing: OffCPU())
  /// By `struct io_wq_work` while they are queued, by worker while they run: the submitting task << 32 | user_data.
  package private(set) var works = SpanTable(capacity: 1 << 14, nothing: Int64(0))
  package private(set) var stacks = StackTable()
  /// Records were lost before this: what began earlier may have ended and begun anew meanwhile.
  private var lost: UInt64 = 0
  /// Intervals that records were lost in.
  package private(set) var broken = 0
  /// Stacks of a task whose switch was not seen.
  package private(set) var strayStacks = 0

  package var overflowed: Int { tasks.overflowed + works.overflowed + stacks.overflowed }

  package mutating func lose(before time: UInt64) { lost = max(lost, time) }

  private mutating func isWhole(_ start: UInt64) -> Bool {
    if start >= lost { return true }
    broken += 1
    return false
  }

  // MARK: Tasks

  /// Returns the interval that ends with it.
  package mutating func schedSwitch(_ record: borrowing TraceRecord) -> TraceRow? {
    let (previous, state, next) = (record.values[0], record.values[1], record.values[2])
    var row: TraceRow?
    if let (start, off) = tasks.end(0, UInt64(bitPattern: next)), isWhole(start) {
      var ended = TraceRow(.offCPU, record, from: min(start, record.time))
      ended.pid = Int32(truncatingIfNeeded: next)
      ended.values[0] = off.state
      ended.values[1] =
        off.isAsleep && off.woken > 0 ? Int64(off.woken &- start) : CounterFile.unknown
      ended.values[2] = off.stack < 0 ? CounterFile.unknown : Int64(off.stack)
      row = ended
    }
    if state & Self.dead == 0, Self.isOfTrial(record.text) {
      tasks.begin(
        0, UInt64(bitPattern: previous), at: record.time,
        extra: OffCPU(state: state, cpu: record.cpu))
    }
    return row
  }

  private static func isOfTrial(_ name: borrowing InlineArray<16, UInt8>) -> Bool {
    for prefix in prefixes {
      var i = 0
      while i < prefix.count, prefix[i] == name[i] { i += 1 }
      if i == prefix.count { return true }
    }
    return false
  }

  package mutating func wakeup(_ record: borrowing TraceRecord) {
    let time = record.time
    tasks.update(0, UInt64(bitPattern: record.values[0])) { off in
      if off.woken == 0 { off.woken = time }
    }
  }

  /// The stack of the switch that is the task's last record before it, on the same CPU.
  package mutating func stack(_ record: borrowing TraceRecord) {
    let count = Int(clamping: max(0, record.values[0]))
    let words = UnsafeRawBufferPointer(
      rebasing: record.words.prefix(count.multipliedReportingOverflow(by: 8).partialValue))
    let (cpu, task) = (record.cpu, UInt64(UInt32(bitPattern: record.pid)))
    guard let off = tasks.began(0, task), off.extra.cpu == cpu, off.extra.stack < 0 else {
      strayStacks += 1
      return
    }
    guard let number = stacks.number(words) else { return }
    tasks.update(0, task) { $0.stack = number }
  }

  // MARK: io_uring

  package mutating func queueWork(_ record: borrowing TraceRecord) {
    let (user, work) = (record.values[1], record.values[2])
    works.begin(
      UInt64(TraceSpan.ioWqQueue.rawValue), UInt64(bitPattern: work), at: record.time,
      extra: Int64(record.pid) << 32 | user & 0xffff_ffff)
  }

  /// A worker takes a request: it runs one at a time.
  package mutating func beginWork(_ record: borrowing TraceRecord) -> TraceRow? {
    guard let row = endWork(.ioWqQueue, record.values[0], record) else { return nil }
    works.begin(
      UInt64(TraceSpan.ioWqRun.rawValue), UInt64(UInt32(bitPattern: record.pid)), at: record.time,
      extra: row.values[0] << 32 | row.values[1])
    return row
  }

  package mutating func endWork(_ record: borrowing TraceRecord) -> TraceRow? {
    endWork(.ioWqRun, Int64(record.pid), record)
  }

  private mutating func endWork(
    _ span: TraceSpan, _ key: Int64, _ record: borrowing TraceRecord
  ) -> TraceRow? {
    guard let (start, extra) = works.end(UInt64(span.rawValue), UInt64(bitPattern: key)),
      isWhole(start)
    else { return nil }
    var row = TraceRow(span, record, from: min(start, record.time))
    row.values[0] = extra >> 32
    row.values[1] = extra & 0xffff_ffff
    return row
  }
}

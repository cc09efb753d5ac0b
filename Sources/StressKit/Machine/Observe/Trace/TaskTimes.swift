// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// Where the trial's tasks are while they do not run, and io_uring's requests until a worker is done with them.
///
/// Tables of fixed size; nothing allocates after it is made. Times are CLOCK_BOOTTIME, ns.
package struct TaskTimes: ~Copyable {
  /// A task that is off its CPU.
  package struct OffCPU: BitwiseCopyable {
    /// `prev_state` of sched_switch, a bit mask (include/linux/sched.h, TASK_REPORT).
    package var state: Int64 = 0
    /// The one that it left.
    package var cpu: Int32 = 0
    /// Where it sleeps, by `StackTable`; -1: not told.
    package var stack: Int32 = -1
    /// When it was woken; 0: not yet.
    package var woken: UInt64 = 0

    /// Without one of these it was preempted, be it by cond_resched (TASK_REPORT_MAX).
    private static let asleep: Int64 = 0xff
    fileprivate var isAsleep: Bool { state & Self.asleep != 0 }
  }

  /// A request of io_uring.
  package struct Request: BitwiseCopyable {
    /// The task that submitted it.
    package var owner: Int32 = 0
    /// Its `user_data`.
    package var op: Int64 = 0
  }

  /// EXIT_DEAD and EXIT_ZOMBIE: it does not come back.
  private static let dead: Int64 = 0x30
  private static let names = TraceEvent.taskNames.map { Array($0.utf8) }
  /// Of the trial's commands, or of what is watched.
  private let threads: ThreadNames
  private static let ioWorker = Array(TraceEvent.ioWorker.utf8)

  private var tasks = SpanTable(capacity: 1 << 12, nothing: OffCPU())
  /// By `struct io_wq_work` while they are queued, by worker while they run.
  private var requests = SpanTable(capacity: 1 << 13, nothing: Request())
  /// The trial's tasks that have an io_uring: its requests and threads are others' unless they are theirs. nil: any
  /// may be.
  package var submitters: Set<Int32>? = []
  /// Whether the kernel tells when a worker takes a request: else none would leave the queue.
  package var followsRequests = false
  private let stacks: StackTable
  /// Records were lost before this: what began earlier may have ended and begun anew meanwhile.
  private var lost: UInt64 = 0
  /// Intervals that records were lost in, and stacks whose switch was.
  package private(set) var unpaired = 0

  package init(_ stacks: StackTable, threads: ThreadNames = ThreadNames()) {
    self.stacks = stacks
    self.threads = threads
  }

  package var overflowed: Int { tasks.overflowed + requests.overflowed + stacks.overflowed }

  package mutating func lose(before time: UInt64) { lost = max(lost, time) }

  private static func key(_ pid: Int64) -> UInt64 { UInt64(UInt32(truncatingIfNeeded: pid)) }

  // MARK: Tasks

  /// Returns the interval that ends with it.
  package mutating func schedSwitch(_ record: borrowing TraceRecord) -> TraceRow? {
    let (previous, state, next) = (record.values[0], record.values[1], record.values[2])
    let ended = tasks.end(0, Self.key(next))
    if state & Self.dead == 0, isOfTrial(record.text) {
      tasks.begin(
        0, Self.key(previous), at: record.time, extra: OffCPU(state: state, cpu: record.cpu))
    }
    guard let (start, off) = ended, isWhole(start) else { return nil }
    var row = TraceRow(.offCPU, record, from: min(start, record.time))
    row.pid = Int32(truncatingIfNeeded: next)
    row.values[0] = off.state
    row.values[1] = Self.wakeup(off, start)
    row.values[2] = off.stack < 0 ? SampleLine.unknown : Int64(off.stack)
    return row
  }

  /// From the beginning of an interval to the task's wakeup, ns.
  private static func wakeup(_ off: OffCPU, _ start: UInt64) -> Int64 {
    guard off.isAsleep, off.woken >= start else { return SampleLine.unknown }
    return Int64(clamping: off.woken - start)
  }

  private func isOfTrial(_ name: borrowing InlineArray<16, UInt8>) -> Bool {
    for which in 0..<Self.names.count where Self.begins(name, Self.names[which]) {
      guard Self.names[which] == Self.ioWorker else { return true }
      return isSubmitter(Self.number(name, from: Self.ioWorker.count))
    }
    return threads.contains(name)
  }

  private func isSubmitter(_ pid: Int32) -> Bool { submitters?.contains(pid) ?? true }

  private static func begins(
    _ name: borrowing InlineArray<16, UInt8>, _ beginning: [UInt8]
  ) -> Bool {
    var i = 0
    while i < beginning.count, beginning[i] == name[i] { i += 1 }
    return i == beginning.count
  }

  /// The digits of a name from a place on.
  private static func number(_ name: borrowing InlineArray<16, UInt8>, from start: Int) -> Int32 {
    var number: Int32 = 0
    for i in start..<16 where name[i] != 0 { number = number &* 10 &+ Int32(name[i]) &- 48 }
    return number
  }

  package mutating func wakeup(_ record: borrowing TraceRecord) {
    let time = record.time
    tasks.update(0, Self.key(record.values[0])) { off in
      if off.woken == 0 { off.woken = time }
    }
  }

  /// The stack of a task's switch to sleep, which the kernel records right behind the switch (as a trigger that
  /// comes after its event): the task's next record, on the same CPU.
  package mutating func stack(_ record: borrowing TraceRecord) {
    let task = Self.key(Int64(record.pid))
    guard let (_, off) = tasks.began(0, task), off.cpu == record.cpu, off.stack < 0 else {
      unpaired += 1
      return
    }
    let count = min(max(0, record.values[0]), Int64(record.words.count / 8))
    let words = UnsafeRawBufferPointer(rebasing: record.words.prefix(Int(count) * 8))
    guard let number = stacks.number(words) else { return }
    tasks.update(0, task) { $0.stack = number }
  }

  // MARK: io_uring

  package mutating func queueRequest(_ record: borrowing TraceRecord) {
    guard followsRequests, isSubmitter(record.pid) else { return }
    requests.begin(
      UInt64(TraceSpan.ioWqQueue.rawValue), UInt64(bitPattern: record.values[2]), at: record.time,
      extra: Request(owner: record.pid, op: record.values[1]))
  }

  /// A worker takes a request; it runs one at a time. Returns its interval in the queue.
  package mutating func beginRequest(_ record: borrowing TraceRecord) -> TraceRow? {
    let queued = requests.end(
      UInt64(TraceSpan.ioWqQueue.rawValue), UInt64(bitPattern: record.values[0]))
    guard let (start, request) = queued, isWhole(start) else { return nil }
    requests.begin(
      UInt64(TraceSpan.ioWqRun.rawValue), Self.key(Int64(record.pid)), at: record.time,
      extra: request)
    return row(.ioWqQueue, start, request, record)
  }

  /// Returns the interval in which it ran.
  package mutating func endRequest(_ record: borrowing TraceRecord) -> TraceRow? {
    let run = requests.end(UInt64(TraceSpan.ioWqRun.rawValue), Self.key(Int64(record.pid)))
    guard let (start, request) = run, isWhole(start) else { return nil }
    return row(.ioWqRun, start, request, record)
  }

  private func row(
    _ span: TraceSpan, _ start: UInt64, _ request: Request, _ record: borrowing TraceRecord
  ) -> TraceRow {
    var row = TraceRow(span, record, from: min(start, record.time))
    row.values[0] = Int64(request.owner)
    row.values[1] = request.op
    return row
  }

  private mutating func isWhole(_ start: UInt64) -> Bool {
    if start >= lost { return true }
    unpaired += 1
    return false
  }

  // MARK: The end

  /// Tasks that are off their CPU, once no more records come.
  package func visitTasks(_ body: (_ pid: Int64, _ start: UInt64, _ off: OffCPU) -> Void) {
    tasks.visit { _, pid, _, start, off in body(Int64(pid), start, off) }
  }

  /// Requests that no worker is done with; `key`: of its work or, when it runs, its worker.
  package func visitRequests(
    _ body: (_ span: TraceSpan, _ key: Int64, _ start: UInt64, _ request: Request) -> Void
  ) {
    requests.visit { kind, key, _, start, request in
      guard let span = TraceSpan(rawValue: UInt8(truncatingIfNeeded: kind)) else { return }
      body(span, Int64(bitPattern: key), start, request)
    }
  }
}

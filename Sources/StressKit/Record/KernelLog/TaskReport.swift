// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A task of which the kernel log has a stack: one that was blocked, whose allocation failed, or that invoked the OOM
/// killer. nil is "not told".
///
/// Sources: kernel/hung_task.c, kernel/sched/core.c (`sched_show_task`), mm/page_alloc.c (`warn_alloc`),
/// kernel/locking/lockdep.c, of 3.10 to 6.19.
package struct TaskReport: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    /// khungtaskd found it in state D for that long, s.
    case blocked(seconds: UInt64?)
    /// An allocation of 2^order pages failed.
    case failedAllocation(order: Int32?, flags: String?)
    /// One that took long, ms: kernels of 4.10 to 4.14.
    case slowAllocation(milliseconds: UInt64?, order: Int32?)
    case invokedOOM
  }

  package var kind: Kind
  package var comm: String
  package var pid: Int32?
  /// Numbers the messages, as `KernelLogRecord.sequence` does.
  package var sequence: UInt64
  /// Innermost first, without the unwinder's guesses (`? f+0x1/0x2`).
  package var frames: [String] = []
  /// The message has its call trace, down to its end.
  package var hasTrace = false
  package var workqueue: String?
  /// As in `6.12.43-amd64`.
  package var release: String?
}

/// Collects them, message by message.
package struct TaskReportParser: Sendable {
  fileprivate struct Open: Sendable {
    var report: TaskReport
    var caller: String?
    var isInTrace = false
    var age = 0
  }

  private var open: [Open] = []
  /// Whose locks are listed (`2 locks held by cp/1234:`), by pid.
  private var holder: Int32?
  package private(set) var locks: [Int32: [String: String]] = [:]
  /// Who holds the mutex or semaphore that a task is blocked on (6.16 and later), as in `cp:1234`, by the task's pid.
  package private(set) var owners: [Int32: String] = [:]

  /// Messages of others that may come between two of one report.
  private static let longestGap = 400

  package init() {}

  /// Whether the log's next record means nothing unless it is ``KernelLogRecord/isMarked``: no report of its caller's is
  /// under way.
  package func isIdle(_ record: KernelLogRecord) -> Bool {
    holder == nil && current(record.caller) == nil
  }

  /// Takes the log's next message; reports that are complete are given.
  package mutating func feed(_ record: KernelLogRecord) -> [TaskReport] {
    guard record.facility == 0 else { return [] }
    var done: [TaskReport] = []
    let isMarked = record.isMarked
    for line in record.text.lines { take(line, record, isMarked, &done) }
    return done
  }

  /// The log ends here.
  package mutating func finish() -> [TaskReport] {
    defer { open = [] }
    return open.map(\.report)
  }

  private mutating func take(
    _ line: Substring, _ record: KernelLogRecord, _ isMarked: Bool, _ done: inout [TaskReport]
  ) {
    if isMarked, let report = Self.beginning(line, record) {
      if let index = current(record.caller) { done.append(open.remove(at: index).report) }
      open.append(Open(report: report, caller: record.caller))
      holder = nil
      return
    }
    if (isMarked && takeOwner(line)) || takeLock(line, isMarked) { return }
    holder = nil
    guard let index = current(record.caller) else { return }
    open[index].age += 1
    let isOver = open[index].take(line) || open[index].age > Self.longestGap
    if isOver { done.append(open.remove(at: index).report) }
  }

  private func current(_ caller: String?) -> Int? {
    open.lastIndex { $0.caller == caller }
  }

  // MARK: First lines

  private static func beginning(
    _ line: Substring, _ record: KernelLogRecord
  ) -> TaskReport? {
    if let rest = line.after(prefix: "INFO: task "),
      let blocked = rest.parted(by: " blocked ") ?? rest.parted(by: " is blocked "),
      let (comm, pid) = task(blocked.before), blocked.after.holds("for more than ")
    {
      let text = blocked.after.parted(by: "for more than ")?.after
      let seconds = text?.parted(by: " seconds").flatMap { UInt64($0.before) }
      return TaskReport(
        kind: .blocked(seconds: seconds), comm: comm, pid: pid, sequence: record.sequence)
    }
    if let failure = line.parted(by: ": page allocation failure") {
      let order = failure.after.parted(by: "order:")?.after.prefix { $0 != "," }
      return TaskReport(
        kind: .failedAllocation(order: order.flatMap { Int32($0) }, flags: flags(failure.after)),
        comm: comm(failure.before), pid: nil, sequence: record.sequence)
    }
    if let slow = line.parted(by: ": page allocation stalls for ") {
      let order = slow.after.parted(by: "order:")?.after.prefix { $0 != "," }
      return TaskReport(
        kind: .slowAllocation(
          milliseconds: slow.after.parted(by: "ms,").flatMap { UInt64($0.before) },
          order: order.flatMap { Int32($0) }),
        comm: comm(slow.before), pid: nil, sequence: record.sequence)
    }
    if let invoker = line.parted(by: " invoked oom-killer: ") {
      return TaskReport(
        kind: .invokedOOM, comm: String(invoker.before), pid: nil, sequence: record.sequence)
    }
    return nil
  }

  /// `warn_alloc: COMM`, as 4.11 to 4.14 have it.
  private static func comm(_ text: Substring) -> String {
    String(text.after(prefix: "warn_alloc: ") ?? text)
  }

  private static func flags(_ text: Substring) -> String? {
    text.parted(by: "mode:")?.after.parted(by: "(")?.after.parted(by: ")").map {
      String($0.before)
    }
  }

  /// `COMM:PID`; a name may have colons.
  private static func task(_ text: Substring) -> (comm: String, pid: Int32)? {
    guard let parts = text.parted(byLast: ":"), let pid = Int32(parts.after) else { return nil }
    return (String(parts.before), pid)
  }

  /// `INFO: task A:1 is blocked on a mutex likely owned by task B:2.`, behind the task's stack.
  private mutating func takeOwner(_ line: Substring) -> Bool {
    guard let rest = line.after(prefix: "INFO: task ")?.parted(by: " blocked on a "),
      let (_, pid) = Self.task(rest.before.parted(by: " is")?.before ?? rest.before)
    else { return false }
    if let owner = rest.after.parted(by: " by task ") {
      owners[pid] = String(owner.after.prefix { $0 != "." })
    }
    return true
  }

  // MARK: Locks

  /// `2 locks held by cp/1234:` and ` #0: ffff888 (&x){+.+.}-{3:3}, at: f+0x1/0x2`
  private mutating func takeLock(_ line: Substring, _ isMarked: Bool) -> Bool {
    if isMarked, let rest = line.parted(by: " held by "), let task = rest.after.parted(byLast: "/"),
      rest.before.holds("lock"), let pid = Int32(task.after.prefix { $0 != ":" && $0 != "." })
    {
      holder = pid
      return true
    }
    let text = line.drop { $0 == " " }
    guard let holder, let rest = text.after(prefix: "#"), let lock = rest.parted(by: ": "),
      Int(lock.before) != nil, let address = lock.after.parted(by: " ("),
      let name = address.after.parted(by: ")")
    else { return false }
    locks[holder, default: [:]][String(address.before)] = String(name.before)
    return true
  }
}

extension TaskReportParser.Open {
  /// Takes a further line; whether the report ends with it.
  fileprivate mutating func take(_ line: Substring) -> Bool {
    let text = line.drop { $0 == " " || $0 == "\t" }
    if text.after(prefix: "Call Trace:") != nil || text.after(prefix: "Call trace:") != nil {
      // A second one is another task's.
      if report.hasTrace || !report.frames.isEmpty { return true }
      isInTrace = true
      return false
    }
    if text.after(prefix: "</TASK>") != nil {
      report.hasTrace = !report.frames.isEmpty
      return isBlocked
    }
    if let (name, isGuess) = Self.frame(text) {
      // Before 5.x a blocked task's stack may come without its head line.
      if isInTrace || isBlocked, !isGuess, !report.hasTrace { report.frames.append(name) }
      return false
    }
    if isInTrace, !report.frames.isEmpty, !Self.isOfTrace(text) {
      isInTrace = false
      report.hasTrace = true
    }
    if let name = text.after(prefix: "Workqueue: ") { report.workqueue = String(name) }
    readRelease(text)
    if report.pid == nil, let pid = text.parted(by: " PID: ")?.after.parted(by: " Comm: "),
      pid.after.after(prefix: report.comm + " ") != nil
    {
      report.pid = Int32(pid.before)
    }
    return isBlocked && report.hasTrace
  }

  private var isBlocked: Bool { if case .blocked = report.kind { true } else { false } }

  /// `Not tainted 6.12.43 #1`, `Tainted: G  O  6.12.41-x #1`, alone or behind `CPU: 0 PID: 1 Comm: x`.
  private mutating func readRelease(_ text: Substring) {
    guard report.release == nil,
      let rest = text.parted(by: "Not tainted ") ?? text.parted(by: "Tainted: ")
    else { return }
    let words = rest.after.split(separator: " ")
    // The version is before the build's number; since 6.12 another line says what the letters mean.
    guard let build = words.firstIndex(where: { $0.utf8.first == UInt8(ascii: "#") }), build > 0,
      let first = words[build - 1].utf8.first, first &- 0x30 < 10
    else { return }
    report.release = String(words[build - 1])
  }

  /// Lines that may stand within a trace.
  private static func isOfTrace(_ text: Substring) -> Bool {
    text.isEmpty
      || ["<TASK>", "<IRQ>", "</IRQ>", "[", "RIP", "..."].contains {
        text.after(prefix: $0) != nil
      }
  }

  /// `[<ffffffff8168dce9>] ? schedule+0x29/0x70 [xfs]`
  private static func frame(_ text: Substring) -> (name: String, isGuess: Bool)? {
    var rest = text
    // 3.x, and both addresses of powerpc's.
    while rest.utf8.first == UInt8(ascii: "["), let address = rest.parted(by: "] ") {
      guard address.before.utf8.dropFirst().allSatisfy({ isHex($0) || $0 == 0x3c || $0 == 0x3e })
      else { return nil }
      rest = address.after
    }
    let guess = rest.after(prefix: "? ")
    guard let name = (guess ?? rest).parted(by: "+0x"),
      let offset = name.after.parted(by: "/0x"), offset.before.utf8.allSatisfy(isHex),
      let first = name.before.utf8.first, (first | 0x20) &- 0x61 < 26 || first == 0x5f,
      name.before.utf8.allSatisfy({ byte in
        OOMText.isKeyCharacter(byte | 0x20) || OOMText.isKeyCharacter(byte)
          || byte == UInt8(ascii: ".")
      })
    else { return nil }
    return (String(name.before), guess != nil)
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 6
  }
}

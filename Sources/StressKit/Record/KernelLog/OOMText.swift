// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The kernel's sentences.
enum OOMText {
  static let statsPrefix = "Memory cgroup stats for "
  static let oomKillPrefix = "oom-kill:"
  static let groupPrefix = "Tasks in "
  static let groupSuffix = " are going to be killed due to memory.oom.group set"

  /// Lines that the kernel prints in pieces (pr_cont), of which the rest is still to come.
  static func isPartial(_ text: Substring) -> Bool {
    if text.after(prefix: statsPrefix) != nil { return text.utf8.last != UInt8(ascii: ":") }
    if text.after(prefix: oomKillPrefix) != nil { return oomKillLine(text)?.isWhole != true }
    if text.after(prefix: groupPrefix) != nil { return !isGroupLine(text) }
    return false
  }

  /// Messages that have further lines of their own (Mem-Info, and a memcg's figures before 6.12).
  static func hasFurtherLines(_ text: Substring) -> Bool {
    text.after(prefix: "active_anon:") != nil || text.after(prefix: statsPrefix) != nil
  }

  /// `key value`, as a memcg's figures are.
  static func isFigure(_ text: Substring) -> Bool {
    guard let (key, digits) = text.parted(by: " "), !key.isEmpty else { return false }
    return key.utf8.allSatisfy(isKeyCharacter) && UInt64(digits) != nil
  }

  /// Messages of which a mail that has wrapped them must have more.
  static func isUnfinished(_ text: Substring) -> Bool {
    if isPartial(text) { return true }
    if text.holds(" invoked oom-killer: ") { return !text.holds(" oom_score_adj=") }
    if text.holds("Killed process ") { return !text.holds("oom_score_adj:") }
    if text.after(prefix: "INFO: task ") != nil { return text.utf8.last != UInt8(ascii: ".") }
    if text.after(prefix: "memory: usage ") != nil || text.after(prefix: "swap: usage ") != nil {
      return usage(text.parted(by: ": usage ")?.after ?? text).failcnt == nil
    }
    return false
  }

  private static let beginnings = [
    "[", "CPU: ", "Call Trace:", "Hardware name:", "INFO: task ", "Mem-Info:", "Memory cgroup ",
    "Out of memory", "Tasks state", "active_anon:", "memory: usage ", "oom-kill:", "oom_reaper: ",
    "swap: usage ", "kmem: usage ", "memory+swap: usage ", "task:", "Workqueue:", "Tainted: ",
  ]

  /// Whether a line without a prefix is the beginning of a message, and no rest of a wrapped one.
  static func beginsMessage(_ text: Substring) -> Bool {
    beginnings.contains { text.after(prefix: $0) != nil } || text.holds(" invoked oom-killer: ")
      || text.holds(": page allocation failure: ")
  }

  static func isGroupLine(_ text: Substring) -> Bool {
    text.after(prefix: groupPrefix) != nil
      && text.utf8.reversed().starts(with: groupSuffix.utf8.reversed())
  }

  /// `COMM invoked oom-killer: gfp_mask=0xHEX(FLAGS), order=N, oom_score_adj=N`
  static func invocation(_ record: KernelLogRecord) -> OOMReport? {
    guard let (comm, rest) = record.text[...].parted(by: " invoked oom-killer: ") else {
      return nil
    }
    var report = OOMReport()
    report.invoker = String(comm)
    report.invokedTime = record.time
    report.invokedSequence = record.sequence
    if let mask = rest.after(prefix: "gfp_mask=0x") {
      // The flags' names are there since 4.6.
      report.gfpMask = UInt64(mask.prefix { $0 != "(" && $0 != "," }, radix: 16)
      report.gfpFlags = mask.parted(by: "(")?.after.parted(by: ")").map { String($0.before) }
    }
    let order = rest.parted(by: " order=")?.after
    report.order = order.flatMap { Int32($0.prefix { $0 != "," }) }
    let adjustment = rest.parted(by: " oom_score_adj=")?.after
    report.invokerScoreAdj = adjustment.flatMap { Int32($0) }
    return report
  }

  struct OOMKill {
    var constraint: String
    /// nil: not told.
    var global: Bool?
    var oomCgroup: String?
    var taskCgroup: String?
    var pid: Int32?
    /// Its end is there.
    var isWhole: Bool
  }

  /// `oom-kill:constraint=C,nodemask=(null)[,cpuset=/,mems_allowed=0],{oom_memcg=/x|global_oom},`
  /// `task_memcg=/y,task=NAME,pid=N,uid=N`, and with CONFIG_MEMCG=n nothing between mems_allowed and task. A
  /// name may have commas: the end is read from the right.
  static func oomKillLine(_ text: Substring) -> OOMKill? {
    guard let rest = text.after(prefix: "oom-kill:constraint="),
      let constraint = rest.parted(by: ",nodemask=")
    else { return nil }
    var line = OOMKill(constraint: String(constraint.before), isWhole: false)
    var context: Substring? = constraint.after
    if let uid = context?.parted(byLast: ",uid="), UInt32(uid.after) != nil,
      let pid = uid.before.parted(byLast: ",pid="), let number = Int32(pid.after)
    {
      line.isWhole = true
      line.pid = number
      context = pid.before
    }
    // Without the task behind it, a cgroup's name may have been cut.
    context = context?.parted(byLast: ",task=")?.before
    let cgroup = context?.parted(byLast: ",task_memcg=")
    line.taskCgroup = cgroup.map { String($0.after) }
    if let cgroup {
      line.oomCgroup = cgroup.before.parted(by: ",oom_memcg=").map { String($0.after) }
      let isGlobal = cgroup.before.parted(byLast: ",global_oom")?.after.isEmpty == true
      line.global = line.oomCgroup != nil ? false : isGlobal ? true : nil
    } else if line.constraint == "CONSTRAINT_MEMCG" {
      line.global = false
    } else if line.isWhole, context?.parted(by: "memcg=") == nil {
      line.global = true
    }
    return line
  }

  enum KillMessage {
    /// What follows "Killed process ".
    case killed(Substring)
    /// A kill line that does not say of what kind comes next: until 5.2.
    case announced
    case exiting(pid: Int32)
    case noKillableProcess
  }

  /// Lines that begin with "Memory cgroup out of memory" or "Out of memory", the latter also with
  /// " (oom_kill_allocating_task)" behind it.
  ///
  /// - Parameter announced: whether a line before announced a kill, and of what kind.
  static func killMessage(
    _ text: Substring, announced: Bool?
  ) -> (what: KillMessage, global: Bool)? {
    if let announced, let line = text.after(prefix: "Killed process ") {
      return (.killed(line), announced)
    }
    let memcg = text.after(prefix: "Memory cgroup out of memory")
    guard let rest = memcg ?? text.after(prefix: "Out of memory") else { return nil }
    let global = memcg == nil
    if let line = rest.parted(by: ": Killed process ") { return (.killed(line.after), global) }
    if rest.parted(by: ": Kill process ") != nil { return (.announced, global) }
    if let line = rest.parted(by: ": OOM victim "),
      let pid = Int32(line.after.prefix { $0 != " " })
    {
      return (.exiting(pid: pid), global)
    }
    if rest.after(prefix: " and no killable processes") != nil {
      return (.noKillableProcess, global)
    }
    return nil
  }

  /// `PID (NAME) total-vm:NkB, anon-rss:NkB, file-rss:NkB, shmem-rss:NkB, UID:N pgtables:NkB`
  /// `oom_score_adj:N`
  static func victim(_ line: Substring, _ record: KernelLogRecord) -> OOMReport.Victim? {
    guard let head = line.parted(by: " ("), let pid = Int32(head.before) else { return nil }
    // A name may have brackets.
    let tail =
      head.after.parted(byLast: ") total-vm:") ?? head.after.parted(byLast: ")")
      ?? (head.after, "")
    var victim = OOMReport.Victim(
      pid: pid, comm: String(tail.before), time: record.time, sequence: record.sequence)
    for item in ("total-vm:" + tail.after).split(whereSeparator: { $0 == " " || $0 == "," }) {
      guard let (key, value) = item.parted(by: ":") else { continue }
      switch key {
      case "total-vm": victim.totalVM = kilobytes(value)
      case "anon-rss": victim.anonRSS = kilobytes(value)
      case "file-rss": victim.fileRSS = kilobytes(value)
      case "shmem-rss": victim.shmemRSS = kilobytes(value)
      case "UID": victim.uid = UInt32(value)
      case "pgtables": victim.pageTables = kilobytes(value)
      case "oom_score_adj": victim.oomScoreAdj = Int32(value)
      default: break
      }
    }
    return victim
  }

  /// `NkB, limit NkB, failcnt N`
  static func usage(_ text: Substring) -> (usage: UInt64?, limit: UInt64?, failcnt: UInt64?) {
    let usage = text.prefix { $0 != "," }
    let limit = text.parted(by: ", limit ")?.after.prefix { $0 != "," }
    let failcnt = text.parted(by: ", failcnt ")?.after
    return (kilobytes(usage), limit.flatMap(kilobytes), failcnt.flatMap { UInt64($0) })
  }

  static func kilobytes(_ text: Substring) -> UInt64? {
    text.parted(by: "kB").flatMap { UInt64($0.before) }?.saturating(times: 1024)
  }

  static func isKeyCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// The columns behind the pid of a task table's header; nil: no header, or none of a kernel's: a column that
  /// is broken in two would shift all rows.
  static func taskColumns(_ text: Substring) -> [String]? {
    guard let head = text.after(prefix: "[")?.parted(by: "]"),
      head.before.split(separator: " ") == ["pid"]
    else { return nil }
    let columns = head.after.split(separator: " ").map(String.init)
    return columns.suffix(2) == ["oom_score_adj", "name"] ? columns : nil
  }

  /// `[    213]     0   213 ... pw` under a header whose columns, after pid, are `columns`; its pages are left as
  /// counts.
  static func taskRow(_ text: Substring, columns: [String]) -> OOMReport.TaskRow? {
    guard let head = text.after(prefix: "[")?.parted(by: "]"),
      let pid = Int32(head.before.drop { $0 == " " })
    else { return nil }
    // The name, the last column, may have blanks.
    let values = head.after.split(separator: " ", maxSplits: columns.count - 1)
    guard values.count == columns.count else { return nil }
    var row = OOMReport.TaskRow(pid: pid, name: String(values[columns.count - 1]))
    for (column, value) in zip(columns, values) {
      switch column {
      case "uid": row.uid = UInt32(value)
      case "tgid": row.tgid = Int32(value)
      case "total_vm": row.totalVM = UInt64(value)
      case "rss": row.rss = UInt64(value)
      case "rss_anon": row.rssAnon = UInt64(value)
      case "rss_file": row.rssFile = UInt64(value)
      case "rss_shmem": row.rssShmem = UInt64(value)
      case "pgtables_bytes": row.pageTables = UInt64(value)
      case "swapents": row.swap = UInt64(value)
      case "oom_score_adj": row.oomScoreAdj = Int32(value)
      default: break
      }
    }
    return row
  }

  private static let zones: Set<String> = [
    "DMA", "DMA32", "Normal", "HighMem", "Movable", "Device",
  ]

  /// A zone's name, and the node's number before it: with CONFIG_NUMA=n there is none (show_node, mm/show_mem.c).
  ///
  /// - Parameter separator: what stands behind the name.
  static func zone(
    _ text: Substring, _ separator: String
  ) -> (node: Int?, rest: Substring)? {
    let node = text.after(prefix: "Node ")?.parted(by: " ")
    guard let parts = (node?.after ?? text).parted(by: separator),
      zones.contains(String(parts.before))
    else { return nil }
    return (node.flatMap { Int($0.before) }, parts.after)
  }
}

extension UInt64 {
  func saturating(times factor: UInt64) -> UInt64 {
    let (product, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }

  func saturating(plus other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}

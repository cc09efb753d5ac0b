/// The kernel's sentences.
enum OOMText {
  static let statsPrefix = "Memory cgroup stats for "
  static let oomKillPrefix = "oom-kill:"
  static let groupPrefix = "Tasks in "
  static let groupSuffix = " are going to be killed due to memory.oom.group set"

  /// Lines that the kernel prints in pieces (pr_cont), of which the rest is still to come.
  static func isPartial(_ text: Substring) -> Bool {
    if text.after(prefix: statsPrefix) != nil { return text.utf8.last != UInt8(ascii: ":") }
    if text.after(prefix: oomKillPrefix) != nil { return oomKillLine(text) == nil }
    if text.after(prefix: groupPrefix) != nil { return !isGroupLine(text) }
    return false
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
    if let mask = rest.after(prefix: "gfp_mask=0x")?.parted(by: "(") {
      report.gfpMask = UInt64(mask.before, radix: 16)
      report.gfpFlags = mask.after.parted(by: ")").map { String($0.before) }
    }
    let order = rest.parted(by: " order=")?.after
    report.order = order.flatMap { Int32($0.prefix { $0 != "," }) }
    let adjustment = rest.parted(by: " oom_score_adj=")?.after
    report.invokerScoreAdj = adjustment.flatMap { Int32($0) }
    return report
  }

  struct OOMKill {
    var constraint: String
    /// nil: global.
    var oomCgroup: String?
    var taskCgroup: String
    var pid: Int32
  }

  /// `oom-kill:constraint=C,nodemask=(null)[,cpuset=/,mems_allowed=0],{oom_memcg=/x|global_oom},`
  /// `task_memcg=/y,task=NAME,pid=N,uid=N`. A name may have commas: the end is read from the right.
  static func oomKillLine(_ text: Substring) -> OOMKill? {
    guard let rest = text.after(prefix: "oom-kill:constraint="),
      let constraint = rest.parted(by: ",nodemask="),
      let uid = constraint.after.parted(byLast: ",uid="), UInt32(uid.after) != nil,
      let pid = uid.before.parted(byLast: ",pid="), let number = Int32(pid.after),
      let task = pid.before.parted(byLast: ",task="),
      let cgroup = task.before.parted(byLast: ",task_memcg=")
    else { return nil }
    let oomCgroup = cgroup.before.parted(by: ",oom_memcg=")?.after
    if oomCgroup == nil, cgroup.before.parted(byLast: ",global_oom")?.after.isEmpty != true {
      return nil
    }
    return OOMKill(
      constraint: String(constraint.before), oomCgroup: oomCgroup.map(String.init),
      taskCgroup: String(cgroup.after), pid: number)
  }

  enum KillMessage {
    /// What follows "Killed process ".
    case killed(Substring)
    case exiting(pid: Int32)
    case noKillableProcess
  }

  /// Lines that begin with "Memory cgroup out of memory" or "Out of memory", the latter also with
  /// " (oom_kill_allocating_task)" behind it.
  static func killMessage(_ text: Substring) -> (what: KillMessage, global: Bool)? {
    let memcg = text.after(prefix: "Memory cgroup out of memory")
    guard let rest = memcg ?? text.after(prefix: "Out of memory") else { return nil }
    let global = memcg == nil
    if let line = rest.parted(by: ": Killed process ") { return (.killed(line.after), global) }
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

  /// `[    213]     0   213 ... pw` under a header whose columns, after pid, are `columns`.
  static func taskRow(
    _ text: Substring, columns: [String], pageSize: UInt64
  ) -> OOMReport.TaskRow? {
    guard columns.last == "name", let head = text.after(prefix: "[")?.parted(by: "]"),
      let pid = Int32(head.before.drop { $0 == " " })
    else { return nil }
    // The name, the last column, may have blanks.
    let values = head.after.split(separator: " ", maxSplits: columns.count - 1)
    guard values.count == columns.count else { return nil }
    var row = OOMReport.TaskRow(pid: pid, name: String(values[columns.count - 1]))
    for (column, value) in zip(columns, values) {
      let pages = UInt64(value)?.saturating(times: pageSize)
      switch column {
      case "uid": row.uid = UInt32(value)
      case "tgid": row.tgid = Int32(value)
      case "total_vm": row.totalVM = pages
      case "rss": row.rss = pages
      case "rss_anon": row.rssAnon = pages
      case "rss_file": row.rssFile = pages
      case "rss_shmem": row.rssShmem = pages
      case "pgtables_bytes": row.pageTables = UInt64(value)
      case "swapents": row.swap = pages
      case "oom_score_adj": row.oomScoreAdj = Int32(value)
      default: break
      }
    }
    return row
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

/// Byte-wise: a name's bytes must not join with the ASCII around them into one Character.
extension Substring {
  func after(prefix: String) -> Substring? {
    guard utf8.starts(with: prefix.utf8) else { return nil }
    return self[utf8.index(startIndex, offsetBy: prefix.utf8.count)...]
  }

  var lines: [Substring] {
    utf8.split(separator: UInt8(ascii: "\n")).map { Substring($0) }
  }

  func parted(by separator: String) -> (before: Substring, after: Substring)? {
    var at = startIndex
    while at < endIndex {
      if let rest = self[at...].after(prefix: separator) { return (self[..<at], rest) }
      utf8.formIndex(after: &at)
    }
    return nil
  }

  func parted(byLast separator: String) -> (before: Substring, after: Substring)? {
    var at = endIndex
    while at > startIndex {
      utf8.formIndex(before: &at)
      if let rest = self[at...].after(prefix: separator) { return (self[..<at], rest) }
    }
    return nil
  }
}

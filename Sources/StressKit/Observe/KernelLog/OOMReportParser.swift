/// Puts OOM reports together, record by record.
///
/// `out_of_memory()` runs under `oom_lock`, from the dump to the last kill of a group, so incidents
/// follow one another in the log; only other messages come in between. The parser relies on that as
/// far as it must: without `caller=`, a dump's lines belong to the latest "invoked oom-killer". Should two
/// dumps be woven all the same, what cannot be told apart is left out, rather than given to the wrong
/// one. A kill line is tied to a dump by its pid.
///
/// Every "Killed process" line is in exactly one event (`incident` or `groupKill`), so the two together
/// are as many as `oom_kill` of memory.events or /proc/vmstat counts, and `incident` alone counts
/// incidents. One limit: of group kills whose dump was suppressed, a next one whose dump is suppressed
/// too cannot be told from more members of the first.
package struct OOMReportParser: Sendable {
  package enum Event: Equatable, Sendable {
    /// A first kill line. `victims` has it alone.
    case incident(OOMReport)
    /// A further kill line, after "Tasks in ... are going to be killed due to memory.oom.group set". The
    /// first victim is among the group and gets a second line, and is counted twice by the kernel too.
    /// `incident` is the sequence number of the incident's first kill line.
    case groupKill(OOMReport.Victim, incident: UInt64)
    /// A dump that no kill line followed.
    case withoutKill(OOMReport, Reason)
  }

  package enum Reason: String, Sendable {
    /// "Out of memory and no killable processes": the task gets its ENOMEM.
    case noKillableProcess
    /// The victim went by itself between the choice and the kill.
    case exiting
    /// The rest of the report is missing.
    case cut
  }

  /// "Killed process" lines so far.
  package private(set) var killLines = 0

  private let pageSize: UInt64
  private var drafts: [Draft] = []
  /// A line that another CPU's message cut short; its rest comes as continuation records.
  private var partial: KernelLogRecord?
  private var lastSequence: UInt64?
  /// Dumps under way of which it is unknown which line belongs to which.
  private var wovenDumps = 0
  /// The incident that group kills would belong to.
  private var latest: Incident?

  /// More dumps than this wait for their kill line only if lines are missing.
  private static let mostDrafts = 8

  /// - Parameter pageSize: of the kernel that wrote the log, in bytes.
  package init(pageSize: UInt64 = 4096) { self.pageSize = pageSize }

  /// The reports of a whole log, each with all its victims: none if no kill line followed the dump.
  package static func reports(
    in records: some Sequence<KernelLogRecord>, pageSize: UInt64 = 4096
  ) -> [OOMReport] {
    var parser = OOMReportParser(pageSize: pageSize)
    var reports: [OOMReport] = []
    for record in records {
      switch parser.feed(record) {
      case .incident(let report), .withoutKill(let report, _): reports.append(report)
      case .groupKill(let victim, let incident):
        let index = reports.lastIndex { $0.victims.first?.sequence == incident }
        if let index { reports[index].victims.append(victim) }
      case nil: break
      }
    }
    return reports + parser.finish()
  }

  /// The dumps that still wait for a kill line: the log ends here.
  package mutating func finish() -> [OOMReport] {
    defer { drafts = [] }
    return drafts.map(\.report)
  }

  /// Takes the log's next record, of whatever subject. Records must come in the log's order, none left
  /// out: a gap in their numbers counts as a loss.
  package mutating func feed(_ record: KernelLogRecord) -> Event? {
    let gap = lastSequence.map { record.sequence != $0 &+ 1 } ?? false
    lastSequence = record.sequence
    if gap { forgetWhatAGapMayHide() }
    // Processes can write anything into the log, but not with the kernel's facility.
    guard record.facility == 0 else { return nil }
    if record.isContinuation {
      guard var whole = partial, whole.caller == record.caller else { return nil }
      whole.text += record.text
      let complete = !OOMText.isPartial(whole.text[...])
      partial = complete ? nil : whole
      return complete ? interpret(whole) : nil
    }
    if OOMText.isPartial(record.text[...]) {
      partial = record
      return nil
    }
    return interpret(record)
  }

  private mutating func forgetWhatAGapMayHide() {
    partial = nil
    wovenDumps = 0
    for index in drafts.indices { drafts[index].hasGap = true }
    latest?.hasGap = true
  }

  private mutating func interpret(_ record: KernelLogRecord) -> Event? {
    let text = record.text[...]
    if let report = OOMText.invocation(record) {
      return begin(Draft(report: report, caller: record.caller))
    }
    if let message = OOMText.killMessage(text) {
      switch message.what {
      case .killed(let line):
        return OOMText.victim(line, record).map { killed($0, message.global, record.caller) }
      case .exiting(let pid): return takeDraft(naming: pid).map { .withoutKill($0, .exiting) }
      case .noKillableProcess: return nothingKillable(record.caller)
      }
    }
    if OOMText.isGroupLine(text) {
      beginGroup(record.caller)
      return nil
    }
    if let line = OOMText.oomKillLine(text) { return choose(line, record.caller) }
    if let index = openDraft(record.caller) { drafts[index].read(text, pageSize: pageSize) }
    return nil
  }

  /// The dump that a line printed by `caller` belongs to.
  private func openDraft(_ caller: String?) -> Int? {
    drafts.lastIndex { !$0.isComplete && $0.caller == caller }
  }

  private mutating func begin(_ draft: Draft) -> Event? {
    latest = nil
    if let index = openDraft(draft.caller) {
      let earlier = drafts.remove(at: index)
      if draft.caller == nil, !earlier.hasGap {
        wovenDumps = 2
        return nil
      }
      drafts.append(draft)
      return .withoutKill(earlier.report, .cut)
    }
    if draft.caller == nil, wovenDumps > 0 {
      wovenDumps += 1
      return nil
    }
    return add(draft)
  }

  private mutating func add(_ draft: Draft) -> Event? {
    drafts.append(draft)
    return drafts.count > Self.mostDrafts
      ? .withoutKill(drafts.removeFirst().report, .cut) : nil
  }

  private mutating func choose(_ line: OOMText.OOMKill, _ caller: String?) -> Event? {
    let index = openDraft(caller)
    // A dump whose beginning is missing, or whose other lines cannot be told from another's.
    var draft = index.map { drafts.remove(at: $0) } ?? Draft(report: OOMReport(), caller: caller)
    if index == nil { wovenDumps = max(0, wovenDumps - 1) }
    draft.report.constraint = line.constraint
    draft.report.global = line.oomCgroup == nil
    draft.report.oomCgroup = line.oomCgroup
    draft.report.taskCgroup = line.taskCgroup
    draft.report.chosenPID = line.pid
    draft.isComplete = true
    return add(draft)
  }

  private mutating func takeDraft(naming pid: Int32) -> OOMReport? {
    drafts.firstIndex { $0.names(pid) }.map { drafts.remove(at: $0).report }
  }

  /// The sentence is the same for a cgroup and for the machine.
  private mutating func nothingKillable(_ caller: String?) -> Event? {
    let index = openDraft(caller)
    if index == nil { wovenDumps = max(0, wovenDumps - 1) }
    let report = index.map { drafts.remove(at: $0).report } ?? OOMReport()
    return .withoutKill(report, .noKillableProcess)
  }

  private mutating func beginGroup(_ caller: String?) {
    // Without a latest incident its first kill line is missing: the next one will stand for it.
    if latest == nil || latest?.caller != caller { latest = Incident(caller: caller) }
    latest?.groupKilled = []
  }

  private mutating func killed(
    _ victim: OOMReport.Victim, _ global: Bool, _ caller: String?
  ) -> Event {
    killLines += 1
    if let report = takeDraft(naming: victim.pid) {
      return incident(report, victim, global, caller)
    }
    if let id = latest?.addGroupKill(of: victim.pid, global: global, caller: caller) {
      return .groupKill(victim, incident: id)
    }
    // The `oom-kill:` line is missing, and nothing speaks against this being the dump's victim.
    if let index = openDraft(caller), drafts[index].mayHaveKilled(victim.pid, global: global) {
      return incident(drafts.remove(at: index).report, victim, global, caller)
    }
    wovenDumps = max(0, wovenDumps - 1)
    return incident(OOMReport(), victim, global, caller)
  }

  private mutating func incident(
    _ draft: OOMReport, _ victim: OOMReport.Victim, _ global: Bool, _ caller: String?
  ) -> Event {
    var report = draft
    report.global = global
    report.victims = [victim]
    var incident = Incident(caller: caller)
    incident.id = victim.sequence
    incident.global = global
    incident.tasks = Set(report.tasks.flatMap { [$0.pid, $0.tgid ?? $0.pid] } + [victim.pid])
    incident.hasTable = !report.tasks.isEmpty
    if latest?.awaitsFirstKill(by: caller) == true { incident.groupKilled = [victim.pid] }
    latest = incident
    return .incident(report)
  }
}

/// What tells further kill lines of an incident from those of a next one.
private struct Incident {
  /// nil: its first kill line is missing.
  var id: UInt64?
  var global: Bool?
  var caller: String?
  /// The first victim and the processes in the dump's table.
  var tasks: Set<Int32> = []
  var hasTable = false
  /// nil: memory.oom.group was not acted on.
  var groupKilled: Set<Int32>?
  /// Records were lost since.
  var hasGap = false

  init(caller: String?) { self.caller = caller }

  /// The incident's id, if the line is of a member of its group.
  mutating func addGroupKill(of pid: Int32, global: Bool, caller: String?) -> UInt64? {
    guard let id, groupKilled?.contains(pid) == false, self.global == global,
      self.caller == caller, tasks.contains(pid) || (!hasTable && !hasGap)
    else { return nil }
    groupKilled?.insert(pid)
    return id
  }

  /// Whether a group was announced, but perhaps another incident's, whose first kill line got lost.
  func awaitsFirstKill(by caller: String?) -> Bool {
    groupKilled != nil && (id == nil || hasGap) && self.caller == caller
  }
}

/// A report whose kill line is still to come.
private struct Draft {
  private enum Section {
    case other
    case figures
    case table
    case rows(columns: [String])
  }

  var report: OOMReport
  var caller: String?
  /// The `oom-kill:` line, a dump's last, has come.
  var isComplete = false
  /// Records were lost since the dump began.
  var hasGap = false
  private var section = Section.other

  /// printk of 6.1 cuts a text at 975 bytes at the earliest (LOG_LINE_MAX with CONFIG_PRINTK_CALLER), a
  /// newline among them. The last line of so long a text may have lost digits.
  private static let shortestCutText = 974

  init(report: OOMReport, caller: String?) {
    self.report = report
    self.caller = caller
  }

  /// Whether the `oom-kill:` line chose this process. The kill line names a thread of it when its leader
  /// has exited (`find_lock_task_mm`), as the table does.
  func names(_ pid: Int32) -> Bool {
    guard let chosen = report.chosenPID else { return false }
    return chosen == pid || report.tasks.contains { $0.pid == pid && $0.tgid == chosen }
  }

  func mayHaveKilled(_ pid: Int32, global: Bool) -> Bool {
    (report.global ?? global) == global
      && (report.tasks.isEmpty || report.tasks.contains { $0.pid == pid })
  }

  /// Takes a line between the first and the `oom-kill:` line.
  mutating func read(_ text: Substring, pageSize: UInt64) {
    if let rest = text.after(prefix: "memory: usage ") {
      report.global = false
      (report.usage, report.limit, report.failcnt) = OOMText.usage(rest)
    } else if let rest = text.after(prefix: "swap: usage ") {
      (report.swapUsage, report.swapLimit, _) = OOMText.usage(rest)
    } else if let rest = text.after(prefix: OOMText.statsPrefix) {
      // Overwritten by the `oom-kill:` line, unless there is nothing to kill.
      report.oomCgroup = String(rest.dropLast())
      section = .figures
    } else if text.after(prefix: "active_anon:") != nil {
      readMemInfo(text, pageSize: pageSize)
    } else if let rest = text.after(prefix: "Node "), report.global == true {
      readNode(rest)
    } else if let rest = text.after(prefix: "Free swap "), report.global == true {
      // Comes before the total.
      report.swapUsage = rest.parted(by: "= ").flatMap { OOMText.kilobytes($0.after) }
    } else if let rest = text.after(prefix: "Total swap "), report.global == true {
      readTotalSwap(rest)
    } else if text.after(prefix: "Tasks state ") != nil {
      section = .table
    } else if text.after(prefix: "CPU: ") != nil {
      readCPULine(text)
    } else {
      switch section {
      case .other: break
      case .figures: readFigures(text)
      case .table:
        guard let header = text.parted(by: "]"), header.before == "[  pid  " else { break }
        section = .rows(columns: header.after.split(separator: " ").map(String.init))
      case .rows(let columns):
        if let row = OOMText.taskRow(text, columns: columns, pageSize: pageSize) {
          report.tasks.append(row)
        }
      }
    }
  }

  /// `CPU: 0 UID: 0 PID: 214 Comm: iou-wrk-213 Not tainted ...`; another task's may come in between.
  private mutating func readCPULine(_ text: Substring) {
    guard report.invokerPID == nil, let comm = report.invoker,
      let parts = text.parted(by: " PID: "), let pid = parts.after.parted(by: " Comm: "),
      pid.after.after(prefix: comm + " ") != nil
    else { return }
    report.invokerPID = Int32(pid.before)
  }

  /// One `key value` (6.12 and later) or all of them, a line each (6.1).
  private mutating func readFigures(_ text: Substring) {
    var lines = text.lines
    if text.utf8.count >= Self.shortestCutText, lines.count > 1 { lines.removeLast() }
    for line in lines {
      guard let (key, digits) = line.parted(by: " "), !key.isEmpty,
        key.utf8.allSatisfy(OOMText.isKeyCharacter), let value = UInt64(digits)
      else { continue }
      report.memory.append(.init(String(key), value))
    }
  }

  /// The sums over all nodes, in pages; the nodes' own records follow.
  private mutating func readMemInfo(_ text: Substring, pageSize: UInt64) {
    // A memcg's dump has none: this one is of another task's failed allocation.
    guard report.limit == nil, report.memory.isEmpty else { return }
    report.global = true
    for line in text.lines {
      for item in line.split(separator: " ") {
        guard let (key, digits) = item.parted(by: ":"), let pages = UInt64(digits) else { continue }
        report.memory.append(.init(String(key), pages.saturating(times: pageSize)))
      }
    }
  }

  /// What only the nodes' and zones' records tell, summed over them: `N active_anon:NkB ...
  /// kernel_stack:NkB ...` of a node, `N DMA32 free:NkB ... min:NkB ... managed:NkB ...` of a zone.
  private mutating func readNode(_ text: Substring) {
    // A zone's would be counted twice, where it tells it: before 5.10 it did.
    let isZone = text.parted(by: " free:") != nil
    for item in text.split(separator: " ") {
      guard let (key, size) = item.parted(by: ":"),
        isZone ? ["min", "managed"].contains(key) : key == "kernel_stack",
        let bytes = OOMText.kilobytes(size)
      else { continue }
      if let i = report.memory.firstIndex(where: { $0.key == key }) {
        report.memory[i].value = report.memory[i].value.saturating(plus: bytes)
      } else {
        report.memory.append(.init(String(key), bytes))
      }
    }
  }

  private mutating func readTotalSwap(_ text: Substring) {
    guard let free = report.swapUsage,
      let total = text.parted(by: "= ").flatMap({ OOMText.kilobytes($0.after) })
    else { return }
    report.swapLimit = total
    report.swapUsage = total - min(free, total)
  }
}

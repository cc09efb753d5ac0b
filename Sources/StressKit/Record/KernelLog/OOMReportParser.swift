// SPDX-License-Identifier: Apache-2.0

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
    /// The machine panics instead (vm.panic_on_oom).
    case panic
    /// The rest of the report is missing.
    case cut
  }

  /// "Killed process" lines so far.
  package private(set) var killLines = 0

  private let pageSize: UInt64?
  private var drafts: [OOMDraft] = []
  /// A line that another CPU's message cut short; its rest comes as continuation records.
  private var partial: KernelLogRecord?
  private var lastSequence: UInt64?
  /// Dumps under way of which it is unknown which line belongs to which.
  private var wovenDumps = 0
  /// The incident that group kills would belong to.
  private var latest: Incident?
  /// A line said that a process is to be killed, for the machine's sake or a cgroup's; who it is comes next.
  private var announced: (global: Bool, caller: String?)?

  /// More dumps than this wait for their kill line only if lines are missing.
  private static let mostDrafts = 8

  /// - Parameter pageSize: of the kernel that wrote the log, in bytes; nil: what each dump tells of it.
  package init(pageSize: UInt64? = nil) { self.pageSize = pageSize }

  /// The reports of a whole log, each with all its victims: none if no kill line followed the dump.
  package static func reports(
    in records: some Sequence<KernelLogRecord>, pageSize: UInt64? = nil
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
    return drafts.map { $0.report(pageSize: pageSize) }
  }

  /// Whether the log's next record means nothing unless it is ``KernelLogRecord/isMarked``: no report of its caller's is
  /// under way, and it begins no line that comes in pieces.
  package func isIdle(_ record: KernelLogRecord) -> Bool {
    partial == nil && openDraft(record.caller) == nil && !OOMText.isPartial(record.text[...])
  }

  /// Passes over the log's next record, which is not ``KernelLogRecord/isMarked``, while the parser is idle.
  package mutating func pass(_ record: KernelLogRecord) {
    let gap = lastSequence.map { record.sequence != $0 &+ 1 } ?? false
    lastSequence = record.sequence
    if gap { forgetWhatAGapMayHide() }
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
    takeCutChoice(before: record)
    return interpret(record)
  }

  private mutating func forgetWhatAGapMayHide() {
    partial = nil
    wovenDumps = 0
    for index in drafts.indices { drafts[index].hasGap = true }
    latest?.hasGap = true
  }

  /// The `oom-kill:` line is a dump's last: where its end does not come before the kill line, it was lost.
  private mutating func takeCutChoice(before record: KernelLogRecord) {
    guard let whole = partial, whole.caller == record.caller,
      case .killed? = OOMText.killMessage(record.text[...], announced: nil)?.what,
      let line = OOMText.oomKillLine(whole.text[...]), let index = openDraft(record.caller)
    else { return }
    partial = nil
    drafts[index].choose(line)
  }

  private mutating func interpret(_ record: KernelLogRecord) -> Event? {
    let text = record.text[...]
    if let report = OOMText.invocation(record) {
      announced = nil
      return begin(OOMDraft(report: report, caller: record.caller))
    }
    let expected = announced.flatMap { $0.caller == record.caller ? $0.global : nil }
    if let message = OOMText.killMessage(text, announced: expected) {
      switch message.what {
      case .killed(let line):
        announced = nil
        return OOMText.victim(line, record).map { killed($0, message.global, record.caller) }
      case .announced: announced = (message.global, record.caller)
      case .exiting(let pid):
        return takeDraft(naming: pid).map { .withoutKill($0.report(pageSize: pageSize), .exiting) }
      case .noKillableProcess: return ended(by: .noKillableProcess, record.caller)
      }
      return nil
    }
    if text.after(prefix: "Kernel panic - not syncing: Out of memory") != nil {
      return ended(by: .panic, record.caller)
    }
    if OOMText.isGroupLine(text) {
      beginGroup(record.caller)
      return nil
    }
    if let line = OOMText.oomKillLine(text) { return choose(line, record.caller) }
    if let index = openDraft(record.caller) { drafts[index].read(text) }
    return nil
  }

  /// The dump that a line printed by `caller` belongs to.
  private func openDraft(_ caller: String?) -> Int? {
    drafts.lastIndex { !$0.isComplete && $0.caller == caller }
  }

  private mutating func begin(_ draft: OOMDraft) -> Event? {
    latest = nil
    if let index = openDraft(draft.caller) {
      let earlier = drafts.remove(at: index)
      if draft.caller == nil, !earlier.hasGap {
        wovenDumps = 2
        return nil
      }
      drafts.append(draft)
      return .withoutKill(earlier.report(pageSize: pageSize), .cut)
    }
    if draft.caller == nil, wovenDumps > 0 {
      wovenDumps += 1
      return nil
    }
    return add(draft)
  }

  private mutating func add(_ draft: OOMDraft) -> Event? {
    drafts.append(draft)
    return drafts.count > Self.mostDrafts
      ? .withoutKill(drafts.removeFirst().report(pageSize: pageSize), .cut) : nil
  }

  private mutating func choose(_ line: OOMText.OOMKill, _ caller: String?) -> Event? {
    let index = openDraft(caller)
    // A dump whose beginning is missing, or whose other lines cannot be told from another's.
    var draft = index.map { drafts.remove(at: $0) } ?? OOMDraft(report: OOMReport(), caller: caller)
    if index == nil { wovenDumps = max(0, wovenDumps - 1) }
    draft.choose(line)
    return add(draft)
  }

  private mutating func takeDraft(naming pid: Int32) -> OOMDraft? {
    drafts.firstIndex { $0.names(pid) }.map { drafts.remove(at: $0) }
  }

  /// "Out of memory and no killable processes" is the same sentence for a cgroup and for the machine.
  private mutating func ended(by reason: Reason, _ caller: String?) -> Event? {
    let index = openDraft(caller)
    if index == nil { wovenDumps = max(0, wovenDumps - 1) }
    let report = index.map { drafts.remove(at: $0).report(pageSize: pageSize) } ?? OOMReport()
    return .withoutKill(report, reason)
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
    if let draft = takeDraft(naming: victim.pid) {
      return incident(draft, victim, global, caller)
    }
    if let id = latest?.addGroupKill(of: victim.pid, global: global, caller: caller) {
      return .groupKill(victim, incident: id)
    }
    // The `oom-kill:` line is missing, and nothing speaks against this being the dump's victim.
    if let index = openDraft(caller), drafts[index].mayHaveKilled(victim.pid, global: global) {
      return incident(drafts.remove(at: index), victim, global, caller)
    }
    wovenDumps = max(0, wovenDumps - 1)
    return incident(OOMDraft(report: OOMReport(), caller: caller), victim, global, caller)
  }

  private mutating func incident(
    _ draft: OOMDraft, _ victim: OOMReport.Victim, _ global: Bool, _ caller: String?
  ) -> Event {
    var report = draft.report(pageSize: pageSize, victim: victim)
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

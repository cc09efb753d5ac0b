/// One incident of the kernel's OOM killer, as the kernel log tells it. nil is "not told", never 0: the
/// dump is rate limited (10 in 5 s), and of an undumped incident only the kill lines are printed.
///
/// Sizes are bytes, times ns of the kernel log's clock. Source: mm/oom_kill.c, mm/memcontrol.c and
/// mm/show_mem.c of 6.1, 6.6, 6.12 and 6.18.
package struct OOMReport: Equatable, Sendable {
  /// The comm of the task whose allocation failed: often not the victim's, with io_uring `iou-wrk-PID`.
  package var invoker: String?
  package var invokerPID: Int32?
  package var invokerScoreAdj: Int32?
  package var invokedTime: UInt64?
  package var invokedSequence: UInt64?
  package var gfpMask: UInt64?
  package var gfpFlags: String?
  /// -1: asked for with sysrq-f.
  package var order: Int32?
  /// As in `CONSTRAINT_MEMCG`.
  package var constraint: String?
  /// Whether the machine, and not a cgroup, was out of memory.
  package var global: Bool?
  /// The cgroup whose limit was hit (oom_memcg).
  package var oomCgroup: String?
  /// The victim's cgroup (task_memcg).
  package var taskCgroup: String?
  /// The process that the `oom-kill:` line chose.
  package var chosenPID: Int32?
  package var usage: UInt64?
  package var limit: UInt64?
  /// How often a charge met the limit.
  package var failcnt: UInt64?
  package var swapUsage: UInt64?
  package var swapLimit: UInt64?
  /// The state at the kill, free of any observer's effect, under the kernel's own keys and in its order:
  /// `Memory cgroup stats for` (bytes, and counts of events), else the first record of `Mem-Info:`
  /// (its pages are given in bytes).
  package var memory: [Figure] = []
  /// The `Tasks state` table.
  package var tasks: [TaskRow] = []
  /// One for each "Killed process" line. The parser reports an incident at the first one;
  /// memory.oom.group adds more (see `OOMReportParser.Event.groupKill`).
  package var victims: [Victim] = []

  package init() {}

  package struct Figure: Equatable, Sendable {
    package var key: String
    package var value: UInt64
    package init(_ key: String, _ value: UInt64) {
      self.key = key
      self.value = value
    }
  }

  /// A "Killed process" line.
  package struct Victim: Equatable, Sendable {
    package var pid: Int32
    package var comm: String
    package var totalVM: UInt64?
    package var anonRSS: UInt64?
    package var fileRSS: UInt64?
    package var shmemRSS: UInt64?
    package var uid: UInt32?
    package var pageTables: UInt64?
    package var oomScoreAdj: Int32?
    package var time: UInt64
    package var sequence: UInt64
    package init(pid: Int32, comm: String, time: UInt64, sequence: UInt64) {
      self.pid = pid
      self.comm = comm
      self.time = time
      self.sequence = sequence
    }
  }

  /// A row of the `Tasks state` table; the table's pages are given in bytes.
  package struct TaskRow: Equatable, Sendable {
    /// Of a thread that still has the memory: not the thread group's when its leader has exited.
    package var pid: Int32
    package var name: String
    package var uid: UInt32?
    package var tgid: Int32?
    package var totalVM: UInt64?
    package var rss: UInt64?
    /// The three parts of rss, which 6.12 tells and 6.6 does not.
    package var rssAnon: UInt64?
    package var rssFile: UInt64?
    package var rssShmem: UInt64?
    package var pageTables: UInt64?
    package var swap: UInt64?
    package var oomScoreAdj: Int32?
    package init(pid: Int32, name: String) {
      self.pid = pid
      self.name = name
    }
  }

  /// The figure of that name in `memory`.
  package subscript(key: String) -> UInt64? { memory.first { $0.key == key }?.value }
}

// MARK: - Figures by meaning

extension OOMReport {
  package var killTime: UInt64? { victims.first?.time }

  /// memcg: all of the page cache, shmem and swap cache included. global: the file LRU lists.
  package var file: UInt64? { self["file"] ?? sum("active_file", "inactive_file") }
  package var fileDirty: UInt64? { self["file_dirty"] ?? self["dirty"] }
  package var fileWriteback: UInt64? { self["file_writeback"] ?? self["writeback"] }
  /// memcg: anonymous memory, locked or not. global: the anon LRU lists, which lack locked memory and
  /// have shmem.
  package var anon: UInt64? { self["anon"] ?? sum("active_anon", "inactive_anon") }
  package var unevictable: UInt64? { self["unevictable"] }

  private func sum(_ first: String, _ second: String) -> UInt64? {
    guard let a = self[first], let b = self[second] else { return nil }
    return a &+ b
  }

  /// What of `file` has a filesystem behind it. A database's shared memory is in `file` too, though
  /// reclaim treats it as anonymous; so is what waits in the swap cache.
  private var filesystemCache: UInt64? {
    guard let file else { return nil }
    guard self["file"] != nil else { return file }
    let swapBacked = (self["shmem"] ?? 0) &+ (self["swapcached"] ?? 0)
    return file > swapBacked ? file - swapBacked : 0
  }
}

// MARK: - Class

extension OOMReport {
  package enum Class: String, CaseIterable, Sendable {
    /// memcg OOM with page cache left, nearly all of it dirty or under writeback: reclaim did not wait
    /// for the disk. The only class that speaks for the thesis.
    case dirty
    /// memcg OOM without page cache: the pinned memory alone was too large.
    case anon
    /// memcg OOM with page cache left that was neither dirty nor under writeback.
    case mixed
    case global
    /// The log does not tell.
    case unknown
  }

  /// - Parameter journalledData: the filesystem keeps data in its journal (ext4 `data=journal`). Its
  ///   dirty data is in jbd2's buffers, so that only about 0.45 of the cache shows as dirty.
  package func classify(journalledData: Bool) -> Class {
    guard let global else { return .unknown }
    if global { return .global }
    guard let cache = filesystemCache else { return .unknown }
    let none = limit.map { cache <= $0 / 100 } ?? (cache < 256 << 10)
    if none { return .anon }
    guard let fileDirty, let fileWriteback else { return .unknown }
    let share = (Double(fileDirty) + Double(fileWriteback)) / Double(cache)
    return share >= (journalledData ? 0.3 : 0.8) ? .dirty : .mixed
  }
}

// MARK: - JSON

extension OOMReport {
  /// The `report` member of a record line. Keys are the kernel's words, sizes bytes, times ns.
  package var json: JSON {
    [
      "invoker": .optional(invoker), "invoker_pid": number(invokerPID),
      "invoker_oom_score_adj": number(invokerScoreAdj), "invoked_time": number(invokedTime),
      "invoked_seq": number(invokedSequence), "gfp_mask": number(gfpMask),
      "gfp_flags": .optional(gfpFlags), "order": number(order),
      "constraint": .optional(constraint), "global": global.map { .bool($0) } ?? .null,
      "oom_memcg": .optional(oomCgroup), "task_memcg": .optional(taskCgroup),
      "chosen_pid": number(chosenPID), "usage": number(usage), "limit": number(limit),
      "failcnt": number(failcnt), "swap_usage": number(swapUsage), "swap_limit": number(swapLimit),
      "memory": .object(memory.map { ($0.key, .uint($0.value)) }),
      "tasks": .array(tasks.map(\.json)), "victims": .array(victims.map(\.json)),
    ]
  }

  /// nil for anything but what `json` gives; a missing member is as good as null.
  package init?(json: JSON) {
    guard json.members != nil else { return nil }
    var reader = MemberReader(json)
    invoker = reader.string("invoker")
    invokerPID = reader.number("invoker_pid")
    invokerScoreAdj = reader.number("invoker_oom_score_adj")
    invokedTime = reader.number("invoked_time")
    invokedSequence = reader.number("invoked_seq")
    gfpMask = reader.number("gfp_mask")
    gfpFlags = reader.string("gfp_flags")
    order = reader.number("order")
    constraint = reader.string("constraint")
    global = reader.value("global", \.bool)
    oomCgroup = reader.string("oom_memcg")
    taskCgroup = reader.string("task_memcg")
    chosenPID = reader.number("chosen_pid")
    usage = reader.number("usage")
    limit = reader.number("limit")
    failcnt = reader.number("failcnt")
    swapUsage = reader.number("swap_usage")
    swapLimit = reader.number("swap_limit")
    for (key, value) in reader.value("memory", \.members) ?? [] {
      guard let number = value.int, let figure = UInt64(exactly: number) else { return nil }
      memory.append(Figure(key, figure))
    }
    for row in reader.value("tasks", \.array) ?? [] {
      guard let task = TaskRow(json: row) else { return nil }
      tasks.append(task)
    }
    for line in reader.value("victims", \.array) ?? [] {
      guard let victim = Victim(json: line) else { return nil }
      victims.append(victim)
    }
    if reader.failed { return nil }
  }
}

extension OOMReport.Victim {
  package var json: JSON {
    [
      "pid": number(pid), "comm": .string(comm), "total_vm": number(totalVM),
      "anon_rss": number(anonRSS), "file_rss": number(fileRSS), "shmem_rss": number(shmemRSS),
      "uid": number(uid), "pgtables": number(pageTables), "oom_score_adj": number(oomScoreAdj),
      "time": number(time), "seq": number(sequence),
    ]
  }

  package init?(json: JSON) {
    var reader = MemberReader(json)
    guard let pid: Int32 = reader.number("pid"), let comm = reader.string("comm"),
      let time: UInt64 = reader.number("time"), let sequence: UInt64 = reader.number("seq")
    else { return nil }
    self.init(pid: pid, comm: comm, time: time, sequence: sequence)
    totalVM = reader.number("total_vm")
    anonRSS = reader.number("anon_rss")
    fileRSS = reader.number("file_rss")
    shmemRSS = reader.number("shmem_rss")
    uid = reader.number("uid")
    pageTables = reader.number("pgtables")
    oomScoreAdj = reader.number("oom_score_adj")
    if reader.failed { return nil }
  }
}

extension OOMReport.TaskRow {
  package var json: JSON {
    [
      "pid": number(pid), "uid": number(uid), "tgid": number(tgid), "total_vm": number(totalVM),
      "rss": number(rss), "rss_anon": number(rssAnon), "rss_file": number(rssFile),
      "rss_shmem": number(rssShmem), "pgtables": number(pageTables), "swap": number(swap),
      "oom_score_adj": number(oomScoreAdj), "name": .string(name),
    ]
  }

  package init?(json: JSON) {
    var reader = MemberReader(json)
    guard let pid: Int32 = reader.number("pid"), let name = reader.string("name") else {
      return nil
    }
    self.init(pid: pid, name: name)
    uid = reader.number("uid")
    tgid = reader.number("tgid")
    totalVM = reader.number("total_vm")
    rss = reader.number("rss")
    rssAnon = reader.number("rss_anon")
    rssFile = reader.number("rss_file")
    rssShmem = reader.number("rss_shmem")
    pageTables = reader.number("pgtables")
    swap = reader.number("swap")
    oomScoreAdj = reader.number("oom_score_adj")
    if reader.failed { return nil }
  }
}

private func number(_ value: (some BinaryInteger)?) -> JSON {
  value.map { .int(Int64(clamping: $0)) } ?? .null
}

/// Reads members that may be missing or null, and remembers whether one had the wrong type.
private struct MemberReader {
  private let object: JSON
  private(set) var failed = false

  init(_ object: JSON) { self.object = object }

  mutating func value<T>(_ key: String, _ type: (JSON) -> T?) -> T? {
    guard let member = object[key], member != .null else { return nil }
    let value = type(member)
    if value == nil { failed = true }
    return value
  }

  mutating func string(_ key: String) -> String? { value(key, \.string) }

  mutating func number<T: BinaryInteger>(_ key: String) -> T? {
    value(key) { $0.int.flatMap { T(exactly: $0) } }
  }
}

// MARK: - Parser

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
}

// MARK: - Lines

/// The kernel's sentences.
private enum OOMText {
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
  fileprivate func saturating(times factor: UInt64) -> UInt64 {
    let (product, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }
}

/// Byte-wise: a name's bytes must not join with the ASCII around them into one Character.
extension Substring {
  fileprivate func after(prefix: String) -> Substring? {
    guard utf8.starts(with: prefix.utf8) else { return nil }
    return self[utf8.index(startIndex, offsetBy: prefix.utf8.count)...]
  }

  fileprivate var lines: [Substring] {
    utf8.split(separator: UInt8(ascii: "\n")).map { Substring($0) }
  }

  fileprivate func parted(by separator: String) -> (before: Substring, after: Substring)? {
    var at = startIndex
    while at < endIndex {
      if let rest = self[at...].after(prefix: separator) { return (self[..<at], rest) }
      utf8.formIndex(after: &at)
    }
    return nil
  }

  fileprivate func parted(byLast separator: String) -> (before: Substring, after: Substring)? {
    var at = endIndex
    while at > startIndex {
      utf8.formIndex(before: &at)
      if let rest = self[at...].after(prefix: separator) { return (self[..<at], rest) }
    }
    return nil
  }
}

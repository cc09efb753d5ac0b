// SPDX-License-Identifier: Apache-2.0

/// A report whose kill line is still to come.
struct OOMDraft: Sendable {
  private enum Section {
    case other
    case figures
    case table
    case rows(columns: [String])
  }

  /// Its `tasks` still count pages, and `memory` lacks what is counted in pages.
  private(set) var report: OOMReport
  let caller: String?
  /// The `oom-kill:` line, a dump's last, has come, and said who.
  private(set) var isComplete = false
  /// Records were lost since the dump began.
  var hasGap = false
  private var section = Section.other
  /// The first record of `Mem-Info:`, in pages.
  private var counts: [OOMReport.Figure] = []
  private var nodes: Set<Int> = []
  /// Sums over the nodes' lines, and over the zones', bytes.
  private var nodeSums: [String: UInt64] = [:]
  private var zoneSums: [String: UInt64] = [:]
  /// `N pages RAM` and `N pages reserved`: all zones' pages, and those that no zone manages.
  private var present: UInt64?
  private var reserved: UInt64?
  /// A line of the dump that stands behind all zones' has come.
  private var isBehindZones = false
  /// The smallest chunk that the free lists tell of, which is a page, bytes.
  private var smallestChunk: UInt64?

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

  // MARK: Lines

  /// Takes the `oom-kill:` line.
  mutating func choose(_ line: OOMText.OOMKill) {
    report.constraint = line.constraint
    report.global = line.global ?? report.global
    // `Memory cgroup stats for` names the same cgroup: where the two differ, one of them is damaged.
    if let other = report.oomCgroup, let cgroup = line.oomCgroup, other != cgroup {
      report.oomCgroup = nil
    } else {
      report.oomCgroup = line.oomCgroup ?? report.oomCgroup
    }
    report.taskCgroup = line.taskCgroup
    report.chosenPID = line.pid
    isComplete = line.pid != nil
  }

  /// Takes a line between the first and the `oom-kill:` line.
  mutating func read(_ text: Substring) {
    if let rest = text.after(prefix: "memory: usage ") {
      report.global = false
      (report.usage, report.limit, report.failcnt) = OOMText.usage(rest)
    } else if let rest = text.after(prefix: "swap: usage ") {
      (report.swapUsage, report.swapLimit, _) = OOMText.usage(rest)
    } else if let rest = text.after(prefix: OOMText.statsPrefix) {
      report.global = false
      report.oomCgroup = String(rest.dropLast())
      section = .figures
    } else if text.after(prefix: "active_anon:") != nil {
      readMemInfo(text)
    } else if text.after(prefix: "CPU: ") != nil {
      readCPULine(text)
    } else if text.after(prefix: "Tasks state ") != nil {
      section = .table
    } else if let columns = OOMText.taskColumns(text) {
      section = .rows(columns: columns)
    } else if report.global == true, readMachine(text) {
      // Only a machine's dump has such lines.
    } else {
      switch section {
      case .other, .table: break
      case .figures: readFigures(text)
      case .rows(let columns):
        if let row = OOMText.taskRow(text, columns: columns) { report.tasks.append(row) }
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
  private mutating func readMemInfo(_ text: Substring) {
    // A memcg's dump has none: this one is of another task's failed allocation.
    guard report.limit == nil, report.memory.isEmpty, counts.isEmpty else { return }
    report.global = true
    for line in text.lines {
      for item in line.split(separator: " ") {
        guard let (key, digits) = item.parted(by: ":"), let pages = UInt64(digits) else { continue }
        counts.append(.init(String(key), pages))
      }
    }
  }

  /// Whether the line is one of `Mem-Info:` behind its first record.
  private mutating func readMachine(_ text: Substring) -> Bool {
    if let zone = OOMText.zone(text, " free:") {
      nodes.insert(zone.node ?? 0)
      for key in ["present", "min", "managed", "kernel_stack"] {
        add(key, of: zone.rest, to: &zoneSums)
      }
    } else if let list = OOMText.zone(text, ": ") {
      isBehindZones = true
      let first = list.rest.prefix { $0 != " " }.parted(by: "*")
      smallestChunk = smallestChunk ?? first.flatMap { OOMText.kilobytes($0.after) }
    } else if let node = text.after(prefix: "Node ")?.parted(by: " "), let number = Int(node.before)
    {
      nodes.insert(number)
      for key in counts.map(\.key) + ["kernel_stack"] { add(key, of: node.after, to: &nodeSums) }
    } else if let pages = text.parted(by: " pages RAM"), pages.after.isEmpty {
      present = UInt64(pages.before)
    } else if let pages = text.parted(by: " pages reserved"), pages.after.isEmpty {
      reserved = UInt64(pages.before)
    } else if let rest = text.after(prefix: "Free swap ") {
      // Comes before the total.
      report.swapUsage = rest.parted(by: "= ").flatMap { OOMText.kilobytes($0.after) }
    } else if let rest = text.after(prefix: "Total swap ") {
      readTotalSwap(rest)
    } else {
      return false
    }
    return true
  }

  /// Adds `key:NkB` of a line.
  private func add(_ key: String, of text: Substring, to sums: inout [String: UInt64]) {
    for item in text.split(separator: " ") {
      guard let bytes = item.after(prefix: key + ":").flatMap({ OOMText.kilobytes($0) })
      else { continue }
      sums[key] = (sums[key] ?? 0).saturating(plus: bytes)
    }
  }

  private mutating func readTotalSwap(_ text: Substring) {
    guard let free = report.swapUsage,
      let total = text.parted(by: "= ").flatMap({ OOMText.kilobytes($0.after) })
    else { return }
    report.swapLimit = total
    report.swapUsage = total - min(free, total)
  }

  // MARK: The report

  /// The report as far as the lines so far tell.
  ///
  /// - Parameters:
  ///   - pageSize: what is known of it beside the log.
  ///   - victim: of the kill line that has come.
  func report(pageSize known: UInt64?, victim: OOMReport.Victim? = nil) -> OOMReport {
    var report = report
    let pageSize = known ?? pageSize(victim)
    report.pageSize = pageSize
    report.nodes = nodes.isEmpty ? nil : nodes.count
    func bytes(_ pages: UInt64?) -> UInt64? {
      guard let pages, let pageSize else { return nil }
      return pages.saturating(times: pageSize)
    }
    for index in report.tasks.indices {
      let row = report.tasks[index]
      report.tasks[index].totalVM = bytes(row.totalVM)
      report.tasks[index].rss = bytes(row.rss)
      report.tasks[index].rssAnon = bytes(row.rssAnon)
      report.tasks[index].rssFile = bytes(row.rssFile)
      report.tasks[index].rssShmem = bytes(row.rssShmem)
      report.tasks[index].swap = bytes(row.swap)
    }
    if pageSize == nil { report.unsizedFigures = counts.count }
    for count in counts {
      if let value = bytes(count.value) { report.memory.append(.init(count.key, value)) }
    }
    var sums = zoneSums
    // The machine's totals speak for all its zones: where they are more, zones' lines were lost.
    if let present, let reserved, present >= reserved, let total = bytes(present - reserved),
      total != sums["managed"]
    {
      sums = ["managed": total]
    } else if present == nil, hasGap || !isBehindZones {
      // A zone's line may be missing.
      sums = [:]
    }
    // In the nodes' lines since 5.9, in the zones' before.
    sums["kernel_stack"] = nodeSums["kernel_stack"] ?? sums["kernel_stack"]
    for key in ["kernel_stack", "min", "managed"] {
      if let sum = sums[key] { report.memory.append(.init(key, sum)) }
    }
    return report
  }

  /// The size of a page, from figures that the log tells in pages and in kB as well.
  private func pageSize(_ victim: OOMReport.Victim?) -> UInt64? {
    // Does not change while the dump is printed.
    let zones = Self.size(zoneSums["present"], present)
    let row = victim.flatMap { victim in report.tasks.first { $0.pid == victim.pid } }
    return smallestChunk.flatMap { Self.size($0, 1) } ?? zones ?? sizeByNodes
      ?? Self.size(victim?.totalVM, row?.totalVM)
  }

  /// The nodes' lines are a moment younger than the sums in pages: what they have in common is near enough.
  private var sizeByNodes: UInt64? {
    var told: (bytes: UInt64, pages: UInt64) = (0, 0)
    for count in counts {
      guard let bytes = nodeSums[count.key] else { continue }
      told.bytes = told.bytes.saturating(plus: bytes)
      told.pages = told.pages.saturating(plus: count.value)
    }
    return Self.sizes.first { size in
      let (bytes, expected) = (Double(told.bytes), Double(told.pages) * Double(size))
      return expected > 0 && abs(bytes / expected - 1) < 0.125
    }
  }

  /// Of Linux's architectures.
  private static let sizes: [UInt64] = (12...18).map { 1 << $0 }

  private static func size(_ bytes: UInt64?, _ pages: UInt64?) -> UInt64? {
    guard let bytes, let pages, pages > 0 else { return nil }
    return sizes.first { pages.saturating(times: $0) == bytes }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressRecord

struct OOMReportTests {
  private typealias Event = OOMReportParser.Event

  private func events(_ records: [KernelLogRecord]) -> [Event] {
    var parser = OOMReportParser()
    let events = records.compactMap { parser.feed($0) }
    #expect(parser.killLines == records.filter { $0.text.contains(": Killed process ") }.count)
    return events
  }

  /// A log of records numbered from 1. A text that begins with `@T1 ` was printed by T1, one with `+` is
  /// a continuation, `...` stands for a lost record.
  private func log(_ texts: [String]) -> [KernelLogRecord] {
    texts.enumerated().compactMap { index, text in
      if text == "..." { return nil }
      var text = text
      var caller = ""
      if text.hasPrefix("@"), let blank = text.firstIndex(of: " ") {
        caller = ",caller=" + text[text.index(after: text.startIndex)..<blank]
        text = String(text[text.index(after: blank)...])
      }
      let flag = text.hasPrefix("+") ? "c" : "-"
      if flag == "c" { text.removeFirst() }
      return KernelLogRecord(parsing: "4,\(index + 1),\(index + 1),\(flag)\(caller);\(text)".utf8)
    }
  }

  private func invoked(_ comm: String) -> String {
    comm + " invoked oom-killer: gfp_mask=0x101c4a(GFP_NOFS|__GFP_WRITE), order=0, oom_score_adj=-5"
  }

  private func chosen(_ pid: Int32, _ cgroup: String) -> String {
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=\(cgroup),"
      + "task_memcg=\(cgroup)/pin,task=db,pid=\(pid),uid=0"
  }

  private func killed(_ pid: Int32) -> String {
    "Memory cgroup out of memory: Killed process \(pid) (db) total-vm:40kB, anon-rss:20kB, "
      + "file-rss:8kB, shmem-rss:4kB, UID:1000 pgtables:12kB oom_score_adj:7"
  }

  private func group(_ cgroup: String) -> String {
    "Tasks in \(cgroup) are going to be killed due to memory.oom.group set"
  }

  private let header =
    "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"

  // MARK: Fixtures

  private struct Expected: Sendable {
    var file: String
    var invoker: String
    var invokerPID: Int32
    var sequence: UInt64
    var invokedTime: UInt64
    var order: Int32
    var usage: UInt64?
    var failcnt: UInt64?
    var cgroup: String?
    var pid: Int32
    var totalVM: UInt64
    var anonRSS: UInt64
    var fileRSS: UInt64
    var pageTables: UInt64
    var killTime: UInt64
    var killSequence: UInt64
    /// anon, file, file_dirty, file_writeback, unevictable
    var figures: [UInt64]
    var figureCount: Int
    var rss: UInt64
    var killLines = 1
  }

  private static let expected = [
    Expected(
      file: "kmsg-memcg-oom-61.txt", invoker: "pw", invokerPID: 169, sequence: 419,
      invokedTime: 10_516_742_000, order: 0, usage: 65536 << 10, failcnt: 33, cgroup: "/KM_n",
      pid: 169, totalVM: 57820 << 10, anonRSS: 56172 << 10, fileRSS: 4 << 10, pageTables: 144 << 10,
      killTime: 10_518_941_000, killSequence: 484,
      figures: [57_720_832, 8_953_856, 0, 4_055_040, 56_623_104], figureCount: 47, rss: 14206 << 12,
      killLines: 2),
    Expected(
      file: "kmsg-memcg-oom-612.txt", invoker: "iou-wrk-213", invokerPID: 214, sequence: 428,
      invokedTime: 8_909_232_000, order: 0, usage: 65536 << 10, failcnt: 84, cgroup: "/KU",
      pid: 213,
      totalVM: 57832 << 10, anonRSS: 56364 << 10, fileRSS: 0, pageTables: 148 << 10,
      killTime: 8_913_618_000, killSequence: 524,
      figures: [57_716_736, 8_912_896, 0, 8_908_800, 56_623_104], figureCount: 60, rss: 14253 << 12),
    Expected(
      file: "kmsg-memcg-oom-618.txt", invoker: "iou-wrk-91", invokerPID: 92, sequence: 286,
      invokedTime: 5_902_883_000, order: 3, usage: 65516 << 10, failcnt: 134, cgroup: "/KU",
      pid: 91,
      totalVM: 57840 << 10, anonRSS: 56368 << 10, fileRSS: 0, pageTables: 148 << 10,
      killTime: 5_908_451_000, killSequence: 382,
      figures: [57_720_832, 8_916_992, 0, 8_912_896, 56_623_104], figureCount: 61, rss: 14254 << 12),
    Expected(
      file: "kmsg-global-oom-61.txt", invoker: "pw", invokerPID: 231, sequence: 418,
      invokedTime: 13_214_136_000, order: 0, pid: 231, totalVM: 3_073_500 << 10,
      anonRSS: 370_068 << 10, fileRSS: 4 << 10, pageTables: 760 << 10, killTime: 13_219_644_000,
      killSequence: 469, figures: [(2955 + 92947) << 12, (21 + 12) << 12, 0, 0, 0], figureCount: 23,
      rss: 92680 << 12),
    Expected(
      file: "kmsg-global-oom-612.txt", invoker: "pw", invokerPID: 281, sequence: 426,
      invokedTime: 11_504_552_000, order: 0, pid: 281, totalVM: 3_073_500 << 10,
      anonRSS: 377_088 << 10, fileRSS: 0, pageTables: 784 << 10, killTime: 11_509_140_000,
      killSequence: 479, figures: [(94292 + 3774) << 12, 39 << 12, 0, 0, 0], figureCount: 23,
      rss: 94434 << 12),
  ]

  @Test(arguments: expected.indices)
  func readsTheFixtures(_ index: Int) throws {
    let expected = Self.expected[index]
    let records = KernelLogRecord.records(in: try KernelLogTests.fixture(expected.file))
    let events = events(records)
    #expect(events.count == expected.killLines)
    guard case .incident(let report) = events.first else {
      Issue.record("no incident")
      return
    }
    let global = expected.cgroup == nil
    #expect(report.invoker == expected.invoker)
    #expect(report.invokerPID == expected.invokerPID)
    #expect(report.invokerScoreAdj == 0)
    #expect(report.invokedTime == expected.invokedTime)
    #expect(report.invokedSequence == expected.sequence)
    #expect(report.gfpMask == (global ? 0x140dca : 0x101cca))
    #expect(
      report.gfpFlags
        == (global
          ? "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO" : "GFP_HIGHUSER_MOVABLE|__GFP_WRITE"))
    #expect(report.order == expected.order)
    #expect(report.constraint == (global ? "CONSTRAINT_NONE" : "CONSTRAINT_MEMCG"))
    #expect(report.global == global)
    #expect(report.oomCgroup == expected.cgroup)
    #expect(report.taskCgroup == expected.cgroup ?? "/")
    #expect(report.chosenPID == expected.pid)
    #expect(report.usage == expected.usage)
    #expect(report.limit == (global ? nil : 65536 << 10))
    #expect(report.failcnt == expected.failcnt)
    #expect(report.swapUsage == 0 && report.swapLimit == 0)

    #expect(
      [
        report.anon, report.file, report.fileDirty, report.fileWriteback, report.unevictable,
      ] == expected.figures)
    #expect(report.memory.count == expected.figureCount)
    #expect(report.memory.first?.key == (global ? "active_anon" : "anon"))

    let victim = try #require(report.victims.first)
    #expect(report.victims.count == 1)
    #expect(victim.pid == expected.pid && victim.comm == "pw")
    #expect(victim.totalVM == expected.totalVM)
    #expect(victim.anonRSS == expected.anonRSS)
    #expect(victim.fileRSS == expected.fileRSS)
    #expect(victim.shmemRSS == 648 << 10)
    #expect(victim.uid == 0 && victim.oomScoreAdj == 0)
    #expect(victim.pageTables == expected.pageTables)
    #expect(victim.sequence == expected.killSequence && report.killTime == expected.killTime)

    let task = try #require(report.tasks.first)
    #expect(report.tasks.count == 1)
    #expect(task.pid == expected.pid && task.tgid == expected.pid && task.name == "pw")
    #expect(task.rss == expected.rss && task.swap == 0 && task.uid == 0 && task.oomScoreAdj == 0)
    #expect(task.rssShmem == (expected.file.contains("-61.") ? nil : 162 << 12))

    #expect(OOMReport(json: try JSON(parsing: report.json.text.utf8)) == report)
  }

  /// Figures of the kinds that the table above leaves out.
  @Test func readsFiguresInOrderAndInBytes() throws {
    func report(_ file: String) throws -> OOMReport {
      let reports = OOMReportParser.reports(
        in: KernelLogRecord.records(in: try KernelLogTests.fixture(file)))
      #expect(reports.count == 1)
      return try #require(reports.first)
    }
    let memcg = try report("kmsg-memcg-oom-618.txt")
    #expect(memcg.memory.last == .init("thp_swpout_fallback", 0))
    #expect(memcg["pgscan_direct"] == 1_530_290 && memcg["pgsteal_direct"] == 2048)
    #expect(memcg.tasks[0].totalVM == 14460 << 12 && memcg.tasks[0].rssAnon == 14092 << 12)
    #expect(memcg.tasks[0].rssFile == 0 && memcg.tasks[0].pageTables == 151_552)
    let old = try report("kmsg-memcg-oom-61.txt")
    #expect(old.memory.last == .init("thp_collapse_alloc", 0) && old["slab"] == 272_944)
    #expect(old.victims.map(\.sequence) == [484, 486])
    #expect(OOMReport(json: old.json) == old)
    let global = try report("kmsg-global-oom-612.txt")
    #expect(global["free"] == 742 << 12)
    // Sums over the node's zones, DMA and DMA32.
    #expect(global["kernel_stack"] == 1424 << 10 && global["min"] == (88 + 2628) << 10)
    #expect(global.memory.last == .init("managed", (15360 + 459_344) << 10))
    #expect(global["mapped"] == 594 << 12 && global["shmem"] == 3772 << 12)
  }

  /// printk may have cut digits off the last line of a record of the greatest length.
  @Test func distrustsTheEndOfTheLongestRecords() {
    func figures(_ length: Int) -> Int {
      let lines = (0..<length / 10 - 1).map { "key_\($0 + 100) 1\\x0a" }.joined()
      let last = "last 123456789".prefix(length % 10 + 10)
      let reports = OOMReportParser.reports(
        in: log([invoked("a"), "Memory cgroup stats for /a:", lines + last, killed(1)]))
      return reports.first?.memory.count ?? 0
    }
    #expect(figures(973) == 97)
    #expect(figures(974) == 96 && figures(975) == 96 && figures(991) == 98)
  }

  // MARK: Groups

  @Test func countsAGroupsKills() throws {
    let records = KernelLogRecord.records(in: try KernelLogTests.fixture("kmsg-memcg-oom-61.txt"))
    let events = events(records)
    guard case .groupKill(let victim, let incident) = events.last else {
      Issue.record("no group kill")
      return
    }
    #expect(victim.pid == 169 && victim.sequence == 486 && incident == 484)
  }

  @Test func groupKillsEndWithTheirGroup() {
    let rows = [1, 2, 3].map {
      "[      \($0)]     0     \($0)       10        5     4096        0             0 db"
    }
    let first =
      [invoked("db"), "Tasks state (memory values in pages):", header] + rows
      + [chosen(1, "/a"), killed(1), group("/a"), killed(1), killed(2), killed(3)]
    // Their dumps suppressed: the second incident has a process that the first one's table lacks.
    let reports = OOMReportParser.reports(
      in: log(first + [killed(9), group("/a"), killed(9), killed(8), killed(9)]))
    #expect(reports.map { $0.victims.map(\.pid) } == [[1, 1, 2, 3], [9, 9, 8], [9]])
    #expect(reports[1].invoker == nil && reports[1].global == false)

    // No further kill without the sentence, a second incident's dump, or one of the whole machine.
    #expect(OOMReportParser.reports(in: log([killed(1), killed(2)])).count == 2)
    #expect(
      OOMReportParser.reports(
        in: log([killed(1), group("/a"), invoked("b"), chosen(2, "/b"), killed(2)])
      ).map { $0.victims.map(\.pid) } == [[1], [2]])
    let global = killed(2).replacing("Memory cgroup out", with: "Out")
    #expect(
      OOMReportParser.reports(in: log([killed(1), group("/a"), global])).map(\.global)
        == [false, true])
  }

  @Test func groupWhoseLinesWereLost() {
    func victims(_ texts: [String]) -> [[Int32]] {
      OOMReportParser.reports(in: log(texts)).map { $0.victims.map(\.pid) }
    }
    #expect(victims([group("/a"), killed(1), killed(2)]) == [[1, 2]])
    #expect(victims([killed(1), "...", group("/a"), killed(1)]) == [[1, 1]])
    #expect(victims([killed(1), "...", group("/a"), killed(4), killed(5)]) == [[1], [4, 5]])
    #expect(
      victims(["@T1 " + killed(1), "@T2 " + group("/a"), "@T2 " + killed(2), "@T2 " + killed(3)])
        == [[1], [2, 3]])
  }

  // MARK: Cut, garbage

  @Test func reportsAKillWithoutItsDump() throws {
    let report = try #require(OOMReportParser.reports(in: log([killed(42)])).first)
    var expected = OOMReport()
    expected.global = false
    var victim = OOMReport.Victim(pid: 42, comm: "db", time: 1000, sequence: 1)
    victim.totalVM = 40 << 10
    victim.anonRSS = 20 << 10
    victim.fileRSS = 8 << 10
    victim.shmemRSS = 4 << 10
    victim.uid = 1000
    victim.pageTables = 12 << 10
    victim.oomScoreAdj = 7
    expected.victims = [victim]
    #expect(report == expected)
    #expect(OOMReport(json: report.json) == report)
  }

  @Test(arguments: [
    ("Out of memory (oom_kill_allocating_task): Killed process 7 (a) b) total-vm:1kB, ", "a) b"),
    ("Out of memory: Killed process 7 (x, y)", "x, y"),
    ("Out of memory: Killed process 7 (cut", "cut"),
  ])
  func readsOddKillLines(_ line: String, _ comm: String) throws {
    let report = try #require(OOMReportParser.reports(in: log([line])).first)
    #expect(report.global == true && report.victims.map(\.pid) == [7])
    #expect(report.victims.first?.comm == comm)
  }

  @Test func readsOddNames() throws {
    let line =
      "oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=0,2,cpuset=a,b,mems_allowed=0-1,"
      + "oom_memcg=/x,y:z,task_memcg=/x,y:z/pin,task=a,pid=3,uid=9,pid=7,uid=0"
    let report = try #require(
      OOMReportParser.reports(
        in: log([
          invoked("a b"), "CPU: 1 UID: 0 PID: 5 Comm: a b Tainted: G        W", header,
          "Tasks state (memory values in pages):", header,
          "[      7]  1000     6       10        5     4096        3         -1000  a,  b]", line,
          killed(7),
        ])
      ).first)
    #expect(report.invoker == "a b" && report.invokerPID == 5 && report.invokerScoreAdj == -5)
    #expect(report.constraint == "CONSTRAINT_MEMORY_POLICY")
    #expect(report.oomCgroup == "/x,y:z" && report.taskCgroup == "/x,y:z/pin")
    #expect(report.tasks.map(\.name) == [" a,  b]"] && report.tasks.first?.oomScoreAdj == -1000)
    #expect(report.tasks.first?.swap == 3 << 12)
  }

  /// The kill line then names a thread; the table says whose.
  @Test func findsTheVictimWhoseLeaderHasExited() {
    let reports = OOMReportParser.reports(
      in: log([
        invoked("db"), "Tasks state (memory values in pages):", header,
        "[      8]  1000     7       10        5     4096        3             0 db",
        chosen(7, "/a"),
        killed(8),
      ]))
    #expect(reports.map { $0.victims.map(\.pid) } == [[8]])
    #expect(reports.first?.oomCgroup == "/a")
  }

  @Test func dumpsThatNoKillFollows() {
    let none = events(
      log([
        invoked("db"), "memory: usage 8kB, limit 8kB, failcnt 1", "Memory cgroup stats for /a:b:",
        "anon 4096", "Out of memory and no killable processes...",
      ]))
    guard case .withoutKill(let report, .noKillableProcess) = none.first else {
      Issue.record("\(none)")
      return
    }
    #expect(report.oomCgroup == "/a:b" && report.limit == 8192 && report["anon"] == 4096)
    #expect(report.global == false)
    let gone = events(
      log([
        invoked("db"), chosen(7, "/a"),
        "Memory cgroup out of memory: OOM victim 7 (db) is already exiting. Skip killing the task",
      ]))
    guard case .withoutKill(let report, .exiting) = gone.first else {
      Issue.record("\(gone)")
      return
    }
    #expect(report.chosenPID == 7 && report.victims.isEmpty)
    let cut = events(log([invoked("a"), "...", invoked("b")]))
    guard case .withoutKill(let report, .cut) = cut.first else {
      Issue.record("\(cut)")
      return
    }
    #expect(report.invoker == "a")
    let end = OOMReportParser.reports(in: log([invoked("a"), "memory: usage 8kB, limit 8kB"]))
    #expect(end.count == 1 && end.first?.usage == 8192 && end.first?.failcnt == nil)
  }

  /// Any beginning and any end of a log: no crash, and the kill line is reported as long as it is there.
  @Test(arguments: expected.indices)
  func survivesCutLogs(_ index: Int) throws {
    let file = Self.expected[index].file
    let records = KernelLogRecord.records(in: try KernelLogTests.fixture(file))
    for cut in records.indices {
      for part in [Array(records[..<cut]), Array(records[cut...])] {
        let lines = part.filter { $0.text.contains("Killed process") }
        let reports = OOMReportParser.reports(in: part)
        #expect(reports.flatMap(\.victims).map(\.sequence) == lines.map(\.sequence))
        #expect(reports.filter { !$0.victims.isEmpty }.count == min(1, lines.count))
      }
      // Holes, as overwritten records leave them.
      let holed = records.enumerated().filter { ($0.offset &* 7 &+ cut) % 5 != 0 }.map(\.element)
      let lines = holed.filter { $0.text.contains("Killed process") }
      #expect(OOMReportParser.reports(in: holed).flatMap(\.victims).count == lines.count)
    }
  }

  @Test func survivesGarbage() throws {
    let words = [
      invoked(""), " invoked oom-killer: ", "x invoked oom-killer: gfp_mask=0x(", "CPU: ",
      "memory: usage ",
      "swap: usage kB, limit 99999999999999999999kB", "Memory cgroup stats for ", "anon", " 1",
      "a 1 2",
      "Memory cgroup stats for :", "Tasks state ", "[  pid  ]", "[  pid  ]  name", header, "[",
      "[]", "[1] 2",
      "oom-kill:", "oom-kill:constraint=,nodemask=,task_memcg=,task=,pid=x,uid=", chosen(1, ""),
      "active_anon:18446744073709551615 :\nb:", "Out of memory", "Out of memory: Killed process ",
      "Out of memory: Killed process (", "Memory cgroup out of memory: OOM victim x", group(""),
      "Tasks in ", "+,task=", "+:", "...", "@T1 " + invoked("a"), "@T1 " + chosen(2, "/a"),
      killed(1),
      "Out of memory and no killable processes...", "\\x00\\xff\\x0d\\x0a",
    ]
    var random = SplitMix64(seed: 1)
    for _ in 0..<500 {
      let records = log((0..<60).map { _ in words.randomElement(using: &random) ?? "" })
      let reports = OOMReportParser.reports(in: records)
      let lines = records.filter { $0.text.hasPrefix("Memory cgroup out of memory: Killed") }
      #expect(reports.flatMap(\.victims).count == lines.count)
      for report in reports { #expect(OOMReport(json: report.json) != nil) }
    }
  }

  @Test func ignoresWhatProcessesWrite() throws {
    let record = try #require(KernelLogRecord(parsing: "12,1,1,-;\(killed(1))".utf8))
    var parser = OOMReportParser()
    #expect(parser.feed(record) == nil && parser.killLines == 0)
  }

  // MARK: Interleaving

  @Test func joinsLinesThatOthersCutShort() throws {
    let line = chosen(7, "/a")
    let at = line.index(line.startIndex, offsetBy: 60)
    let texts = [
      invoked("db"), "Memory cgroup stats for ", "other CPU", "+/a", "+:", "anon 4096",
      String(line[..<at]), "nvme0: timeout", "+" + line[at...], killed(7), "Tasks in ", "noise 1",
      "+/a are going to be killed due to memory.oom.group set", killed(7), "+stray",
    ]
    let reports = OOMReportParser.reports(in: log(texts))
    #expect(reports.count == 1)
    let report = try #require(reports.first)
    #expect(report.victims.map(\.pid) == [7, 7] && report.oomCgroup == "/a")
    #expect(report.memory == [.init("anon", 4096)])
    let others = OOMReportParser.reports(
      in: log([
        "@T1 " + invoked("db"), "@T1 " + line[..<at],
        "@T2 +,oom_memcg=/z,task_memcg=/z,task=z,pid=9,uid=0",
        "@T1 +" + line[at...],
        "@T1 " + killed(7),
      ]))
    #expect(others.map(\.oomCgroup) == ["/a"] && others.map(\.invoker) == ["db"])
  }

  /// Another task's failed allocation on another CPU prints much the same lines.
  @Test func leavesOutOtherTasksLines() throws {
    let report = try #require(
      OOMReportParser.reports(
        in: log([
          invoked("db"), "CPU: 1 PID: 99 Comm: dbus Not tainted",
          "CPU: 0 PID: 5 Comm: db Not tainted",
          "memory: usage 8kB, limit 8kB, failcnt 1", "active_anon:1 inactive_anon:2",
          "Memory cgroup stats for /a:", "anon 4096", "INFO: task x blocked", "file 0",
          chosen(7, "/a"), "anon 1", killed(7),
        ])
      ).first)
    #expect(report.invokerPID == 5)
    #expect(report.memory == [.init("anon", 4096), .init("file", 0)])
  }

  private func dump(_ name: String, _ pid: Int32) -> [String] {
    [
      invoked(name), "CPU: 0 PID: \(pid) Comm: \(name) Not tainted",
      "memory: usage \(pid)kB, limit \(pid)kB, failcnt \(pid)", "Memory cgroup stats for /\(name):",
      "anon \(pid)", chosen(pid, "/" + name), killed(pid),
    ]
  }

  /// Every way to weave two dumps into each other, given as which one's line comes next.
  private func weaves() -> [[Bool]] {
    (0..<1 << 14).filter { $0.nonzeroBitCount == 7 }.map { bits in
      (0..<14).map { bits >> $0 & 1 == 1 }
    }
  }

  private func weave(_ a: [String], _ b: [String], _ order: [Bool]) -> [String] {
    var a = a[...]
    var b = b[...]
    return order.compactMap { $0 ? a.popFirst() : b.popFirst() }
  }

  @Test func takesWovenDumpsApartByCaller() {
    let a = dump("a", 11).map { "@T11 " + $0 }
    let b = dump("b", 22).map { "@T22 " + $0 }
    for order in weaves() {
      let reports = OOMReportParser.reports(in: log(weave(a, b, order)))
      #expect(reports.count == 2)
      for report in reports {
        let name = report.oomCgroup == "/a" ? "a" : "b"
        let pid: Int32 = name == "a" ? 11 : 22
        #expect(report.victims.map(\.pid) == [pid] && report.chosenPID == pid)
        #expect(report.invoker == name && report.invokerPID == pid && report["anon"] == UInt64(pid))
        #expect(report.limit == UInt64(pid) << 10)
      }
    }
  }

  /// Without callers no fact may be given to the wrong dump, and no kill may be lost.
  @Test func neverMixesWovenDumps() {
    for order in weaves() {
      let reports = OOMReportParser.reports(in: log(weave(dump("a", 11), dump("b", 22), order)))
      #expect(reports.filter { !$0.victims.isEmpty }.count == 2)
      for report in reports {
        guard let victim = report.victims.first else { continue }
        let name = victim.pid == 11 ? "a" : "b"
        #expect(report.oomCgroup == "/" + name && report.chosenPID == victim.pid)
        #expect(report.invoker == nil || report.invoker == name)
        #expect(report.invokerPID == nil || report.invokerPID == victim.pid)
        #expect(report["anon"] == nil || report["anon"] == UInt64(victim.pid))
        #expect(report.limit == nil || report.limit == UInt64(victim.pid) << 10)
      }
    }
  }

  @Test func aKillOfAnotherProcessIsItsOwnIncident() {
    let reports = OOMReportParser.reports(
      in: log([invoked("a"), chosen(1, "/a"), killed(2), killed(1)]))
    #expect(reports.map { $0.victims.map(\.pid) } == [[2], [1]])
    #expect(reports.map(\.invoker) == [nil, "a"])
  }

  @Test func aDumpWhoseLastLineIsLostHasItsKill() {
    let reports = OOMReportParser.reports(
      in: log([invoked("a"), "memory: usage 8kB, limit 8kB, failcnt 1", "...", killed(2)]))
    #expect(reports.map(\.invoker) == ["a"] && reports.map(\.limit) == [8192])
    let other = OOMReportParser.reports(
      in: log([
        invoked("a"), "Tasks state (memory values in pages):", header,
        "[      1]     0     1       10        5     4096        0             0 db", "...",
        killed(2),
      ]))
    #expect(other.map { $0.victims.map(\.pid) } == [[2], []])
  }

  @Test(arguments: [true, false])
  func waitsForBoundedlyManyKills(invokes: Bool) {
    let texts = (1...100).flatMap { pid in
      [invokes ? invoked("a") : "...", chosen(pid, "/a")]
    }
    var parser = OOMReportParser()
    let cut = log(texts).compactMap { parser.feed($0) }.count
    let waiting = parser.finish().count
    #expect(waiting == 8 && cut + waiting == 100)
    #expect(parser.finish().isEmpty)
  }

  // MARK: JSON

  @Test func refusesOtherJSON() throws {
    for text in [
      "[]", "null", #"{"order":"0"}"#, #"{"usage":-1}"#, #"{"memory":[]}"#,
      #"{"memory":{"a":"b"}}"#,
      #"{"victims":[{"pid":1,"comm":"a","time":1}]}"#, #"{"tasks":[1]}"#, #"{"global":1}"#,
      #"{"victims":[{"pid":1,"comm":"a","time":1,"seq":1,"uid":"x"}]}"#,
    ] {
      #expect(OOMReport(json: try JSON(parsing: text.utf8)) == nil, "\(text)")
    }
    #expect(OOMReport(json: ["later": 1]) == OOMReport())
  }

  @Test func jsonUsesTheKernelsWords() throws {
    let reports = OOMReportParser.reports(in: log(dump("a", 11)))
    let json = try #require(reports.first).json
    #expect(json["oom_memcg"] == "/a" && json["memory"]?["anon"] == 11)
    #expect(json["swap_limit"] == .null && json["victims"]?.array?.first?["anon_rss"] == 20480)
  }
}

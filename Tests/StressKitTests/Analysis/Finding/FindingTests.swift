// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord
@testable import StressReport

/// Which cell is told, and what is told of it.
struct FindingTests {
  private let directory: RecordFixture
  private let fixture: ComparisonFixture

  init() throws {
    directory = try RecordFixture()
    fixture = try ComparisonFixture(directory)
  }

  private func record() throws -> RecordReader {
    try RecordReader(try directory.record(from: MailFixture.killed))
  }

  // MARK: The cell

  @Test func regressionGoesFirst() throws {
    let analysis = try MailFixture().analysis
    let found = try analysis.reportedCell(nil, .init())
    #expect(found.index == 1 && found.reason == .regression && found.isKernelRegression)
    #expect(found.comparison?.cells.baseName == "debian:6.1")
    let named = try analysis.reportedCell(0, .init())
    #expect(
      named.index == 0 && named.reason == .named && named.comparison == nil && named.call == nil)
    #expect(!named.isKernelRegression)
  }

  /// Where so few trials are no regression, the kills decide; the kernel is the axis where several vary.
  @Test func mostKillsElse() throws {
    let campaign = CampaignFixture(directory)
    let axes: [KeyValuePairs<String, String>] = [
      ["kernel": "debian:6.1", "fs": "ext4"], ["kernel": "debian:6.1", "fs": "xfs"],
      ["kernel": "debian:6.12", "fs": "ext4"], ["kernel": "debian:6.12", "fs": "xfs"],
    ]
    try campaign.plan(axes, trials: 2)
    for cell in 1...4 {
      for number in 1...2 {
        let killed = cell == 4 || (cell == 3 && number == 1)
        try campaign.trial(cell, number, from: killed ? MailFixture.killed : MailFixture.completed)
      }
    }
    let found = try CampaignAnalysis(directory: directory.root).reportedCell(nil, .init())
    #expect(found.index == 3 && found.reason == .mostKills && found.call != .regression)
    #expect(found.comparison?.cells.axis.key == "kernel")
    let summary = try CampaignSummary(directory: directory.root)
    #expect(
      OtherCells(summary, of: 3, compared: "kernel").neighbours == [
        .init(axis: "fs", value: "ext4", control: nil, failed: Proportion(1, of: 2))
      ])
    #expect(OtherCells(summary, of: 3, compared: nil).neighbours.map(\.axis) == ["kernel", "fs"])
    #expect(
      summary.command
        == "wbstress run oracle-backup --kernel debian:6.1,debian:6.12 --fs ext4,xfs --trials 2"
        + " --seed 4040321717")
  }

  /// Four trials of each cell show nothing by themselves: what all strata show together is reported, of one of them.
  @Test(arguments: [false, true]) func aStratumOfARegression(_ isStopped: Bool) throws {
    let campaign = CampaignFixture(directory)
    let kernels = ["debian:6.1", "debian:6.12"]
    let axes = kernels.flatMap { kernel in
      ["ext4", "xfs"].map { ["kernel": kernel, "fs": $0] as KeyValuePairs }
    }
    try campaign.plan(axes, trials: 4)
    for cell in 1...4 {
      for number in 1...4 {
        try campaign.trial(
          cell, number, from: cell > 2 ? MailFixture.killed : MailFixture.completed)
      }
    }
    if isStopped {
      var file = try CampaignFile(directory: directory.root)
      file.untilVerdict = .init(axis: "kernel", base: kernels[0], new: kernels[1])
      try file.write(to: directory.root)
      #expect(try CampaignFile(directory: directory.root) == file)
    }
    let analysis = try CampaignAnalysis(directory: directory.root)
    let found = try analysis.reportedCell(nil, .init())
    #expect(found.index >= 2 && found.reason == .regression)
    #expect(found.call == .inconclusive && found.pooledCall == .regression)
    #expect(found.isKernelRegression)
    let draft = String(decoding: try ReportFormat.mail.render(analysis, .init()), as: UTF8.self)
    let prose = ParsedMail(draft).prose
    #expect(draft.contains("Subject: [REGRESSION] "))
    #expect(
      prose.contains("Verdict: REGRESSION (kernel debian:6.1 > debian:6.12, 2 strata by fs): "))
    #expect(prose.contains("This stratum alone: INCONCLUSIVE") != isStopped)
    #expect(prose.contains("p adjusted") != isStopped && prose.contains("e-value") == isStopped)
    let json = try JSONReport(analysis, .init()).json()["comparison"]
    #expect((json?["anytime"] != .null) == isStopped)
    #expect(json?["pooled"]?.array?.first?["strata"] == [0, 1])
    #expect(
      json?["pooled"]?.array?.first?["call"] == (isStopped ? "INCONCLUSIVE" : "REGRESSION"))
    #expect(analysis.summary.command.contains(" --until-verdict --axis kernel ") == isStopped)
  }

  @Test func noSuchCell() throws {
    let analysis = try MailFixture(trials: 1).analysis
    let error = #expect(throws: HarnessError.self) { try analysis.reportedCell(2, .init()) }
    #expect(error?.code == .usage && error?.remedy == "name one of 1 to 2")
    #expect(throws: HarnessError.self) { try analysis.reportedCell(nil, .init(axis: "colour")) }
  }

  // MARK: Its failures

  @Test func failures() throws {
    let trials = [
      fixture.trial(1), fixture.trial(2, .init(killed: 2)), fixture.trial(3, .init(outcome: .hang)),
      fixture.trial(4, .init(outcome: .panic)), fixture.trial(5, .init(outcome: .invalid)),
    ]
    let cell = fixture.campaign([(["kernel": "6.1"], trials)]).cells[0]
    #expect(cell.failed == Proportion(3, of: 4))
    #expect(FailureKind.allCases.map { cell.failed($0).events } == [1, 1, 1, 0])
    #expect(cell.typicalTrial?.number == 2)
  }

  /// Before one kill nobody was paused, before another somebody was; of a third nobody looked.
  @Test func whatKillsHaveInCommon() throws {
    let campaign = CampaignFixture(directory)
    try campaign.plan([["fs": "ext4"]], trials: 3)
    let trace = #"{"type":"trace","events":{"writeback:balance_dirty_pages":2}}"#
    let start = try #require(
      try record().lines("phase").first { $0["name"] == "stream" }?["t"]?.int)
    let pause =
      #"{"type":"span","t":\#(start + 2),"of":"dirty-throttle","start":\#(start + 1),"ns":1}"#
    try campaign.trial(1, 1, from: MailFixture.killed, adding: [trace])
    try campaign.trial(1, 2, from: MailFixture.killed, adding: [pause, trace])
    try campaign.trial(1, 3, from: MailFixture.killed)
    let diagnosis = try CampaignAnalysis(directory: directory.root).diagnosis(cell: 0)
    #expect(diagnosis.unthrottled == Proportion(1, of: 2))
    #expect(diagnosis.findings.map(\.name) == ["writeback-bound"])
    #expect(diagnosis.findings.map(\.count) == [3])
    let share = try #require(diagnosis.trials[0].autopsies[0].memory?.awaitingShare)
    #expect(abs(share - 9_555_968.0 / 67_108_864) < 1e-9)
  }

  // MARK: Its log

  /// The report's lines with the log's own times, without trace, task list and the figures nobody quotes.
  @Test func excerpt() throws {
    let record = try record()
    let autopsy = try #require(OOMAutopsy.all(in: record).first)
    let excerpt = try #require(KernelLogExcerpt(record, autopsy.report))
    #expect((6...20).contains(excerpt.lines.count) && excerpt.omitted > 40)
    let time = try #require(autopsy.report.invokedTime)
    let first = try #require(excerpt.lines.first)
    #expect(first.contains(" invoked oom-killer: gfp_mask="))
    #expect(first.contains("\(time / 1_000_000_000).") && first.hasPrefix("[    "))
    #expect(
      first.contains("." + String("\(1_000_000 + time / 1000 % 1_000_000)".dropFirst()) + "] "))
    #expect(excerpt.lines.last?.contains("] Memory cgroup out of memory: Killed process ") == true)
    for key in ["anon", "file_writeback", "unevictable", "pgscan"] {
      let value = try #require(autopsy.report[key])
      #expect(excerpt.lines.contains { $0.hasSuffix("] \(key) \(value)") }, "\(key)")
    }
    #expect(!excerpt.lines.contains { $0.contains("Call Trace") || $0.contains("numa_") })
  }

  /// Zones without a node are quoted like those of one.
  @Test(arguments: [
    "nonuma-caller-5.3", "i386-next-5.7-highmem", "xfs-531-alloc-tags-6.10-journal",
  ])
  func excerptOfAMachinesDump(_ name: String) throws {
    let log = try SavedLog.records("cases/oom/\(name).txt")
    let lines = log.map { line -> String in
      let members: [(String, JSON)] = [
        ("type", "kmsg"), ("t", .uint(line.time)), ("seq", .uint(line.sequence)),
        ("text", .string(line.text)),
      ]
      return JSON.object(members).text
    }
    let path = try directory.record(from: MailFixture.killed, without: ["kmsg"], adding: lines)
    let report = try #require(OOMReportParser.reports(in: log).first)
    let excerpt = try #require(KernelLogExcerpt(try RecordReader(path), report))
    let zones = excerpt.lines.filter { $0.contains(" free:") && $0.contains(" min:") }
    let expected = name.hasPrefix("i386") ? ["Normal", "HighMem"] : ["DMA32", "Normal"]
    #expect(zones.count == expected.count)
    for (zone, name) in zip(zones, expected) { #expect(zone.contains(name + " free:")) }
    #expect(excerpt.lines.last?.contains("Out of memory: Killed process ") == true)
  }

  @Test func excerptOfALostLog() throws {
    let path = try directory.record(from: MailFixture.killed, without: ["kmsg"])
    let record = try RecordReader(path)
    let autopsy = try #require(OOMAutopsy.all(in: record).first)
    #expect(KernelLogExcerpt(record, autopsy.report) == nil)
  }

  // MARK: Its environment

  @Test func environment() throws {
    let environment = TrialEnvironment(try record())
    #expect(environment.release == "6.12.117+deb12-cloud-amd64" && environment.taint == 0)
    #expect(environment.swaps == [] && environment.memory == 990_060 << 10)
    #expect(environment.mountOptions == "rw,relatime / rw" && environment.sockets == 1)
    #expect(
      environment.isVirtual == true && environment.mkfsVersion == "mke2fs 1.47.0 (5-Feb-2023)")
    #expect(environment.features?.contains("has_journal") == true)
    #expect(environment.changedSettings.isEmpty)
    #expect(environment.cgroups.map(\.path) == ["", "wbstress", "wbstress/db", "wbstress/backup"])
    #expect(environment.events["wbstress"]?.contains(.init("oom_kill", "1")) == true)
    #expect(environment.events["wbstress/backup"]?.contains { $0.key == "oom_kill" } == false)
    #expect(environment.queue.contains(.init("wbt_lat_usec", "75000")))
  }

  /// What is not as the kernel has it, by its own name; what an older record lacks is unknown, and no default.
  @Test func changedSettings() throws {
    let changed = TrialEnvironment(
      try RecordReader(
        try directory.record(
          from: MailFixture.killed,
          replacing: [
            "/proc/sys/vm/dirty_ratio\":\"20\"": "/proc/sys/vm/dirty_ratio\":\"5\"",
            "/sys/module/zswap/parameters/enabled\":null":
              "/sys/module/zswap/parameters/enabled\":\"Y\"",
          ])))
    #expect(
      changed.changedSettings == [.init("zswap.enabled", "Y"), .init("vm.dirty_ratio", "5")])
    let old = TrialEnvironment(
      try RecordReader(try directory.record(from: RecordFixture.killed)))
    #expect(old.taint == nil && old.swaps == nil && old.cgroups.isEmpty && old.mkfsVersion == nil)
    #expect(old.mountOptions != nil)
  }
}

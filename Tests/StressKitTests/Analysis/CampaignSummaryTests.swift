// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

struct CampaignSummaryTests: ProfileSuite {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private func trial(
    _ outcome: Outcome, kills: Int = 0, findings: [OOMFinding] = [], throughput: Double? = nil
  ) throws -> TrialSummary {
    var trial = try TrialSummary(try directory.record(from: RecordFixture.completed))
    trial.ending = Ending(outcome)
    trial.kills = .init(kernelLog: kills, memoryEvents: kills, console: nil)
    trial.incidents = findings.map { OOMIncident($0) }
    trial.throughput = throughput
    return trial
  }

  private func cell(_ trials: [TrialSummary], expect: String = "{}") throws -> CellSummary {
    CellSummary(
      axes: [], profile: try profile("{pinned: [{size: 1MiB}], expect: \(expect)}"),
      trials: trials)
  }

  /// A trial that says nothing about the cell is in no proportion and no median, but in the outcomes.
  @Test func onlyCountedTrialsCount() throws {
    let cell = try cell([
      try trial(.oom, kills: 2, findings: [.writebackBound, .writebackBound], throughput: 10),
      try trial(.completed, throughput: 20),
      try trial(.stalled, kills: 1, findings: [.justified], throughput: 40),
      try trial(.hang), try trial(.panic, kills: 1, throughput: 80),
      try trial(.harnessLost, kills: 1, findings: [.premature], throughput: 1e9),
      try trial(.invalid, kills: 1, findings: [.premature], throughput: 1e9),
      try trial(.skipped),
    ])
    #expect(cell.counted.count == 5)
    // The trial is the unit: two kills in one are one.
    #expect(cell.killed == Proportion(3, of: 5))
    let tally = cell.incidents.map(\.label).tally
    #expect(tally.map(\.name) == ["writeback-bound", "justified"] && tally.map(\.count) == [2, 1])
    #expect(cell.sample(\.throughput) == OrderedSample([10, 20, 40, 80]))
    #expect(
      cell.outcomes.map { "\($0.key.rawValue) \($0.count)" } == [
        "completed 1", "oom 1", "stalled 1", "hang 1", "panic 1", "harness-lost 1", "invalid 1",
        "skipped 1",
      ])
  }

  @Test func nothingCounted() throws {
    let cell = try cell([try trial(.invalid, kills: 1)], expect: "{oom_kill: 0}")
    #expect(cell.killed == Proportion(0, of: 0) && cell.incidents.isEmpty && cell.missed.isEmpty)
    #expect(cell.sample(\.throughput).count == 0)
  }

  @Test func missedExpectations() throws {
    let trials = [
      try trial(.oom, kills: 1, throughput: 3_000_000),
      try trial(.completed, throughput: 1_000_000),
      try trial(.hang), try trial(.invalid, kills: 9, throughput: 0),
    ]
    let cell = try cell(
      trials, expect: "{oom_kill: 0, throughput: '>= 2MB/s', stall.max: '<= 10s'}")
    let missed = cell.missed.map { "\($0.expectation.metric.name) \($0.trials)" }
    // The hang meets no bound, not even one that its record seems to keep.
    #expect(missed == ["oom_kill 2", "throughput 2", "stall.max 1"])
  }

  // MARK: Bounds

  @Test(
    arguments: [
      (.less, [true, false, false]), (.atMost, [true, true, false]),
      (.equal, [false, true, false]),
      (.atLeast, [false, true, true]), (.greater, [false, false, true]),
    ] as [(Profile.Expectation.Relation, [Bool])])
  func relations(_ relation: Profile.Expectation.Relation, _ met: [Bool]) throws {
    let expectation = Profile.Expectation(.oomKill, relation, 2)
    for (kills, met) in zip(1...3, met) {
      #expect(expectation.isMet(by: try trial(.oom, kills: kills)) == met)
    }
  }

  /// Each metric reads its own value, and without one is not met.
  /// Without the cgroup's own count, none that is known is not none.
  @Test func killsThatNobodyCounted() throws {
    let bound = Profile.Expectation(.oomKill, .equal, 0)
    var trial = try trial(.completed, kills: 0, throughput: 1)
    #expect(bound.isMet(by: trial))
    trial.kills.memoryEvents = nil
    #expect(!bound.isMet(by: trial) && bound.measured(in: trial) == nil)
    trial = try self.trial(.oom, kills: 0, throughput: 1)
    trial.kills = .init(kernelLog: 0, memoryEvents: nil, console: nil)
    #expect(bound.measured(in: trial) == 1)
  }

  @Test func metrics() throws {
    var trial = try trial(.oom, kills: 11, throughput: 12)
    trial.stall = .init(p50: 13, p99: 14, max: 15, count: 1)
    trial.memoryPressure = .init(some: 16, full: 17)
    trial.ioPressure = .init(some: 18, full: 19)
    trial.trace = TraceHealth(
      try RecordReader(
        try directory.write(
          "t.jsonl", "{\"type\":\"trace\",\"events\":{\"vmscan:mm_vmscan_throttled\":24}}\n")))
    trial.latencies = [
      "fsync": Distribution([(value: 20, count: 2), (value: 21, count: 1)]),
      TraceSpan.throttledWriteback.label: Distribution([(value: 1, count: 24)]),
    ]
    trial.workerLatencies = ["db": ["fsync": Distribution([(value: 22, count: 1)])]]
    trial.vmstat = ["pgscan_kswapd": 23]
    trial.kswapd = 25
    let values: [(Profile.Expectation.Metric, Double)] = [
      (.oomKill, 11), (.throughput, 12), (.stall(.p50), 13), (.stall(.p99), 14),
      (.stall(.max), 15), (.memoryPressure(full: false), 16), (.memoryPressure(full: true), 17),
      (.ioPressure(full: false), 18), (.ioPressure(full: true), 19),
      (.latency(worker: nil, of: "fsync", .p50), 20),
      (.latency(worker: nil, of: "fsync", .max), 21),
      (.latency(worker: "db", of: "fsync", .p99), 22), (.vmstat("pgscan_kswapd"), 23),
      (.throttled(.writeback), 24), (.kswapd, 25),
    ]
    for (metric, value) in values {
      #expect(Profile.Expectation(metric, .equal, value).isMet(by: trial), "\(metric)")
    }
    trial.stall = nil
    trial.throughput = nil
    trial.memoryPressure = nil
    trial.ioPressure = nil
    trial.latencies = [:]
    trial.workerLatencies = [:]
    trial.vmstat = [:]
    trial.trace = nil
    trial.kswapd = nil
    for (metric, _) in values where metric != .oomKill {
      for relation in Profile.Expectation.Relation.allCases {
        #expect(!Profile.Expectation(metric, relation, 0).isMet(by: trial))
      }
    }
  }

  @Test func killsThatTheLogLostAreKills() throws {
    var trial = try trial(.oom)
    trial.kills.memoryEvents = 1
    #expect(!Profile.Expectation(.oomKill, .equal, 0).isMet(by: trial))
    #expect(try cell([trial]).killed == Proportion(1, of: 1))
  }

  // MARK: Directories

  @Test func readsADirectory() throws {
    let campaign = CampaignFixture(directory)
    try campaign.plan(
      [["kernel": "debian:6.1", "fs": "xfs"], ["kernel": "debian:6.12", "fs": "xfs"]], trials: 11,
      seed: .max)
    try campaign.trial(1, 1, from: RecordFixture.completed)
    try campaign.trial(2, 2, from: RecordFixture.killed)
    try campaign.trial(2, 10, from: RecordFixture.killed)
    try campaign.trial(2, 1, from: RecordFixture.killed, without: ["end"])
    // Neither an attempt that was put aside nor a directory without a line of a record is a trial.
    try directory.record("trials/2-3.lost-1/record.jsonl", from: RecordFixture.killed)
    try directory.write("trials/2-4/console.log", "")
    try directory.write("trials/2-5/record.jsonl", "")
    // Nor is one that was not planned.
    try directory.write("trials/12-1/record.jsonl", "")
    try directory.write("trials/2-12/record.jsonl", "")
    let summary = try CampaignSummary(directory: directory.root)
    #expect(summary.label == "oracle-backup" && summary.seed == .max && summary.planned == 11)
    #expect(summary.cells.count == 2)
    #expect(summary.cells[0].axes == [.init("kernel", "debian:6.1"), .init("fs", "xfs")])
    #expect(summary.cells[0].trials.map(\.number) == [1])
    #expect(summary.cells[1].trials.map(\.number) == [1, 2, 10])
    #expect(summary.cells.allSatisfy { $0.unreadable.isEmpty })
    #expect(summary.cells[1].killed == Proportion(2, of: 2))
    #expect(summary.cells[1].profile.limits.first == .init("memory.max", "67108864"))
    #expect(summary.verdict == .missed)
  }

  /// A trial whose record is damaged where it begins is not to vanish from the report.
  @Test func unreadableTrialsAreTold() throws {
    let campaign = CampaignFixture(directory)
    try campaign.plan([["kernel": "debian:6.12"]], trials: 3)
    try campaign.trial(1, 1, from: RecordFixture.killed)
    let path = try directory.record(
      "trials/1-2/record.jsonl", from: RecordFixture.killed, without: ["header"])
    let cell = try #require(try CampaignSummary(directory: directory.root).cells.first)
    #expect(cell.trials.count == 1 && cell.unreadable.map(\.object) == [path])
    let report = try campaign.report().split(separator: "\n").joined(separator: " ")
    #expect(report.contains("unreadable: #1 "))
    #expect(report.contains("it has no header"))
    #expect(report.contains("#1: 2 of 3 trials run so far"))
  }

  /// A cell of which nothing is known is no success.
  @Test func verdicts() throws {
    func verdict() throws -> CampaignSummary.Verdict {
      try CampaignSummary(directory: directory.root).verdict
    }
    let campaign = CampaignFixture(directory)
    try campaign.plan([["kernel": "debian:6.1"]], trials: 1)
    #expect(try verdict() == .inconclusive)
    try campaign.trial(1, 1, from: RecordFixture.completed, without: ["end"])
    #expect(try verdict() == .inconclusive)
    try campaign.trial(1, 1, from: RecordFixture.completed)
    #expect(try verdict() == .met)
    try campaign.trial(1, 1, from: RecordFixture.killed)
    #expect(try verdict() == .missed)
    // One cell's silence does not hide another's kill.
    try campaign.plan([["kernel": "debian:6.1"], ["kernel": "debian:6.12"]], trials: 1)
    #expect(try verdict() == .missed)
    // Who expects nothing is not kept waiting.
    try campaign.plan(
      [["kernel": "debian:6.1"]], trials: 1,
      replacing: ["\"expect\":{\"oom_kill\":\"== 0\"}": "\"expect\":{}"])
    #expect(try verdict() == .met)
  }

  /// A control that does not come true fails the campaign, whatever was expected.
  @Test func controls() throws {
    func cell(_ control: String, _ trials: [TrialSummary]) throws -> CellSummary {
      var cell = try self.cell(trials)
      cell.profile.control = Profile.Control(rawValue: control)
      return cell
    }
    let (dead, alive) = (try trial(.oom, kills: 1), try trial(.completed))
    let unknown = try trial(.invalid, kills: 1)
    #expect(try !cell("positive", [dead, dead, unknown]).isFailedControl)
    #expect(try cell("positive", [dead, alive]).isFailedControl)
    // It died otherwise than it should have.
    #expect(try cell("positive", [dead, trial(.panic)]).isFailedControl)
    #expect(try !cell("negative", [alive, unknown]).isFailedControl)
    #expect(try cell("negative", [alive, dead]).isFailedControl)
    #expect(try !cell("none", [alive, dead]).isFailedControl)
    #expect(try !cell("positive", [unknown]).isFailedControl)
    #expect(try cell("positive", [unknown]).isSilent && !cell("none", [unknown]).isSilent)

    let campaign = CampaignFixture(directory)
    for (control, verdict, killed) in [
      ("positive", CampaignSummary.Verdict.missed, false), ("positive", .met, true),
      ("negative", .missed, true), ("negative", .met, false),
    ] {
      try campaign.plan(
        [["kernel": "debian:6.1"]], trials: 1,
        replacing: ["\"expect\":{\"oom_kill\":\"== 0\"}": "\"control\":\"\(control)\""])
      try campaign.trial(1, 1, from: killed ? RecordFixture.killed : RecordFixture.completed)
      let summary = try CampaignSummary(directory: directory.root)
      #expect(summary.verdict == verdict, "\(control) \(killed)")
      let failed = summary.failedControls.map { "\($0.cell) \($0.control.rawValue)" }
      #expect(failed == (verdict == .missed ? ["0 \(control)"] : []))
    }
    try campaign.trial(1, 1, from: RecordFixture.completed, without: ["end"])
    #expect(try CampaignSummary(directory: directory.root).verdict == .inconclusive)
  }

  @Test(arguments: ["", "{}", "{\"cells\":[]}", "{\"cells\":[{}],\"seed\":1}"])
  func refusesWhatIsNoCampaign(_ text: String) throws {
    let path = try directory.write("campaign.json", text)
    let error = #expect(throws: HarnessError.self) {
      try CampaignSummary(directory: directory.root)
    }
    #expect(error?.code == .usage && error?.object == path)
  }

  @Test func refusesADirectoryWithoutAPlan() throws {
    let error = #expect(throws: HarnessError.self) {
      try CampaignSummary(directory: directory.root)
    }
    #expect(error?.code == .usage && error?.errno == .noSuchFileOrDirectory)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressRecord
@testable import StressReport

struct CompareReportTests {
  private typealias Figures = ComparisonFixture.Figures
  private let directory: RecordFixture
  private let fixture: ComparisonFixture

  init() throws {
    directory = try RecordFixture()
    fixture = try ComparisonFixture(directory)
  }

  private func text(_ comparison: CampaignComparison, colour: Bool = false) -> String {
    CompareReport(comparison, style: .init(colour: colour)).text
  }

  private func expectGolden(
    _ comparison: CampaignComparison, _ name: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let text = text(comparison)
    try StressKitTests.expectGolden(text, name, sourceLocation: sourceLocation)
    for line in text.split(separator: "\n") where line.count > TerminalReport.width {
      Issue.record("\(line.count) columns: \(line)", sourceLocation: sourceLocation)
    }
  }

  private func usual(_ index: Int) -> Figures {
    Figures(
      throughput: scatter(index, around: 4, by: 0.01),
      stall: scatter(index + 3, around: 1, by: 0.05),
      vmstat: [
        "pgscan_file": Int64(3800 + index), "nr_vmscan_immediate_reclaim": 0, "pgrotated": 0,
      ])
  }

  private func killed(_ index: Int) -> Figures {
    Figures(
      killed: scatter(index, around: 3, by: 0.5),
      vmstat: [
        "pgscan_file": Int64(120_000 + 100 * index), "pgrotated": Int64(index % 2),
        "nr_vmscan_immediate_reclaim": Int64(3700 + 10 * index),
      ])
  }

  /// The other kernel's facts, with the same settings.
  private func on612(_ trials: [TrialSummary]) throws -> [TrialSummary] {
    let facts = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed, replacing: ["\"lru_gen\":true": "\"lru_gen\":false"])
    ).facts
    return trials.map { trial in
      var trial = trial
      trial.facts = facts
      return trial
    }
  }

  /// Everything that stands behind one verdict: what differs, what was left out, and the noise.
  @Test func regression() throws {
    var lost = fixture.trial(13)
    lost.ending = Ending(.harnessLost, reason: "no-end", message: "the record has no last line")
    let new = fixture.trials(12) { $0 == 4 ? usual(4) : killed($0) }
    let campaign = fixture.kernels(fixture.trials(12, usual) + [lost], try on612(new))
    let noise = fixture.campaign(
      ["A", "B"].map { arm in
        (
          ["kernel": "6.1", "calibrate": arm],
          fixture.trials(12) { usual($0 + (arm == "A" ? 0 : 7)) }
        )
      })
    let comparison = try CampaignComparison([campaign], noise: noise, draws: 100)
    #expect(comparison.code == .expectation)
    try expectGolden(comparison, "compare-regression.txt")
  }

  /// Each kind of verdict, and cells that cannot be compared.
  @Test func verdicts() throws {
    let other = try TrialSummary(
      try directory.record(
        from: RecordFixture.completed,
        replacing: ["4194304B/s": "8388608B/s", "\"rstat\":\"off\"": "\"rstat\":\"10000000ns\""])
    ).facts
    let unlike = fixture.trials(12, usual).map { trial in
      var trial = trial
      trial.facts = other
      return trial
    }
    let slower = fixture.trials(12) { index in
      var figures = usual(index)
      figures.throughput *= 0.8
      figures.stall /= 3
      return figures
    }
    let arms = [
      ("ext4", fixture.trials(12, killed), fixture.trials(12, usual)),
      ("xfs", fixture.trials(12, usual), fixture.trials(12) { usual($0 + 5) }),
      ("btrfs", fixture.trials(3, usual), fixture.trials(3, killed)),
      ("ext3", fixture.trials(12, usual), unlike), ("tmpfs", fixture.trials(12, usual), slower),
    ]
    func cells(_ kernel: String, _ trials: [(String, [TrialSummary])]) -> [(
      axes: KeyValuePairs<String, String>, trials: [TrialSummary]
    )] { trials.map { (["kernel": kernel, "fs": $0.0], $0.1) } }
    let base = fixture.campaign(cells("6.1", arms.map { ($0.0, $0.1) } + [("vfat", [])]), "old")
    let new = fixture.campaign(cells("6.12", arms.map { ($0.0, $0.2) }), "new")
    try expectGolden(
      try CampaignComparison([base, new], .init(axis: "kernel")), "compare-verdicts.txt")
  }

  private func onFilesystems(
    _ strata: [(fs: String, base: [TrialSummary], new: [TrialSummary])]
  ) throws -> CampaignComparison {
    let cells = strata.flatMap { stratum in
      [("6.1", stratum.base), ("6.12", stratum.new)].map { kernel, trials in
        (axes: ["kernel": kernel, "fs": stratum.fs] as KeyValuePairs, trials: trials)
      }
    }
    return try CampaignComparison([fixture.campaign(cells)], .init(axis: "kernel"))
  }

  /// The quickstart's result, and a file system that has not been run yet.
  @Test func strata() throws {
    let (alive, dead) = (fixture.trials(4, usual), fixture.trials(4, killed))
    let comparison = try onFilesystems([
      ("ext4", alive, dead), ("xfs", alive, dead), ("btrfs", alive, dead), ("f2fs", alive, []),
    ])
    #expect(comparison.code == .expectation)
    try expectGolden(comparison, "compare-strata.txt")
  }

  /// Worse on one and better on another, and slower on one of them: no common change is told.
  @Test func strataThatDiffer() throws {
    let (alive, dead) = (fixture.trials(12, usual), fixture.trials(12, killed))
    let some = fixture.trials(12) { $0 < 9 ? killed($0) : usual($0) }
    try expectGolden(
      try onFilesystems([("ext4", alive, dead), ("xfs", dead, alive)]), "compare-opposite.txt")
    try expectGolden(
      try onFilesystems([("ext4", alive, some), ("xfs", alive, alive)]), "compare-one-stratum.txt")
  }

  /// Campaigns that stop when it is known: after one trial of each cell, and not yet.
  @Test func untilVerdict() throws {
    let (alive, dead) = (fixture.trials(1, usual), fixture.trials(1, killed))
    let cells = ["ext4", "xfs", "btrfs"].flatMap { fs in
      [("6.1", alive), ("6.12", dead)].map { kernel, trials in
        (axes: ["kernel": kernel, "fs": fs] as KeyValuePairs, trials: trials)
      }
    }
    var campaign = fixture.campaign(cells)
    campaign.planned = 4
    campaign.untilVerdict = .init(axis: "kernel", base: "6.1", new: "6.12")
    let known = try CampaignComparison([campaign])
    try expectGolden(known, "compare-until-verdict.txt")
    let lead = CompareReport(known, style: .init(colour: false)).lead
    #expect(text(known).hasPrefix(lead) && lead.hasPrefix("REGRESSION  kernel 6.1 > 6.12, "))
    campaign.cells[5].trials = []
    let open = try CampaignComparison([campaign])
    #expect(
      CompareReport(open, style: .init(colour: false)).lead.hasPrefix("INCONCLUSIVE  kernel"))
    let other = try CampaignComparison([campaign], .init(axis: "fs"))
    #expect(text(other).contains("no p-value holds"))
  }

  @Test(
    arguments: [
      (0.129, "0.12"), (9.999, "9.99"), (19.99, "19.9"), (20, "20.0"), (99.99, "99.9"),
      (12345.6, "12345"), (2e6, "> 1e6"), (.infinity, "> 1e6"),
    ] as [(Double, String)])
  func eValues(_ e: Double, _ text: String) { #expect(CompareReport.e(e) == text) }

  /// Said before anything else.
  @Test func failedControls() throws {
    let alive = fixture.trials(12, usual)
    let campaign = fixture.campaign(
      [
        (["kernel": "6.1", "variant": "base"], alive),
        (["kernel": "6.1", "variant": "data-journal"], alive),
        (["kernel": "6.12", "variant": "base"], fixture.trials(12, killed)),
        (["kernel": "6.12", "variant": "data-journal"], fixture.trials(12, killed)),
      ], "tuesday", control: [1: .positive, 3: .positive])
    let comparison = try CampaignComparison([campaign], .init(axis: "kernel"))
    try expectGolden(comparison, "compare-controls.txt")
    #expect(text(comparison).hasPrefix("positive control failed: "))
    #expect(text(comparison, colour: true).hasPrefix("\u{1b}[31mpositive control failed\u{1b}[0m"))
  }

  /// No trial anywhere is said, not guessed at.
  @Test func nothingRunYet() throws {
    let comparison = try CampaignComparison([fixture.kernels([], [])])
    #expect(comparison.code == .inconclusive)
    try expectGolden(comparison, "compare-empty.txt")
  }

  /// From the records on disk.
  @Test func records() throws {
    let campaign = CampaignFixture(directory)
    try campaign.plan(
      [["kernel": "debian:6.1", "fs": "xfs"], ["kernel": "debian:6.12", "fs": "xfs"]], trials: 4)
    let lru: KeyValuePairs = ["\"lru_gen\":true": "\"lru_gen\":false"]
    for number in 1...4 {
      try campaign.trial(1, number, from: RecordFixture.completed)
      try campaign.trial(2, number, from: RecordFixture.killed, replacing: lru)
    }
    let comparison = try CampaignComparison([try CampaignSummary(directory: directory.root)])
    let one = try #require(comparison.comparisons.first)
    #expect(one.verdict?.results.map(\.measurement.new.count) == [4, 0, 0])
    #expect(one.survival.new.steps.map(\.events) == [4] && one.survival.base.steps.isEmpty)
    // 4 against 4 is p 0.029, and 0.086 among three endpoints.
    #expect(comparison.code == .inconclusive)
    #expect(text(comparison).contains("OOM or hang: 4 against 4 trials"))
  }

  @Test(
    arguments: [
      (0.04, "0.040"), (1, "1.000"), (0.00096, "1e-3"), (0.00012, "1e-4"), (2.6e-7, "3e-7"),
      (0, "0.000"), (nil, "-"),
    ] as [(Double?, String)])
  func pValues(_ p: Double?, _ text: String) { #expect(CompareReport.p(p) == text) }
}

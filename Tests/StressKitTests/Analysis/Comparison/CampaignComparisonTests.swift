// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

struct CampaignComparisonTests {
  private typealias Figures = ComparisonFixture.Figures
  private let fixture: ComparisonFixture

  init() throws { fixture = try ComparisonFixture(try RecordFixture()) }

  private func usual(_ index: Int) -> Figures {
    Figures(
      throughput: scatter(index, around: 4, by: 0.01),
      stall: scatter(index + 3, around: 1, by: 0.05))
  }

  private func killed(_ index: Int) -> Figures {
    Figures(killed: scatter(index, around: 3, by: 0.5))
  }

  private func compare(
    _ base: [TrialSummary], _ new: [TrialSummary]
  ) throws -> CampaignComparison {
    try CampaignComparison([fixture.kernels(base, new)])
  }

  // MARK: Verdicts and exit codes

  @Test func kills() throws {
    let (alive, dead) = (fixture.trials(12, usual), fixture.trials(12, killed))
    let worse = try compare(alive, dead)
    #expect(worse.call(worse.comparisons[0]) == .regression && worse.code == .expectation)
    let better = try compare(dead, alive)
    #expect(better.call(better.comparisons[0]) == .improvement && better.code == nil)
    let same = try compare(alive, fixture.trials(12) { usual($0 + 5) })
    #expect(same.call(same.comparisons[0]) == .noChange && same.code == nil)
    // Where every trial is killed no speed is left to compare, and the rates are the same.
    let both = try compare(dead, dead)
    #expect(both.call(both.comparisons[0]) == .noChange && both.code == nil)
    #expect(both.comparisons[0].verdict?.results.map(\.finding) == [.same, .absent, .absent])
  }

  /// A machine that hangs is no better than one that kills.
  @Test(arguments: [Outcome.hang, .panic, .stalled]) func machinesThatMakeNoEnd(
    _ outcome: Outcome
  ) throws {
    let lost = fixture.trials(12) { _ in Figures(outcome: outcome) }
    #expect(try compare(fixture.trials(12, usual), lost).code == .expectation)
    // Killed before, hung now: nothing has become better.
    #expect(try compare(fixture.trials(12, killed), lost).code == nil)
  }

  @Test func speedAndStalls() throws {
    let base = fixture.trials(12, usual)
    for (slower, code) in [(0.8, HarnessError.Code.expectation), (1.25, nil)] {
      let new = fixture.trials(12) { index in
        var figures = usual(index + 2)
        figures.throughput *= slower
        return figures
      }
      #expect(try compare(base, new).code == code)
    }
    let longer = fixture.trials(12) { index in
      var figures = usual(index)
      figures.stall *= 3
      return figures
    }
    #expect(try compare(base, longer).code == .expectation)
  }

  /// What the killed arm's streams did with the memory of the dead is not held against the base.
  @Test func killedTrialsHaveNoSpeed() throws {
    let fast = fixture.trials(12) { index in
      Figures(throughput: 400, stall: 0.001, killed: index < 6 ? 1 : nil)
    }
    let result = try compare(fixture.trials(12, usual), fast).comparisons[0]
    let rows = Dictionary(
      uniqueKeysWithValues: (result.verdict?.results ?? []).map {
        ($0.measurement.endpoint.name, $0.measurement.new.count)
      })
    #expect(rows == ["OOM or hang": 12, "throughput": 6, "stall p99": 6])
    // What is described has all of them.
    #expect(result.described.allSatisfy { $0.new.count == 12 })
  }

  @Test(arguments: [(0, 0), (0, 12), (12, 0), (1, 1), (3, 3), (2, 3)])
  func tooFewTrials(_ base: Int, _ new: Int) throws {
    let result = try compare(fixture.trials(base, usual), fixture.trials(new, killed))
    #expect(result.call(result.comparisons[0]) == .inconclusive && result.code == .inconclusive)
  }

  /// Twelve equal values against twelve equal ones: ties are no evidence.
  @Test func ties() throws {
    let result = try compare(fixture.trials(12), fixture.trials(12))
    #expect(result.call(result.comparisons[0]) == .noChange)
    #expect(result.comparisons[0].verdict?.results.map(\.adjustedP) == [1, 1, 1])
  }

  @Test func trialsThatSayNothing() throws {
    let lost = fixture.trials(12) { _ in Figures(outcome: .harnessLost) }
    let invalid = fixture.trials(4) { _ in Figures(killed: 1, outcome: .invalid) }
    let result = try compare(fixture.trials(12, usual), fixture.trials(12, usual) + lost + invalid)
    #expect(result.code == nil)
    #expect(result.comparisons[0].verdict?.results[0].measurement.new.count == 12)
  }

  // MARK: Several comparisons

  private func four(_ new: [[TrialSummary]]) throws -> CampaignComparison {
    let names = ["ext4", "xfs", "btrfs", "ext3"]
    let base = zip(names, new).map { name, _ in
      (["kernel": "6.1", "fs": name] as KeyValuePairs, fixture.trials(12, usual))
    }
    let changed = zip(names, new).map { name, trials in
      (["kernel": "6.12", "fs": name] as KeyValuePairs, trials)
    }
    return try CampaignComparison([fixture.campaign(base + changed)], .init(axis: "kernel"))
  }

  private func refused(_ trials: [TrialSummary]) throws -> [TrialSummary] {
    let other = try RecordFixture()
    let facts = try TrialSummary(
      try other.record(
        from: RecordFixture.completed, replacing: ["4194304B/s": "8388608B/s"])
    ).facts
    return trials.map { trial in
      var trial = trial
      trial.facts = facts
      return trial
    }
  }

  /// The worst comparison decides.
  @Test func codes() throws {
    let (same, dead) = (fixture.trials(12, usual), fixture.trials(12, killed))
    let (few, other) = (fixture.trials(3, usual), try refused(same))
    for (arms, code) in [
      ([same, same], nil), ([same, few], .inconclusive), ([few, other], .refused),
      ([same, other], .refused), ([same, few, other, dead], .expectation),
    ] as [([[TrialSummary]], HarnessError.Code?)] {
      #expect(try four(arms).code == code)
    }
  }

  /// The more is compared, the stronger each result has to be, so that the command stays at 5 %.
  @Test func theFamily() throws {
    // 6:12 against 0:12 alone: p 0.014 by Fisher, 0.041 by Holm over three endpoints.
    let some = fixture.trials(12) { $0 < 6 ? killed($0) : usual($0) }
    let alone = try four([some])
    #expect(alone.call(alone.comparisons[0]) == .regression)
    let among = try four([some, fixture.trials(12, usual)])
    #expect(among.call(among.comparisons[0]) == .inconclusive)
    let result = try #require(among.comparisons[0].verdict?.results.first)
    // Of two strata each has a quarter of the level, as half of it is for both together.
    #expect(among.comparisons[0].adjusted(result) == min(1, 4 * result.adjustedP))
    // What is refused is not judged, and takes nothing of the level.
    let other = try four([some, try refused(fixture.trials(12, usual))])
    #expect(other.call(other.comparisons[0]) == .regression)
  }

  // MARK: Refusals

  @Test func armsThatDifferInTwoThings() throws {
    let campaign = fixture.kernels(
      fixture.trials(12, usual), try refused(fixture.trials(12, killed)))
    let result = try CampaignComparison([campaign])
    #expect(result.comparisons[0].verdict == nil && result.code == .refused)
    #expect(
      result.comparisons[0].comparability.refusals.map(\.text) == [
        "device.bandwidth 4194304B/s / 8388608B/s"
      ])
    let allowed = try CampaignComparison([campaign], allowed: ["device.bandwidth"])
    #expect(allowed.code == .expectation)
    let error = #expect(throws: HarnessError.self) {
      try CampaignComparison([campaign], allowed: ["device.bandwith"])
    }
    #expect(error?.code == .usage && error?.object == "--allow device.bandwith")
  }

  // MARK: Controls

  /// Where a control fails no verdict holds, whatever the arms say.
  @Test func failedControls() throws {
    let (alive, dead) = (fixture.trials(12, usual), fixture.trials(12, killed))
    func campaign(_ control: Profile.Control, _ trials: [TrialSummary]) -> CampaignSummary {
      fixture.campaign(
        [
          (["kernel": "6.1", "variant": "base"], alive),
          (["kernel": "6.1", "variant": "c"], trials),
          (["kernel": "6.12", "variant": "base"], dead),
          (["kernel": "6.12", "variant": "c"], trials),
        ], control: [1: control, 3: control])
    }
    let request = ComparisonChoice.Request(axis: "kernel")
    let holds = try CampaignComparison([campaign(.positive, dead)], request)
    #expect(holds.failedControls.isEmpty && holds.code == .expectation)
    // They say whether the experiment holds, and are not judged themselves.
    #expect(holds.comparisons.count == 1 && holds.controls.count == 1)
    for (control, trials) in [(Profile.Control.positive, alive), (.negative, dead)] {
      let fails = try CampaignComparison([campaign(control, trials)], request)
      #expect(fails.failedControls.map(\.control) == [control, control])
      #expect(fails.failedControls.map(\.cell) == ["6.1 c", "6.12 c"])
      #expect(fails.call(fails.comparisons[0]) == .inconclusive && fails.code == .inconclusive)
      #expect(fails.comparisons[0].verdict?.call == .regression)
    }
  }

  @Test func nothingButControls() throws {
    let campaign = fixture.campaign(
      [(["kernel": "6.1"], []), (["kernel": "6.12"], [])], control: [0: .negative, 1: .negative])
    let error = #expect(throws: HarnessError.self) { try CampaignComparison([campaign]) }
    #expect(error?.code == .usage && error?.operation == "has nothing but controls to compare")
  }

  // MARK: Noise

  private func calibration(
    _ kernel: String, spread: Double, directory: String = "noise"
  ) -> CampaignSummary {
    fixture.campaign(
      ["A", "B"].map { arm in
        (
          ["kernel": kernel, "calibrate": arm],
          fixture.trials(12) { index in
            Figures(throughput: scatter(index + (arm == "A" ? 0 : 5), around: 4, by: spread))
          }
        )
      }, directory)
  }

  /// A change that arms with nothing between them show as well is not called one.
  @Test func noiseFloors() throws {
    let base = fixture.trials(12, usual)
    let slower = fixture.trials(12) { index in
      var figures = usual(index)
      figures.throughput *= 0.8
      return figures
    }
    let campaign = fixture.kernels(base, slower)
    #expect(try CampaignComparison([campaign]).code == .expectation)
    let quiet = try CampaignComparison(
      [campaign], noise: calibration("6.12", spread: 0.01), draws: 100)
    #expect(quiet.code == .expectation && quiet.comparisons[0].noise.count == 1)
    let loud = try CampaignComparison(
      [campaign], noise: calibration("6.1", spread: 0.8), draws: 100)
    #expect(loud.code == .inconclusive)
    let finding = loud.comparisons[0].verdict?.results[1].finding
    #expect(finding == .noisy)
    let error = #expect(throws: HarnessError.self) {
      try CampaignComparison([campaign], noise: calibration("6.9", spread: 0.1), draws: 2)
    }
    #expect(error?.code == .usage && error?.operation == "has none of the cells as two arms")
  }

  /// A campaign's own arms tell its noise, unless they are what is compared.
  @Test func ownNoise() throws {
    let both = ["6.1", "6.12"].flatMap { calibration($0, spread: 0.1).cells }
    var campaign = calibration("6.1", spread: 0.1)
    campaign.cells = both
    let kernels = try CampaignComparison([campaign], draws: 20)
    #expect(kernels.comparisons.count == 1 && kernels.comparisons[0].noise.count == 2)
    #expect(kernels.comparisons[0].verdict?.results[0].measurement.base.count == 24)
    let arms = try CampaignComparison([campaign], .init(axis: "calibrate"))
    #expect(arms.comparisons.count == 2)
    #expect(arms.comparisons.allSatisfy { $0.noise.isEmpty && $0.verdict?.call == .noChange })
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

/// Campaigns that stop when it is known.
struct AnytimeVerdictTests {
  private typealias Figures = ComparisonFixture.Figures
  private let fixture: ComparisonFixture

  init() throws { fixture = try ComparisonFixture(try RecordFixture()) }

  private func trials(_ killed: Int, of count: Int) -> [TrialSummary] {
    fixture.trials(count) { $0 < killed ? Figures(killed: 3) : Figures() }
  }

  /// Two kernels on several file systems, of which each cell may have `planned` trials.
  private func campaign(
    _ strata: [(base: [TrialSummary], new: [TrialSummary])], planned: Int = 12,
    control: [Int: Profile.Control] = [:], directory: String = "base"
  ) -> CampaignSummary {
    let cells = zip(["ext4", "xfs", "btrfs", "f2fs"], strata).flatMap { name, stratum in
      [("6.1", stratum.base), ("6.12", stratum.new)].map { kernel, trials in
        (axes: ["kernel": kernel, "fs": name] as KeyValuePairs, trials: trials)
      }
    }
    var campaign = fixture.campaign(cells, directory, control: control)
    campaign.planned = planned
    campaign.untilVerdict = .init(axis: "kernel", base: "6.1", new: "6.12")
    return campaign
  }

  private func compare(_ campaign: CampaignSummary) throws -> (
    comparison: CampaignComparison, verdict: AnytimeVerdict
  ) {
    let comparison = try CampaignComparison([campaign])
    return (comparison, try #require(comparison.anytime))
  }

  @Test func oneTrialOfEachCellIsEnough() throws {
    let arms = (base: trials(0, of: 1), new: trials(1, of: 1))
    let (comparison, verdict) = try compare(campaign([arms, arms, arms]))
    #expect(verdict.call == .regression && comparison.code == .expectation)
    #expect(verdict.more >= 20 && verdict.fewer < 1)
    #expect(verdict.run == 6 && verdict.planned == 72 && verdict.saved == 66)
    #expect(verdict.stratifiedBy == ["fs"] && verdict.strata.count == 3)
    // No p-value of a fixed number of trials gives a verdict.
    #expect(
      comparison.isStopped
        && comparison.comparisons.allSatisfy { comparison.call($0) == .inconclusive })
    let turned = (base: arms.new, new: arms.base)
    let (better, _) = try compare(campaign([turned, turned, turned]))
    #expect(better.anytime?.call == .improvement && better.code == nil)
    let (one, _) = try compare(campaign([(trials(0, of: 3), trials(3, of: 3))]))
    #expect(one.anytime?.call == .regression)
    let (few, open) = try compare(campaign([(trials(0, of: 2), trials(2, of: 2))]))
    #expect(
      open.call == .inconclusive && few.code == .inconclusive && open.strata[0].stage == .open)
  }

  /// A trial without its partner does not count yet.
  @Test func unevenArms() throws {
    let (_, verdict) = try compare(campaign([(trials(0, of: 2), trials(9, of: 9))]))
    #expect(verdict.call == .inconclusive && verdict.strata[0].pairs == PairedOutcomes(new: 2))
    let (empty, none) = try compare(campaign([([], []), ([], [])]))
    #expect(none.call == .inconclusive && none.run == 0 && empty.code == .inconclusive)
  }

  @Test func noChange() throws {
    let alike = (base: trials(0, of: 6), new: trials(0, of: 6))
    let (comparison, verdict) = try compare(campaign([alike, alike]))
    #expect(verdict.call == .noChange && comparison.code == nil)
    // Every stratum has to show it.
    let (_, open) = try compare(campaign([alike, (trials(0, of: 3), trials(0, of: 3))]))
    #expect(open.call == .inconclusive)
  }

  /// However many trials there are, strata that go opposite ways are no verdict.
  @Test func oppositeDirections() throws {
    let (comparison, verdict) = try compare(
      campaign([
        (trials(0, of: 12), trials(12, of: 12)), (trials(4, of: 4), trials(0, of: 4)),
      ]))
    #expect(verdict.call == .inconclusive && comparison.code == .inconclusive)
    #expect(verdict.strata.map(\.stage) == [.more, .fewer])
  }

  @Test func trialsThatSayNothing() throws {
    let lost = fixture.trials(5) { _ in Figures(outcome: .harnessLost) }
    let (_, verdict) = try compare(campaign([(lost + trials(0, of: 2), trials(2, of: 2))]))
    #expect(verdict.strata[0].pairs == PairedOutcomes(new: 2) && verdict.call == .inconclusive)
  }

  @Test func refusedStrata() throws {
    let other = try RecordFixture()
    let facts = try TrialSummary(
      try other.record(from: RecordFixture.completed, replacing: ["4194304B/s": "8388608B/s"])
    ).facts
    let unlike = trials(3, of: 3).map { trial in
      var trial = trial
      trial.facts = facts
      return trial
    }
    let alike = (base: trials(0, of: 6), new: trials(0, of: 6))
    let (comparison, verdict) = try compare(campaign([alike, (trials(0, of: 3), unlike)]))
    #expect(verdict.strata.count == 1 && verdict.call == .noChange && comparison.code == .refused)
  }

  @Test func failedControls() throws {
    let arms = (base: trials(0, of: 1), new: trials(1, of: 1))
    let control = (base: trials(0, of: 1), new: trials(0, of: 1))
    let (comparison, verdict) = try compare(
      campaign([arms, arms, arms, control], control: [6: .positive, 7: .positive]))
    #expect(verdict.call == .regression && comparison.call(verdict) == .inconclusive)
    #expect(comparison.code == .inconclusive)
  }

  /// What was stopped by its kills answers nothing else by p-values.
  @Test func otherQuestions() throws {
    let arms = (base: trials(0, of: 12), new: trials(12, of: 12))
    let campaign = campaign([arms, (trials(12, of: 12), trials(12, of: 12))])
    let filesystems = try CampaignComparison([campaign], .init(axis: "fs"))
    #expect(filesystems.anytime == nil && filesystems.isStopped)
    #expect(filesystems.code == .inconclusive)
    var fixed = self.campaign([arms], directory: "new")
    fixed.untilVerdict = nil
    let two = try CampaignComparison([campaign, fixed], .init(axis: "kernel"))
    #expect(two.anytime == nil && two.code == .inconclusive)
  }

  @Test func oneQuestionOnly() throws {
    let cells = ["6.1", "6.12", "7.3"].map {
      (axes: ["kernel": $0] as KeyValuePairs, trials: [TrialSummary]())
    }
    let campaign = fixture.campaign(cells)
    let error = #expect(throws: HarnessError.self) {
      try ComparisonChoice([campaign], .init(axis: "kernel")).question()
    }
    #expect(error?.code == .usage && error?.object == "--until-verdict")
    #expect(
      try ComparisonChoice([campaign], .init(axis: "kernel", against: ["7.3"])).question()
        == .init(axis: "kernel", base: "6.1", new: "7.3"))
    let controls = fixture.campaign(
      Array(cells.prefix(2)), control: [0: .positive, 1: .positive])
    #expect(throws: HarnessError.self) { try ComparisonChoice([controls]).question() }
  }
}

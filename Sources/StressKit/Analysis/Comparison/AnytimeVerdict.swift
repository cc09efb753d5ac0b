// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What a campaign that stops when it is known (`run --until-verdict`) has shown so far: whether a trial of the new
/// arm is more often killed or hung, by e-values. Its other endpoints are described.
package struct AnytimeVerdict: Sendable {
  package struct Stratum: Sendable {
    /// The cells' other axes.
    package let shared: [Profile.Setting]
    /// Trials that failed, of those that count.
    package let base: Proportion
    package let new: Proportion
    package let pairs: PairedOutcomes
    /// E-values of this stratum alone.
    package let more: Double
    package let fewer: Double
    /// Of a difference smaller than what matters.
    package let unchanged: Double

    init(_ pair: ComparedCells) {
      func outcomes(_ cell: CellSummary) -> [Bool] {
        cell.counted.sorted { $0.number < $1.number }.map(\.hasFailed)
      }
      let (base, new) = (outcomes(pair.base), outcomes(pair.new))
      self.init(
        PairedOutcomes(base: base, new: new), shared: pair.shared,
        base: Proportion(base.count { $0 }, of: base.count),
        new: Proportion(new.count { $0 }, of: new.count))
    }

    /// Of pairs alone.
    init(_ pairs: PairedOutcomes) {
      self.init(
        pairs, shared: [], base: Proportion(pairs.base + pairs.both, of: pairs.count),
        new: Proportion(pairs.new + pairs.both, of: pairs.count))
    }

    private init(
      _ pairs: PairedOutcomes, shared: [Profile.Setting], base: Proportion, new: Proportion
    ) {
      (self.pairs, self.shared, self.base, self.new) = (pairs, shared, base, new)
      more = SafeRateTest.more([pairs])
      fewer = SafeRateTest.fewer([pairs])
      unchanged = SafeRateTest.unchanged(pairs, within: Measure.failed.endpoint.matters)
    }

    /// What it shows by itself.
    package enum Stage: Sendable { case open, more, fewer, unchanged }

    package var stage: Stage {
      let decisive = SafeRateTest.decisive
      if more >= decisive { return .more }
      if fewer >= decisive { return .fewer }
      return unchanged >= decisive ? .unchanged : .open
    }
  }

  package let axis: ComparedAxis
  package let baseName: String
  package let newName: String
  package let stratifiedBy: [String]
  /// Those whose arms may be compared.
  package let strata: [Stratum]
  /// E-values of all strata together: of the new arm failing more often, and less often, in at least one of them.
  package let more: Double
  package let fewer: Double
  /// Trials of the question's cells that ran, and the most that there may be.
  package let run: Int
  package let planned: Int
  package let call: Verdict.Call

  /// - Parameters:
  ///   - planned: trials of a cell at most.
  ///   - floor: the largest difference between arms that differ in nothing, 0 to 1; nil: not calibrated.
  init(_ question: ComparedQuestion, planned: Int, floor: Double? = nil) {
    let first = question.pairs[0]
    (axis, baseName, newName) = (first.axis, first.baseName, first.newName)
    stratifiedBy = question.stratifiedBy
    let comparable = zip(question.pairs, question.comparability).filter { $0.1.refusals.isEmpty }
    let strata = comparable.map { Stratum($0.0) }
    self.strata = strata
    more = SafeRateTest.more(strata.map(\.pairs))
    fewer = SafeRateTest.fewer(strata.map(\.pairs))
    run = question.pairs.reduce(0) { $0 + $1.base.trials.count + $1.new.trials.count }
    self.planned = 2 * planned * question.pairs.count
    let decisive = SafeRateTest.decisive
    // Where a stratum goes the other way, no direction is that of all.
    let isMore = more >= decisive && !strata.contains { $0.stage == .fewer }
    let isFewer = fewer >= decisive && !strata.contains { $0.stage == .more }
    let difference = StratifiedTables(strata.map { TwoByTwoTable($0.new, $0.base) }).difference
    let isNoise = abs(difference ?? 0) <= floor ?? -1
    if (isMore || isFewer) && !isNoise {
      call = isMore == Measure.failed.endpoint.moreIsWorse ? .regression : .improvement
    } else if !strata.isEmpty, strata.allSatisfy({ $0.unchanged >= decisive }) {
      call = .noChange
    } else {
      call = .inconclusive
    }
  }

  /// Of a campaign that asked a question; nil: it asked none, or its cells are none of it.
  package init?(_ campaign: CampaignSummary) {
    guard let asked = campaign.untilVerdict,
      let choice = try? ComparisonChoice([campaign], .init(asked)),
      let question = ComparedQuestion.all(choice.pairs.filter { !$0.isControl }, allowed: []).first
    else { return nil }
    self.init(question, planned: campaign.planned)
  }

  /// Trials that the stop has saved.
  package var saved: Int { max(0, planned - run) }
}

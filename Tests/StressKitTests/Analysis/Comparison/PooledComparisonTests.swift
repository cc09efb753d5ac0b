// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

/// Verdicts over strata: two kernels, on several file systems.
struct PooledComparisonTests {
  private typealias Figures = ComparisonFixture.Figures
  private let fixture: ComparisonFixture

  init() throws { fixture = try ComparisonFixture(try RecordFixture()) }

  private func usual(_ index: Int) -> Figures {
    Figures(
      throughput: scatter(index, around: 4, by: 0.01),
      stall: scatter(index + 3, around: 1, by: 0.05))
  }

  /// So many trials, of which the first ones were killed.
  private func trials(_ killed: Int, of count: Int, shift: Int = 0) -> [TrialSummary] {
    fixture.trials(count) { index in
      index < killed ? Figures(killed: scatter(index, around: 3, by: 0.5)) : usual(index + shift)
    }
  }

  private typealias Stratum = (base: [TrialSummary], new: [TrialSummary])

  private func compare(
    _ strata: [Stratum], control: [Int: Profile.Control] = [:]
  ) throws -> CampaignComparison {
    let names = ["ext4", "xfs", "btrfs", "ext3", "f2fs", "ext2"]
    let cells = zip(names, strata).flatMap { name, stratum in
      [("6.1", stratum.base), ("6.12", stratum.new)].map { kernel, trials in
        (axes: ["kernel": kernel, "fs": name] as KeyValuePairs, trials: trials)
      }
    }
    return try CampaignComparison(
      [fixture.campaign(cells, control: control)], .init(axis: "kernel"))
  }

  private func finding(_ comparison: CampaignComparison, _ measure: Int = 0) -> Verdict.Finding? {
    comparison.pooled.first?.verdict?.results[measure].finding
  }

  /// The quickstart's campaign: what no stratum can show with four trials, all together do.
  @Test func quickstart() throws {
    let result = try compare(
      Array(repeating: (trials(0, of: 4), trials(4, of: 4)), count: 3))
    let pooled = try #require(result.pooled.first)
    #expect(result.call(pooled) == .regression && result.code == .expectation)
    #expect(pooled.strata == [0, 1, 2] && pooled.stratifiedBy == ["fs"] && pooled.isCommon)
    #expect(
      result.comparisons.map { result.call($0) } == [.inconclusive, .inconclusive, .inconclusive])
    let first = try #require(pooled.verdict?.results.first)
    // 2 / 70^3, three endpoints (Holm), half of the level.
    #expect(abs(pooled.adjusted(first) - 6 * 5.830903790e-6) < 1e-12)
    #expect(first.measurement.odds?.estimate == .infinity && first.measurement.heterogeneity == 1)
    // A stratum's share is half of the level, divided by three.
    #expect(result.comparisons.allSatisfy { $0.family == 6 } && pooled.family == 2)
    let fixed = try compare(
      Array(repeating: (trials(4, of: 4), trials(0, of: 4)), count: 3))
    #expect(result.pooled.count == 1 && fixed.call(fixed.pooled[0]) == .improvement)
    // What all show together is not in doubt for the few trials of each.
    #expect(fixed.code == nil)
  }

  /// One comparison is judged as it always was.
  @Test func oneStratum() throws {
    let result = try compare([(trials(0, of: 12), trials(6, of: 12))])
    #expect(result.pooled.isEmpty && result.comparisons[0].family == 1)
    #expect(result.code == .expectation)
  }

  /// Worse on one file system and better on another: nothing is pooled, and each is judged by itself.
  @Test func oppositeDirections() throws {
    let result = try compare([
      (trials(0, of: 12), trials(12, of: 12)), (trials(12, of: 12), trials(0, of: 12)),
    ])
    let pooled = result.pooled[0]
    #expect(result.call(pooled) == .inconclusive && finding(result) == .heterogeneous)
    #expect(!pooled.isCommon && pooled.verdict?.moreTrials == nil)
    #expect(result.comparisons.map { result.call($0) } == [.regression, .improvement])
    #expect(result.code == .expectation)
    // More trials on one of them do not make their sum a verdict.
    let uneven = try compare([
      (trials(0, of: 24), trials(24, of: 24)), (trials(6, of: 6), trials(0, of: 6)),
    ])
    #expect(finding(uneven) == .heterogeneous && uneven.call(uneven.pooled[0]) == .inconclusive)
    let better = try compare([
      (trials(24, of: 24), trials(0, of: 24)), (trials(0, of: 6), trials(6, of: 6)),
    ])
    #expect(better.call(better.pooled[0]) == .inconclusive && better.code != nil)
  }

  /// Worse on one of two, and nothing on the other: that it is worse somewhere is certain, a common change is not.
  @Test func onlyOneChanges() throws {
    let result = try compare([
      (trials(0, of: 12), trials(12, of: 12)), (trials(0, of: 12), trials(0, of: 12, shift: 5)),
    ])
    #expect(result.call(result.pooled[0]) == .regression && !result.pooled[0].isCommon)
    #expect(result.pooled[0].verdict?.results[0].measurement.differsByStratum == true)
    #expect(result.comparisons.map { result.call($0) } == [.regression, .noChange])
    // An improvement of one of two settles nothing for the other.
    let few = try compare([
      (trials(12, of: 12), trials(0, of: 12)), (trials(0, of: 3), trials(0, of: 3)),
    ])
    #expect(!few.pooled[0].isCommon && few.code == .inconclusive)
  }

  @Test func nothingChanges() throws {
    let result = try compare(
      (0..<4).map { (trials(0, of: 12), trials(0, of: 12, shift: $0 + 4)) })
    #expect(result.call(result.pooled[0]) == .noChange && result.code == nil)
    // With four trials of each the average says more than any of them, and does not speak for them.
    let few = try compare((0..<4).map { (trials(0, of: 4), trials(0, of: 4, shift: $0)) })
    #expect(few.call(few.pooled[0]) == .noChange && few.code == .inconclusive)
  }

  /// An average of no change may hide a stratum that gets worse beside one that gets better.
  @Test func anAverageHidesNothing() throws {
    let result = try compare([
      (trials(1, of: 8), trials(5, of: 8)), (trials(5, of: 8), trials(1, of: 8)),
      (trials(0, of: 8), trials(0, of: 8)), (trials(0, of: 8), trials(0, of: 8)),
    ])
    let measurement = try #require(result.pooled[0].verdict?.results[0].measurement)
    #expect(abs(try #require(measurement.change).estimate) < 1e-9)
    #expect(result.call(result.pooled[0]) == .inconclusive && result.code == .inconclusive)
  }

  // MARK: What is left out

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

  @Test func refusedStrata() throws {
    let same = (base: trials(0, of: 12), new: trials(0, of: 12, shift: 3))
    let result = try compare([same, (same.base, try refused(trials(12, of: 12))), same])
    #expect(result.pooled[0].strata == [0, 2] && result.pooled[0].comparisons == 0..<3)
    #expect(result.call(result.pooled[0]) == .noChange && result.code == .refused)
    #expect(result.comparisons.map(\.family) == [4, 4, 4])
    // One that is left is no pool.
    let one = try compare([same, (same.base, try refused(same.new))])
    #expect(one.pooled.isEmpty && one.comparisons[0].family == 1 && one.code == .refused)
  }

  @Test func strataWithoutAnArm() throws {
    let better = (base: trials(4, of: 4), new: trials(0, of: 4))
    let invalid = fixture.trials(4) { _ in Figures(outcome: .invalid) }
    let result = try compare([
      better, better, better, (trials(0, of: 4), []), ([], []), (invalid, invalid),
    ])
    #expect(result.pooled[0].strata == [0, 1, 2])
    #expect(result.call(result.pooled[0]) == .improvement)
    // Nothing is known of the others.
    #expect(result.code == .inconclusive)
    #expect(try compare([better, (better.base, [])]).pooled.isEmpty)
    #expect(try compare([([], []), ([], [])]).pooled.isEmpty)
  }

  /// Of a stratum in which one arm was killed throughout, nobody knows how its speed would have changed.
  @Test func survivorsOfOneStratum() throws {
    let slow = fixture.trials(12) { index in
      var figures = usual(index)
      figures.throughput *= 0.999
      return figures
    }
    let result = try compare([
      (trials(0, of: 12), slow), (trials(0, of: 12), slow), (trials(0, of: 12), trials(12, of: 12)),
    ])
    #expect(finding(result, 1) == .missing && finding(result, 2) == .missing)
    #expect(finding(result) == .worse && result.code == .expectation)
  }

  @Test func failedControls() throws {
    let strata = Array(repeating: (base: trials(0, of: 4), new: trials(4, of: 4)), count: 3)
    let dead = (base: trials(0, of: 4), new: trials(0, of: 4))
    let result = try compare(strata + [dead], control: [6: .positive, 7: .positive])
    #expect(result.pooled[0].strata == [0, 1, 2] && result.controls.count == 1)
    #expect(result.pooled[0].verdict?.call == .regression)
    #expect(result.call(result.pooled[0]) == .inconclusive && result.code == .inconclusive)
  }

  // MARK: Several questions

  /// Each value against the base is a question of its own, with a share of the level.
  @Test func severalQuestions() throws {
    let kernels = ["6.1", "6.12", "7.3"]
    let cells = ["ext4", "xfs"].flatMap { fs in
      kernels.map { kernel in
        (
          axes: ["kernel": kernel, "fs": fs] as KeyValuePairs,
          trials: trials(kernel == "7.3" ? 6 : 0, of: 6)
        )
      }
    }
    let result = try CampaignComparison([fixture.campaign(cells)], .init(axis: "kernel"))
    #expect(result.pooled.map(\.newName) == ["6.12", "7.3"])
    #expect(result.pooled.map(\.strata) == [[0, 1], [2, 3]])
    #expect(result.comparisons.map(\.cells.newName) == ["6.12", "6.12", "7.3", "7.3"])
    #expect(result.pooled.map(\.family) == [4, 4])
    #expect(result.comparisons.map(\.family) == [8, 8, 8, 8])
    #expect(result.pooled.map { result.call($0) } == [.noChange, .regression])
  }

  // MARK: Speeds

  private func slower(_ factor: Double, of count: Int) -> [TrialSummary] {
    fixture.trials(count) { index in
      var figures = usual(index + 2)
      figures.throughput *= factor
      return figures
    }
  }

  /// Four against four show a loss of throughput in three strata together. Which file system is how fast does not
  /// matter.
  @Test func throughput() throws {
    let result = try compare(
      [1.0, 20, 300].map { speed in
        let scaled = { (factor: Double) in
          fixture.trials(4) { index in
            Figures(throughput: speed * factor * scatter(index, around: 4, by: 0.02))
          }
        }
        return (scaled(1), scaled(0.7))
      })
    let measurement = try #require(result.pooled[0].verdict?.results[1].measurement)
    #expect(finding(result, 1) == .worse && result.code == .expectation)
    #expect(abs(try #require(measurement.change).estimate - 0.7) < 0.02)
    #expect(try #require(measurement.heterogeneity) > 0.5)
    #expect(result.comparisons.allSatisfy { result.call($0) == .inconclusive })
  }

  @Test func throughputInOppositeDirections() throws {
    let base = fixture.trials(12, usual)
    let result = try compare([(base, slower(0.7, of: 12)), (base, slower(1.4, of: 12))])
    #expect(finding(result, 1) == .heterogeneous)
    #expect(result.call(result.pooled[0]) == .inconclusive)
    // Differences that cannot matter are none.
    let small = try compare([(base, slower(0.99, of: 12)), (base, slower(1.01, of: 12))])
    #expect(small.call(small.pooled[0]) == .noChange)
  }
}

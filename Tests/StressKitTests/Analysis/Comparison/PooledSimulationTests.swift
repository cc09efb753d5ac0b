// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis

/// How often verdicts over strata find a change, or strata that differ, where there is none: for rates by
/// enumeration of every outcome, for values by simulation.
struct PooledSimulationTests {
  /// Every outcome of strata with so many trials in each arm, up to the strata's order, with its chance at these
  /// rates in the strata (base, new).
  private func chances(
    _ n: Int, _ rates: [(base: Double, new: Double)], where holds: ([(base: Int, new: Int)]) -> Bool
  ) -> Double {
    let binomials = rates.map { rate in
      let family = BinomialFamily(n: n)
      return (base: family.probabilities(rate.base), new: family.probabilities(rate.new))
    }
    let counts = (0...n).flatMap { base in (0...n).map { (base: base, new: $0) } }
    var known: [[Int]: Bool] = [:]
    var total = 0.0
    func visit(_ chosen: [Int], _ chance: Double) {
      if chosen.count == rates.count {
        let key = chosen.sorted()
        let isHit = known[key] ?? holds(key.map { counts[$0] })
        known[key] = isHit
        if isHit { total += chance }
        return
      }
      let binomial = binomials[chosen.count]
      for (index, count) in counts.enumerated() {
        let next = chance * binomial.base[count.base] * binomial.new[count.new]
        // What is left out are less than 1e-6 in all.
        if next > 1e-12 { visit(chosen + [index], next) }
      }
    }
    visit([], 1)
    return total
  }

  private func tables(_ n: Int, _ counts: [(base: Int, new: Int)]) -> StratifiedTables {
    StratifiedTables(
      counts.map { TwoByTwoTable(Proportion($0.new, of: n), Proportion($0.base, of: n)) })
  }

  /// Rates of the strata that may have nothing to do with each other.
  @Test(arguments: [[0.0, 0, 0], [0.1, 0.1, 0.1], [0.5, 0.5, 0.5], [0.1, 0.5, 0.9]])
  func theTestHoldsItsLevel(_ rates: [Double]) {
    let same = rates.map { (base: $0, new: $0) }
    let size = chances(4, same) { (tables(4, $0).p() ?? 1) <= 0.05 }
    figure("three strata of 4 against 4, rates \(rates): significant", size)
    #expect(size <= 0.05)
  }

  /// Strata in which the change is the same are rarely called different, though an approximation is among the tests.
  @Test(arguments: [(0.0, 0.9), (0.1, 0.6), (0.5, 0.5), (0.02, 0.02)])
  func heterogeneityIsRarelySeenWhereThereIsNone(_ base: Double, _ new: Double) {
    let found = chances(4, Array(repeating: (base, new), count: 3)) {
      (tables(4, $0).heterogeneity() ?? 1) <= 0.05
    }
    figure("three strata of 4 against 4, \(base) and \(new): heterogeneous", found)
    #expect(found <= 0.055)
  }

  /// What four trials of each cell find, in three strata, at the pooled verdict's share of the level.
  @Test(arguments: [(0.0, 0.9, 0.9), (0, 0.75, 0.75), (0, 0.5, 0.25)])
  func kills(_ base: Double, _ new: Double, _ least: Double) {
    let found = chances(4, Array(repeating: (base, new), count: 3)) {
      (tables(4, $0).p() ?? 1) <= 0.05 / 6
    }
    figure("three strata of 4 against 4, \(base) against \(new): found", found)
    #expect(found >= least)
  }

  /// What several strata are said to have been able to see is computed as of one with as many trials.
  @Test(arguments: [3, 5]) func detectableChanges(_ n: Int) throws {
    let none = OrderedSample(Array(repeating: 0, count: n))
    let stratum = Measurement(.killed, base: none, new: none)
    let pooled = Measurement(pooling: [stratum, stratum, stratum])
    let level = 0.05 / 6
    let rate = try #require(pooled.detectable(level: level))
    let found = chances(n, Array(repeating: (0, rate), count: 3)) {
      (tables(n, $0).p() ?? 1) <= level
    }
    figure("three strata of \(n) against \(n): the detectable rate, found", rate, found)
    #expect(found > 0.75 && found < 0.9)
  }

  // MARK: Values

  private static let isLong = getenv("WBSTRESS_FIGURES") != nil

  /// Three strata of quite different speeds, with 4 or 12 trials of each cell; how often each verdict is given.
  private func verdicts(
    _ seed: UInt64, _ n: Int, _ shape: SimulatedTrials.Shape, factors: [Double], rate: Double = 0
  ) -> (calls: [Verdict.Call: Double], heterogeneous: Double) {
    var trials = SimulatedTrials(seed: seed)
    let comparisons = Self.isLong ? 2_000 : n > 4 ? 60 : 300
    var calls: [Verdict.Call: Double] = [:]
    var heterogeneous = 0.0
    for _ in 0..<comparisons {
      var strata: [[Measurement]] = []
      for (stratum, factor) in factors.enumerated() {
        let level = [1.0, 20, 300][stratum]
        func arm(_ factor: Double) -> (fates: OrderedSample, speeds: OrderedSample) {
          let fates = (0..<n).map { _ in trials.uniform() <= rate ? 1.0 : 0 }
          let speeds = fates.filter { $0 == 0 }.map { _ in level * factor * trials.value(shape) }
          return (OrderedSample(fates), OrderedSample(speeds))
        }
        let (base, new) = (arm(1), arm(factor))
        strata.append([
          Measurement(.killed, base: base.fates, new: new.fates),
          Measurement(.throughput, base: base.speeds, new: new.speeds),
        ])
      }
      let pooled = (0..<2).map { endpoint in
        Measurement(pooling: strata.map { $0[endpoint] })
      }
      calls[Verdict(pooled).call, default: 0] += 1 / Double(comparisons)
      if pooled[1].heterogeneity.map({ $0 <= 0.05 }) == true {
        heterogeneous += 1 / Double(comparisons)
      }
    }
    return (calls, heterogeneous)
  }

  @Test(arguments: [
    (4, SimulatedTrials.Shape.lognormal, 0.0), (4, .tied, 0.3), (12, .lognormal, 0.1),
  ])
  func nothingDiffers(_ n: Int, _ shape: SimulatedTrials.Shape, _ rate: Double) {
    let found = verdicts(UInt64(n), n, shape, factors: [1, 1, 1], rate: rate)
    let changes = found.calls[.regression, default: 0] + found.calls[.improvement, default: 0]
    figure("A/A strata \(n) \(shape) \(rate): change, heterogeneous", changes, found.heterogeneous)
    // Four standard errors above 5 % for the fewest comparisons.
    #expect(changes <= (Self.isLong ? 0.055 : 0.11))
    #expect(found.heterogeneous <= (Self.isLong ? 0.06 : 0.16))
  }

  @Test func lossesAreFound() {
    let found = verdicts(7, 4, .lognormal, factors: [0.5, 0.5, 0.5])
    figure(
      "strata of 4, throughput / 2: regression, heterogeneous",
      found.calls[.regression, default: 0],
      found.heterogeneous)
    #expect(found.calls[.regression, default: 0] > 0.85)
    // Opposite changes are no verdict in either direction.
    let opposite = verdicts(8, 12, .lognormal, factors: [0.4, 2.5, 1])
    figure("opposite strata: heterogeneous", opposite.heterogeneous)
    #expect(opposite.calls[.inconclusive, default: 0] > 0.95 && opposite.heterogeneous > 0.95)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis

/// E-values against their definition, by enumeration, and over simulated runs with a look after every trial.
struct SafeRateTests {
  /// Every result of so many pairs, with its chance at these rates.
  private func results(
    _ pairs: Int, _ base: Double, _ new: Double
  ) -> [(pairs: PairedOutcomes, chance: Double)] {
    let kinds = [(1 - base) * (1 - new), base * (1 - new), (1 - base) * new, base * new]
    let factorial = { (n: Int) in exp(SpecialFunctions.logGamma(Double(n) + 1)) }
    var all: [(pairs: PairedOutcomes, chance: Double)] = []
    for a in 0...pairs {
      for b in 0...(pairs - a) {
        for c in 0...(pairs - a - b) {
          let counts = [a, b, c, pairs - a - b - c]
          let ways = factorial(pairs) / counts.reduce(1) { $0 * factorial($1) }
          let chance = zip(kinds, counts).reduce(ways) { $0 * pow($1.0, Double($1.1)) }
          all.append((PairedOutcomes(neither: a, base: b, new: c, both: counts[3]), chance))
        }
      }
    }
    return all
  }

  private let rates = stride(from: 0.0, through: 1, by: 0.1).map { $0 }

  /// What makes them e-values: after any number of pairs their mean is at most 1 where the hypothesis holds, half of
  /// it in each direction.
  @Test(arguments: [1, 2, 5]) func meansAreAtMostOne(_ pairs: Int) {
    for base in rates {
      for new in rates {
        let all = results(pairs, base, new)
        let more = all.reduce(0) { $0 + $1.chance * SafeRateTest.more([$1.pairs]) }
        let fewer = all.reduce(0) { $0 + $1.chance * SafeRateTest.fewer([$1.pairs]) }
        if new <= base + 1e-9 { #expect(more <= 0.5 + 1e-9, "\(base) \(new)") }
        if new >= base - 1e-9 { #expect(fewer <= 0.5 + 1e-9, "\(base) \(new)") }
        if abs(new - base) < 0.5 - 1e-9 { continue }
        let alike = all.reduce(0) {
          $0 + $1.chance * SafeRateTest.unchanged($1.pairs, within: 0.5)
        }
        #expect(alike <= 1 + 1e-9, "\(base) \(new)")
      }
    }
  }

  /// Strata with rates of their own.
  @Test func meansOverStrata() {
    for (one, two) in [(0.1, 0.9), (0.5, 0.3), (0, 0.7)] {
      let mean = results(2, one, one).reduce(0) { sum, first in
        sum
          + results(3, two, two).reduce(0) { inner, second in
            inner + first.chance * second.chance
              * SafeRateTest.more([first.pairs, second.pairs])
          }
      }
      #expect(mean <= 0.5 + 1e-9)
    }
  }

  /// One pair by hand, at the alternative's own rates: (1 - a) b / ((1 - m) m), weighted.
  @Test func onePair() {
    let grid = [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98]
    var (total, evidence) = (0.0, 0.0)
    for a in grid {
      for b in grid where b - a > 0.15 {
        let (weight, mean) = (pow(b - a, 5), (a + b) / 2)
        total += weight
        evidence += weight * (1 - a) * b / (mean * (1 - mean))
      }
    }
    evidence /= total
    // Half of it; of one stratum a twentieth of the weight is on its own evidence, half of that on none.
    let expected = (0.95 * evidence + 0.05 * (0.5 + 0.5 * evidence)) / 2
    #expect(abs(SafeRateTest.more([PairedOutcomes(new: 1)]) - expected) < 1e-12)
    #expect(abs(SafeRateTest.more([]) - 0.5) < 1e-12)
    #expect(abs(SafeRateTest.fewer([PairedOutcomes()]) - 0.5) < 1e-12)
    #expect(abs(SafeRateTest.unchanged(PairedOutcomes(), within: 0.5) - 1) < 1e-12)
  }

  /// What it takes at least.
  @Test func theFewestTrials() {
    let decisive = SafeRateTest.decisive
    #expect(SafeRateTest.more([PairedOutcomes(new: 2)]) < decisive)
    #expect(SafeRateTest.more([PairedOutcomes(new: 3)]) >= decisive)
    #expect(SafeRateTest.fewer([PairedOutcomes(base: 3)]) >= decisive)
    #expect(SafeRateTest.more(Array(repeating: PairedOutcomes(new: 1), count: 3)) >= decisive)
    #expect(SafeRateTest.fewer(Array(repeating: PairedOutcomes(new: 3), count: 3)) < 0.01)
    for pairs in [PairedOutcomes(neither: 6), PairedOutcomes(both: 6)] {
      #expect(SafeRateTest.unchanged(pairs, within: 0.5) >= decisive)
    }
    #expect(SafeRateTest.unchanged(PairedOutcomes(neither: 5), within: 0.5) < decisive)
    #expect(SafeRateTest.unchanged(PairedOutcomes(new: 9), within: 0.5) < 1e-3)
    // Very long runs stay numbers.
    #expect(SafeRateTest.more([PairedOutcomes(new: 9000)]) == .infinity)
    #expect(SafeRateTest.fewer([PairedOutcomes(new: 9000)]) < 0.02)
  }

  @Test func pairsAreMadeInOrder() {
    let pairs = PairedOutcomes(
      base: [false, false, true, true], new: [false, true, false, true, true])
    #expect(pairs == PairedOutcomes(neither: 1, base: 1, new: 1, both: 1) && pairs.count == 4)
    #expect(PairedOutcomes(base: [], new: [true]).count == 0)
  }

  // MARK: Simulated runs

  /// E-values of results that thousands of runs have in common.
  private struct Known {
    private var more: [[Int]: Double] = [:]
    private var stages: [[Int]: AnytimeVerdict.Stratum.Stage] = [:]

    private func key(_ pairs: PairedOutcomes) -> [Int] {
      [pairs.neither, pairs.base, pairs.new, pairs.both]
    }

    /// Of strata in any order.
    mutating func more(_ strata: [PairedOutcomes]) -> Double {
      let key = strata.map(key).sorted { $0.lexicographicallyPrecedes($1) }.flatMap(\.self)
      if let known = more[key] { return known }
      let value = SafeRateTest.more(strata)
      more[key] = value
      return value
    }

    mutating func stage(_ pairs: PairedOutcomes) -> AnytimeVerdict.Stratum.Stage {
      if let known = stages[key(pairs)] { return known }
      let value = AnytimeVerdict.Stratum(pairs).stage
      stages[key(pairs)] = value
      return value
    }
  }

  /// A run with a look after every trial, its pairs dealt to strata as `VerdictSchedule` deals them.
  private func run(
    _ trials: inout SimulatedTrials, _ known: inout Known, _ rates: [(base: Double, new: Double)],
    cap: Int
  ) -> (direction: Int, trials: Int, unchanged: Bool) {
    var strata = [PairedOutcomes](repeating: .init(), count: rates.count)
    var count = 0
    while true {
      if known.more(strata) >= SafeRateTest.decisive { return (1, count, false) }
      if known.more(strata.map(\.turned)) >= SafeRateTest.decisive { return (-1, count, false) }
      let stages = strata.map { known.stage($0) }
      var open = strata.indices.filter { stages[$0] == .open }
      let changes = Set(stages).intersection([.more, .fewer])
      if open.isEmpty, changes.count == 1 {
        open = strata.indices.filter { changes.contains(stages[$0]) }
      }
      open.removeAll { strata[$0].count == cap }
      guard let next = open.min(by: { strata[$0].count < strata[$1].count }) else {
        return (0, count, stages.allSatisfy { $0 == .unchanged })
      }
      let base = trials.uniform() <= rates[next].base
      let new = trials.uniform() <= rates[next].new
      strata[next] = strata[next] + PairedOutcomes(base: [base], new: [new])
      count += 2
    }
  }

  private func runs(
    _ seed: UInt64, _ rates: [(base: Double, new: Double)], cap: Int, count: Int = 10_000
  ) -> (more: Double, fewer: Double, unchanged: Double, median: Int) {
    var trials = SimulatedTrials(seed: seed)
    var known = Known()
    let all = (0..<count).map { _ in run(&trials, &known, rates, cap: cap) }
    func share(_ holds: ((direction: Int, trials: Int, unchanged: Bool)) -> Bool) -> Double {
      Double(all.count(where: holds)) / Double(count)
    }
    return (
      share { $0.direction > 0 }, share { $0.direction < 0 }, share(\.unchanged),
      all.map(\.trials).sorted()[count / 2]
    )
  }

  /// 10,000 runs of up to 30 trials of each cell, with a look after every trial.
  @Test(arguments: [0.05, 0.2, 0.5, 0.9]) func falsePositives(_ rate: Double) {
    let found = runs(UInt64(rate * 100), [(rate, rate)], cap: 30)
    figure("anytime, \(rate) in both arms: worse or better", found.more + found.fewer)
    #expect(found.more + found.fewer <= 0.05)
  }

  private static let strataRuns = getenv("WBSTRESS_FIGURES") == nil ? 300 : 10_000

  @Test(arguments: [[0.5, 0.5, 0.5], [0.1, 0.5, 0.9]]) func falsePositivesOverStrata(
    _ rates: [Double]
  ) {
    let found = runs(41, rates.map { ($0, $0) }, cap: 12, count: Self.strataRuns)
    figure("anytime, strata of \(rates): worse or better", found.more + found.fewer)
    // Four standard errors above 5 % of the fewest runs would be 10 %.
    #expect(found.more + found.fewer <= 0.05)
  }

  @Test func neverAgainstAlmostAlways() {
    let found = runs(51, [(0, 0.9)], cap: 12)
    figure("anytime, 0 against 90 %: worse", found.more)
    #expect(found.median <= 10 && found.more > 0.99 && found.fewer == 0)
    let strata = runs(52, Array(repeating: (0, 0.9), count: 3), cap: 12, count: Self.strataRuns)
    figure("anytime, 0 against 90 % in three strata: worse", strata.more)
    #expect(strata.median <= 10 && strata.more > 0.99)
    print("figure: medians of trials \(found.median), in three strata \(strata.median)")
  }

  @Test func smallerDifferences() {
    for (seed, base, new, least) in [
      (61, 0.1, 0.9, 0.9), (62, 0, 0.5, 0.3), (63, 0.25, 0.75, 0.3),
    ] {
      let found = runs(UInt64(seed), [(base, new)], cap: 12)
      figure("anytime, \(base) against \(new), at most 12 of each: worse", found.more)
      #expect(found.more > least && found.fewer < 0.01)
    }
  }

  /// One stratum that changes beside two that do not: the settled ones get no more trials.
  @Test func trialsGoToWhatIsOpen() {
    let found = runs(71, [(0, 0.9), (0, 0), (0, 0)], cap: 20, count: Self.strataRuns)
    figure("anytime, one stratum of three: worse", found.more)
    #expect(found.more > 0.9)
  }

  /// Of a difference as large as matters "no change" is said at most as often as the level allows.
  @Test func whatMattersIsNotDenied() {
    let denied = runs(81, [(0.25, 0.75)], cap: 30).unchanged
    figure("anytime, 25 against 75 %: no change", denied)
    #expect(denied <= 0.05)
    let said = runs(82, [(0, 0)], cap: 12)
    #expect(said.unchanged == 1 && said.median == 12)
  }
}

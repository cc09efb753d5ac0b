// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore

/// Reference values: R's `?wilcox.test` with the data of M. Hollander and D. A. Wolfe, and SciPy's
/// `mannwhitneyu`.
struct RankTests {
  private let permeability = OrderedSample(
    [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46])
  private let atTerm = OrderedSample([1.15, 0.88, 0.90, 0.74, 1.21])

  @Test func mannWhitney() throws {
    let test = try #require(MannWhitney(permeability, atTerm))
    #expect(test.u == 35 && test.p().method == .exact)
    #expect(abs(test.p(.greater).value - 0.1272061) < 5e-8)
    #expect(abs(test.p().value - 0.2544123) < 5e-8)
    let turned = try #require(MannWhitney(atTerm, permeability))
    #expect(turned.u == 15 && abs(turned.p(.less).value - 0.1272061) < 5e-8)
    #expect(turned.p().value == test.p().value)
  }

  @Test func mannWhitneyApproximated() throws {
    let test = try #require(
      MannWhitney(OrderedSample([19, 22, 16, 29, 24]), OrderedSample([20, 11, 17, 12])))
    #expect(test.u == 17)
    #expect(abs(test.p().value - 0.1111111111) < 1e-10)
    #expect(abs(try #require(test.normal()) - 0.1113469) < 5e-8)
    let half = try #require(test.normal(.greater))
    #expect(abs(half - 0.1113469 / 2) < 5e-8)
    #expect(
      try abs(#require(test.normal(.less)) - NormalDistribution.cdf(7.5 / (100 / 6.0).squareRoot()))
        < 1e-12)
  }

  @Test(arguments: [(3, 0.1), (4, 0.0285714), (5, 0.0079365), (6, 0.0021645), (10, 1.0825e-5)])
  func smallestP(_ n: Int, _ p: Double) throws {
    #expect(abs(MannWhitney.smallestP(n, n) - p) < p * 5e-5)
    let low = OrderedSample((0..<n).map(Double.init))
    let high = OrderedSample((n..<(2 * n)).map(Double.init))
    let separated = try #require(MannWhitney(low, high))
    #expect(abs(separated.p().value / MannWhitney.smallestP(n, n) - 1) < 1e-9)
  }

  /// By hand: of the 10 ways to choose 2 of {1, 2, 2, 2, 3}, U of the chosen is 1 (1 and 2, 3 ways), ...
  @Test func tiesByPermutation() throws {
    let first = OrderedSample([2, 3])
    let second = OrderedSample([1, 2, 2])
    let test = try #require(MannWhitney(first, second))
    #expect(test.u == 5 && test.groups == [1, 3, 1])
    // {2, 3} is the strongest choice; it comes in 3 of 10 ways, and so does {1, 2} at the other end.
    #expect(abs(test.p(.greater).value - 0.3) < 1e-12)
    #expect(abs(test.p().value - 0.6) < 1e-12 && test.p().method == .permutation)
  }

  /// Every way to deal out eleven values with ties, one by one.
  @Test func tiesAgainstEnumeration() throws {
    let pooled: [Double] = [0, 0, 1, 2, 2, 2, 5, 5, 6, 9, 9]
    var all: [Double: Int] = [:]
    for choice in 0..<(1 << pooled.count) where choice.nonzeroBitCount == 4 {
      all[try u(choice, of: pooled), default: 0] += 1
    }
    let total = Double(all.values.reduce(0, +))
    let null = RankSumDistribution(first: 4, second: 7, groups: [2, 1, 3, 2, 1, 2])
    let turned = RankSumDistribution(first: 7, second: 4, groups: [2, 1, 3, 2, 1, 2])
    for observed in all.keys {
      #expect(abs(turned.upperTail(28 - observed) - null.cdf(observed)) < 1e-12)
      let below = Double(all.filter { $0.key <= observed }.values.reduce(0, +))
      #expect(abs(null.cdf(observed) - below / total) < 1e-12)
      let extreme = all.filter { abs($0.key - 14) >= abs(observed - 14) }.values.reduce(0, +)
      #expect(abs(null.p(observed, .twoSided) - Double(extreme) / total) < 1e-12)
    }
  }

  private func u(_ choice: Int, of pooled: [Double]) throws -> Double {
    let isFirst = pooled.indices.map { choice >> $0 & 1 == 1 }
    let first = zip(pooled, isFirst).filter(\.1).map(\.0)
    let second = zip(pooled, isFirst).filter { !$0.1 }.map(\.0)
    return try #require(MannWhitney(OrderedSample(first), OrderedSample(second))).u
  }

  /// The recurrence c(u, m, n) = c(u - n, m - 1, n) + c(u, m, n - 1) is another way to the same counts.
  @Test func nullDistributionAgainstItsRecurrence() {
    func ways(_ u: Int, _ m: Int, _ n: Int) -> Double {
      if u < 0 { return 0 }
      if m == 0 || n == 0 { return u == 0 ? 1 : 0 }
      return ways(u - n, m - 1, n) + ways(u, m, n - 1)
    }
    let null = RankSumDistribution(first: 5, second: 6)
    var sum = 0.0
    for u in 0...30 {
      sum += ways(u, 5, 6) / 462
      #expect(abs(null.cdf(Double(u)) - sum) < 1e-12)
    }
    // R: qwilcox(0.025, 12, 12) is 38.
    #expect(RankSumDistribution(first: 12, second: 12).quantile(0.025) == 38)
  }

  @Test func hodgesLehmann() throws {
    let shift = try #require(HodgesLehmann.shift(permeability, atTerm))
    #expect(abs(shift.estimate - 0.305) < 1e-12)
    #expect(abs(shift.interval.lower + 0.15) < 1e-12 && abs(shift.interval.upper - 0.76) < 1e-12)
    #expect(abs(shift.achieved - 0.96004) < 5e-6)
    // The interval turns with the arms.
    let turned = try #require(HodgesLehmann.shift(atTerm, permeability))
    #expect(turned.estimate == -shift.estimate && turned.interval.lower == -shift.interval.upper)
  }

  /// The interval holds the shifts that the test does not reject, by its definition.
  @Test func intervalIsWhatTheTestLeaves() throws {
    let interval = try #require(HodgesLehmann.shift(permeability, atTerm)).interval
    for shift in stride(from: -1.0, through: 1.5, by: 0.0137) {
      let moved = OrderedSample(permeability.values.map { $0 - shift })
      let p = try #require(MannWhitney(moved, atTerm)).p().value
      #expect((p > 0.05) == (shift > interval.lower && shift < interval.upper))
    }
  }

  @Test func ratio() throws {
    let base = OrderedSample([1, 2, 4])
    let ratio = try #require(HodgesLehmann.ratio(OrderedSample([3, 6, 12]), base))
    #expect(abs(ratio.estimate - 3) < 1e-12)
    // Three against three cannot have an interval of 95 %: this is what they can have.
    #expect(abs(ratio.achieved - 0.9) < 1e-12)
    #expect(abs(ratio.interval.lower - 0.75) < 1e-12 && abs(ratio.interval.upper - 12) < 1e-12)
    // A base of zero, zeros in both, and a negative value.
    let zero = OrderedSample([0, 0, 0])
    #expect(HodgesLehmann.ratio(base, zero)?.estimate == .infinity)
    #expect(HodgesLehmann.ratio(zero, base)?.estimate == 0)
    #expect(HodgesLehmann.ratio(zero, zero)?.interval == ConfidenceInterval(1, 1))
    #expect(HodgesLehmann.ratio(OrderedSample([-1, 2]), base) == nil)
    #expect(HodgesLehmann.shift(OrderedSample([-1, 2]), base)?.estimate == -2)
  }

  @Test func signedRank() throws {
    let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    let test = try #require(SignedRank(differences: zip(before, after).map { $0 - $1 }))
    #expect(test.v == 40)
    #expect(abs(test.p(.greater) - 0.01953125) < 1e-12)
    #expect(abs(test.p() - 0.0390625) < 1e-12)
    let median = try #require(test.pseudomedian())
    #expect(abs(median.estimate - 0.46) < 1e-9)
    #expect(median.interval.lower > 0 && median.achieved >= 0.95)
    #expect(SignedRank(differences: [0, 0]) == nil && SignedRank(differences: []) == nil)
    // One difference: either sign is as likely. Ties: 4 of 4 positive has chance 1/16.
    #expect(SignedRank(differences: [3])?.p() == 1)
    #expect(SignedRank(differences: [2, 2, 2, 2])?.p(.greater) == 0.0625)
    // The approximation takes over without a jump.
    let many = [0.5] + (1...50).map { Double($0 % 3 == 0 ? -$0 : $0) }
    let exact = try #require(SignedRank(differences: Array(many.dropFirst()))).p()
    #expect(abs(try #require(SignedRank(differences: many)).p() - exact) < 0.01)
  }

  @Test func oddArms() throws {
    let none = OrderedSample([])
    let one = OrderedSample([1])
    let tied = OrderedSample([4, 4, 4, 4])
    #expect(MannWhitney(none, one) == nil && MannWhitney(one, none) == nil)
    #expect(HodgesLehmann.shift(none, one) == nil && HodgesLehmann.ratio(one, none) == nil)
    #expect(MannWhitney(one, OrderedSample([2]))?.p().value == 1)
    let equal = try #require(MannWhitney(tied, tied))
    #expect(equal.p().value == 1 && equal.normal() == nil && equal.superiority == 0.5)
    #expect(HodgesLehmann.shift(tied, tied)?.interval == ConfidenceInterval(0, 0))
    // All tied but large: no variance to divide by.
    let large = OrderedSample(Array(repeating: 4, count: 60))
    #expect(MannWhitney(large, large)?.p().value == 1)
    // NaN has no rank; infinity has the highest.
    let odd = try #require(MannWhitney(OrderedSample([.nan, .infinity, .infinity]), tied))
    #expect(odd.first == 2 && odd.superiority == 1)
    #expect(MannWhitney(OrderedSample([.infinity]), OrderedSample([.infinity]))?.superiority == 0.5)
    let shift = try #require(HodgesLehmann.shift(OrderedSample([.infinity, .infinity]), tied))
    #expect(shift.estimate == .infinity)
    #expect(HodgesLehmann.shift(OrderedSample([-.infinity, .infinity]), one) == nil)
    #expect(MannWhitney.smallestP(0, 5) == 1 && MannWhitney.smallestP(1, 1) == 1)
  }

  /// The strongest result of 50 against 50 is one of C(100, 50) = 1.00891345e29 at either end.
  @Test func farTailsKeepTheirDigits() {
    let null = RankSumDistribution(first: 50, second: 50)
    for u in [0.0, 2500] {
      #expect(abs(null.p(u, .twoSided) / (2 / 1.0089134454556415e29) - 1) < 1e-9)
    }
    #expect(abs(null.p(2500, .greater) * 1.0089134454556415e29 - 1) < 1e-9)
    let positive = SignedRank(differences: (1...40).map(Double.init))
    #expect(abs((positive?.p(.greater) ?? 0) * 1.099511627776e12 - 1) < 1e-9)
  }

  /// One trial against many: as cheap either way.
  @Test func lopsidedArms() {
    let (one, many) = (OrderedSample([0.5]), OrderedSample((1...1000).map(Double.init)))
    #expect(abs((MannWhitney(one, many)?.p(.less).value ?? 0) - 1 / 1001.0) < 1e-12)
    #expect(abs((MannWhitney(many, one)?.p(.greater).value ?? 0) - 1 / 1001.0) < 1e-12)
  }

  @Test func approximationsMeetTheExact() throws {
    var random = SplitMix64(seed: 1)
    let first = OrderedSample((0..<51).map { _ in Double.random(in: 0...1, using: &random) })
    let second = OrderedSample((0..<50).map { _ in Double.random(in: 0.1...1.1, using: &random) })
    let test = try #require(MannWhitney(first, second))
    #expect(test.p().method == .normal)
    let exact = RankSumDistribution(first: 51, second: 50).p(test.u, .twoSided)
    #expect(abs(test.p().value - exact) < 0.002)
    let shift = try #require(HodgesLehmann.shift(first, second))
    #expect(abs(shift.achieved - 0.95) < 0.002)
    #expect(shift.interval.lower < shift.estimate && shift.estimate < shift.interval.upper)
  }
}

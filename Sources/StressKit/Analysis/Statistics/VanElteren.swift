// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whether the values of one arm tend to be larger than those of another, in several strata: the sum of the strata's
/// Mann-Whitney statistics, each divided by its number of values and 1. Values of different strata are never held
/// against each other. Of one stratum it is the Mann-Whitney test.
///
/// P. van Elteren, Bulletin de l'Institut International de Statistique 37 (1960) 351; E. L. Lehmann, Nonparametrics
/// (1975), section 3.3.
package struct VanElteren: Equatable, Sendable {
  /// Of each stratum with values in both arms.
  package let strata: [MannWhitney]
  /// What U counts in each; whole numbers, so that the sum's exact distribution can be counted out.
  package let weights: [Int]

  /// nil: no stratum has values in both arms.
  package init?(_ strata: [HodgesLehmann.Arms]) {
    self.strata = strata.compactMap { MannWhitney($0.first, $0.second) }
    if self.strata.isEmpty { return nil }
    weights = Self.strata(self.strata.map { ($0.first, $0.second) }).map(\.weight)
  }

  /// What each stratum's U is where nothing differs.
  private var nulls: [RankSumDistribution.Stratum] {
    zip(weights, strata).map { weight, test in
      .init(first: test.first, second: test.second, groups: test.groups, weight: weight)
    }
  }

  /// Exact up to `RankSumDistribution.largestPairs` pairs, approximated above.
  package func p(_ alternative: Alternative = .twoSided) -> Double {
    let weighted = zip(weights, strata)
    let deviation = weighted.reduce(0) { $0 + Double($1.0) * $1.1.deviation }
    let variance = weighted.reduce(0) { $0 + Double($1.0 * $1.0) * $1.1.variance }
    // All values equal: whatever is dealt out, nothing differs.
    if variance == 0 { return 1 }
    if Self.isExact(nulls) {
      let null = RankSumDistribution(nulls)
      return null.p(null.mean + deviation, alternative)
    }
    let deviate = deviation / sqrt(variance)
    return switch alternative {
    case .less: NormalDistribution.cdf(deviate)
    case .greater: NormalDistribution.cdf(-deviate)
    case .twoSided: 2 * NormalDistribution.cdf(-abs(deviate))
    }
  }

  /// The p-value of the hypothesis that the arms are as far apart in all strata: with the second arm brought to
  /// where the first is by `shifted`, whether the strata's statistics are as far from their means as chance makes
  /// them, given their weighted sum. Of many combinations a chi-squared approximation, as Breslow and Day's of odds.
  /// nil: fewer than two strata have values in both arms, or values to tell apart.
  ///
  /// - Parameter shifted: a value of the second arm with the common change.
  package static func heterogeneity(
    _ strata: [HodgesLehmann.Arms], shifted: (Double) -> Double
  ) -> Double? {
    let common = strata.map { ($0.first, OrderedSample($0.second.values.map(shifted))) }
    guard let all = VanElteren(common) else { return nil }
    let informative = zip(all.strata, all.nulls).filter { $0.0.variance > 0 }
    let unit = RankSumDistribution.unit(informative.map(\.1))
    let combinations = informative.dropLast().reduce(1.0) {
      $0 * Double(unit * $1.1.first * $1.1.second + 1)
    }
    if combinations <= mostCombinations, isExact(all.nulls) {
      return ConditionalHomogeneity(
        informative.map { test, null in
          .init(
            probabilities: RankSumDistribution.probabilities(null, unit), weight: null.weight,
            observed: Int(Double(unit) * test.u))
        }
      ).p
    }
    let q = informative.reduce(0) { $0 + $1.0.deviation * $1.0.deviation / $1.0.variance }
    return ChiSquaredDistribution(degrees: informative.count - 1).upperTail(q)
  }

  /// Of counts that are enumerated: all strata's but the last one's, which follows from their sum.
  private static let mostCombinations = 100_000.0

  // MARK: Weights

  static func isExact(_ strata: [RankSumDistribution.Stratum]) -> Bool {
    strata.reduce(0) { $0 + $1.first * $1.second } <= RankSumDistribution.largestPairs
  }

  /// Of the weighted sum, how many values it may have.
  private static let largestSum = 1 << 16

  /// Strata of these sizes with whole weights in the ratio of 1 / (n + 1). Where the smallest such numbers are too
  /// large they are rounded: any weights that do not depend on the values leave the test exact.
  static func strata(_ sizes: [(first: Int, second: Int)]) -> [RankSumDistribution.Stratum] {
    let orders = sizes.map { $0.first + $0.second + 1 }
    var scale = 1.0
    for order in Set(orders).sorted() {
      let multiple = Double(leastCommonMultiple(Int(scale), order))
      if multiple > 1e9 { break }
      scale = multiple
    }
    let sum = zip(sizes, orders).reduce(0) {
      $0 + Double($1.0.first * $1.0.second) / Double($1.1)
    }
    scale = max(min(scale, Double(largestSum) / sum), Double(orders.max() ?? 1))
    return zip(sizes, orders).map { size, order in
      RankSumDistribution.Stratum(
        first: size.first, second: size.second,
        weight: max(1, Int((scale / Double(order)).rounded())))
    }
  }

  private static func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
    var (x, y) = (a, b)
    while y > 0 { (x, y) = (y, x % y) }
    return a / x * b
  }
}

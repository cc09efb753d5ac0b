// SPDX-License-Identifier: Apache-2.0
import Glibc

/// How many times the odds of an event in the first arm are those in the second: 0 to infinity.
package struct OddsRatio: Equatable, Sendable {
  /// The conditional maximum of the likelihood.
  package let estimate: Double
  /// Exact, with both tails equal: at least the confidence that was asked for.
  package let interval: ConfidenceInterval
}

/// The same two arms in several strata, one table each: two kernels, each with three file systems.
package struct StratifiedTables: Equatable, Sendable {
  /// Those with trials in both arms; the others tell nothing of a difference.
  package let strata: [TwoByTwoTable]

  package init(_ strata: [TwoByTwoTable]) { self.strata = strata.filter { !$0.isEmpty } }

  // MARK: The odds

  /// Given each table's margins, how the first arm's events of all strata are distributed where nothing
  /// differs: P(T = t) for each t of `range`.
  private var null: (range: ClosedRange<Int>, probabilities: [Double]) {
    strata.map(\.conditional).reduce((0...0, [1.0])) { sum, stratum in
      (
        (sum.0.lowerBound + stratum.range.lowerBound)...(sum.0.upperBound
          + stratum.range.upperBound),
        sum.1.convolved(with: stratum.probabilities)
      )
    }
  }

  private var events: Int { strata.reduce(0) { $0 + $1.first.events } }

  /// The exact conditional test of a common odds ratio of 1, which nothing differs in any stratum implies; nil: no
  /// stratum. Two-sided as Fisher's test, which it is of one stratum, and as R's `mantelhaen.test(exact = TRUE)`.
  ///
  /// N. Mantel and W. Haenszel, J. Natl. Cancer Inst. 22 (1959) 719; the exact form: J. J. Gart, Biometrika 57
  /// (1970) 471.
  package func p(_ alternative: Alternative = .twoSided) -> Double? {
    if strata.isEmpty { return nil }
    let (range, probabilities) = null
    return probabilities.p(alternative)[events - range.lowerBound]
  }

  /// The odds ratio that all strata are taken to have in common; nil: no stratum has both trials with an event and
  /// trials without.
  ///
  /// C. R. Mehta, N. R. Patel and R. Gray, JASA 80 (1985) 969.
  package func commonOdds(confidence: Double = 0.95) -> OddsRatio? {
    let (range, probabilities) = null
    if range.count < 2 { return nil }
    let logs = probabilities.map { log($0) }
    // P(T = t) at an odds ratio, by its logarithm.
    let tilted = { (theta: Double) -> [Double] in
      let terms = logs.enumerated().map { $1 + Double($0) * theta }
      let largest = terms.max() ?? 0
      let weights = terms.map { exp($0 - largest) }
      let total = weights.reduce(0, +)
      return weights.map { $0 / total }
    }
    let found = events - range.lowerBound
    let last = range.count - 1
    let solve = { (target: Double, function: ([Double]) -> Double) in
      exp(SpecialFunctions.inverse({ function(tilted($0)) }, at: target, in: -50...50))
    }
    let tail = (1 - confidence) / 2
    let mean = { (p: [Double]) in p.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element } }
    let lower = found == 0 ? 0 : solve(tail) { $0[found...].reduce(0, +) }
    let upper = found == last ? .infinity : solve(1 - tail) { 1 - $0[...found].reduce(0, +) }
    let estimate = found == 0 ? 0 : found == last ? .infinity : solve(Double(found), mean)
    return OddsRatio(estimate: estimate, interval: ConfidenceInterval(lower, upper))
  }

  // MARK: The difference

  /// Mantel and Haenszel's weights of the strata, 1 in all: with them the difference has the sign that the exact
  /// test finds.
  private var weights: [Double] {
    let weights = strata.map {
      Double($0.first.trials * $0.second.trials) / Double($0.first.trials + $0.second.trials)
    }
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }

  /// The first rate less the second, -1 to 1, averaged over the strata; nil: no stratum.
  package var difference: Double? {
    if strata.isEmpty { return nil }
    return zip(weights, strata).reduce(0) { $0 + $1.0 * ($1.1.difference ?? 0) }
  }

  /// The interval of `difference` from the rates' Wilson intervals (MOVER), which is Newcombe's of one stratum;
  /// nil: no stratum.
  ///
  /// G. Y. Zou, W. Huang and X. Zhang, Computational Statistics and Data Analysis 53 (2009) 1080.
  package func mover(z: Double = Proportion.z95) -> ConfidenceInterval? {
    guard let difference else { return nil }
    let squares = zip(weights, strata).map { weight, table in
      let reach = table.reach(z: z)
      return (below: pow(weight * reach.below, 2), above: pow(weight * reach.above, 2))
    }
    let below = sqrt(squares.reduce(0) { $0 + $1.below })
    let above = sqrt(squares.reduce(0) { $0 + $1.above })
    return ConfidenceInterval(max(-1, difference - below), min(1, difference + above))
  }

  // MARK: Heterogeneity

  /// The p-value of the hypothesis that the strata have one odds ratio in common, whatever it is: given each table's
  /// margins, and the first arm's events in all. nil: fewer than two strata can differ.
  ///
  /// M. Zelen, Biometrika 58 (1971) 129.
  package func zelen() -> Double? {
    ConditionalHomogeneity(
      strata.map { table in
        let null = table.conditional
        return .init(
          probabilities: null.probabilities, observed: table.first.events - null.range.lowerBound)
      }
    ).p
  }

  /// The p-value of the hypothesis that the difference of the rates is the same in all strata: the strata's
  /// deviations from their average, in the standard errors that their intervals have on that side (Cochran's Q). An
  /// approximation. It sees strata without events, of which the odds tell nothing. nil: fewer than two strata.
  ///
  /// W. G. Cochran, Biometrics 10 (1954) 101.
  package func differenceHeterogeneity() -> Double? {
    guard strata.count > 1, let average = difference else { return nil }
    let q = strata.reduce(0) { sum, table in
      let deviation = (table.difference ?? 0) - average
      let reach = table.reach(z: Proportion.z95)
      let side = deviation > 0 ? reach.below : reach.above
      return deviation == 0 ? sum : sum + pow(deviation / side * Proportion.z95, 2)
    }
    return ChiSquaredDistribution(degrees: strata.count - 1).upperTail(q)
  }

  /// Whether the strata differ in odds or in points: the smaller p-value of the two tests, doubled. nil: neither
  /// can be made.
  package func heterogeneity() -> Double? {
    guard let points = differenceHeterogeneity() else { return nil }
    return min(1, 2 * min(points, zelen() ?? 1))
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc

/// An estimate from the order of values, with the interval that belongs to its exact test.
package struct RankEstimate: Equatable, Sendable {
  package let estimate: Double
  package let interval: ConfidenceInterval
  /// The interval's real confidence: at least what was asked for, or less, where so few values do not allow
  /// it.
  package let achieved: Double

  /// The median of `values`, and those values that as many lie outside of as the null distribution allows;
  /// nil: no value, or a median between two infinities.
  ///
  /// - Parameters:
  ///   - outside: how many values are beyond each end, at least 0.
  init?(medianOf values: OrderedSample, outside: Int, achieved: Double) {
    guard let median = values.median else { return nil }
    estimate = median
    interval = ConfidenceInterval(
      values.values[outside], values.values[values.count - 1 - outside])
    self.achieved = achieved
  }

  private init(_ estimate: Double, _ interval: ConfidenceInterval, _ achieved: Double) {
    self.estimate = estimate
    self.interval = interval
    self.achieved = achieved
  }

  /// Of logarithms, what they are logarithms of.
  var exponential: RankEstimate {
    RankEstimate(
      exp(estimate), ConfidenceInterval(exp(interval.lower), exp(interval.upper)), achieved)
  }
}

/// How far one arm is shifted against another: the median of all differences between their values, with the
/// interval that the Mann-Whitney test leaves. Of several strata, the differences within each, weighted as van
/// Elteren's test weights them, and the interval that this test leaves.
///
/// J. L. Hodges and E. L. Lehmann, Annals of Mathematical Statistics 34 (1963) 598; the interval: M.
/// Hollander and D. A. Wolfe, Nonparametric Statistical Methods, section 4.3. Ties make the interval wider
/// than it needs to be, never narrower.
package enum HodgesLehmann {
  /// The two arms of a stratum.
  package typealias Arms = (first: OrderedSample, second: OrderedSample)

  /// The first arm less the second, in the values' unit; nil: an arm is empty.
  package static func shift(
    _ first: OrderedSample, _ second: OrderedSample, confidence: Double = 0.95
  ) -> RankEstimate? {
    shift([(first, second)], confidence: confidence)
  }

  /// The same of several strata; nil: none has values in both arms.
  package static func shift(_ strata: [Arms], confidence: Double = 0.95) -> RankEstimate? {
    estimate(strata, confidence) { $0 - $1 }
  }

  /// The first arm over the second: the median of all ratios. A base of 0 makes a ratio infinite; two zeros
  /// are equal, a ratio of 1. nil: an arm is empty, or has a negative value, which no ratio is made of.
  package static func ratio(
    _ first: OrderedSample, _ second: OrderedSample, confidence: Double = 0.95
  ) -> RankEstimate? {
    ratio([(first, second)], confidence: confidence)
  }

  /// The same of several strata; nil: none has values in both arms, or a value is negative.
  package static func ratio(_ strata: [Arms], confidence: Double = 0.95) -> RankEstimate? {
    guard strata.allSatisfy({ ($0.first.min ?? 0) >= 0 && ($0.second.min ?? 0) >= 0 }) else {
      return nil
    }
    return estimate(strata, confidence) { log($0) - log($1) }?.exponential
  }

  private static func estimate(
    _ strata: [Arms], _ confidence: Double, _ difference: (Double, Double) -> Double
  ) -> RankEstimate? {
    let strata = strata.filter { $0.first.count > 0 && $0.second.count > 0 }
    if strata.isEmpty { return nil }
    let sizes = VanElteren.strata(strata.map { ($0.first.count, $0.second.count) })
    // Between equal values there is no difference, infinite ones included.
    let differences = zip(strata, sizes).flatMap { arms, size in
      arms.first.values.flatMap { x in
        arms.second.values.flatMap { y in
          repeatElement(x == y ? 0 : difference(x, y), count: size.weight)
        }
      }
    }
    let (outside, achieved) = outside(sizes, confidence)
    return RankEstimate(
      medianOf: OrderedSample(differences), outside: outside, achieved: achieved)
  }

  /// How many differences lie beyond each end of the interval, each as often as it is weighted, and the interval's
  /// real confidence.
  private static func outside(
    _ strata: [RankSumDistribution.Stratum], _ confidence: Double
  ) -> (Int, Double) {
    let tail = (1 - confidence) / 2
    if VanElteren.isExact(strata) {
      let null = RankSumDistribution(strata)
      let rank = max(1, Int(null.quantile(tail)))
      return (rank - 1, 1 - 2 * null.cdf(Double(rank - 1)))
    }
    let (mean, variance) = strata.reduce((0.0, 0.0)) { sum, stratum in
      let pairs = Double(stratum.first * stratum.second)
      let weight = Double(stratum.weight)
      let size = Double(stratum.first + stratum.second + 1)
      return (sum.0 + weight * pairs / 2, sum.1 + weight * weight * pairs * size / 12)
    }
    let deviate = sqrt(variance)
    // One against thousands: the approximation's end lies beyond all pairs, whose interval has less confidence.
    let end = mean - NormalDistribution.halfWidth(confidence: confidence) * deviate
    let rank = max(1, end.rounded(.towardZero))
    let below = (rank - 0.5 - mean) / deviate
    return (Int(rank) - 1, 1 - 2 * NormalDistribution.cdf(below))
  }
}

// SPDX-License-Identifier: Apache-2.0

/// An interval for a quantile of what the sample was drawn from, between two of its values.
package struct QuantileInterval: Equatable, Sendable {
  /// The places of its ends in ascending order, from 1; nil: open, since so few values do not bound it there.
  package let lowerRank: Int?
  package let upperRank: Int?
  /// Infinite where it is open.
  package let interval: ConfidenceInterval
  /// The real confidence, of a continuous distribution; of one with ties it is more.
  package let achieved: Double
}

extension OrderedSample {
  /// Needs no shape of the distribution. nil: no value.
  ///
  /// H. A. David and H. N. Nagaraja, Order Statistics, 3rd edition, section 7.1.
  ///
  /// - Parameter q: above 0 and below 1.
  package func quantileInterval(_ q: Double, confidence: Double = 0.95) -> QuantileInterval? {
    precondition(q > 0 && q < 1, "quantile \(q)")
    if count == 0 { return nil }
    let below = BinomialDistribution(n: count, p: q)
    let tail = (1 - confidence) / 2
    let lower = below.quantile(tail)
    let upper = below.quantile(1 - tail) + 1
    return QuantileInterval(
      lowerRank: lower == 0 ? nil : lower, upperRank: upper > count ? nil : upper,
      interval: ConfidenceInterval(
        lower == 0 ? -.infinity : values[lower - 1],
        upper > count ? .infinity : values[upper - 1]),
      achieved: below.cdf(upper - 1) - below.cdf(lower - 1))
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The ratio of two independent means with Fieller's interval.
///
/// E. C. Fieller, JRSS B 16 (1954) 175. Variances may differ; t has n + m - 2 degrees of freedom.
package enum MeanRatio: Equatable, Sendable {
  case bounded(Double, ConfidenceInterval)
  /// The base's mean cannot be told from zero at this confidence (g >= 1), so that no ratio is excluded in at
  /// least one direction.
  case unbounded(Double)

  /// The first mean over the second, its base; nil: fewer than two values or an infinite one in an arm, or a
  /// base whose mean is 0.
  package init?(_ first: OrderedSample, over base: OrderedSample, confidence: Double = 0.95) {
    guard let y = first.mean, let x = base.mean, let vy = first.variance, let vx = base.variance,
      x != 0
    else { return nil }
    let (a, b) = (vx / Double(base.count), vy / Double(first.count))
    let t = StudentDistribution(degrees: Double(first.count + base.count - 2))
      .halfWidth(confidence: confidence)
    let ratio = y / x
    let g = t * t * a / (x * x)
    guard g < 1 else {
      self = .unbounded(ratio)
      return
    }
    let half = t / abs(x) * sqrt((1 - g) * b + ratio * ratio * a)
    self = .bounded(
      ratio, ConfidenceInterval((ratio - half) / (1 - g), (ratio + half) / (1 - g)))
  }
}

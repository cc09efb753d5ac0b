// SPDX-License-Identifier: Apache-2.0
import Glibc

extension OrderedSample {
  /// nil: no value, or an infinite one, or a sum that is.
  package var mean: Double? {
    let mean = values.reduce(0, +) / Double(count)
    return mean.isFinite ? mean : nil
  }

  /// With n - 1, in the values' unit squared; nil: fewer than two values, or an infinite one, or a sum that is.
  package var variance: Double? {
    guard count > 1, let mean else { return nil }
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
    return variance.isFinite ? variance : nil
  }

  /// The mean of rates over equal amounts of work; nil: no value, a negative or an infinite one.
  package var harmonicMean: Double? {
    guard let min, min >= 0, mean != nil else { return nil }
    return min == 0 ? 0 : Double(count) / values.reduce(0) { $0 + 1 / $1 }
  }

  /// The mean of ratios; nil: no value, a negative or an infinite one.
  package var geometricMean: Double? {
    guard let min, min >= 0, mean != nil else { return nil }
    return min == 0 ? 0 : exp(values.reduce(0) { $0 + log($1) } / Double(count))
  }

  /// Student's interval of the mean, for values that are nearly normal; nil: fewer than two values, or an
  /// infinite one.
  package func meanInterval(confidence: Double = 0.95) -> ConfidenceInterval? {
    guard let mean, let variance else { return nil }
    // Without spread it is the mean at any confidence, at 1 too.
    if variance == 0 { return ConfidenceInterval(mean, mean) }
    let half =
      StudentDistribution(degrees: Double(count - 1)).halfWidth(confidence: confidence)
      * sqrt(variance / Double(count))
    return ConfidenceInterval(mean - half, mean + half)
  }
}

// SPDX-License-Identifier: Apache-2.0

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
}

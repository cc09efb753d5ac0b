// SPDX-License-Identifier: Apache-2.0

/// The values of a sample in order, and what is read off them. Every answer is nil for an empty sample.
package struct OrderedSample: Equatable, Sendable {
  /// Ascending.
  package let values: [Double]
  /// How many NaN were given, which have no place in an order. Reports state them.
  package let excluded: Int

  package init(_ values: some Sequence<Double>) {
    let all = Array(values)
    self.values = all.filter { !$0.isNaN }.sorted()
    excluded = all.count - self.values.count
  }

  package var count: Int { values.count }
  package var min: Double? { values.first }
  package var max: Double? { values.last }
  package var median: Double? { quantile(0.5) }

  /// Type 7 of R. J. Hyndman and Y. Fan, The American Statistician 50 (1996) 361, as in R and NumPy by
  /// default: linear between the values around position (n - 1) q, counted from 0. For centre and
  /// spread; it can answer with a value that was never measured. nil also between -infinity and infinity.
  ///
  /// - Parameter q: 0 to 1.
  package func quantile(_ q: Double) -> Double? {
    precondition((0...1).contains(q), "quantile \(q)")
    guard !values.isEmpty else { return nil }
    let position = Double(count - 1) * q
    let below = Int(position)
    let fraction = position - Double(below)
    // There is none above the last.
    if fraction == 0 || values[below] == values[below + 1] { return values[below] }
    if values[below] == -.infinity { return values[below + 1] == .infinity ? nil : -.infinity }
    if values[below + 1] == .infinity { return .infinity }
    let gap = values[below + 1] - values[below]
    // Between two finite values, it may be infinite all the same.
    return gap.isFinite
      ? values[below] + fraction * gap
      : (1 - fraction) * values[below] + fraction * values[below + 1]
  }

  /// The smallest value that at least a share q of the sample does not exceed (nearest rank; type 1 of
  /// Hyndman and Fan): for percentiles of latency, always a value that was measured. q = 0 is the
  /// minimum.
  ///
  /// - Parameter q: 0 to 1.
  package func percentile(_ q: Double) -> Double? {
    precondition((0...1).contains(q), "percentile \(q)")
    guard !values.isEmpty else { return nil }
    var rank = Swift.max(1, Int((q * Double(count)).rounded(.up)))
    // The product's rounding may have pushed it over an integer (0.07 * 100 is above 7) or onto one.
    if rank > 1, Double(rank - 1) / Double(count) >= q { rank -= 1 }
    if Double(rank) / Double(count) < q { rank += 1 }
    return values[rank - 1]
  }
}

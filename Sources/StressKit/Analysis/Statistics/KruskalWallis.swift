// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whether any of several arms differs from the others by its ranks.
///
/// W. H. Kruskal and W. A. Wallis, JASA 47 (1952) 583.
package struct KruskalWallis: Equatable, Sendable {
  /// Corrected for ties.
  package let h: Double
  package let degrees: Int
  /// By the chi-squared approximation, which wants five values or so in each arm.
  package let p: Double

  /// nil: fewer than two arms, an empty arm, or all values equal.
  package init?(_ arms: [OrderedSample]) {
    guard arms.count > 1, arms.allSatisfy({ $0.count > 0 }) else { return nil }
    let pooled = arms.enumerated().flatMap { arm, sample in sample.values.map { (arm, $0) } }
      .sorted { $0.1 < $1.1 }
    let n = Double(pooled.count)
    var sums = [Double](repeating: 0, count: arms.count)
    var ties = 0.0
    var start = 0
    while start < pooled.count {
      let end = pooled[start...].firstIndex { $0.1 > pooled[start].1 } ?? pooled.count
      for index in start..<end { sums[pooled[index].0] += Double(start + 1 + end) / 2 }
      ties += pow(Double(end - start), 3) - Double(end - start)
      start = end
    }
    let correction = 1 - ties / (n * n * n - n)
    guard correction > 0 else { return nil }
    let squares = zip(arms, sums).reduce(0) { $0 + $1.1 * $1.1 / Double($1.0.count) }
    h = (12 / (n * (n + 1)) * squares - 3 * (n + 1)) / correction
    degrees = arms.count - 1
    p = ChiSquaredDistribution(degrees: Double(degrees)).upperTail(h)
  }
}

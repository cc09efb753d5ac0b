// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whether paired differences lie to one side of zero: Wilcoxon's signed-rank test. Differences of zero are
/// left out, as Wilcoxon did.
///
/// F. Wilcoxon, Biometrics Bulletin 1 (1945) 80; as R's `wilcox.test(paired = TRUE)`, but exact with ties.
package struct SignedRank: Equatable, Sendable {
  /// The sum of the ranks of the positive differences.
  package let v: Double
  /// Differences that are not zero.
  package let count: Int
  /// The sizes of groups of differences that are equal but for their sign, smallest first.
  package let groups: [Int]
  private let differences: OrderedSample

  /// Above this many differences the normal approximation serves.
  package static let largestExact = 50

  /// nil: no difference other than zero.
  package init?(differences: [Double]) {
    let nonzero = differences.filter { $0 != 0 && !$0.isNaN }.sorted { abs($0) < abs($1) }
    guard !nonzero.isEmpty else { return nil }
    self.differences = OrderedSample(nonzero)
    count = nonzero.count
    var v = 0.0
    var groups: [Int] = []
    var start = 0
    while start < nonzero.count {
      let end = nonzero[start...].firstIndex { abs($0) > abs(nonzero[start]) } ?? nonzero.count
      let rank = Double(start + 1 + end) / 2
      v += rank * Double(nonzero[start..<end].count { $0 > 0 })
      groups.append(end - start)
      start = end
    }
    self.v = v
    self.groups = groups
  }

  /// Exact up to `largestExact` differences, approximated above. `.greater`: differences above zero.
  package func p(_ alternative: Alternative = .twoSided) -> Double {
    let n = Double(count)
    let mean = n * (n + 1) / 4
    if count <= Self.largestExact {
      let cumulative = Self.cumulative(groups)
      let below = { (v: Double) in v < 0 ? 0 : cumulative[min(Int(2 * v), cumulative.count - 1)] }
      // Symmetric: each sign is as likely.
      return switch alternative {
      case .less: below(v)
      case .greater: below(2 * mean - v)
      case .twoSided: min(1, 2 * below(mean - abs(v - mean)))
      }
    }
    let ties = groups.reduce(0.0) { $0 + pow(Double($1), 3) - Double($1) }
    let deviate = sqrt(n * (n + 1) * (2 * n + 1) / 24 - ties / 48)
    let deviation = v - mean
    return switch alternative {
    case .less: NormalDistribution.cdf((deviation + 0.5) / deviate)
    case .greater: NormalDistribution.cdf(-(deviation - 0.5) / deviate)
    case .twoSided: min(1, 2 * NormalDistribution.cdf(-max(0, abs(deviation) - 0.5) / deviate))
    }
  }

  /// The median of the means of all pairs of differences (each with itself as well) with its exact interval
  /// (J. W. Tukey's Walsh averages; R's pseudomedian); nil beyond `largestExact` or between infinities.
  package func pseudomedian(confidence: Double = 0.95) -> RankEstimate? {
    guard count <= Self.largestExact else { return nil }
    let values = differences.values
    let means = OrderedSample(
      values.indices.flatMap { i in values[i...].map { (values[i] + $0) / 2 } })
    guard means.excluded == 0 else { return nil }
    let cumulative = Self.cumulative(Array(repeating: 1, count: count))
    // Ranks are doubled: every other place.
    let whole = stride(from: 0, to: cumulative.count, by: 2).map { cumulative[$0] }
    let tail = (1 - confidence) / 2
    let rank = max(1, whole.firstIndex { $0 >= tail * (1 - 1e-12) } ?? 0)
    return RankEstimate(medianOf: means, outside: rank - 1, achieved: 1 - 2 * whole[rank - 1])
  }

  /// P(2 V <= index) when each sign is as likely.
  private static func cumulative(_ groups: [Int]) -> [Double] {
    var chances = [1.0]
    var seen = 0
    for size in groups {
      let doubled = 2 * seen + size + 1
      for _ in 0..<size {
        let before = chances
        chances = before.map { $0 / 2 } + Array(repeating: 0, count: doubled)
        for (v, chance) in before.enumerated() { chances[v + doubled] += chance / 2 }
      }
      seen += size
    }
    return chances.cumulative
  }
}

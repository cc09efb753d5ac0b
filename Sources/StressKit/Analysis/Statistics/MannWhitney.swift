// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whether the values of one arm tend to be larger than those of another: the rank-sum test. Needs no shape
/// of the values' distribution; a value may be infinite.
package struct MannWhitney: Equatable, Sendable {
  package let first: Int
  package let second: Int
  /// Pairs in which the value of the first arm exceeds that of the second; a tie is half a pair.
  package let u: Double
  /// How many values are equal to each other, in ascending order of the values.
  package let groups: [Int]

  /// How a p-value was found.
  package enum Method: Sendable {
    case exact
    /// Exact for the ties that there are.
    case permutation
    case normal
  }

  /// nil: an arm is empty.
  package init?(_ first: OrderedSample, _ second: OrderedSample) {
    guard first.count > 0, second.count > 0 else { return nil }
    self.first = first.count
    self.second = second.count
    var (i, j) = (0, 0)
    var u = 0.0
    var groups: [Int] = []
    while i < first.count || j < second.count {
      let value = min(
        i < first.count ? first.values[i] : .infinity,
        j < second.count ? second.values[j] : .infinity)
      let below = j
      let start = i
      while i < first.count, first.values[i] == value { i += 1 }
      while j < second.count, second.values[j] == value { j += 1 }
      u += Double(i - start) * (Double(below) + Double(j - below) / 2)
      groups.append(i - start + j - below)
    }
    self.u = u
    self.groups = groups
  }

  /// The share of pairs in which the first arm's value exceeds the second's, a tie as half: 0 to 1.
  package var superiority: Double { u / Double(first * second) }

  /// Exact up to `RankSumDistribution.largestPairs` pairs, approximated above.
  package func p(_ alternative: Alternative = .twoSided) -> (value: Double, method: Method) {
    // All values equal: whatever is dealt out, nothing differs.
    guard let approximate = normal(alternative) else { return (1, .permutation) }
    if first * second > RankSumDistribution.largestPairs { return (approximate, .normal) }
    let null = RankSumDistribution(first: first, second: second, groups: groups)
    return (null.p(u, alternative), groups.contains { $0 > 1 } ? .permutation : .exact)
  }

  /// U less its mean.
  var deviation: Double { u - Double(first * second) / 2 }

  /// Of U where nothing differs, for the ties that there are; 0: all values are equal.
  var variance: Double {
    if groups.count == 1 { return 0 }
    let n = Double(first + second)
    let ties = groups.reduce(0.0) { $0 + pow(Double($1), 3) - Double($1) }
    return Double(first * second) / 12 * (n + 1 - ties / (n * (n - 1)))
  }

  /// The normal approximation, corrected for continuity, its variance for ties; nil: all values are equal.
  func normal(_ alternative: Alternative = .twoSided) -> Double? {
    guard groups.count > 1 else { return nil }
    // Half a pair towards the mean.
    let correction = 0.5
    let deviate = sqrt(variance)
    return switch alternative {
    case .less: NormalDistribution.cdf((deviation + correction) / deviate)
    case .greater: NormalDistribution.cdf(-(deviation - correction) / deviate)
    case .twoSided:
      min(1, 2 * NormalDistribution.cdf(-max(0, abs(deviation) - correction) / deviate))
    }
  }

  /// The smallest two-sided p-value that arms of these sizes can have: above the level, no result can be
  /// significant. 1 when an arm is empty.
  package static func smallestP(_ first: Int, _ second: Int) -> Double {
    min(1, 2 * exp(-SpecialFunctions.logChoose(first + second, first)))
  }
}

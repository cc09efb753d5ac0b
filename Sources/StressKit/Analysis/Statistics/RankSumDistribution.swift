// SPDX-License-Identifier: Apache-2.0
import Glibc

/// How Mann and Whitney's U is distributed when the pooled values are dealt out to two arms at random: the
/// exact null distribution, ties and all.
///
/// H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics 18 (1947) 50; with ties, the permutation
/// distribution of the midranks (E. L. Lehmann, Nonparametrics (1975), section 1.4). Of several strata it is the
/// distribution of a sum of their U.
package struct RankSumDistribution: Sendable {
  /// U counts pairs, a tie as half a pair; with ties it is kept doubled to stay whole.
  private let scale: Double
  /// P(scale * U <= index), and P(scale * U >= index): each tail summed from its own end, to keep its digits.
  private let lower: [Double]
  private let upper: [Double]
  /// The mean of U: half of all pairs.
  package let mean: Double

  /// Above this many pairs the normal approximation serves.
  package static let largestPairs = 2500

  /// The distribution of U of the first arm.
  ///
  /// - Parameter groups: how many values are equal to each other, in ascending order of the values; 1 for
  ///   each value that stands alone. Adds up to both sizes. nil: no ties.
  package init(first: Int, second: Int, groups: [Int]? = nil) {
    self.init([Stratum(first: first, second: second, groups: groups)])
  }

  /// Values that are dealt out by themselves.
  package struct Stratum: Sendable {
    package var first: Int
    package var second: Int
    /// nil: no ties.
    package var groups: [Int]?
    /// How often its U counts in the sum; at least 1.
    package var weight = 1
  }

  /// The distribution of the weighted sum of the strata's U; at least one.
  package init(_ strata: [Stratum]) {
    let unit = Self.unit(strata)
    let sum = strata.reduce([1.0]) { sum, stratum in
      sum.convolved(with: Self.probabilities(stratum, unit), step: stratum.weight)
    }
    lower = sum.cumulative
    upper = sum.reversed().cumulative.reversed()
    scale = Double(unit)
    mean = strata.reduce(0) { $0 + Double($1.weight * $1.first * $1.second) / 2 }
  }

  /// How often U is counted to stay whole.
  static func unit(_ strata: [Stratum]) -> Int {
    strata.contains { $0.groups?.contains { $0 > 1 } == true } ? 2 : 1
  }

  /// P(unit * U = index).
  static func probabilities(_ stratum: Stratum, _ unit: Int) -> [Double] {
    let (first, second) = (stratum.first, stratum.second)
    let groups = stratum.groups ?? Array(repeating: 1, count: first + second)
    precondition(groups.reduce(0, +) == first + second, "\(groups) for \(first) and \(second)")
    // It is counted for the smaller arm: what the larger one has of all pairs is the rest.
    let counts = ways(min(first, second), max(first, second), groups, unit)
    let row = first <= second ? counts : counts.reversed()
    let total = row.reduce(0, +)
    return row.map { $0 / total }
  }

  /// In how many ways `few` of the values have each U, from 0 to `unit` times all pairs.
  private static func ways(_ few: Int, _ many: Int, _ groups: [Int], _ unit: Int) -> [Double] {
    let width = unit * few * many + 1
    // ways[j * width + u]: to choose j of the values so far with this U.
    var ways = [Double](repeating: 0, count: (few + 1) * width)
    ways[0] = 1
    var seen = 0
    for size in groups {
      var next = [Double](repeating: 0, count: ways.count)
      let choices = (0...size).map { exp(SpecialFunctions.logChoose(size, $0)).rounded() }
      for j in max(0, seen - many)...min(few, seen) {
        let below = seen - j
        for u in 0...(unit * j * below) where ways[j * width + u] > 0 {
          for chosen in 0...min(size, few - j) where below + size - chosen <= many {
            // Each one chosen exceeds those not chosen below, and ties with those beside it: half a pair.
            let gain = unit * chosen * below + unit * chosen * (size - chosen) / 2
            next[(j + chosen) * width + u + gain] += ways[j * width + u] * choices[chosen]
          }
        }
      }
      ways = next
      seen += size
    }
    return Array(ways[(few * width)...])
  }

  /// P(U <= u), in steps of half a pair.
  package func cdf(_ u: Double) -> Double {
    let index = Int((u * scale).rounded(.down))
    return index < 0 ? 0 : lower[min(index, lower.count - 1)]
  }

  /// P(U >= u).
  package func upperTail(_ u: Double) -> Double {
    let index = Int((u * scale).rounded(.up))
    return index >= upper.count ? 0 : upper[max(0, index)]
  }

  /// The p-value of U. Two-sided, of all deviations from the mean that are as large, which without ties is
  /// twice the smaller tail.
  package func p(_ u: Double, _ alternative: Alternative) -> Double {
    switch alternative {
    case .less: return cdf(u)
    case .greater: return upperTail(u)
    case .twoSided:
      let deviation = abs(u - mean)
      return deviation == 0 ? 1 : min(1, cdf(mean - deviation) + upperTail(mean + deviation))
    }
  }

  /// The smallest u with P(U <= u) >= q, as R's `qwilcox`.
  package func quantile(_ q: Double) -> Double {
    Double(lower.firstIndex { $0 >= q * (1 - 1e-12) } ?? lower.count - 1) / scale
  }
}

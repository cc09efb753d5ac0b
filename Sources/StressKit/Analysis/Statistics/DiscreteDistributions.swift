// SPDX-License-Identifier: Apache-2.0
import Glibc

/// How many of n independent trials end in an event, for many chances p that each may have of it.
struct BinomialFamily: Sendable {
  let n: Int
  private let logCoefficients: [Double]

  init(n: Int) {
    self.n = n
    logCoefficients = (0...n).map { SpecialFunctions.logChoose(n, $0) }
  }

  /// P(X = k) for every k in 0...n.
  func probabilities(_ p: Double) -> [Double] {
    // log 0 times 0 would be NaN.
    if p == 0 || p == 1 { return (0...n).map { $0 == (p == 0 ? 0 : n) ? 1 : 0 } }
    let (event, none) = (log(p), log1p(-p))
    return logCoefficients.enumerated().map { k, coefficient in
      exp(coefficient + Double(k) * event + Double(n - k) * none)
    }
  }
}

/// How many events fall on the first arm when `events` of all trials are dealt out at random: the count of a
/// 2x2 table whose margins are given.
package struct HypergeometricDistribution: Equatable, Sendable {
  /// The counts that the margins allow.
  package let range: ClosedRange<Int>
  /// P(X = k) for each k of `range`.
  package let probabilities: [Double]

  package init(first: Int, second: Int, events: Int) {
    precondition(
      first >= 0 && second >= 0 && (0...(first + second)).contains(events),
      "\(events) events in \(first) and \(second) trials")
    range = max(0, events - second)...min(first, events)
    let logs = range.map {
      SpecialFunctions.logChoose(first, $0) + SpecialFunctions.logChoose(second, events - $0)
    }
    let largest = logs.max() ?? 0
    let weights = logs.map { exp($0 - largest) }
    let total = weights.reduce(0, +)
    probabilities = weights.map { $0 / total }
  }

  /// The p-value of each k of `range`.
  package func p(_ alternative: Alternative) -> [Double] { probabilities.p(alternative) }
}

extension [Double] {
  /// Of the probabilities of successive counts, the p-value of each count.
  func p(_ alternative: Alternative) -> [Double] {
    switch alternative {
    case .less: cumulative
    case .greater: reversed().cumulative.reversed()
    case .twoSided: twoSided
    }
  }

  /// Of the probabilities of two counts, those of their sum.
  ///
  /// - Parameter step: by how much one more of the other count adds to the sum; at least 1.
  func convolved(with other: [Double], step: Int = 1) -> [Double] {
    var sum = [Double](repeating: 0, count: count + step * (other.count - 1))
    for (j, q) in other.enumerated() where q > 0 {
      for (i, p) in enumerated() { sum[i + step * j] += p * q }
    }
    return sum
  }

  /// The sums up to each; of probabilities, so that rounding must not lead above 1.
  var cumulative: [Double] {
    var sum = 0.0
    return map {
      sum += $0
      return Swift.min(1, sum)
    }
  }

  /// The two-sided p-values of exact tests: for each outcome, the probability of all that are not likelier.
  /// Probabilities that are equal but for their rounding count as equal; the tolerance is that of R's
  /// `fisher.test`.
  fileprivate var twoSided: [Double] {
    let order = indices.sorted { self[$0] < self[$1] }
    var answers = self
    var sum = 0.0
    var next = 0
    for index in order {
      while next < count, self[order[next]] <= self[index] * (1 + 1e-7) {
        sum += self[order[next]]
        next += 1
      }
      // All of them is 1, whatever the sum's rounding.
      answers[index] = next == count ? 1 : sum
    }
    return answers
  }
}

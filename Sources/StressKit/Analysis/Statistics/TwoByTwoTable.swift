// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Two arms, each with so many events in so many trials: how often one kernel ended in an OOM and how often
/// the other.
package struct TwoByTwoTable: Equatable, Sendable {
  package let first: Proportion
  package let second: Proportion

  package init(_ first: Proportion, _ second: Proportion) {
    self.first = first
    self.second = second
  }

  /// An arm has no trials: there is nothing to compare.
  package var isEmpty: Bool { first.trials == 0 || second.trials == 0 }

  /// The first rate less the second, 0 to 1 either way; nil: an arm has no trials.
  package var difference: Double? {
    guard let a = first.rate, let b = second.rate else { return nil }
    return a - b
  }

  /// The interval of `difference` from the two Wilson intervals; nil: an arm has no trials.
  ///
  /// Method 10 of R. G. Newcombe, Statistics in Medicine 17 (1998) 873.
  package func newcombe(z: Double = Proportion.z95) -> ConfidenceInterval? {
    guard let a = first.rate, let b = second.rate else { return nil }
    let one = first.wilson(z: z)
    let two = second.wilson(z: z)
    let below = hypot(a - one.lower, two.upper - b)
    let above = hypot(one.upper - a, b - two.lower)
    return ConfidenceInterval(max(-1, a - b - below), min(1, a - b + above))
  }

  /// The distribution of the first arm's events, given the events of both.
  private var conditional: HypergeometricDistribution {
    HypergeometricDistribution(
      first: first.trials, second: second.trials, events: first.events + second.events)
  }

  /// Fisher's exact test, of the tables with these margins; nil: an arm has no trials. Two-sided, it adds up
  /// the tables that are not likelier than this one, as R's `fisher.test`.
  ///
  /// R. A. Fisher, The Design of Experiments (1935), chapter 2.
  package func fisher(_ alternative: Alternative = .twoSided) -> Double? {
    let null = conditional
    return isEmpty ? nil : null.p(alternative)[first.events - null.range.lowerBound]
  }

  /// The odds of an event in the first arm over those in the second, with its exact interval.
  package struct OddsRatio: Equatable, Sendable {
    /// The conditional maximum likelihood estimate: 0 to infinity.
    package let estimate: Double
    package let interval: ConfidenceInterval
  }

  /// nil: an arm has no trials, or no trial of both ended in an event, or all did.
  ///
  /// J. Cornfield, Proceedings of the Third Berkeley Symposium 4 (1956) 135; as R's `fisher.test`.
  package func oddsRatio(confidence: Double = 0.95) -> OddsRatio? {
    let null = conditional
    let k = first.events
    guard !isEmpty, null.range.count > 1 else { return nil }
    let tail = (1 - confidence) / 2
    // Each grows with the odds ratio's logarithm.
    let solve = { (function: (NoncentralHypergeometric) -> Double, target: Double) in
      exp(
        SpecialFunctions.inverse(
          { function(NoncentralHypergeometric(null, logOdds: $0)) }, at: target, in: -700...700))
    }
    let atLowest = k == null.range.lowerBound
    let atHighest = k == null.range.upperBound
    let estimate = atLowest ? 0 : atHighest ? .infinity : solve(\.mean, Double(k))
    return OddsRatio(
      estimate: estimate,
      interval: ConfidenceInterval(
        atLowest ? 0 : solve({ $0.upperTail(k) }, tail),
        atHighest ? .infinity : solve({ 1 - $0.lowerTail(k) }, 1 - tail)))
  }
}

/// Fisher's noncentral hypergeometric distribution: the count of a 2x2 table with given margins where the
/// odds differ.
private struct NoncentralHypergeometric {
  let counts: ClosedRange<Int>
  let probabilities: [Double]

  init(_ null: HypergeometricDistribution, logOdds: Double) {
    counts = null.range
    let logs = zip(counts, null.logWeights).map { Double($0) * logOdds + $1 }
    let largest = logs.max() ?? 0
    let weights = logs.map { exp($0 - largest) }
    let total = weights.reduce(0, +)
    probabilities = weights.map { $0 / total }
  }

  var mean: Double { zip(counts, probabilities).reduce(0) { $0 + Double($1.0) * $1.1 } }
  /// P(X >= k).
  func upperTail(_ k: Int) -> Double {
    probabilities[(k - counts.lowerBound)...].reduce(0, +)
  }
  /// P(X <= k).
  func lowerTail(_ k: Int) -> Double {
    probabilities[...(k - counts.lowerBound)].reduce(0, +)
  }
}

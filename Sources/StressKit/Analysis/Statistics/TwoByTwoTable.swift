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
}

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
    guard let difference else { return nil }
    let reach = reach(z: z)
    return ConfidenceInterval(max(-1, difference - reach.below), min(1, difference + reach.above))
  }

  /// How far Newcombe's interval goes from the difference, before it is cut at -1 and 1; both arms have trials.
  func reach(z: Double) -> (below: Double, above: Double) {
    let (a, b) = (first.rate ?? 0, second.rate ?? 0)
    let (one, two) = (first.wilson(z: z), second.wilson(z: z))
    return (hypot(a - one.lower, two.upper - b), hypot(one.upper - a, b - two.lower))
  }

  /// The distribution of the first arm's events, given the events of both.
  var conditional: HypergeometricDistribution {
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

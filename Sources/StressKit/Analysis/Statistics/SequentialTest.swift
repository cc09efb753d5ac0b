// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Trials one after another until their events say which of two rates it is: Wald's sequential probability
/// ratio test. On average it needs about half the trials of a test whose n is fixed.
///
/// A. Wald, Annals of Mathematical Statistics 16 (1945) 117. Stopping at whole trials makes the real error
/// rates differ from the nominal ones; alpha / (1 - beta) and beta / (1 - alpha) bound them.
package struct SequentialTest: Equatable, Sendable {
  package enum Decision: Equatable, Sendable {
    case undecided
    /// It is the rate without the fault.
    case low
    /// It is the rate with the fault.
    case high
  }

  /// The events' rates between which it decides, low below high.
  package let rates: (low: Double, high: Double)
  /// The logarithms of Wald's B and A: at or below the first it is low, at or above the second high.
  package let bounds: ClosedRange<Double>
  /// The logarithm of the likelihood of the high rate over that of the low one.
  package private(set) var logLikelihoodRatio = 0.0
  package private(set) var seen = Proportion(0, of: 0)

  /// - Parameters:
  ///   - alpha: the chance to decide for high when it is low.
  ///   - beta: the chance to decide for low when it is high; alpha and beta are below 1 together.
  package init(low: Double, high: Double, alpha: Double = 0.05, beta: Double = 0.05) {
    precondition(
      0 <= low && low < high && high <= 1 && alpha > 0 && beta > 0 && alpha + beta < 1,
      "rates \(low) and \(high), errors \(alpha) and \(beta)")
    rates = (low, high)
    bounds = log(beta / (1 - alpha))...log((1 - beta) / alpha)
  }

  /// Takes one more trial in; after a decision nothing changes any more.
  package mutating func add(isEvent: Bool) {
    guard decision == .undecided else { return }
    // A rate of 0 or 1 is refuted by one trial: infinite.
    logLikelihoodRatio +=
      isEvent ? log(rates.high / rates.low) : log((1 - rates.high) / (1 - rates.low))
    seen = Proportion(seen.events + (isEvent ? 1 : 0), of: seen.trials + 1)
  }

  package var decision: Decision {
    // Sums that reach a bound but for their rounding have reached it.
    if logLikelihoodRatio >= bounds.upperBound - 1e-12 { return .high }
    return logLikelihoodRatio <= bounds.lowerBound + 1e-12 ? .low : .undecided
  }

  package static func == (one: Self, other: Self) -> Bool {
    one.rates == other.rates && one.bounds == other.bounds && one.seen == other.seen
      && one.logLikelihoodRatio == other.logLikelihoodRatio
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc

/// So many events in so much time or work: OOM kills an hour, where the workload is started again.
package struct EventRate: Equatable, Sendable {
  package let events: Int
  /// In any unit; above 0.
  package let exposure: Double

  package init(_ events: Int, in exposure: Double) {
    precondition(events >= 0 && exposure > 0, "\(events) in \(exposure)")
    self.events = events
    self.exposure = exposure
  }

  /// Events by unit of exposure.
  package var rate: Double { Double(events) / exposure }

  /// The exact interval of `rate`, if events come independently of each other.
  ///
  /// F. Garwood, Biometrika 28 (1936) 437.
  package func interval(confidence: Double = 0.95) -> ConfidenceInterval {
    let tail = (1 - confidence) / 2
    let n = Double(events)
    let lower = events == 0 ? 0 : ChiSquaredDistribution(degrees: 2 * n).quantile(tail) / 2
    let upper = ChiSquaredDistribution(degrees: 2 * n + 2).quantile(1 - tail) / 2
    return ConfidenceInterval(lower / exposure, upper / exposure)
  }

  /// The exact test whether two rates differ, given how many events there were in all: then the first arm's
  /// events are binomial. 1 without an event.
  ///
  /// J. Przyborowski and H. Wilenski, Biometrika 31 (1940) 313; two-sided as R's `poisson.test`.
  package func p(against other: EventRate, _ alternative: Alternative = .twoSided) -> Double {
    BinomialDistribution(n: events + other.events, p: exposure / (exposure + other.exposure))
      .p(events, alternative)
  }

  /// This rate over the other with its exact interval; nil: no event in either.
  package func ratio(
    over other: EventRate, confidence: Double = 0.95
  ) -> (estimate: Double, interval: ConfidenceInterval)? {
    guard events + other.events > 0 else { return nil }
    let share = Proportion(events, of: events + other.events)
      .clopperPearson(confidence: confidence)
    let odds = { (share: Double) in share / (1 - share) * other.exposure / exposure }
    return (rate / other.rate, ConfidenceInterval(odds(share.lower), odds(share.upper)))
  }
}

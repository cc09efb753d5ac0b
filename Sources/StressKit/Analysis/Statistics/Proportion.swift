// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A closed interval on the real line.
package struct ConfidenceInterval: Equatable, Sendable {
  package var lower: Double
  package var upper: Double

  package init(_ lower: Double, _ upper: Double) {
    self.lower = lower
    self.upper = upper
  }
}

/// So many of so many trials ended in some way, such as in an OOM. The trial is the unit, never a
/// single kill.
package struct Proportion: Equatable, Sendable {
  package let events: Int
  package let trials: Int

  /// The 0.975 quantile of the standard normal distribution, for intervals of 95 %.
  package static let z95 = 1.959963984540054

  /// `events` is within 0...`trials`.
  package init(_ events: Int, of trials: Int) {
    precondition(events >= 0 && events <= trials, "\(events) of \(trials)")
    self.events = events
    self.trials = trials
  }

  /// nil: no trials.
  package var rate: Double? { trials == 0 ? nil : Double(events) / Double(trials) }

  /// The score interval without continuity correction, 95 % unless said; all of 0...1 without trials.
  ///
  /// E. B. Wilson, JASA 22 (1927); method 3 of R. G. Newcombe, Statistics in Medicine 17 (1998) 857.
  package func wilson(z: Double = z95) -> ConfidenceInterval {
    guard let p = rate else { return ConfidenceInterval(0, 1) }
    let n = Double(trials)
    let squared = z * z
    let centre = (p + squared / (2 * n)) / (1 + squared / n)
    let half = z / (1 + squared / n) * sqrt(p * (1 - p) / n + squared / (4 * n * n))
    // At the ends the two terms are equal, but for their rounding.
    return ConfidenceInterval(
      events == 0 ? 0 : max(0, centre - half), events == trials ? 1 : min(1, centre + half))
  }
}

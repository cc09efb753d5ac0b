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

  /// The exact interval: the rates that neither of two binomial tests of half the level rejects. Never less
  /// than `confidence`, and mostly more; all of 0...1 without trials.
  ///
  /// C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404.
  package func clopperPearson(confidence: Double = 0.95) -> ConfidenceInterval {
    let tail = (1 - confidence) / 2
    let k = Double(events)
    let n = Double(trials)
    // P(X >= k) and P(X > k), which grow with the rate.
    let lower =
      events == 0
      ? 0
      : SpecialFunctions.inverse(
        { SpecialFunctions.incompleteBeta($0, k, n - k + 1) }, at: tail, in: 0...1)
    let upper =
      events == trials
      ? 1
      : SpecialFunctions.inverse(
        { SpecialFunctions.incompleteBeta($0, k + 1, n - k) }, at: 1 - tail, in: 0...1)
    return ConfidenceInterval(lower, upper)
  }

  /// The trials without an event, in a row, after which a rate of `rate` or more is excluded: how often a
  /// kernel has to survive before a bisection may call it good. nil: no number does.
  ///
  /// - Parameters:
  ///   - rate: 0 to 1, what the events' rate would be if the fault were there.
  ///   - confidence: the chance that a kernel with the fault would have shown it.
  package static func cleanTrials(excluding rate: Double, confidence: Double = 0.95) -> Int? {
    precondition((0...1).contains(rate) && (0..<1).contains(confidence), "\(rate), \(confidence)")
    if rate == 0 { return nil }
    if rate == 1 { return 1 }
    // A quotient that is whole but for its rounding stays whole.
    let needed = (log1p(-confidence) / log1p(-rate) * (1 - 1e-12)).rounded(.up)
    return needed < 1e15 ? max(1, Int(needed)) : nil
  }

  /// The highest rate that `trials` trials without an event leave possible: 1 - (1 - confidence)^(1/n), which
  /// at 95 % is nearly 3/n ("rule of three"). 1 without trials.
  ///
  /// J. A. Hanley and A. Lippman-Hand, JAMA 249 (1983) 1743.
  package static func highestRate(after trials: Int, confidence: Double = 0.95) -> Double {
    precondition(trials >= 0 && (0..<1).contains(confidence), "\(trials), \(confidence)")
    return trials == 0 ? 1 : -expm1(log1p(-confidence) / Double(trials))
  }
}

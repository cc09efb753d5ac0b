// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whether two means differ, for values that are nearly normal.
package struct StudentTest: Equatable, Sendable {
  /// The first mean less the second, in the values' unit.
  package let difference: Double
  package let standardError: Double
  package let degrees: Double

  /// Variances may differ. B. L. Welch, Biometrika 34 (1947) 28. nil: fewer than two values or an infinite
  /// one in an arm, or no spread in either.
  package static func welch(_ first: OrderedSample, _ second: OrderedSample) -> StudentTest? {
    guard let (difference, a, b) = moments(first, second) else { return nil }
    let (n, m) = (Double(first.count), Double(second.count))
    let (one, two) = (a / n, b / m)
    // By shares of the sum, whose squares stay numbers where those of the variances do not.
    let share = one / (one + two)
    return StudentTest(
      difference, sqrt(one + two),
      degrees: 1 / (share * share / (n - 1) + (1 - share) * (1 - share) / (m - 1)))
  }

  /// One variance for both arms, as FreeBSD's `ministat` has it. nil as of `welch`.
  package static func pooled(_ first: OrderedSample, _ second: OrderedSample) -> StudentTest? {
    guard let (difference, a, b) = moments(first, second) else { return nil }
    let (n, m) = (Double(first.count), Double(second.count))
    let variance = ((n - 1) * a + (m - 1) * b) / (n + m - 2)
    return StudentTest(difference, sqrt(variance * (1 / n + 1 / m)), degrees: n + m - 2)
  }

  /// Of differences within pairs. nil: fewer than two, an infinite one, or all equal.
  package static func paired(_ differences: OrderedSample) -> StudentTest? {
    guard let mean = differences.mean, let variance = differences.variance, variance > 0 else {
      return nil
    }
    let n = Double(differences.count)
    return StudentTest(mean, sqrt(variance / n), degrees: n - 1)
  }

  package var t: Double { difference / standardError }

  package func p(_ alternative: Alternative = .twoSided) -> Double {
    StudentDistribution(degrees: degrees).p(t, alternative)
  }

  /// Of `difference`.
  package func interval(confidence: Double = 0.95) -> ConfidenceInterval {
    let half = StudentDistribution(degrees: degrees).halfWidth(confidence: confidence)
    return ConfidenceInterval(
      difference - half * standardError, difference + half * standardError)
  }

  /// What ministat asks of `pooled`: whether the interval leaves zero out ("No difference proven").
  package func isProven(confidence: Double = 0.95) -> Bool {
    let interval = interval(confidence: confidence)
    return interval.lower > 0 || interval.upper < 0
  }

  private init(_ difference: Double, _ standardError: Double, degrees: Double) {
    self.difference = difference
    self.standardError = standardError
    self.degrees = degrees
  }

  /// The difference of the means, and the variances.
  private static func moments(
    _ first: OrderedSample, _ second: OrderedSample
  ) -> (difference: Double, Double, Double)? {
    guard let x = first.mean, let y = second.mean, let a = first.variance,
      let b = second.variance, a + b > 0
    else { return nil }
    return (x - y).isFinite && (a + b).isFinite ? (x - y, a, b) : nil
  }
}

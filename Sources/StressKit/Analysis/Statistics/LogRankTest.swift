// SPDX-License-Identifier: Apache-2.0

/// Whether events come at another pace in one arm than in the other, all of the time taken together. Curves
/// that cross may cancel out.
///
/// N. Mantel, Cancer Chemotherapy Reports 50 (1966) 163.
package struct LogRankTest: Equatable, Sendable {
  /// Events of the first and the second arm.
  package let observed: (first: Double, second: Double)
  /// What these would be if events came at one pace.
  package let expected: (first: Double, second: Double)
  /// Of the first arm's events, given those at risk.
  package let variance: Double

  /// nil: an arm has no trial, or there is no event while both are at risk.
  package init?(_ first: [Lifetime], _ second: [Lifetime]) {
    let curves = [SurvivalCurve(first), SurvivalCurve(second)]
    let arms = [first, second].map { arm in
      OrderedSample(arm.map(\.time).filter { $0 >= 0 && $0.isFinite }).values
    }
    var observed = [0.0, 0.0]
    var expected = 0.0
    var variance = 0.0
    for time in Set(curves.flatMap { $0.steps.map(\.time) }) {
      let atRisk = arms.map { times in Double(times.count { $0 >= time }) }
      let events = curves.map { Double($0.steps.first { $0.time == time }?.events ?? 0) }
      let (n, d) = (atRisk[0] + atRisk[1], events[0] + events[1])
      observed[0] += events[0]
      observed[1] += events[1]
      expected += d * atRisk[0] / n
      if n > 1 { variance += atRisk[0] * atRisk[1] * d * (n - d) / (n * n * (n - 1)) }
    }
    guard variance > 0 else { return nil }
    self.observed = (observed[0], observed[1])
    self.expected = (expected, observed[0] + observed[1] - expected)
    self.variance = variance
  }

  /// With one degree of freedom: the square of a standard normal.
  package var chiSquared: Double {
    (observed.first - expected.first) * (observed.first - expected.first) / variance
  }

  /// Two-sided, by the chi-squared approximation.
  package var p: Double { 2 * NormalDistribution.cdf(-chiSquared.squareRoot()) }

  package static func == (one: Self, other: Self) -> Bool {
    one.observed == other.observed && one.expected == other.expected
      && one.variance == other.variance
  }
}

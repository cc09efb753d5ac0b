// SPDX-License-Identifier: Apache-2.0
import Glibc

/// How many trials a comparison of values needs, and what it can see, where the values (or their logarithms,
/// for ratios) are nearly normal with one standard deviation. A shift is counted in standard deviations.
package enum ShiftPower {
  /// Of Student's test the share of trials with which it has the power of the Mann-Whitney test, on normal values
  /// (E. L. Lehmann, Nonparametrics (1975), section 2.4). On values with heavier tails the latter has more.
  private static let efficiency = 3 / Double.pi

  /// The chance that arms of these sizes come out different at `level` by the Mann-Whitney test, two-sided.
  package static func power(
    shift: Double, trials: (first: Int, second: Int), level: Double = 0.05
  ) -> Double {
    chance(trials, level)(shift)
  }

  /// The power of each shift.
  private static func chance(
    _ trials: (first: Int, second: Int), _ level: Double
  ) -> (Double) -> Double {
    student(
      Double(trials.first) * efficiency, Double(trials.second) * efficiency,
      size: attainable(trials, level))
  }

  /// Of Student's pooled test, whose real size is given, the power of each shift.
  static func student(_ a: Double, _ b: Double, size: Double) -> (Double) -> Double {
    guard a > 0, b > 0, a + b > 2, size > 0 else { return { _ in 0 } }
    let degrees = a + b - 2
    let critical = StudentDistribution(degrees: degrees).halfWidth(confidence: 1 - size)
    return { shift in
      beyond(critical, noncentrality: abs(shift) * sqrt(a * b / (a + b)), degrees: degrees)
    }
  }

  /// The real size of the Mann-Whitney test: p-values come in steps, wide ones in small arms.
  private static func attainable(
    _ trials: (first: Int, second: Int), _ level: Double
  ) -> Double {
    let (n, m) = trials
    if n * m > RankSumDistribution.largestPairs { return level }
    if MannWhitney.smallestP(n, m) > level { return 0 }
    let null = RankSumDistribution(first: n, second: m)
    // The largest U that is still significant is the one before the quantile, or it.
    let u = null.quantile(level / 2)
    return 2 * (2 * null.cdf(u) <= level * (1 + 1e-12) ? null.cdf(u) : null.cdf(u - 1))
  }

  /// About the fewest trials of each arm with which a shift comes out with this chance: the steps of an exact
  /// test may give one trial less as much of it, or one more less. nil: more than `limit`.
  package static func trials(
    shift: Double, power: Double = 0.8, level: Double = 0.05, limit: Int = 10_000
  ) -> Int? {
    let suffices = { (n: Int) in
      Self.power(shift: shift, trials: (n, n), level: level) >= power
    }
    guard suffices(limit) else { return nil }
    var (low, high) = (1, limit)
    while low < high {
      let middle = (low + high) / 2
      if suffices(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The smallest shift that comes out with this chance; nil: no shift does, so few trials are there.
  package static func detectable(
    trials: (first: Int, second: Int), power: Double = 0.8, level: Double = 0.05
  ) -> Double? {
    let chance = chance(trials, level)
    let farthest = 1e6
    return chance(farthest) >= power
      ? SpecialFunctions.inverse(chance, at: power, in: 0...farthest) : nil
  }

  /// P(|T| > critical) of the noncentral t distribution: the normal chance, averaged over the standard
  /// deviation that the test will have estimated (u, in true ones), by Simpson's rule.
  private static func beyond(
    _ critical: Double, noncentrality: Double, degrees: Double
  ) -> Double {
    let steps = 400
    let spread = 9 / sqrt(2 * degrees)
    let (from, to) = (max(0, 1 - spread), 1 + spread)
    let width = (to - from) / Double(steps)
    let scale = log(2) + degrees / 2 * log(degrees / 2) - SpecialFunctions.logGamma(degrees / 2)
    var sum = 0.0
    for step in 0...steps {
      let u = from + Double(step) * width
      if u == 0 { continue }
      let density = exp(scale + (degrees - 1) * log(u) - degrees * u * u / 2)
      let chance =
        NormalDistribution.cdf(noncentrality - critical * u)
        + NormalDistribution.cdf(-noncentrality - critical * u)
      let weight = step == 0 || step == steps ? 1.0 : step % 2 == 1 ? 4 : 2
      sum += weight * density * chance
    }
    return min(1, sum * width / 3)
  }
}

import Glibc

/// How many trials a comparison of values needs, and what it can see, where the values (or their logarithms,
/// for ratios) are nearly normal with one standard deviation. A shift is counted in standard deviations.
package enum ShiftPower {
  package enum Method: Sendable {
    /// Exact for Student's pooled test, and for Welch's nearly so.
    case student
    /// As Student's with 3/pi of the trials, the test's efficiency on normal values (E. L. Lehmann,
    /// Nonparametrics (1975), section 2.4); on values with heavier tails it has more power than this.
    case mannWhitney
  }

  /// The chance that arms of these sizes come out different at `level`, two-sided.
  package static func power(
    shift: Double, trials: (first: Int, second: Int), method: Method = .mannWhitney,
    level: Double = 0.05
  ) -> Double {
    let isRanked = method == .mannWhitney
    let (n, m) = trials
    guard n > 0, m > 0, n + m > 2, !isRanked || MannWhitney.smallestP(n, m) <= level else {
      return 0
    }
    let efficiency = isRanked ? 3 / Double.pi : 1
    let (a, b) = (Double(n) * efficiency, Double(m) * efficiency)
    let degrees = a + b - 2
    guard degrees > 0 else { return 0 }
    let critical = StudentDistribution(degrees: degrees).halfWidth(confidence: 1 - level)
    return beyond(critical, noncentrality: abs(shift) * sqrt(a * b / (a + b)), degrees: degrees)
  }

  /// The fewest trials of each arm with which a shift comes out with this chance; nil: more than `limit`.
  package static func trials(
    shift: Double, power: Double = 0.8, method: Method = .mannWhitney, level: Double = 0.05,
    limit: Int = 10_000
  ) -> Int? {
    let suffices = { (n: Int) in
      Self.power(shift: shift, trials: (n, n), method: method, level: level) >= power
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
    trials: (first: Int, second: Int), power: Double = 0.8, method: Method = .mannWhitney,
    level: Double = 0.05
  ) -> Double? {
    let chance = { Self.power(shift: $0, trials: trials, method: method, level: level) }
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

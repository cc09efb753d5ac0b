// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What the distributions are computed from.
enum SpecialFunctions {
  /// The logarithm of the gamma function of x > 0. The corresponding C function is `lgamma_r`, which leaves
  /// no sign in a global as `lgamma` does.
  static func logGamma(_ x: Double) -> Double {
    var sign: Int32 = 0
    return lgamma_r(x, &sign)
  }

  /// The logarithm of the binomial coefficient, 0 <= k <= n.
  static func logChoose(_ n: Int, _ k: Int) -> Double {
    if k == 0 || k == n { return 0 }
    return logGamma(Double(n) + 1) - logGamma(Double(k) + 1) - logGamma(Double(n - k) + 1)
  }

  /// The regularised incomplete beta function I_x(a, b), for 0 <= x <= 1 and a, b > 0.
  ///
  /// The continued fraction of DLMF 8.17.22, evaluated by Lentz's method as I. J. Thompson and A. R. Barnett,
  /// Journal of Computational Physics 64 (1986) 490, modified it.
  static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    // The fraction converges fast below the mean only.
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
    let front = exp(
      logGamma(a + b) - logGamma(a) - logGamma(b) + a * log(x) + b * log1p(-x) - log(a))
    return front
      * lentz { step in
        let m = Double(step / 2)
        let numerator =
          step % 2 == 0
          ? m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
          : -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        return (numerator, 1)
      }
  }

  /// 1 / (1 + a1 / (b1 + a2 / (b2 + ...))).
  private static func lentz(_ term: (Int) -> (numerator: Double, denominator: Double)) -> Double {
    let tiny = 1e-300
    var c = 1.0
    var d = 0.0
    var value = 1.0
    for step in 1...100_000 {
      let (a, b) = term(step)
      d = b + a * d
      if abs(d) < tiny { d = tiny }
      d = 1 / d
      c = b + a / c
      if abs(c) < tiny { c = tiny }
      value *= c * d
      if abs(c * d - 1) < 1e-16 { break }
    }
    return 1 / value
  }

  /// Where a function that never decreases passes `target`, by bisection down to neighbouring numbers.
  ///
  /// - Parameter range: holds the answer; where it does not, the nearer end is answered.
  static func inverse(
    _ function: (Double) -> Double, at target: Double, in range: ClosedRange<Double>
  ) -> Double {
    var low = range.lowerBound
    var high = range.upperBound
    while true {
      let middle = low + (high - low) / 2
      if middle <= low || middle >= high { return middle }
      if function(middle) < target { low = middle } else { high = middle }
    }
  }
}

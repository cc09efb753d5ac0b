// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The standard normal distribution.
package enum NormalDistribution {
  package static func cdf(_ z: Double) -> Double { erfc(-z / 2.0.squareRoot()) / 2 }

  /// The value that a share p stays below; infinite at 0 and 1.
  package static func quantile(_ p: Double) -> Double {
    precondition((0...1).contains(p), "quantile \(p)")
    if p == 0 { return -.infinity }
    // Near 1 the tail has lost its digits; by symmetry the other tail has them.
    if p > 0.5 { return -quantile(1 - p) }
    if p == 0.5 { return 0 }
    return SpecialFunctions.inverse(cdf, at: p, in: -40...0)
  }

  /// Half of an interval in standard errors: 1.96 for 0.95.
  package static func halfWidth(confidence: Double) -> Double { -quantile((1 - confidence) / 2) }
}

/// The chi-squared distribution.
struct ChiSquaredDistribution: Equatable, Sendable {
  /// At least 1.
  let degrees: Int

  /// P(X >= x), for x >= 0: Abramowitz and Stegun 26.4.4 and 26.4.5.
  func upperTail(_ x: Double) -> Double {
    if x.isInfinite { return 0 }
    let half = x / 2
    var tail = degrees % 2 == 1 ? erfc(half.squareRoot()) : exp(-half)
    var k = degrees % 2 == 1 ? 1 : 2
    while k < degrees {
      let shape = Double(k) / 2
      if x > 0 { tail += exp(shape * log(half) - half - SpecialFunctions.logGamma(shape + 1)) }
      k += 2
    }
    return min(1, tail)
  }
}

/// Student's t distribution.
package struct StudentDistribution: Equatable, Sendable {
  /// Above 0; need not be whole.
  package let degrees: Double

  package init(degrees: Double) {
    precondition(degrees > 0, "\(degrees) degrees of freedom")
    self.degrees = degrees
  }

  package func cdf(_ t: Double) -> Double {
    if t.isInfinite { return t < 0 ? 0 : 1 }
    let tail = SpecialFunctions.incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2
    return t < 0 ? tail : 1 - tail
  }

  package func quantile(_ p: Double) -> Double {
    precondition((0...1).contains(p), "quantile \(p)")
    if p == 0 { return -.infinity }
    if p > 0.5 { return -quantile(1 - p) }
    if p == 0.5 { return 0 }
    var low = -8.0
    while cdf(low) > p { low *= 8 }
    return SpecialFunctions.inverse(cdf, at: p, in: low...0)
  }

  /// Half of an interval in standard errors.
  package func halfWidth(confidence: Double) -> Double { -quantile((1 - confidence) / 2) }
}

/// Which deviations count against the hypothesis that nothing differs.
package enum Alternative: Sendable, CaseIterable {
  case twoSided
  /// The first arm is below the second.
  case less
  /// The first arm is above the second.
  case greater
}

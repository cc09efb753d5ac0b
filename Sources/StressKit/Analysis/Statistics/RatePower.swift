// SPDX-License-Identifier: Apache-2.0
import Glibc

/// How many trials a comparison of two rates needs, and what it can see: by enumeration of every outcome.
package enum RatePower {
  /// The chance that two arms with these rates come out different at `level`.
  package static func power(
    _ first: Double, _ second: Double, trials: (first: Int, second: Int),
    method: ExactRateTest.Method = .fisher, level: Double = 0.05
  ) -> Double {
    ExactRateTest(method, first: trials.first, second: trials.second).region(level: level)
      .power(first, second)
  }

  /// The fewest trials of each arm with which two rates come out different with this chance. A few more may
  /// have slightly less of it, since exact tests gain by steps. nil: more than `limit`.
  ///
  /// - Parameters:
  ///   - power: 0 to 1, such as 0.8.
  ///   - limit: the search grows with its cube.
  package static func trials(
    _ first: Double, _ second: Double, power: Double = 0.8,
    method: ExactRateTest.Method = .fisher, level: Double = 0.05, limit: Int = 300
  ) -> Int? {
    if first == second { return nil }
    // The normal approximation in arcsines of square roots (J. Cohen's h) is not twice too large.
    let distance = abs(asin(sqrt(first)) - asin(sqrt(second)))
    let z =
      NormalDistribution.halfWidth(confidence: 1 - level) + NormalDistribution.quantile(power)
    let start = max(1, Int(min(Double(limit), z * z / (distance * distance) / 4)))
    return (start...limit).first {
      Self.power(first, second, trials: ($0, $0), method: method, level: level) >= power
    }
  }

  /// The rate nearest to `base` that would come out different with this chance, above it or below it, in
  /// thousandths; nil: not even the farthest one would.
  package static func detectable(
    from base: Double, isAbove: Bool, trials: (first: Int, second: Int), power: Double = 0.8,
    method: ExactRateTest.Method = .fisher, level: Double = 0.05
  ) -> Double? {
    guard trials.first > 0, trials.second > 0 else { return nil }
    let region = ExactRateTest(method, first: trials.first, second: trials.second)
      .region(level: level)
    let room = isAbove ? 1 - base : base
    let rate = { (thousandths: Int) in
      base + (isAbove ? 1 : -1) * min(room, Double(thousandths) / 1000)
    }
    let farthest = Int((room * 1000).rounded(.up))
    // Power need not rise with every step: the nearest rate from which on it suffices.
    var nearest: Int?
    for thousandths in stride(from: farthest, through: 1, by: -1) {
      guard region.power(base, rate(thousandths)) >= power else { break }
      nearest = thousandths
    }
    return nearest.map(rate)
  }
}

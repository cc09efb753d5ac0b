// SPDX-License-Identifier: Apache-2.0
import Glibc

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

/// A kernel whose trials die with a known chance at each value, and the search that finds it out.
struct SimulatedCurve {
  /// 0 to 64 MiB, to 2 % of it, as of a pin in 64 MiB.
  static let range = CampaignFile.Threshold.Range(
    from: 0, to: 64 << 20, within: 1_342_177, limit: 64 << 20)
  static let mebibyte = 1_048_576.0

  /// At a value in MiB.
  var chance: (Double) -> Double

  enum Form: CaseIterable {
    case logistic
    /// Whether a trial dies follows from the phase of a timer, which is uniform.
    case linear
    /// Slower to rise than to settle: the smallest of many.
    case skewed
  }

  /// - Parameters:
  ///   - half: where the curve passes one half, MiB.
  ///   - spread: from 10 to 90 % of its way, MiB.
  static func rising(
    _ half: Double, spread: Double, form: Form = .logistic, guess: Double = 0, lapse: Double = 0
  ) -> Self {
    let way = (0.5 - guess) / (1 - guess - lapse)
    return Self { value in
      let x = (value - half) / spread
      let share: Double =
        switch form {
        case .logistic: 1 / (1 + exp(-(x * log(81) + log(way / (1 - way)))))
        case .linear: min(1, max(0, 0.8 * x + way))
        case .skewed:
          // 10 to 90 % of 1 - exp(-exp(z)) is 3.084 of z.
          1 - exp(-exp(3.084 * x + log(-log(1 - way))))
        }
      return guess + (1 - guess - lapse) * share
    }
  }

  /// Searches as `ThresholdSchedule` does.
  func search(_ trials: inout SimulatedTrials, cap: Int = 40) -> CellThreshold {
    var search = CellThreshold(Self.range, .size)
    let seed = trials.random.next()
    while search.stage == .open, search.trials.count < cap {
      let value = search.next(seed: seed)
      search.add(
        .init(
          number: search.trials.count + 1, value: value,
          died: trials.uniform() <= chance(Double(value) / Self.mebibyte)))
    }
    return search
  }
}

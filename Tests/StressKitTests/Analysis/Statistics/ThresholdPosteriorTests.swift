// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis
@testable import StressCore

/// The posterior of a threshold against what can be computed by hand.
struct ThresholdPosteriorTests {
  @Test func beforeAnyTrial() {
    let prior = ThresholdPosterior(length: 50)
    #expect(abs(prior.neverChance - 0.05) < 1e-12 && abs(prior.alwaysChance - 0.05) < 1e-12)
    #expect(abs(prior.chance(of: .rising) - 0.45) < 1e-9)
    #expect(abs(prior.chance(of: .falling) - 0.45) < 1e-9)
    #expect(abs(prior.quantile(0.5) - 25) < 1e-6)
    let interval = prior.interval()
    #expect(abs(interval.lower - 1.25) < 1e-6 && abs(interval.upper - 48.75) < 1e-6)
    #expect(abs(prior.rate(at: 25).mean - 0.5) < 1e-9)
    #expect(prior.lastChance == 1)
  }

  /// Of curves without a threshold the weights are plain products.
  @Test func constantHypotheses() {
    var posterior = ThresholdPosterior(length: 50)
    for value in [0, 50, 0, 50.0] { posterior.add(value, died: false) }
    let never = 0.05 * (0.7 * pow(0.99, 4) + 0.3 * pow(0.92, 4))
    let always = 0.05 * (0.7 * pow(0.01, 4) + 0.3 * pow(0.08, 4))
    #expect(abs(posterior.neverChance / posterior.alwaysChance / (never / always) - 1) < 1e-9)
    #expect(posterior.neverChance > 0.8)
  }

  /// Its chances are 1 in all, and what is more likely than the prior's half is the last outcome's chance.
  @Test func chances() {
    var posterior = ThresholdPosterior(length: 50)
    posterior.add(50, died: true)
    #expect(abs(posterior.lastChance - 0.5) < 1e-9)
    posterior.add(0, died: false)
    posterior.add(50, died: true)
    #expect(posterior.lastChance > 0.8)
    let all =
      posterior.neverChance + posterior.alwaysChance + posterior.chance(of: .rising)
      + posterior.chance(of: .falling)
    #expect(abs(all - 1) < 1e-9 && posterior.direction == .rising)
    #expect(posterior.chance(of: .rising) > 0.9)
    #expect(abs(posterior.thresholds.reduce(0) { $0 + $1.share } - 1) < 1e-9)
  }

  /// A step between two values, each tried five times: the threshold is between them, the slope steep.
  @Test func aStep() {
    var posterior = ThresholdPosterior(length: 50)
    for _ in 0..<5 {
      posterior.add(30, died: false)
      posterior.add(31, died: true)
    }
    let interval = posterior.interval()
    #expect(
      interval.lower > 29 && interval.upper < 32 && abs(posterior.quantile(0.5) - 30.5) < 0.3)
    #expect(posterior.spread.median < 1)
    #expect(posterior.rate(at: 10).interval.upper < 0.15 && posterior.rate(at: 45).mean > 0.9)
    // The other way round it falls.
    var falling = ThresholdPosterior(length: 50)
    for _ in 0..<5 {
      falling.add(20, died: false)
      falling.add(19, died: true)
    }
    #expect(falling.direction == .falling && abs(falling.quantile(0.5) - 19.5) < 0.3)
    #expect(abs(falling.interval().upper - (50 - interval.lower)) < 1e-6)
  }

  /// The next value is where the threshold may be, and follows from the generator alone.
  @Test func theNextValue() {
    var posterior = ThresholdPosterior(length: 50)
    for value in [0, 10, 20.0] { posterior.add(value, died: false) }
    for value in [40, 45, 50.0] { posterior.add(value, died: true) }
    var (one, same) = (SplitMix64(seed: 1), SplitMix64(seed: 1))
    let next = posterior.next(using: &one)
    #expect((20...40).contains(next) && next == posterior.next(using: &same))
  }
}

struct MonotonicityTests {
  private func trials(_ pieces: [(place: Double, events: Int, of: Int)]) -> MonotonicityTest {
    MonotonicityTest(
      pieces.flatMap { piece in (0..<piece.of).map { .init(piece.place, $0 < piece.events) } })
  }

  @Test func whatIsMonotonic() {
    #expect(MonotonicityTest([]).evidence == 1 && MonotonicityTest([]).piece == nil)
    for pieces in [[(0.1, 0, 10), (0.9, 10, 10)], [(0.1, 9, 10), (0.5, 5, 10), (0.9, 1, 10)]] {
      #expect(trials(pieces).evidence < 1)
    }
    #expect(trials([(0.5, 5, 10)]).evidence < 1)
  }

  @Test func whatIsNot() {
    let found = trials([(0.1, 0, 7), (0.5, 7, 7), (0.9, 0, 7)])
    #expect(found.evidence > SafeRateTest.decisive)
    #expect(found.piece?.inside == Proportion(7, of: 7))
    #expect(found.piece?.below == Proportion(0, of: 7))
    #expect(found.piece?.above == Proportion(0, of: 7))
    #expect(trials([(0.1, 0, 2), (0.5, 2, 2), (0.9, 0, 2)]).evidence < SafeRateTest.decisive)
    // A dip.
    #expect(trials([(0.1, 7, 7), (0.5, 0, 7), (0.9, 7, 7)]).evidence > SafeRateTest.decisive)
  }

  /// What makes it an e-value: whatever the monotonic curve, its mean is at most 1. Three values, two trials of each,
  /// every outcome.
  @Test func theMeanIsAtMostOne() {
    for rates in [
      [0.5, 0.5, 0.5], [0, 0.5, 1], [0.2, 0.2, 0.9], [0.9, 0.4, 0.1], [0.1, 0.1, 0.1],
    ] {
      var mean = 0.0
      for outcome in 0..<64 {
        var chance = 1.0
        let all = (0..<6).map { bit in
          let isEvent = outcome >> bit & 1 == 1
          chance *= isEvent ? rates[bit % 3] : 1 - rates[bit % 3]
          return MonotonicityTest.Trial([0.1, 0.5, 0.9][bit % 3], isEvent)
        }
        mean += chance * MonotonicityTest(all).evidence
      }
      #expect(mean <= 1 + 1e-9, "\(rates)")
    }
  }

  /// Clopper and Pearson's, one side of 95 %: of none in n it is 1 less the nth root of 0.05, about 3 / n.
  @Test func exactBounds() {
    let none = Proportion(0, of: 10).exactBounds
    #expect(none.lower == 0 && abs(none.upper - (1 - pow(0.05, 0.1))) < 1e-9)
    let all = Proportion(10, of: 10).exactBounds
    #expect(all.upper == 1 && abs(all.lower - pow(0.05, 0.1)) < 1e-9)
    #expect(Proportion(0, of: 0).exactBounds == ConfidenceInterval(0, 1))
    // R: binom.test(3, 10, conf.level = 0.9)$conf.int
    let some = Proportion(3, of: 10).exactBounds
    #expect(abs(some.lower - 0.08726443) < 1e-7 && abs(some.upper - 0.6066242) < 1e-6)
  }
}

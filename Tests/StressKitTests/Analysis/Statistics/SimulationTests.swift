// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis

/// The tests' error rates and powers over 10,000 simulated comparisons, against what theory has. Four
/// standard errors of such a share are at most 2 points, and 0.9 points of one that is 5 %.
struct SimulationTests {
  private static let comparisons = 10_000

  private func within(_ share: Double, of theory: Double) -> Bool {
    let error = sqrt(theory * (1 - theory) / Double(Self.comparisons))
    return abs(share - theory) <= 4 * error + 1e-9
  }

  /// The share of comparisons in which a test rejects.
  private func share(
    _ seed: UInt64, _ rejects: (inout SimulatedTrials) -> Bool
  ) -> Double {
    var trials = SimulatedTrials(seed: seed)
    let rejections = (0..<Self.comparisons).count { _ in rejects(&trials) }
    return Double(rejections) / Double(Self.comparisons)
  }

  /// Without ties the size is that of the null distribution, whatever the values are distributed as.
  @Test(arguments: [SimulatedTrials.Shape.lognormal, .heavyTailed])
  func mannWhitneyHoldsItsLevel(_ shape: SimulatedTrials.Shape) throws {
    let null = RankSumDistribution(first: 12, second: 12)
    let size = (0...144).map { Double($0) }.filter { null.p($0, .twoSided) <= 0.05 }
      .reduce(0) { $0 + null.cdf($1) - null.cdf($1 - 1) }
    #expect(size > 0.04 && size <= 0.05)
    let found = share(11) { trials in
      MannWhitney(trials.sample(shape, 12), trials.sample(shape, 12))
        .map { null.p($0.u, .twoSided) <= 0.05 } ?? false
    }
    figure("size of Mann-Whitney, \(shape): found, theory", found, size)
    #expect(within(found, of: size) && found >= 0.04 && found <= 0.055)
  }

  @Test func mannWhitneyHoldsItsLevelWithTies() {
    var cache = RankSumCache()
    let found = share(12) { trials in
      MannWhitney(trials.sample(.tied, 12), trials.sample(.tied, 12))
        .map { cache.p($0) <= 0.05 } ?? false
    }
    figure("size of Mann-Whitney, tied", found)
    #expect(found >= 0.04 && found <= 0.055)
  }

  /// Counts come in steps, so that the real size is what enumeration says, and mostly far below the level.
  @Test(arguments: ExactRateTest.Method.allCases)
  func rateTestsHoldTheirLevel(_ method: ExactRateTest.Method) {
    let region = ExactRateTest(method, first: 12, second: 12).region(level: 0.05)
    for (seed, rate) in [0, 0.1, 0.3, 0.5, 0.9].enumerated() {
      let found = share(UInt64(seed)) { trials in
        region.contains(trials.events(rate, of: 12), trials.events(rate, of: 12))
      }
      figure("size of \(method) at \(rate): found, theory", found, region.power(rate, rate))
      #expect(within(found, of: region.power(rate, rate)) && found <= 0.055)
    }
    figure("largest size of \(method)", region.size)
    #expect(region.size <= 0.05)
  }

  /// Not exact, and no test that a verdict rests on.
  @Test func logRankNearlyHoldsItsLevel() {
    let critical = Proportion.z95 * Proportion.z95
    let found = share(15) { trials in
      // A kill comes at random, and the trial ends at 1.
      let arms = (0..<2).map { _ in
        (0..<12).map { _ in
          let time = -log(trials.uniform())
          return Lifetime(min(1, time), isEvent: time < 1)
        }
      }
      return LogRankTest(arms[0], arms[1]).map { $0.chiSquared > critical } ?? false
    }
    figure("size of the log-rank test", found)
    #expect(found >= 0.04 && found <= 0.07)
  }

  /// The table of trials for a power of 80 % that every plan begins with.
  @Test(arguments: [
    (0.0, 0.5, 12), (0.1, 0.9, 7), (0, 0.3, 21), (0.1, 0.5, 23), (0.2, 0.5, 44), (0.05, 0.25, 55),
  ])
  func powerOfFisher(_ first: Double, _ second: Double, _ n: Int) {
    let region = ExactRateTest(.fisher, first: n, second: n).region(level: 0.05)
    let theory = region.power(first, second)
    let found = share(UInt64(n)) { trials in
      region.contains(trials.events(first, of: n), trials.events(second, of: n))
    }
    figure("power of Fisher, \(first) against \(second), n \(n): found, theory", found, theory)
    #expect(theory >= 0.8 && within(found, of: theory))
  }

  /// Theory is an approximation here: within 3 points.
  @Test(arguments: [(4, 2.5), (5, 2), (8, 1.5), (12, 1), (12, 1.3), (20, 0.8)])
  func powerOfMannWhitney(_ n: Int, _ shift: Double) {
    let null = RankSumDistribution(first: n, second: n)
    let theory = ShiftPower.power(shift: shift, trials: (n, n))
    let found = share(UInt64(100 + n)) { trials in
      let first = OrderedSample((0..<n).map { _ in trials.normal() })
      let second = OrderedSample((0..<n).map { _ in trials.normal() + shift })
      return MannWhitney(first, second).map { null.p($0.u, .twoSided) <= 0.05 } ?? false
    }
    figure("power of Mann-Whitney, \(shift), n \(n): found, theory", found, theory)
    #expect(abs(found - theory) <= 0.03)
  }

  /// By the sequential test's own random walk: the chance of each state after each trial.
  private func chanceOfHigh(_ test: SequentialTest, rate: Double) -> Double {
    var states: [Int: Double] = [0: 1]
    var high = 0.0
    for trial in 1...400 {
      var next: [Int: Double] = [:]
      for (events, chance) in states {
        for (gain, part) in [(1, rate), (0, 1 - rate)] where part > 0 {
          next[events + gain, default: 0] += chance * part
        }
      }
      states = next.filter { events, chance in
        let clean = Double(trial - events)
        let ratio =
          Double(events) * log(test.rates.high / test.rates.low)
          + clean * log((1 - test.rates.high) / (1 - test.rates.low))
        if ratio >= test.bounds.upperBound - 1e-12 { high += chance }
        return ratio > test.bounds.lowerBound + 1e-12 && ratio < test.bounds.upperBound - 1e-12
      }
    }
    return high
  }

  @Test(arguments: [(0.1, 0.5), (0.05, 0.3), (0.3, 0.7)])
  func errorsOfTheSequentialTest(_ low: Double, _ high: Double) {
    let fresh = SequentialTest(low: low, high: high, alpha: 0.05, beta: 0.1)
    func decidesHigh(_ rate: Double, _ trials: inout SimulatedTrials) -> Bool {
      var test = fresh
      while test.decision == .undecided { test.add(isEvent: trials.uniform() <= rate) }
      return test.decision == .high
    }
    let alarms = share(21) { decidesHigh(low, &$0) }
    let detections = share(22) { decidesHigh(high, &$0) }
    let theory = (chanceOfHigh(fresh, rate: low), chanceOfHigh(fresh, rate: high))
    figure("sequential, \(low) against \(high): alarms, theory", alarms, theory.0)
    figure("sequential, \(low) against \(high): detections, theory", detections, theory.1)
    #expect(within(alarms, of: theory.0) && within(detections, of: theory.1))
    // Wald's bounds.
    #expect(alarms <= 0.05 / 0.9 + 0.01 && 1 - detections <= 0.1 / 0.95 + 0.01)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// The verdict over 10,000 simulated comparisons of 12 trials with 12: how often it calls a change where
/// nothing differs, finds one that is there, and denies one that matters.
struct VerdictSimulationTests {
  private static let comparisons = 10_000
  private static let size = 12

  /// What the trials of an arm are drawn from.
  private struct Truth {
    var rate: Double
    var shape: SimulatedTrials.Shape
    /// How many times the throughput of the shape.
    var speed = 1.0
  }

  /// Whether each trial was killed, and what it measured if it lived: throughput, and stalls that are long
  /// where it is slow.
  private struct Arm {
    var killed: OrderedSample
    var throughput: OrderedSample
    var stall: OrderedSample

    init(_ trials: inout SimulatedTrials, _ truth: Truth) {
      let fates = (0..<size).map { _ in trials.uniform() <= truth.rate ? 1.0 : 0 }
      let speeds = fates.filter { $0 == 0 }.map { _ in trials.value(truth.shape) * truth.speed }
      let stalls: SimulatedTrials.Shape = truth.shape == .steady ? .lognormal : .heavyTailed
      killed = OrderedSample(fates)
      throughput = OrderedSample(speeds)
      stall = OrderedSample(speeds.map { trials.value(stalls) / $0 })
    }

    func values(of endpoint: Endpoint) -> OrderedSample {
      switch endpoint {
      case .killed: killed
      case .throughput: throughput
      default: stall
      }
    }
  }

  /// P-values, which are most of what a verdict costs, with what they have in common computed once.
  private struct PValues {
    let rates = ExactRateTest(.fisher, first: size, second: size).table
    var cache = RankSumCache()

    mutating func p(_ endpoint: Endpoint, _ base: Arm, _ new: Arm) -> Double? {
      if endpoint == .killed {
        return rates[new.killed.proportion.events][base.killed.proportion.events]
      }
      return MannWhitney(new.values(of: endpoint), base.values(of: endpoint)).map { cache.p($0) }
    }
  }

  /// The share of comparisons with each verdict. Where no p-value is significant no verdict can be a change:
  /// of those, one in `thinning` is given in full and counts for all.
  private func calls(
    _ seed: UInt64, _ base: Truth, _ new: Truth,
    endpoints: [Endpoint] = [.killed, .throughput, .stallP99], thinning: Int = 50
  ) -> [Verdict.Call: Double] {
    var trials = SimulatedTrials(seed: seed)
    var values = PValues()
    var calls: [Verdict.Call: Double] = [:]
    for comparison in 0..<Self.comparisons {
      let (one, two) = (Arm(&trials, base), Arm(&trials, new))
      let p = endpoints.map { values.p($0, one, two) }
      let isSignificant = MultipleTesting.holm(p.map { $0 ?? 1 }).contains { $0 <= 0.05 }
      guard isSignificant || comparison % thinning == 0 else { continue }
      let verdict = Verdict(
        zip(endpoints, p).map { endpoint, p in
          Measurement(
            endpoint, base: one.values(of: endpoint), new: two.values(of: endpoint), p: p)
        })
      let isChange = verdict.call == .regression || verdict.call == .improvement
      #expect(isSignificant || !isChange)
      calls[verdict.call, default: 0] += Double(isSignificant ? 1 : thinning)
    }
    return calls.mapValues { $0 / Double(Self.comparisons) }
  }

  @Test(arguments: [
    (0.0, SimulatedTrials.Shape.steady), (0, .tied), (0.1, .heavyTailed), (0.3, .tied),
    (0.5, .lognormal), (0.9, .heavyTailed),
  ])
  func nothingDiffers(_ rate: Double, _ shape: SimulatedTrials.Shape) {
    let truth = Truth(rate: rate, shape: shape)
    let found = calls(UInt64(rate * 10) + 1, truth, truth)
    let changes = found[.regression, default: 0] + found[.improvement, default: 0]
    figure("A/A \(rate) \(shape): a change, no change", changes, found[.noChange, default: 0])
    #expect(changes <= 0.055)
    // Never to call anything would not do. A steady disk's changes are real enough, but too small to matter.
    switch shape {
    case .steady: #expect(found[.noChange, default: 0] > 0.9 && changes < 0.002)
    case .lognormal, .heavyTailed, .tied: #expect(changes >= 0.01 || rate == 0.9)
    }
  }

  /// The p-values that are kept are those that a measurement finds by itself.
  @Test func keptPValuesAreTheRealOnes() {
    var trials = SimulatedTrials(seed: 30)
    var values = PValues()
    for shape in SimulatedTrials.Shape.allCases {
      for _ in 0..<10 {
        let one = Arm(&trials, Truth(rate: 0.3, shape: shape))
        let two = Arm(&trials, Truth(rate: 0.4, shape: shape))
        for endpoint in [Endpoint.killed, .throughput, .stallP99] {
          let (base, new) = (one.values(of: endpoint), two.values(of: endpoint))
          let measurement = Measurement(endpoint, base: base, new: new)
          #expect(measurement.p == values.p(endpoint, one, two))
          let given = Measurement(endpoint, base: base, new: new, p: measurement.p)
          #expect(given == measurement)
        }
      }
    }
  }

  /// What the tests of 12 against 12 find, the verdict finds.
  @Test func killsAreFound() {
    let (base, new) = (Truth(rate: 0, shape: .steady), Truth(rate: 0.5, shape: .steady))
    let alone = calls(31, base, new, endpoints: [.killed])
    let theory = RatePower.power(0, 0.5, trials: (12, 12))
    figure("0 against 50 %, OOM alone: regression, theory", alone[.regression, default: 0], theory)
    #expect(abs(alone[.regression, default: 0] - theory) <= 0.03)
    #expect(alone[.improvement, default: 0] == 0)
    let amongThree = calls(32, base, new)
    let first = RatePower.power(0, 0.5, trials: (12, 12), level: 0.05 / 3)
    figure("of three endpoints: regression, theory", amongThree[.regression, default: 0], first)
    #expect(abs(amongThree[.regression, default: 0] - first) <= 0.03)
  }

  @Test func lossOfThroughputIsFound() {
    let base = Truth(rate: 0, shape: .lognormal)
    let new = Truth(rate: 0, shape: .lognormal, speed: 1 / 1.45)
    let found = calls(33, base, new, endpoints: [.throughput])
    let theory = ShiftPower.power(shift: 0.37156 / 0.3, trials: (12, 12))
    figure("throughput / 1.45: regression, theory", found[.regression, default: 0], theory)
    #expect(abs(found[.regression, default: 0] - theory) <= 0.03)
  }

  /// Of a change that is just as large as matters, "no change" is said at most as often as intervals of 95 %
  /// miss.
  @Test func whatMattersIsNotDenied() {
    let kills = calls(
      34, Truth(rate: 0.25, shape: .steady), Truth(rate: 0.75, shape: .steady),
      endpoints: [.killed], thinning: 1)
    figure("25 against 75 %: no change", kills[.noChange, default: 0])
    #expect(kills[.noChange, default: 0] <= 0.055)
    let speed = calls(
      35, Truth(rate: 0, shape: .steady), Truth(rate: 0, shape: .steady, speed: 1 / 1.1),
      endpoints: [.throughput], thinning: 1)
    figure("throughput / 1.1: no change", speed[.noChange, default: 0])
    #expect(speed[.noChange, default: 0] <= 0.055)
  }

  /// The same for rates by enumeration, over all pairs of rates that are so far apart.
  @Test(arguments: [(12, 0.055), (8, 0.078)]) func denialsOfRates(_ n: Int, _ most: Double) {
    let test = ExactRateTest(.fisher, first: n, second: n)
    let arms = (0...n).map { events in OrderedSample((0..<n).map { $0 < events ? 1 : 0 }) }
    let denied = RejectionRegion(first: n, second: n) { new, base in
      let measurement = Measurement(
        .killed, base: arms[base], new: arms[new], p: test.p(new, base))
      return Verdict([measurement]).call == .noChange
    }
    let shares = (0...500).map { denied.power(Double($0) / 1000, Double($0) / 1000 + 0.5) }
    figure("no change of 50 points, at most, n \(n)", shares.max() ?? 1)
    #expect(shares.allSatisfy { $0 <= most })
    // Where nothing differs, and neither arm has kills, it is what is said.
    #expect(denied.power(0, 0) == 1)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore

/// Every method on every sample that a campaign can hand it: none, one value, zeros, infinities, ties, values at
/// the ends of Double, and arms around the limits between exact and approximate. An answer is in its range or nil:
/// never a trap, never NaN.
struct EdgeTests {
  struct Sample: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let values: OrderedSample

    init(_ name: String, _ values: [Double]) {
      testDescription = name
      self.values = OrderedSample(values)
    }
  }

  static let samples = [
    Sample("empty", []), Sample("NaN", [.nan]), Sample("0", [0]), Sample("1", [1]),
    Sample("-1", [-1]), Sample("infinity", [.infinity]), Sample("-infinity", [-.infinity]),
    Sample("0 0", [0, 0]), Sample("0 1", [0, 1]),
    Sample("both infinities", [-.infinity, .infinity]),
    Sample("0 infinity", [0, .infinity]), Sample("ties", [2, 2, 2, 3, 3]),
    Sample("zeros", Array(repeating: 0, count: 60)),
    Sample("least", [0, .leastNonzeroMagnitude, 1e-100]),
    Sample("largest", [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1e200, 3]),
    Sample("51", (1...51).map(Double.init)),
    Sample("2501", (1...2501).map(Double.init)),
    Sample("2501 ties", (1...2501).map { Double($0 % 3) }),
  ]

  private func isOrdered(_ interval: ConfidenceInterval) -> Bool {
    interval.lower <= interval.upper
  }

  @Test(arguments: samples)
  func oneSample(_ sample: Sample) {
    let values = sample.values
    let isEmpty = values.count == 0
    for q in [0, 0.001, 0.25, 0.5, 0.99, 1] {
      if let quantile = values.quantile(q) {
        #expect((values.min!...values.max!).contains(quantile))
      }
      #expect(values.percentile(q).map(values.values.contains) == (isEmpty ? nil : true))
    }
    for figure in [values.mean, values.variance] { #expect(figure?.isNaN != true) }
    for confidence in [0.5, 0.95, 1] {
      let signed = SignedRank(differences: values.values)
      if let median = signed?.pseudomedian(confidence: confidence) { check(median) }
    }
    if let signed = SignedRank(differences: values.values) {
      for side in Alternative.allCases { #expect((0...1).contains(signed.p(side))) }
    }
    let lifetimes = values.values.map { Lifetime($0, isEvent: $0 != 1) }
    let curve = SurvivalCurve(lifetimes)
    #expect(curve.count + curve.excluded == values.count)
    for time in [0, 1, 1e9] {
      #expect(curve.survival(at: time).map { (0...1).contains($0) } ?? true)
      #expect(curve.standardError(at: time)?.isNaN != true)
      #expect(curve.restrictedMean(to: time)?.mean.isNaN != true)
    }
  }

  @Test(arguments: samples, samples)
  func twoSamples(_ one: Sample, _ two: Sample) throws {
    let (first, second) = (one.values, two.values)
    // What needs all pairs of two large samples is no edge, and minutes in a debug build.
    if first.count * second.count > 10_000 { return }
    for confidence in [0.5, 0.95, 1] {
      if let shift = HodgesLehmann.shift(first, second, confidence: confidence) { check(shift) }
      if let ratio = HodgesLehmann.ratio(first, second, confidence: confidence) {
        check(ratio)
        #expect(ratio.interval.lower >= 0)
      }
    }
    let isMissing = first.count == 0 || second.count == 0
    let ranks = MannWhitney(first, second)
    #expect((ranks == nil) == isMissing)
    if let ranks {
      for side in Alternative.allCases { #expect((0...1).contains(ranks.p(side).value)) }
      #expect((0...1).contains(ranks.superiority))
    }
    #expect((0...1).contains(MannWhitney.smallestP(first.count, second.count)))
    let power = ShiftPower.power(shift: 1, trials: (first.count, second.count))
    #expect((0...1).contains(power))
    let lifetimes = [first, second].map { $0.values.map { Lifetime($0, isEvent: $0 != 1) } }
    if let p = LogRankTest(lifetimes[0], lifetimes[1])?.p { #expect((0...1).contains(p)) }
  }

  /// What a comparison makes of them, up to how many more trials it would take.
  @Test(arguments: samples, samples)
  func comparisons(_ one: Sample, _ two: Sample) {
    let (base, new) = (one.values, two.values)
    if base.count * new.count > 10_000 { return }
    for endpoint in [Endpoint.killed, .throughput, .stallP99] {
      // Fisher's test of thousands against dozens is no edge, and a minute in a debug build.
      if endpoint.scale == .points, base.count + new.count > 100 { continue }
      let measurement = Measurement(endpoint, base: base, new: new)
      let verdict = Verdict([measurement])
      #expect(verdict.results[0].adjustedP >= 0 && verdict.results[0].adjustedP <= 1)
      #expect(verdict.moreTrials.map { $0 >= 1 } ?? true)
      #expect(verdict.detectable[0]?.isNaN != true)
    }
  }

  private func check(_ estimate: RankEstimate, _ place: SourceLocation = #_sourceLocation) {
    #expect(isOrdered(estimate.interval), sourceLocation: place)
    #expect(estimate.interval.lower <= estimate.estimate, sourceLocation: place)
    #expect(estimate.estimate <= estimate.interval.upper, sourceLocation: place)
    #expect((0...1).contains(estimate.achieved), sourceLocation: place)
  }

  /// A single trial against a single one whose disk did not move.
  @Test func aRatioOfOneAgainstOneWithAZero() throws {
    let (zero, one) = (OrderedSample([0]), OrderedSample([1]))
    #expect(HodgesLehmann.ratio(zero, one)?.estimate == 0)
    #expect(HodgesLehmann.ratio(one, zero)?.estimate == .infinity)
    #expect(OrderedSample([-.infinity]).median == -.infinity)
    #expect(OrderedSample([-.infinity, .infinity]).median == nil)
  }

  /// Where the normal approximation puts the interval's end beyond all pairs, it holds all of them, and does not
  /// claim more confidence than the test has.
  @Test func oneAgainstThousands() throws {
    let many = OrderedSample((1...2501).map(Double.init))
    let shift = try #require(HodgesLehmann.shift(OrderedSample([0]), many))
    #expect(shift.estimate == -1251)
    #expect(shift.interval == ConfidenceInterval(-2501, -1))
    #expect(shift.achieved < 0.95)
  }
}

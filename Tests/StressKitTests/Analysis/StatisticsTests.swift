// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Reference values: R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I, and computed.
struct StatisticsTests {
  @Test(arguments: [
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611),
    (1, 29, 0.0061, 0.1718), (0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1),
    (1, 10, 0.0179, 0.4042), (0, 3, 0, 0.5615),
  ])
  func wilson(_ events: Int, _ trials: Int, _ lower: Double, _ upper: Double) {
    let interval = Proportion(events, of: trials).wilson()
    #expect(abs(interval.lower - lower) <= 0.00005)
    #expect(abs(interval.upper - upper) <= 0.00005)
  }

  @Test func wilsonAtTheEnds() {
    for n in 1...200 {
      let none = Proportion(0, of: n).wilson()
      let all = Proportion(n, of: n).wilson()
      #expect(none.lower == 0 && none.upper < 1 && all.lower > 0 && all.upper == 1)
      #expect(abs(none.upper + all.lower - 1) < 1e-12)
    }
    #expect(Proportion(0, of: 0).rate == nil)
    #expect(Proportion(0, of: 0).wilson() == ConfidenceInterval(0, 1))
    #expect(Proportion(3, of: 20).rate == 0.15)
  }

  /// z = 1 and 1 of 2: p = 0.5, half-width 1 / (1 + 1/2) * sqrt(1/8 + 1/16).
  @Test func wilsonOfAnotherConfidence() {
    let interval = Proportion(1, of: 2).wilson(z: 1)
    #expect(abs(interval.upper - (0.5 + 2.0 / 3 * 0.4330127018922193)) < 1e-15)
  }

  @Test func median() {
    #expect(OrderedSample([5, 1, 4, 2, 3]).median == 3)
    #expect(OrderedSample([4, 1, 3, 2]).median == 2.5)
    // mmtests answers 25.
    #expect(OrderedSample([10, 20, 30, 40, 50, 60, 1000]).median == 40)
    #expect(OrderedSample([7]).median == 7)
  }

  /// R: quantile(c(1, 2, 4, 8, 16), c(.1, .25, .75, .9)) is 1.4, 2, 8, 12.8.
  @Test func quantilesOfType7() throws {
    let sample = OrderedSample([16, 8, 4, 2, 1])
    #expect(abs(try #require(sample.quantile(0.1)) - 1.4) < 1e-12)
    #expect(sample.quantile(0.25) == 2)
    #expect(sample.quantile(0.75) == 8)
    #expect(abs(try #require(sample.quantile(0.9)) - 12.8) < 1e-12)
    #expect(sample.quantile(0) == 1 && sample.quantile(1) == 16)
    #expect(sample.min == 1 && sample.max == 16)
  }

  /// Against the definition itself, for every percentile and size.
  @Test func percentileIsTheSmallestValueThatCoversTheShare() {
    for n in 1...120 {
      let sample = OrderedSample((1...n).map(Double.init))
      for hundredth in 0...100 {
        // In whole numbers: the smallest k with 100 k >= hundredth n, at least 1.
        let rank = max(1, (hundredth * n + 99) / 100)
        #expect(sample.percentile(Double(hundredth) / 100) == Double(rank))
      }
    }
    #expect(OrderedSample([1, 1, 1, 9]).percentile(0.75) == 1)
    #expect(OrderedSample([1, 1, 1, 9]).percentile((0.75).nextUp) == 9)
  }

  @Test func oddSamples() {
    let empty = OrderedSample([])
    #expect(empty.median == nil && empty.percentile(0.5) == nil && empty.min == nil)
    #expect(empty.max == nil && empty.count == 0)
    let equal = OrderedSample([3, 3, 3])
    #expect(equal.median == 3 && equal.percentile(0.99) == 3)
    let open = OrderedSample([.nan, .infinity, 1, .infinity, .infinity])
    #expect(open.excluded == 1 && open.count == 4)
    #expect(open.median == .infinity && open.quantile(0) == 1 && open.percentile(0.25) == 1)
  }
}

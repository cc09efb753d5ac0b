// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Reference values: R's documentation (`fisher.test`), SciPy's (`boschloo_exact`), and
/// R. G. Newcombe, Statistics in Medicine 17 (1998) 857 and 873.
struct RateTests {
  private func table(_ a: Int, _ n: Int, _ b: Int, _ m: Int) -> TwoByTwoTable {
    TwoByTwoTable(Proportion(a, of: n), Proportion(b, of: m))
  }

  @Test(arguments: [
    (3, 4, 1, 4, 0.4857142857), (4, 4, 0, 4, 0.0285714286), (2, 17, 10, 13, 0.000536724),
    (0, 10, 5, 10, 0.0325077), (0, 10, 4, 10, 0.0866873), (0, 5, 4, 5, 0.0476190),
    (0, 5, 5, 5, 0.0079365), (0, 3, 3, 3, 0.1), (3, 20, 11, 20, 0.0187011),
  ])
  func fisher(_ a: Int, _ n: Int, _ b: Int, _ m: Int, _ p: Double) throws {
    #expect(abs(try #require(table(a, n, b, m).fisher()) - p) < 6e-8)
    // All answer the same, however they are asked.
    #expect(abs(ExactRateTest(.fisher, first: n, second: m).p(a, b) - p) < 6e-8)
    #expect(abs(try #require(table(b, m, a, n).fisher()) - p) < 6e-8)
  }

  @Test func fisherOneSided() throws {
    #expect(abs(try #require(table(3, 4, 1, 4).fisher(.greater)) - 0.2428571429) < 1e-10)
    #expect(abs(try #require(table(4, 4, 0, 4).fisher(.greater)) - 0.0142857143) < 1e-10)
    #expect(abs(try #require(table(2, 17, 10, 13).fisher(.less)) - 0.000465181) < 1e-9)
    #expect(abs(try #require(table(10, 13, 2, 17).fisher(.greater)) - 0.000465181) < 1e-9)
  }

  @Test func unconditional() {
    let boschloo = ExactRateTest(.boschloo, first: 117, second: 63, alternative: .greater)
    #expect(abs(boschloo.p(74, 31) - 0.03555) < 1e-3)
    // By hand: both tables of 0:3 and 3:3 have p^3 q^3, which is largest at 1/2.
    let three = ExactRateTest(.boschloo, first: 3, second: 3)
    #expect(abs(three.p(0, 3) - 2.0 / 64) < 1e-12 && three.p(0, 0) == 1)
  }

  @Test(arguments: [(5, 5), (4, 7), (1, 6)])
  func boschlooIsNeverAboveFisher(_ n: Int, _ m: Int) {
    for alternative in Alternative.allCases {
      let fisher = ExactRateTest(.fisher, first: n, second: m, alternative: alternative)
      let boschloo = ExactRateTest(.boschloo, first: n, second: m, alternative: alternative)
      for a in 0...n {
        for b in 0...m { #expect(boschloo.p(a, b) <= fisher.p(a, b) + 1e-9) }
      }
    }
  }

  /// By its definition: no rate that both arms share may be rejected more often than the level says, and
  /// whether a table is in the region says its p-value.
  @Test(arguments: ExactRateTest.Method.allCases) func regionKeepsItsLevel(
    _ method: ExactRateTest.Method
  ) {
    for (n, m) in [(7, 7), (4, 9)] {
      let test = ExactRateTest(method, first: n, second: m)
      let region = test.region(level: 0.05)
      for thousandth in 0...1000 {
        let rate = Double(thousandth) / 1000
        #expect(region.power(rate, rate) <= 0.05 + 1e-9)
      }
      #expect(region.size <= 0.05 + 1e-9 && region.size > 0.01)
      for a in 0...n {
        for b in 0...m { #expect(region.contains(a, b) == (test.p(a, b) <= 0.05)) }
      }
    }
  }

  @Test(arguments: [
    (56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062), (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775), (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1), (10, 10, 0, 10, 0.6075, 1), (11, 20, 3, 20, 0.1042, 0.6152),
    (5, 10, 0, 10, 0.1174, 0.7634),
  ])
  func newcombe(
    _ a: Int, _ n: Int, _ b: Int, _ m: Int, _ lower: Double, _ upper: Double
  ) throws {
    let interval = try #require(table(a, n, b, m).newcombe())
    #expect(abs(interval.lower - lower) <= 0.00005 && abs(interval.upper - upper) <= 0.00005)
  }

  @Test func nothingToCompare() {
    let empty = table(0, 0, 3, 4)
    #expect(empty.isEmpty && empty.fisher() == nil && empty.newcombe() == nil)
    #expect(empty.difference == nil)
    // No event in either arm, and an event in each trial.
    for events in [0, 4] {
      #expect(table(events, 4, events, 4).fisher() == 1)
      for method in ExactRateTest.Method.allCases {
        #expect(ExactRateTest(method, first: 4, second: 4).p(events, events) == 1)
      }
    }
    #expect(table(1, 1, 0, 1).fisher() == 1 && table(2, 2, 0, 2).fisher() == 1.0 / 3)
  }
}

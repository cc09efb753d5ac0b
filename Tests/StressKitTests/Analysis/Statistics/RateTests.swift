// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Reference values: R's documentation (`fisher.test`), SciPy's (`barnard_exact`, `boschloo_exact`), and
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
    // All three answer the same, however they are asked.
    #expect(abs(ExactRateTest(.fisher, first: n, second: m).p(a, b) - p) < 6e-8)
    #expect(abs(try #require(table(b, m, a, n).fisher()) - p) < 6e-8)
  }

  @Test func fisherOneSided() throws {
    #expect(abs(try #require(table(3, 4, 1, 4).fisher(.greater)) - 0.2428571429) < 1e-10)
    #expect(abs(try #require(table(4, 4, 0, 4).fisher(.greater)) - 0.0142857143) < 1e-10)
    #expect(abs(try #require(table(2, 17, 10, 13).fisher(.less)) - 0.000465181) < 1e-9)
    #expect(abs(try #require(table(10, 13, 2, 17).fisher(.greater)) - 0.000465181) < 1e-9)
  }

  @Test func oddsRatio() throws {
    let tea = try #require(table(3, 4, 1, 4).oddsRatio())
    #expect(abs(tea.estimate - 6.4083) < 5e-5)
    let convictions = try #require(table(2, 17, 10, 13).oddsRatio())
    #expect(abs(convictions.estimate - 0.0469366) < 5e-8)
    #expect(abs(convictions.interval.lower - 0.003317) < 5e-7)
    // R's documentation has 0.363182: its root finder stops at 1e-4. SciPy: 0.3631896.
    #expect(abs(convictions.interval.upper - 0.3631896) < 5e-8)
    let open = try #require(table(4, 4, 0, 4).oddsRatio())
    #expect(open.estimate == .infinity && open.interval.upper == .infinity)
    #expect(open.interval.lower > 1)
    let closed = try #require(table(0, 4, 4, 4).oddsRatio())
    #expect(closed.estimate == 0 && closed.interval.lower == 0 && closed.interval.upper < 1)
    #expect(abs(closed.interval.upper * open.interval.lower - 1) < 1e-9)
  }

  @Test func unconditional() {
    let barnard = ExactRateTest(.barnard, first: 15, second: 15, alternative: .less)
    // 3 and 8 of 15 is as strong as 7 and 12. SciPy's documentation has 0.0340767, without that table: its
    // z differs in the last digit.
    #expect(abs(barnard.p(7, 12) - 0.0341092) < 5e-8)
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
    (81, 263, 0.2527, 0.3676), (0, 10, 0, 0.3085), (10, 10, 0.6915, 1), (1, 2, 0.0126, 0.9874),
  ])
  func clopperPearson(_ events: Int, _ trials: Int, _ lower: Double, _ upper: Double) {
    let interval = Proportion(events, of: trials).clopperPearson()
    #expect(abs(interval.lower - lower) <= 0.00005 && abs(interval.upper - upper) <= 0.00005)
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

  @Test func cleanTrials() {
    let expected = [(0.5, 5, 7), (0.3, 9, 13), (0.2, 14, 21), (0.1, 29, 44), (0.05, 59, 90)]
    for (rate, at95, at99) in expected {
      #expect(Proportion.cleanTrials(excluding: rate) == at95)
      #expect(Proportion.cleanTrials(excluding: rate, confidence: 0.99) == at99)
      #expect(Proportion.highestRate(after: at95) <= rate)
      #expect(Proportion.highestRate(after: at95 - 1) > rate)
    }
    #expect(Proportion.cleanTrials(excluding: 0) == nil)
    #expect(Proportion.cleanTrials(excluding: 1) == 1)
    // 0.5 excluded with 75 % confidence is two trials exactly.
    #expect(Proportion.cleanTrials(excluding: 0.5, confidence: 0.75) == 2)
    #expect(Proportion.highestRate(after: 0) == 1)
    // The rule of three.
    #expect(abs(Proportion.highestRate(after: 100) - 0.03) < 0.0005)
  }

  @Test func nothingToCompare() {
    let empty = table(0, 0, 3, 4)
    #expect(empty.isEmpty && empty.fisher() == nil && empty.newcombe() == nil)
    #expect(empty.oddsRatio() == nil && empty.difference == nil)
    #expect(Proportion(0, of: 0).clopperPearson() == ConfidenceInterval(0, 1))
    // No event in either arm, and an event in each trial.
    for events in [0, 4] {
      #expect(table(events, 4, events, 4).fisher() == 1)
      #expect(table(events, 4, events, 4).oddsRatio() == nil)
      for method in ExactRateTest.Method.allCases {
        #expect(ExactRateTest(method, first: 4, second: 4).p(events, events) == 1)
      }
    }
    #expect(table(1, 1, 0, 1).fisher() == 1 && table(2, 2, 0, 2).fisher() == 1.0 / 3)
  }
}

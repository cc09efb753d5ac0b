// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Reference values: computed with SciPy by enumeration (rates), and R's `power.t.test` (shifts).
struct PowerTests {
  @Test(arguments: [
    (0.0, 0.5, 12), (0.1, 0.9, 7), (0, 0.3, 21), (0.1, 0.5, 23), (0.2, 0.5, 44), (0.05, 0.25, 55),
  ])
  func trialsForFisher(_ first: Double, _ second: Double, _ n: Int) {
    #expect(RatePower.trials(first, second) == n)
    #expect(RatePower.power(first, second, trials: (n - 1, n - 1)) < 0.8)
  }

  /// 0 against 50 %: only the count of the second arm is random. With 10 trials each, 5 events or more are
  /// significant: 638 of 1024 ways. With 12, again 5 or more: 3302 of 4096.
  @Test func powerAgainstNone() {
    #expect(abs(RatePower.power(0, 0.5, trials: (10, 10)) - 638.0 / 1024) < 1e-12)
    #expect(abs(RatePower.power(0, 0.5, trials: (12, 12)) - 3302.0 / 4096) < 1e-12)
    // Fisher's test cannot reject 3 against 3, whatever the rates; Boschloo's can 0:3 against 3:3.
    #expect(RatePower.power(0, 1, trials: (3, 3)) == 0)
    #expect(RatePower.power(0, 1, trials: (3, 3), method: .boschloo) == 1)
    #expect(RatePower.detectable(from: 0, isAbove: true, trials: (3, 3)) == nil)
    #expect(RatePower.detectable(from: 0, isAbove: true, trials: (0, 3)) == nil)
  }

  @Test func boschlooNeedsNoMoreTrials() throws {
    for (first, second) in [(0.0, 0.5), (0.1, 0.9), (0.1, 0.5)] {
      let fisher = try #require(RatePower.trials(first, second))
      let boschloo = try #require(RatePower.trials(first, second, method: .boschloo))
      #expect(boschloo <= fisher)
    }
    #expect(RatePower.trials(0.5, 0.5) == nil)
    #expect(RatePower.trials(0.5, 0.51, limit: 20) == nil)
  }

  @Test func detectableRates() throws {
    let above = try #require(RatePower.detectable(from: 0, isAbove: true, trials: (12, 12)))
    // By its definition: the chance of five or more of twelve is 80 % there.
    #expect(above <= 0.5 && above > 0.49)
    #expect(RatePower.power(0, above, trials: (12, 12)) >= 0.8)
    #expect(RatePower.power(0, above - 0.001, trials: (12, 12)) < 0.8)
    let below = try #require(RatePower.detectable(from: 1, isAbove: false, trials: (12, 12)))
    #expect(abs(below - (1 - above)) < 1e-9)
    // From nothing there is no way down.
    #expect(RatePower.detectable(from: 0, isAbove: false, trials: (12, 12)) == nil)
  }

  /// R: power.t.test(n = 20, delta = 1) is 0.8689528; power = .9 wants n = 22.02110.
  @Test func student() throws {
    #expect(abs(ShiftPower.student(20, 20, size: 0.05)(1) - 0.8689528) < 5e-7)
    // Its root finder stops at 1e-4.
    #expect(abs(ShiftPower.student(22.02110, 22.02110, size: 0.05)(1) - 0.9) < 5e-6)
    // Without a shift the power is the level.
    for n in [2.0, 3, 12, 500] {
      #expect(abs(ShiftPower.student(n, n, size: 0.05)(0) - 0.05) < 1e-6)
    }
    let shift = try #require(ShiftPower.detectable(trials: (12, 12)))
    #expect(abs(ShiftPower.power(shift: shift, trials: (12, 12)) - 0.8) < 1e-9)
  }

  @Test func ranksNeedALittleMore() throws {
    let ranked = try #require(ShiftPower.trials(shift: 0.8))
    let student = try #require(
      (2...ranked).first { ShiftPower.student(Double($0), Double($0), size: 0.05)(0.8) >= 0.8 })
    #expect(ranked > student && Double(ranked) < Double(student) * 1.12)
    #expect(ShiftPower.power(shift: -0.8, trials: (ranked, ranked)) >= 0.8)
    // Three against three can never be significant; four against four can.
    #expect(ShiftPower.power(shift: 100, trials: (3, 3)) == 0)
    #expect(ShiftPower.detectable(trials: (3, 3)) == nil)
    #expect(ShiftPower.power(shift: 100, trials: (4, 4)) > 0.99)
    #expect(ShiftPower.trials(shift: 100) == 4)
    #expect(ShiftPower.trials(shift: 0) == nil && ShiftPower.trials(shift: 0.001) == nil)
    #expect(ShiftPower.power(shift: 1, trials: (0, 4)) == 0)
    #expect(ShiftPower.student(1, 1, size: 0.05)(1) == 0)
  }
}

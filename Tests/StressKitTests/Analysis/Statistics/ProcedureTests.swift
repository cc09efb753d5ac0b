// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Reference values: Benjamini and Hochberg's own example (JRSS B 57 (1995) 289, section 4.1), and exact sums.
struct ProcedureTests {
  @Test func manyTests() {
    let p = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
      0.5719, 0.6528, 0.7590, 1,
    ]
    let holm = MultipleTesting.holm(p)
    let found = MultipleTesting.benjaminiHochberg(p)
    #expect(holm.count { $0 <= 0.05 } == 3 && found.count { $0 <= 0.05 } == 4)
    for (adjusted, expected) in zip(found, [0.0015, 0.003, 0.0095, 0.035625, 0.0603]) {
      #expect(abs(adjusted - expected) < 1e-12)
    }
    for (adjusted, expected) in zip(holm, [0.0015, 0.0056, 0.0247, 0.114]) {
      #expect(abs(adjusted - expected) < 1e-12)
    }
    #expect(holm == holm.sorted() && found == found.sorted() && holm.last == 1)
    // The answers keep the order of the questions.
    #expect(MultipleTesting.holm(p.reversed()) == holm.reversed())
    #expect(MultipleTesting.benjaminiHochberg(p.reversed()) == found.reversed())
    #expect(MultipleTesting.holm([]).isEmpty && MultipleTesting.benjaminiHochberg([]).isEmpty)
    #expect(MultipleTesting.holm([0.03]) == [0.03])
    #expect(MultipleTesting.benjaminiHochberg([0.04, 0.04]) == [0.04, 0.04])
  }

  @Test func sequential() {
    var test = SequentialTest(low: 0.1, high: 0.5, alpha: 0.05, beta: 0.1)
    #expect(test.decision == .undecided && test.seen.trials == 0)
    // log(0.9 / 0.05) = 2.89 is two events of log 5 = 1.609; log(0.1 / 0.95) = -2.25 is four clean trials of
    // log(5 / 9) = -0.588.
    test.add(isEvent: true)
    #expect(test.decision == .undecided)
    test.add(isEvent: true)
    #expect(test.decision == .high && test.seen == Proportion(2, of: 2))
    test.add(isEvent: false)
    #expect(test.seen.trials == 2)
    var clean = SequentialTest(low: 0.1, high: 0.5, alpha: 0.05, beta: 0.1)
    for _ in 0..<3 { clean.add(isEvent: false) }
    #expect(clean.decision == .undecided)
    clean.add(isEvent: false)
    #expect(clean.decision == .low && clean.seen == Proportion(0, of: 4))
    // A rate of 0 or 1 is refuted at once.
    var never = SequentialTest(low: 0, high: 1)
    never.add(isEvent: true)
    #expect(never.decision == .high && never.logLikelihoodRatio == .infinity)
    var always = SequentialTest(low: 0, high: 1)
    always.add(isEvent: false)
    #expect(always.decision == .low)
  }
}

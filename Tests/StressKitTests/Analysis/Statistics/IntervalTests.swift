// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Reference values: R's `PlantGrowth`, Benjamini and Hochberg's own example (JRSS B 57 (1995) 289, section
/// 4.1), and exact sums.
struct IntervalTests {
  private let control = OrderedSample(
    [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14])
  private let second = OrderedSample(
    [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26])

  @Test func fieller() throws {
    guard case .bounded(let ratio, let interval) = MeanRatio(second, over: control) else {
      Issue.record("unbounded")
      return
    }
    #expect(abs(ratio - 1.0981717) < 5e-8)
    #expect(abs(interval.lower - 1.0014346) < 5e-8 && abs(interval.upper - 1.2080034) < 5e-8)
    #expect(abs(try #require(StudentTest.welch(second, control)).p() - 0.0478993) < 5e-8)
    // Both arms turned: the same ratio.
    let negative = [second, control].map { OrderedSample($0.values.map { -$0 }) }
    guard case .bounded(let same, let its) = MeanRatio(negative[0], over: negative[1]) else {
      Issue.record("unbounded")
      return
    }
    #expect(abs(same - ratio) < 1e-12 && abs(its.upper - interval.upper) < 1e-12)
  }

  @Test func fiellerWithoutABase() {
    // g = t^2 s^2 / (n x^2) is above 1: the base's mean may be zero.
    #expect(MeanRatio(second, over: OrderedSample([-1, 3, -2, 4])) == .unbounded(second.mean! / 1))
    #expect(MeanRatio(second, over: OrderedSample([-1, 1])) == nil)
    #expect(MeanRatio(second, over: OrderedSample([1])) == nil)
    #expect(MeanRatio(OrderedSample([]), over: control) == nil)
    #expect(MeanRatio(second, over: OrderedSample([1, .infinity])) == nil)
    // No spread at all: the ratio is known.
    let tied = MeanRatio(OrderedSample([6, 6]), over: OrderedSample([3, 3]))
    #expect(tied == .bounded(2, ConfidenceInterval(2, 2)))
  }

  @Test(arguments: [
    (20, 0.5, 6, 15), (100, 0.99, 97, nil), (1000, 0.99, 983, 997), (5, 0.5, nil, nil),
    (6, 0.5, 1, 6),
  ])
  func quantile(_ n: Int, _ q: Double, _ lower: Int?, _ upper: Int?) throws {
    let sample = OrderedSample((1...n).map(Double.init))
    let interval = try #require(sample.quantileInterval(q))
    #expect(interval.lowerRank == lower && interval.upperRank == upper)
    #expect(interval.interval.lower == lower.map(Double.init) ?? -.infinity)
    #expect(interval.interval.upper == upper.map(Double.init) ?? .infinity)
    // By its definition: how often as many values lie below the quantile.
    let below = BinomialDistribution(n: n, p: q).probabilities
    let achieved = below[(lower ?? 0)...((upper ?? n + 1) - 1)].reduce(0, +)
    #expect(abs(interval.achieved - achieved) < 1e-12 && interval.achieved >= 0.95)
  }

  @Test func quantileOfFew() throws {
    let twenty = OrderedSample((1...20).map(Double.init))
    #expect(abs(try #require(twenty.quantileInterval(0.5)).achieved - 0.9586) < 5e-5)
    #expect(OrderedSample([]).quantileInterval(0.5) == nil)
    let one = try #require(OrderedSample([7]).quantileInterval(0.5))
    #expect(one.lowerRank == nil && one.upperRank == nil && one.achieved == 1)
  }

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

  @Test func poisson() throws {
    #expect(abs(EventRate(11, in: 1).p(against: EventRate(3, in: 1)) - 0.0573730) < 5e-8)
    #expect(EventRate(0, in: 1).interval().lower == 0)
    #expect(abs(EventRate(0, in: 1).interval().upper - 3.6889) < 5e-5)
    let three = EventRate(3, in: 1).interval()
    #expect(abs(three.lower - 0.6187) < 5e-5 && abs(three.upper - 8.7673) < 5e-5)
    // Twice the time: half the rate.
    #expect(abs(EventRate(3, in: 2).interval().upper - three.upper / 2) < 1e-12)
    #expect(EventRate(6, in: 2).p(against: EventRate(3, in: 1)) == 1)
    let one = EventRate(11, in: 1).p(against: EventRate(3, in: 1), .greater)
    #expect(abs(one - 470.0 / 16384) < 1e-12)
    #expect(EventRate(0, in: 1).p(against: EventRate(0, in: 5)) == 1)
    #expect(EventRate(0, in: 1).ratio(over: EventRate(0, in: 5)) == nil)
    let ratio = try #require(EventRate(11, in: 2).ratio(over: EventRate(3, in: 1)))
    #expect(abs(ratio.estimate - 11.0 / 6) < 1e-12)
    #expect(ratio.interval.lower < 1 && ratio.interval.upper > 2)
    #expect(EventRate(4, in: 1).ratio(over: EventRate(0, in: 1))?.estimate == .infinity)
    #expect(EventRate(4, in: 1).ratio(over: EventRate(0, in: 1))?.interval.upper == .infinity)
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

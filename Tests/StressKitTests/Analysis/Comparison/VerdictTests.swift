// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

struct VerdictTests {
  /// So many kills of so many trials, as values of 0 and 1.
  private func trials(_ events: Int, _ count: Int) -> OrderedSample {
    OrderedSample((0..<count).map { $0 < events ? 1 : 0 })
  }

  private func killed(_ base: (Int, Int), _ new: (Int, Int)) -> Measurement {
    Measurement(.killed, base: trials(base.0, base.1), new: trials(new.0, new.1))
  }

  /// Evenly spread about `centre`, without ties between different centres.
  private func around(_ centre: Double, spread: Double = 0.02, count: Int = 12) -> OrderedSample {
    OrderedSample((0..<count).map { centre * (1 + spread * (Double($0) / Double(count) - 0.5)) })
  }

  private func throughput(
    _ base: OrderedSample, _ new: OrderedSample, floor: Double? = nil
  ) -> Measurement {
    var endpoint = Endpoint.throughput
    endpoint.floor = floor
    return Measurement(endpoint, base: base, new: new)
  }

  private func findings(_ verdict: Verdict) -> [Verdict.Finding] { verdict.results.map(\.finding) }

  @Test func regressionByKills() throws {
    let verdict = Verdict([killed((0, 12), (11, 12)), throughput(around(4), around(4.01))])
    #expect(verdict.call == .regression && findings(verdict) == [.worse, .same])
    #expect(!verdict.isMixed)
    let result = verdict.results[0]
    #expect(abs(try #require(result.measurement.change).estimate - 11.0 / 12) < 1e-12)
    // SciPy: fisher_exact([[11, 1], [0, 12]]) is 9.6148e-06; Holm doubles the smaller of two.
    let p = try #require(result.measurement.p)
    #expect(abs(p - 9.6148e-6) < 5e-10 && abs(result.adjustedP - 2 * p) < 1e-15)
    let turned = Verdict([killed((11, 12), (0, 12)), throughput(around(4), around(4.01))])
    #expect(turned.call == .improvement && findings(turned) == [.better, .same])
  }

  @Test func directionIsTheEndpoints() {
    #expect(Verdict([throughput(around(4), around(3))]).call == .regression)
    #expect(Verdict([throughput(around(3), around(4))]).call == .improvement)
    let stall = Measurement(.stallP99, base: around(0.1), new: around(0.5))
    #expect(Verdict([stall]).call == .regression)
    let shift = Endpoint("io PSI full", .shift, moreIsWorse: true, matters: 0.2)
    #expect(Verdict([Measurement(shift, base: around(0.1), new: around(0.5))]).call == .regression)
    #expect(Verdict([Measurement(shift, base: around(0.5), new: around(0.1))]).call == .improvement)
  }

  @Test func worseOutweighsBetter() {
    let verdict = Verdict([killed((0, 12), (12, 12)), throughput(around(3), around(4))])
    #expect(verdict.call == .regression && verdict.isMixed)
    #expect(findings(verdict) == [.worse, .better])
  }

  @Test func noChangeSaysWhatItCouldHaveSeen() throws {
    let verdict = Verdict([killed((0, 12), (1, 12)), throughput(around(4), around(4.01))])
    #expect(verdict.call == .noChange && findings(verdict) == [.same, .same])
    #expect(verdict.moreTrials == nil)
    // Each alone would have to pass 2.5 %.
    #expect(verdict.firstStep == 0.025)
    let rate = try #require(verdict.detectable[0])
    #expect(RatePower.power(0, rate, trials: (12, 12), level: 0.025) >= 0.8)
    #expect(rate > 0.5 && rate < 0.6)
    let factor = try #require(verdict.detectable[1])
    #expect(factor > 1 && factor < 1.02)
    // One endpoint alone: what 12 against 12 see is half of all trials.
    let alone = Verdict([killed((0, 12), (0, 12))])
    #expect(alone.call == .noChange)
    #expect(abs(try #require(alone.detectable[0]) - 0.5) < 0.01)
    // From all trials killed there is only the way down.
    let all = try #require(Verdict([killed((12, 12), (12, 12))]).detectable[0])
    #expect(abs(all - 0.5) < 0.01)
  }

  @Test func aChangeThatDoesNotMatterIsNone() {
    // One per cent, and no trial of either arm overlaps.
    let verdict = Verdict([throughput(around(4, spread: 0.001), around(3.96, spread: 0.001))])
    #expect(verdict.call == .noChange && findings(verdict) == [.negligible])
    #expect(verdict.results[0].adjustedP < 1e-5)
  }

  @Test func theNoiseFloorHolds() {
    let (base, new) = (around(4, spread: 0.4), around(3.2, spread: 0.4))
    #expect(Verdict([throughput(base, new)]).call == .regression)
    // 1.25 is within a floor of 1.3, and a floor above what matters leaves nothing to say.
    let within = Verdict([throughput(base, new, floor: 1.3)])
    #expect(within.call == .inconclusive && findings(within) == [.noisy])
    #expect(within.moreTrials == nil)
    var endpoint = Endpoint.throughput
    endpoint.matters = 1.5
    endpoint.floor = 1.3
    let unsettled = Verdict([
      Measurement(endpoint, base: around(4, spread: 0.9), new: around(3.2, spread: 0.9))
    ])
    #expect(findings(unsettled) == [.unclear])
    let significant = Verdict([Measurement(endpoint, base: base, new: new)])
    #expect(significant.call == .noChange && findings(significant) == [.negligible])
    endpoint.matters = 1.31
    let noise = Verdict([Measurement(endpoint, base: base, new: new)])
    #expect(noise.call == .inconclusive && findings(noise) == [.withinNoise])
    // Beyond the floor it is a change again.
    #expect(Verdict([throughput(around(4), around(2), floor: 1.3)]).call == .regression)
  }

  @Test func inconclusiveSaysHowManyMore() throws {
    let verdict = Verdict([killed((3, 12), (7, 12))])
    #expect(verdict.call == .inconclusive && findings(verdict) == [.unclear])
    let more = try #require(verdict.moreTrials)
    // Enough for the power to see what matters.
    let total = 12 + more
    #expect(RatePower.power(0.25, 0.75, trials: (total, total)) >= 0.8 && more < 40)
    // The same rates with as many trials are settled, one way or the other.
    let settled = Verdict([killed((total / 4, total), (total * 7 / 12, total))])
    #expect(settled.call != .inconclusive)
  }

  @Test(arguments: [1, 2, 3]) func tooFewTrialsToEverSay(_ n: Int) throws {
    let verdict = Verdict([
      killed((0, n), (n, n)), throughput(around(4, count: n), around(1, count: n)),
    ])
    #expect(verdict.call == .inconclusive && findings(verdict) == [.tooFew, .tooFew])
    #expect(verdict.detectable[0] == nil && verdict.detectable[1] == nil)
    if n > 1 { #expect(try #require(verdict.moreTrials) >= 5 - n) }
    // Neither does Boschloo's test, whose p-value of 0:3 against 3:3 is 2 of 64.
    let boschloo = Measurement(
      .killed, base: trials(0, n), new: trials(n, n), rateTest: .boschloo)
    #expect(Verdict([boschloo]).call == .inconclusive)
    #expect(n < 3 || boschloo.p ?? 1 < 0.05)
  }

  @Test func fourAgainstFourCanSay() {
    #expect(Verdict([killed((0, 4), (4, 4))]).call == .regression)
    // But not by one endpoint of two: 2 of 70 is above 2.5 %.
    let two = Verdict([
      killed((0, 4), (4, 4)), throughput(around(4, count: 4), around(4, count: 4)),
    ])
    #expect(two.call == .inconclusive && findings(two) == [.tooFew, .tooFew])
    // With both it is: Holm asks the second for 5 % only once the first has passed.
    let five = Verdict([
      killed((0, 5), (5, 5)), throughput(around(4, count: 5), around(3, count: 5)),
    ])
    #expect(five.call == .regression && findings(five) == [.worse, .worse])
  }

  @Test func whatIsMissing() {
    let none = OrderedSample([])
    // Throughput of trials that were all killed: nothing to compare, and nothing against it.
    let all = Verdict([killed((12, 12), (12, 12)), throughput(none, none)])
    #expect(all.call == .noChange && findings(all) == [.same, .absent])
    #expect(all.firstStep == 0.025)
    let one = Verdict([killed((6, 12), (6, 12)), throughput(around(4), none)])
    #expect(one.call == .inconclusive && findings(one).last == .missing)
    #expect(one.moreTrials == nil)
    #expect(Verdict([throughput(none, none)]).call == .inconclusive)
    #expect(Verdict([]).call == .inconclusive && Verdict([]).moreTrials == nil)
    #expect(Verdict([killed((0, 0), (3, 12))]).call == .inconclusive)
    // A regression stays one, whatever else is missing.
    #expect(Verdict([killed((0, 12), (12, 12)), throughput(around(4), none)]).call == .regression)
    // A negative value has no ratio.
    let odd = Verdict([throughput(around(4), OrderedSample([-1, 2, 3, 4]))])
    #expect(odd.call == .inconclusive && findings(odd) == [.missing])
  }

  @Test func tiesAndZeros() {
    let four = OrderedSample(Array(repeating: 4, count: 12))
    let zero = OrderedSample(Array(repeating: 0, count: 12))
    let tied = Verdict([throughput(four, four)])
    #expect(tied.call == .noChange && tied.detectable == [1])
    #expect(Verdict([throughput(zero, zero)]).call == .noChange)
    // A base of zero: infinitely many times as much.
    let stall = Measurement(.stallP99, base: zero, new: four)
    #expect(Verdict([stall]).call == .regression && stall.change?.estimate == .infinity)
    #expect(stall.detectable(level: 0.05) == nil)
    #expect(Verdict([Measurement(.stallP99, base: four, new: zero)]).call == .improvement)
    // Infinite values, as of stalls that made no end, have their rank.
    let endless = OrderedSample(Array(repeating: .infinity, count: 12))
    #expect(Verdict([Measurement(.stallP99, base: four, new: endless)]).call == .regression)
    #expect(Verdict([Measurement(.stallP99, base: endless, new: endless)]).call == .noChange)
  }
}

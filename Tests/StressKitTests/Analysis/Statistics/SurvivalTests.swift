// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Reference values: the trial of 6-mercaptopurine (E. J. Freireich et al., Blood 21 (1963) 699) as in
/// textbooks and R's `survival`; a + is a patient without relapse.
struct SurvivalTests {
  private func lifetimes(_ text: String) -> [Lifetime] {
    text.split(separator: " ").map { word in
      Lifetime(Double(word.filter { $0 != "+" })!, isEvent: !word.hasSuffix("+"))
    }
  }

  private var treated: [Lifetime] {
    lifetimes("6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+")
  }
  private var placebo: [Lifetime] {
    lifetimes("1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23")
  }

  @Test func kaplanMeier() throws {
    let curve = SurvivalCurve(treated)
    let expected = [
      (6.0, 0.857143, 0.0764), (7, 0.806723, 0.0869), (10, 0.752941, 0.0963),
      (13, 0.690196, 0.1068), (16, 0.627451, 0.1141), (22, 0.537815, 0.1282),
      (23, 0.448179, 0.1346),
    ]
    #expect(curve.steps.map(\.time) == expected.map(\.0))
    for (time, survival, error) in expected {
      #expect(abs(try #require(curve.survival(at: time)) - survival) < 5e-7)
      #expect(abs(try #require(curve.standardError(at: time)) - error) < 5e-5)
    }
    #expect(curve.survival(at: 5.9) == 1 && curve.survival(at: 35) == curve.steps.last?.survival)
    #expect(curve.survival(at: 35.1) == nil && curve.standardError(at: 3) == nil)
    #expect(curve.median == .reached(23) && SurvivalCurve(placebo).median == .reached(8))
    #expect(SurvivalCurve(placebo).survival(at: 100) == 0)
    #expect(SurvivalCurve(placebo).standardError(at: 23) == nil)
  }

  @Test func logRank() throws {
    let test = try #require(LogRankTest(treated, placebo))
    #expect(test.observed == (9, 21))
    #expect(abs(test.expected.first - 19.2505) < 5e-5)
    #expect(abs(test.expected.second - 10.7495) < 5e-5)
    #expect(abs(test.variance - 6.25696) < 5e-6 && abs(test.chiSquared - 16.79294) < 5e-6)
    #expect(abs(test.p - 4.1688e-5) < 5e-10)
    let (o, e) = (test.observed, test.expected)
    let pearson =
      (o.first - e.first) * (o.first - e.first) * (1 / e.first + 1 / e.second)
    #expect(abs(pearson - 15.2329) < 5e-5)
    #expect(LogRankTest(placebo, treated)?.observed.first == 21)
  }

  @Test func restrictedMean() throws {
    let one = try #require(SurvivalCurve(treated).restrictedMean(to: 23))
    let two = try #require(SurvivalCurve(placebo).restrictedMean(to: 23))
    #expect(abs(one.mean - 17.909244) < 5e-7 && abs(two.mean - 8.666667) < 5e-7)
    // Without censoring the mean's variance is the sample's, with n for n - 1.
    let times = OrderedSample(placebo.map(\.time))
    let variance = try #require(times.variance) * 20 / 21 / 21
    #expect(abs(try #require(two.standardError) - variance.squareRoot()) < 1e-12)
    let difference = try #require(one.difference(less: two))
    let half = Proportion.z95 * variance.squareRoot()
    #expect(difference.lower < 9.242577 - half && difference.upper > 9.242577 + half)
    #expect(abs((difference.lower + difference.upper) / 2 - 9.242577) < 1e-6)
    #expect(SurvivalCurve(treated).restrictedMean(to: 36) == nil)
    let whole = try #require(SurvivalCurve(placebo).restrictedMean(to: 36))
    #expect(abs(whole.mean - 182.0 / 21) < 1e-12)
    #expect(SurvivalCurve(treated).restrictedMean(to: 0) == nil)
    let other = try #require(SurvivalCurve(treated).restrictedMean(to: 20))
    #expect(other.difference(less: two) == nil)
  }

  @Test func nobodyHasTheEvent() throws {
    let curve = SurvivalCurve(lifetimes("20+ 20+ 20+"))
    #expect(curve.median == .notReached(20) && curve.survival(at: 20) == 1 && curve.steps.isEmpty)
    let mean = try #require(curve.restrictedMean(to: 20))
    #expect(mean.mean == 20 && mean.standardError == nil)
    #expect(mean.difference(less: mean) == nil)
    #expect(LogRankTest(lifetimes("20+ 20+"), lifetimes("20+")) == nil)
    // Events in one arm only.
    let one = try #require(LogRankTest(lifetimes("5 6 7"), lifetimes("20+ 20+ 20+")))
    #expect(one.observed == (3, 0) && one.p < 0.05)
  }

  @Test func fewTrials() throws {
    #expect(SurvivalCurve([]).median == nil && SurvivalCurve([]).survival(at: 0) == nil)
    #expect(SurvivalCurve([]).restrictedMean(to: 5) == nil)
    #expect(LogRankTest([], treated) == nil && LogRankTest(lifetimes("4"), []) == nil)
    let one = SurvivalCurve(lifetimes("4"))
    #expect(one.median == .reached(4) && one.survival(at: 9) == 0)
    #expect(one.restrictedMean(to: 9)?.mean == 4)
    #expect(one.restrictedMean(to: 9)?.standardError == nil)
    // Exactly half: reached, though 2/3 of 3/4 need not be a half in floating point.
    #expect(SurvivalCurve(lifetimes("1 2 3+ 4+")).median == .reached(2))
    #expect(SurvivalCurve(lifetimes("1 2 3+ 4+ 5+")).median == .notReached(5))
    // Censored at the time of an event, it was still at risk.
    #expect(SurvivalCurve(lifetimes("3 3+")).survival(at: 3) == 0.5)
    let odd = SurvivalCurve([
      Lifetime(.nan, isEvent: true), Lifetime(.infinity, isEvent: false),
      Lifetime(-1, isEvent: true), Lifetime(0, isEvent: true), Lifetime(2, isEvent: false),
    ])
    #expect(odd.excluded == 3 && odd.count == 2 && odd.survival(at: 0) == 0.5)
  }
}

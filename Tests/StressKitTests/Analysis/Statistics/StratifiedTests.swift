// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis

/// Reference values: R 4.2.2 (`mantelhaen.test(exact = TRUE)`, `pchisq`), coin 1.4-2, and enumeration of all tables
/// or permutations in R where no function has the method.
struct StratifiedTests {
  private func table(_ a: Int, _ n: Int, _ b: Int, _ m: Int) -> TwoByTwoTable {
    TwoByTwoTable(Proportion(a, of: n), Proportion(b, of: m))
  }

  private func near(_ value: Double?, _ reference: Double, _ error: Double = 1e-9) -> Bool {
    guard let value else { return false }
    return abs(value - reference) <= error * max(1, abs(reference))
  }

  /// `?mantelhaen.test`: penicillin and rabbits (Agresti, Categorical Data Analysis (1990), page 231).
  private var rabbits: StratifiedTables {
    StratifiedTables([
      table(0, 6, 0, 5), table(3, 6, 0, 6), table(6, 6, 2, 6), table(5, 6, 6, 6), table(2, 2, 5, 5),
    ])
  }

  private var uneven: StratifiedTables {
    StratifiedTables([table(3, 4, 1, 4), table(2, 4, 2, 5), table(5, 8, 1, 5)])
  }

  // MARK: The odds

  /// `mantelhaen.test(Rabbits, exact = TRUE)`: p 0.03994490358, 10.36102408 (1.0774..529.84); one-sided 0.01997245.
  /// R's estimate and interval are `uniroot`'s to 1e-4 of where it looks; with a tolerance of 1e-13 its roots are
  /// 10.3610463495 and 1.0773877635..531.5127828899.
  @Test func rabbitsAndPenicillin() throws {
    #expect(near(rabbits.p(), 0.03994490358))
    #expect(near(rabbits.p(.greater), 0.01997245179))
    let odds = try #require(rabbits.commonOdds())
    #expect(near(odds.estimate, 10.3610463495) && near(odds.estimate, 10.36102408, 1e-4))
    #expect(near(odds.interval.lower, 1.0773877635))
    #expect(near(odds.interval.lower, 1.07740143, 1e-4))
    #expect(near(odds.interval.upper, 531.5127828899))
    #expect(near(odds.interval.upper, 529.837399, 4e-3))
  }

  /// `mantelhaen.test(UCBAdmissions, exact = TRUE)`: p 0.2277625267, 0.90508 (0.76971..1.06342); admitted by gender in six departments: hundreds in each table.
  @Test func admissions() throws {
    let departments = StratifiedTables([
      table(512, 601, 313, 332), table(353, 370, 207, 215), table(120, 322, 205, 596),
      table(138, 269, 279, 523), table(53, 147, 138, 437), table(22, 46, 351, 668),
    ])
    #expect(near(departments.p(), 0.2277625267, 1e-8))
    let odds = try #require(departments.commonOdds())
    #expect(near(odds.estimate, 0.9050761936, 1e-4))
    #expect(near(odds.interval.lower, 0.7697140406, 1e-4))
    #expect(near(odds.interval.upper, 1.0634169928, 1e-4))
  }

  /// `mantelhaen.test(array(rep(c(4, 0, 0, 4), 3), dim = c(2, 2, 3)), exact = TRUE)`: 0:4 against 4:4, three times.
  @Test func allOrNothing() throws {
    let quickstart = StratifiedTables(Array(repeating: table(4, 4, 0, 4), count: 3))
    #expect(near(quickstart.p(), 5.830903790e-6, 1e-14))
    #expect(near(quickstart.p(), 2 / pow(70, 3), 1e-14))
    let odds = try #require(quickstart.commonOdds())
    #expect(odds.estimate == .infinity && odds.interval.upper == .infinity)
    #expect(near(odds.interval.lower, 8.462750971, 1e-4))
    let turned = try #require(
      StratifiedTables(Array(repeating: table(0, 4, 4, 4), count: 3)).commonOdds())
    #expect(turned.estimate == 0 && turned.interval.lower == 0)
    #expect(near(turned.interval.upper * odds.interval.lower, 1, 1e-9))
  }

  @Test func unevenArms() throws {
    #expect(near(uneven.p(), 0.08866398152))
    let odds = try #require(uneven.commonOdds())
    #expect(near(odds.estimate, 3.68961788458))
    #expect(near(odds.interval.lower, 0.70600579514))
    #expect(near(odds.interval.upper, 22.81860701576))
  }

  /// Of one stratum it is Fisher's test and Newcombe's interval, and strata that lack an arm add nothing.
  @Test(arguments: [(3, 20, 11, 20), (0, 12, 11, 12), (2, 17, 10, 13), (0, 3, 0, 5)])
  func oneStratum(_ a: Int, _ n: Int, _ b: Int, _ m: Int) {
    let one = table(a, n, b, m)
    let lacking = StratifiedTables([table(0, 0, 3, 4), one, table(2, 2, 0, 0)])
    for alternative in Alternative.allCases {
      #expect(lacking.p(alternative) == one.fisher(alternative))
    }
    #expect(lacking.difference == one.difference && lacking.mover() == one.newcombe())
    #expect(lacking.zelen() == nil && lacking.heterogeneity() == nil)
  }

  @Test func nothingToTell() {
    let none = StratifiedTables([table(0, 0, 1, 4)])
    #expect(none.p() == nil && none.difference == nil && none.mover() == nil)
    #expect(none.commonOdds() == nil && none.heterogeneity() == nil)
    // No events anywhere: the odds tell nothing, the rates are alike.
    let quiet = StratifiedTables([table(0, 4, 0, 4), table(0, 6, 0, 5)])
    #expect(quiet.p() == 1 && quiet.commonOdds() == nil && quiet.zelen() == nil)
    #expect(quiet.difference == 0 && quiet.heterogeneity() == 1)
  }

  // MARK: The difference

  /// By the formula in R, from Wilson's intervals: 0.34660421546 (0.02343184649..0.54625972772).
  @Test func averageDifference() throws {
    let interval = try #require(uneven.mover())
    #expect(near(uneven.difference, 0.34660421546))
    #expect(near(interval.lower, 0.02343184649) && near(interval.upper, 0.54625972772))
  }

  /// The weighted difference is 0 just where the exact test expects as many events.
  @Test func signsAgree() throws {
    for a in 0...4 {
      for b in 0...7 {
        let tables = StratifiedTables([table(a, 4, 2, 6), table(b, 7, 3, 5)])
        let expected = 4 * Double(a + 2) / 10 + 7 * Double(b + 3) / 12
        let excess = Double(a + b) - expected
        let difference = try #require(tables.difference)
        #expect(abs(excess) < 1e-9 ? abs(difference) < 1e-9 : difference * excess > 0)
      }
    }
  }

  // MARK: Heterogeneity

  /// By enumeration in R of all sets of tables with the same margins and sum.
  @Test func zelen() throws {
    #expect(near(rabbits.zelen(), 0.07407407407))
    #expect(near(uneven.zelen(), 1))
    let opposite = StratifiedTables([table(4, 4, 0, 4), table(0, 4, 4, 4), table(2, 4, 2, 4)])
    #expect(near(opposite.zelen(), 0.002082851192) && opposite.p() == 1)
    #expect(try #require(opposite.heterogeneity()) < 0.005)
    let quickstart = StratifiedTables(Array(repeating: table(4, 4, 0, 4), count: 3))
    #expect(quickstart.zelen() == 1 && quickstart.heterogeneity() == 1)
  }

  /// More sums than are kept apart: a coarser grid, and never a smaller p-value.
  @Test func zelenOfManyStrata() throws {
    let many = StratifiedTables((0..<9).map { table(3 + $0 % 5, 11 + $0, 2 + $0 % 3, 17 - $0) })
    let p = try #require(many.zelen())
    #expect(p > 0.5 && p <= 1)
    let opposite = StratifiedTables((0..<9).map { table($0 % 2 * 11, 11 + $0, 6, 17 - $0) })
    #expect(try #require(opposite.zelen()) < 1e-6)
  }

  /// A stratum without any event tells nothing of odds, and much of points.
  @Test func onlyOneStratumChanges() throws {
    let tables = StratifiedTables([table(12, 12, 0, 12), table(0, 12, 0, 12)])
    #expect(tables.zelen() == nil)
    #expect(try #require(tables.heterogeneity()) < 1e-4)
    let few = StratifiedTables([table(2, 2, 0, 2), table(1, 2, 0, 2)])
    #expect(try #require(few.heterogeneity()) > 0.3)
  }

  /// `pchisq(x, degrees, lower.tail = FALSE)`.
  @Test(arguments: [
    (0.3, 1, 0.58388242077), (5.5, 2, 0.06392786121), (12, 5, 0.03478778051),
    (100, 7, 1.078797967e-18), (0, 3, 1),
  ]) func chiSquared(_ x: Double, _ degrees: Int, _ p: Double) {
    let tail = ChiSquaredDistribution(degrees: degrees).upperTail(x)
    #expect(abs(tail / p - 1) < 1e-9)
    #expect(ChiSquaredDistribution(degrees: degrees).upperTail(.infinity) == 0)
  }

  // MARK: Ranks

  private func arms(_ first: [Double], _ second: [Double]) -> HodgesLehmann.Arms {
    (OrderedSample(first), OrderedSample(second))
  }

  private var speeds: [HodgesLehmann.Arms] {
    [
      arms([4.1, 3.9, 5.2, 6.0], [3.0, 4.0, 2.2]), arms([12, 15, 11], [9, 10, 14, 8]),
      arms([0.5, 0.7], [0.4, 0.6, 0.1]),
    ]
  }

  private var tied: [HodgesLehmann.Arms] {
    [
      arms([4, 4, 5, 6], [3, 4, 2]), arms([12, 15, 10], [9, 10, 15, 8]),
      arms([0.5, 0.5], [0.4, 0.5, 0.1]),
    ]
  }

  /// coin: `independence_test(score ~ arm | stratum, distribution = exact(algorithm = "shift", fact = 48))`, with
  /// midranks over n + 1 as scores: 0.01012244898, and 0.01420408163 with ties. The one-sided ones by enumeration of
  /// all 12250 permutations.
  @Test func vanElteren() throws {
    let test = try #require(VanElteren(speeds))
    #expect(test.weights == [3, 3, 4])
    #expect(near(test.p(), 0.01012244898) && near(test.p(.greater), 0.00506122449))
    let withTies = try #require(VanElteren(tied))
    #expect(near(withTies.p(), 0.01420408163) && near(withTies.p(.greater), 0.008571428571))
    let turned = try #require(VanElteren(tied.map { ($0.second, $0.first) }))
    #expect(near(turned.p(.less), 0.008571428571) && near(turned.p(), 0.01420408163))
  }

  /// Of one stratum it is the Mann-Whitney test, and strata that lack an arm add nothing.
  @Test func vanElterenOfOne() throws {
    for stratum in speeds + tied {
      let alone = try #require(MannWhitney(stratum.first, stratum.second))
      let test = try #require(VanElteren([stratum, arms([], [1, 2]), arms([3], [])]))
      for alternative in Alternative.allCases {
        #expect(near(test.p(alternative), alone.p(alternative).value, 1e-12))
      }
      let estimate = HodgesLehmann.shift(stratum.first, stratum.second)
      #expect(HodgesLehmann.shift([stratum, arms([], [1])]) == estimate)
    }
    #expect(VanElteren([arms([], [1]), arms([2], [])]) == nil)
    #expect(HodgesLehmann.shift([]) == nil && HodgesLehmann.ratio([arms([], [1])]) == nil)
    let equal = try #require(VanElteren([arms([1, 1], [1, 1]), arms([2], [2, 2])]))
    #expect(equal.p() == 1)
  }

  /// coin: `independence_test(score ~ arm | stratum)` of these has Z -1.0231387861, p 0.3062422306; the
  /// weights here are rounded to 10 and 12.
  @Test func vanElterenApproximated() throws {
    let values = (0..<60).map { Double($0) }
    let large = [
      arms(values, values.map { $0 + 9.5 }), arms(values, values[..<40].map { $0 + 4.5 }),
    ]
    let test = try #require(VanElteren(large))
    #expect(near(test.p(), 0.3062422306, 2e-3))
    #expect(near(test.p(.less), 0.3062422306 / 2, 2e-3) && near(test.p(.greater), 0.84688, 2e-3))
    let estimate = try #require(HodgesLehmann.shift(large))
    #expect(estimate.estimate < 0 && estimate.interval.upper > 0)
    #expect(estimate.interval.lower < estimate.estimate && estimate.achieved >= 0.95 - 1e-3)
  }

  /// The median of all differences within the strata, each weighted by 1 / (n + 1): in R, between 1.1 and 1.2.
  @Test func stratifiedShift() throws {
    let estimate = try #require(HodgesLehmann.shift(speeds))
    #expect(near(estimate.estimate, 1.15))
    // The interval leaves out 0 just as the test does.
    #expect(estimate.interval.lower > 0 && estimate.achieved >= 0.95)
    let ratio = try #require(
      HodgesLehmann.ratio(speeds.map { arms($0.first.values.map(exp), $0.second.values.map(exp)) }))
    #expect(near(ratio.estimate, exp(1.15)))
    #expect(HodgesLehmann.ratio([arms([1, 2], [3, 4]), arms([-1], [2])]) == nil)
  }

  /// Weights that are no small whole numbers are rounded, and the test stays exact for them.
  @Test func manySizes() throws {
    let sizes = [(5, 6), (7, 9), (11, 12), (13, 3), (8, 14), (17, 2)]
    let strata = sizes.map { n, m -> HodgesLehmann.Arms in
      let first = (0..<n).map { Double($0 * 7 % 11) + 0.3 }
      let second = (0..<m).map { Double($0 * 5 % 13) }
      return arms(first, second)
    }
    let test = try #require(VanElteren(strata))
    let products = zip(test.weights, sizes).map { weight, size -> Double in
      Double(weight * (size.0 + size.1 + 1))
    }
    let largest: Double = products.max() ?? 0
    #expect(products.allSatisfy { $0 > 0.99 * largest })
    #expect(test.p() > 0 && test.p() <= 1)
  }

  @Test func heterogeneityOfRanks() throws {
    let base = (0..<12).map { 1 + Double($0) / 100 }
    func scaled(_ factor: Double) -> [Double] { base.map { $0 * factor } }
    let alike = [arms(scaled(2), base), arms(scaled(2.001), base), arms(scaled(1.999), base)]
    let common = try #require(HodgesLehmann.ratio(alike)?.estimate)
    #expect(try #require(VanElteren.heterogeneity(alike) { $0 * common }) > 0.5)
    let opposite = [arms(scaled(2), base), arms(scaled(0.5), base)]
    let average = try #require(HodgesLehmann.ratio(opposite)?.estimate)
    #expect(try #require(VanElteren.heterogeneity(opposite) { $0 * average }) < 1e-6)
    #expect(VanElteren.heterogeneity([alike[0]]) { $0 } == nil)
    #expect(VanElteren.heterogeneity([arms([1], [1]), arms([2], [2])]) { $0 } == nil)
  }
}

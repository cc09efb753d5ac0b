// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis

/// Reference values: the tables in every textbook, and exact sums.
struct DistributionTests {
  @Test func normal() {
    #expect(abs(NormalDistribution.quantile(0.975) - Proportion.z95) < 1e-14)
    #expect(NormalDistribution.quantile(0.5) == 0 && NormalDistribution.cdf(0) == 0.5)
    #expect(NormalDistribution.quantile(0) == -.infinity)
    #expect(NormalDistribution.quantile(1) == .infinity)
    // Abramowitz and Stegun, table 26.1: Q(5) = 2.866516e-7.
    #expect(abs(NormalDistribution.cdf(-5) / 2.8665157187919333e-7 - 1) < 1e-12)
    for p in [1e-12, 0.001, 0.2, 0.7, 0.999] {
      #expect(abs(NormalDistribution.cdf(NormalDistribution.quantile(p)) / p - 1) < 1e-12)
    }
  }

  /// With 1 and 2 degrees of freedom there are closed forms: Cauchy, and 1/2 + t / (2 sqrt(2 + t^2)).
  @Test func student() {
    #expect(abs(StudentDistribution(degrees: 1).cdf(1) - 0.75) < 1e-14)
    #expect(abs(StudentDistribution(degrees: 1).quantile(0.975) - 12.706204736174696) < 1e-11)
    for t in [-7.0, -0.5, 0, 2, 40] {
      let exact = 0.5 + t / (2 * (2 + t * t).squareRoot())
      #expect(abs(StudentDistribution(degrees: 2).cdf(t) - exact) < 1e-14)
    }
    #expect(abs(StudentDistribution(degrees: 18).quantile(0.975) - 2.10092204024096) < 1e-12)
    #expect(StudentDistribution(degrees: 3).cdf(.infinity) == 1)
    // Far out, where a naive upper tail would be 0.
    #expect(StudentDistribution(degrees: 30).p(40, .greater) > 0)
    // Many degrees are the normal distribution.
    #expect(abs(StudentDistribution(degrees: 1e7).quantile(0.975) - Proportion.z95) < 1e-6)
  }

  /// With 2 degrees of freedom the upper tail is exp(-x/2); with 1 it is the normal's two tails.
  @Test func chiSquared() {
    for x in [0.01, 1, 5, 80, 600] {
      let two = ChiSquaredDistribution(degrees: 2).upperTail(x)
      #expect(abs(two / exp(-x / 2) - 1) < 1e-12)
      let one = ChiSquaredDistribution(degrees: 1).upperTail(x)
      #expect(abs(one / (2 * NormalDistribution.cdf(-x.squareRoot())) - 1) < 1e-11)
    }
    #expect(abs(ChiSquaredDistribution(degrees: 1).quantile(0.95) - 3.841458820694124) < 1e-12)
    #expect(abs(ChiSquaredDistribution(degrees: 10).quantile(0.05) - 3.940299136116503) < 1e-11)
    #expect(ChiSquaredDistribution(degrees: 3).quantile(1) == .infinity)
    #expect(ChiSquaredDistribution(degrees: 3).quantile(0) == 0)
  }

  /// The cdf by the incomplete beta function against the sum itself, and the quantile against its definition.
  @Test(arguments: [(0, 0.3), (1, 0.5), (20, 0.5), (100, 0.99), (37, 0.01), (12, 0), (12, 1)])
  func binomial(_ n: Int, _ p: Double) {
    let distribution = BinomialDistribution(n: n, p: p)
    var sum = 0.0
    for k in 0...n {
      sum += distribution.probabilities[k]
      #expect(abs(distribution.cdf(k) - min(1, sum)) < 1e-12)
    }
    #expect(abs(sum - 1) < 1e-12)
    for q in [0.025, 0.5, 0.975] {
      let k = distribution.quantile(q)
      #expect(distribution.cdf(k) >= q && distribution.cdf(k - 1) < q)
    }
    #expect(distribution.cdf(-1) == 0 && distribution.cdf(n) == 1)
  }

  @Test func binomialTestsOfACount() {
    let coin = BinomialDistribution(n: 14, p: 0.5)
    // 1, 14, 91 and 364 of 16384 at each end.
    #expect(abs(coin.p(11, .twoSided) - 2 * 470.0 / 16384) < 1e-13)
    #expect(abs(coin.p(11, .greater) - 470.0 / 16384) < 1e-13)
    #expect(abs(coin.p(3, .less) - 470.0 / 16384) < 1e-13)
    #expect(coin.p(7, .twoSided) == 1)
    // The median of an odd number of tosses: exactly half is reached, whatever its rounding.
    for n in stride(from: 1, through: 99, by: 2) {
      #expect(BinomialDistribution(n: n, p: 0.5).quantile(0.5) == (n - 1) / 2)
    }
  }

  @Test func hypergeometric() {
    let tea = HypergeometricDistribution(first: 4, second: 4, events: 4)
    #expect(tea.range == 0...4)
    for (probability, ways) in zip(tea.probabilities, [1.0, 16, 36, 16, 1]) {
      #expect(abs(probability - ways / 70) < 1e-14)
    }
    #expect(HypergeometricDistribution(first: 2, second: 5, events: 6).range == 1...2)
    #expect(HypergeometricDistribution(first: 3, second: 3, events: 0).probabilities == [1])
  }
}

// SPDX-License-Identifier: Apache-2.0
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
    #expect(StudentDistribution(degrees: 30).cdf(-40) > 0)
    // Many degrees are the normal distribution.
    #expect(abs(StudentDistribution(degrees: 1e7).quantile(0.975) - Proportion.z95) < 1e-6)
  }

  /// By the incomplete beta function P(X <= k) is I_(1 - p)(n - k, k + 1): against the sum itself.
  @Test(arguments: [(1, 0.5), (20, 0.5), (100, 0.99), (37, 0.01)])
  func binomial(_ n: Int, _ p: Double) {
    var sum = 0.0
    for (k, probability) in BinomialFamily(n: n).probabilities(p).enumerated() {
      sum += probability
      let cdf =
        k == n ? 1 : SpecialFunctions.incompleteBeta(1 - p, Double(n - k), Double(k) + 1)
      #expect(abs(cdf - sum) < 1e-12)
    }
    #expect(BinomialFamily(n: 2).probabilities(0) == [1, 0, 0])
    #expect(BinomialFamily(n: 2).probabilities(1) == [0, 0, 1])
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

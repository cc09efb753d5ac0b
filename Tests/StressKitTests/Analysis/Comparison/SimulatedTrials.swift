// SPDX-License-Identifier: Apache-2.0
import Glibc

@testable import StressAnalysis
@testable import StressCore

/// Random trials with known truth.
struct SimulatedTrials {
  var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  /// Of values in a trial, as they come in records.
  enum Shape: CaseIterable {
    /// Throughput of a throttled disk: 2 % about its mean.
    case steady
    /// Of a disk that others use as well.
    case lognormal
    /// No variance to speak of: stalls.
    case heavyTailed
    /// Throughput at the disk's limit: a few values, over and over.
    case tied
  }

  mutating func uniform() -> Double {
    // Above 0, for logarithms.
    (Double(random.next() >> 11) + 0.5) / 9_007_199_254_740_992
  }

  /// Standard normal, by G. E. P. Box and M. E. Muller.
  mutating func normal() -> Double { sqrt(-2 * log(uniform())) * cos(2 * Double.pi * uniform()) }

  mutating func value(_ shape: Shape) -> Double {
    switch shape {
    case .steady: exp(0.02 * normal())
    case .lognormal: exp(0.3 * normal())
    case .heavyTailed: pow(uniform(), -1.5)
    case .tied: 4 + (normal() * 1.2).rounded() / 10
    }
  }

  mutating func sample(_ shape: Shape, _ count: Int) -> OrderedSample {
    OrderedSample((0..<count).map { _ in value(shape) })
  }

  mutating func events(_ rate: Double, of count: Int) -> Int {
    (0..<count).count { _ in uniform() <= rate }
  }
}

/// Prints a figure for docs/statistics.md when WBSTRESS_FIGURES is set.
func figure(_ name: String, _ shares: Double...) {
  guard getenv("WBSTRESS_FIGURES") != nil else { return }
  print(
    "figure:", name, shares.map { "\(($0 * 10_000).rounded() / 100) %" }.joined(separator: ", "))
}

/// Null distributions that thousands of comparisons have in common.
struct RankSumCache {
  private struct Key: Hashable {
    var first: Int
    var groups: [Int]
  }
  private var known: [Key: RankSumDistribution] = [:]

  /// As `MannWhitney.p`, which would compute each anew.
  mutating func p(_ test: MannWhitney) -> Double {
    let key = Key(first: test.first, groups: test.groups)
    let null =
      known[key]
      ?? RankSumDistribution(first: test.first, second: test.second, groups: test.groups)
    known[key] = null
    return null.p(test.u, .twoSided)
  }
}

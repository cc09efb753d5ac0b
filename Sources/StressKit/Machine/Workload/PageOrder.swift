// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// Which page of hot memory is touched next. Needs no table, which would be charged to the worker.
struct PageOrder {
  private let distribution: Profile.Pinned.Distribution
  private let pages: UInt64
  private var random: SplitMix64
  private var last: UInt64
  private let zipf: Zipf
  private let permutation: Permutation

  /// - Parameter pages: how many there are, at least one.
  init(_ distribution: Profile.Pinned.Distribution, pages: UInt64, seed: UInt64) {
    self.distribution = distribution
    self.pages = pages
    random = SplitMix64(seed: seed)
    last = pages - 1
    zipf = Zipf(pages)
    permutation = Permutation(of: pages, seed: seed)
  }

  /// A number below `pages`.
  mutating func next() -> UInt64 {
    switch distribution {
    case .uniform:
      // Off by less than 2^-64 of the number of pages.
      return random.next().multipliedFullWidth(by: pages).high
    case .zipf:
      return permutation[zipf.sample(&random) - 1]
    case .sequential:
      last = last + 1 == pages ? 0 : last + 1
      return last
    }
  }

  /// Ranks 1 to n, the kth as often as 1/k.
  ///
  /// Hörmann, Derflinger: "Rejection-inversion to generate variates from monotone discrete distributions",
  /// ACM TOMACS 6(3), 1996, for exponent 1, where the integral is the logarithm.
  struct Zipf {
    private let count: UInt64
    private let first: Double
    private let last: Double
    /// Ranks within this of the inverse need no second look.
    private let near: Double

    init(_ count: UInt64) {
      self.count = count
      first = log(1.5) - 1
      last = log(Double(count) + 0.5)
      near = 2 - exp(log(2.5) - 0.5)
    }

    func sample(_ random: inout SplitMix64) -> UInt64 {
      while true {
        let u = last + Double(random.next() >> 11) * 0x1p-53 * (first - last)
        let x = exp(u)
        let rank = min(max((x + 0.5).rounded(.down), 1), Double(count))
        if rank - x <= near || u >= log(rank + 0.5) - 1 / rank { return UInt64(rank) }
      }
    }
  }

  /// A fixed random order of 0..<n: a Feistel network over the next power of four, walked until it is back
  /// below n.
  struct Permutation {
    private let count: UInt64
    private let bits: UInt64
    private let keys: (UInt64, UInt64, UInt64, UInt64)

    init(of count: UInt64, seed: UInt64) {
      self.count = count
      bits = UInt64(max(1, (64 - (count - 1).leadingZeroBitCount + 1) / 2))
      var random = SplitMix64(seed: seed)
      keys = (random.next(), random.next(), random.next(), random.next())
    }

    subscript(_ index: UInt64) -> UInt64 {
      var at = index
      repeat { at = shuffled(at) } while at >= count
      return at
    }

    private func shuffled(_ value: UInt64) -> UInt64 {
      let mask: UInt64 = 1 << bits - 1
      var left = value >> bits
      var right = value & mask
      func round(_ key: UInt64) {
        var mixed = SplitMix64(seed: right ^ key)
        (left, right) = (right, left ^ mixed.next() & mask)
      }
      round(keys.0)
      round(keys.1)
      round(keys.2)
      round(keys.3)
      return left << bits | right
    }
  }
}

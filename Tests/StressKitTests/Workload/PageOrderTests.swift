// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

struct PageOrderTests {
  @Test(arguments: [1, 2, 3, 4, 5, 16, 17, 1000, 4096, 4097] as [UInt64])
  func permutesEveryPage(_ count: UInt64) {
    let permutation = PageOrder.Permutation(of: count, seed: 9)
    let there = (0..<count).map { permutation[$0] }
    #expect(there.sorted() == Array(0..<count))
    if count >= 1000 {
      // In no order: neighbours lie far from each other, on average a third of all.
      let steps = zip(there, there.dropFirst()).map { abs(Double($0) - Double($1)) }
      let mean = steps.reduce(0, +) / Double(steps.count)
      #expect(abs(mean / Double(count) - 1 / 3) < 0.05)
      #expect(there != (0..<count).map { PageOrder.Permutation(of: count, seed: 10)[$0] })
    }
  }

  /// The kth rank has 1/(k H_n) of all samples, within five standard deviations.
  @Test(arguments: [1, 2, 7, 1000, 65_536] as [UInt64])
  func zipfRanks(_ count: UInt64) {
    let samples = 200_000
    var random = SplitMix64(seed: 4)
    let zipf = PageOrder.Zipf(count)
    var seen = [Int](repeating: 0, count: Int(count) + 1)
    for _ in 0..<samples { seen[Int(zipf.sample(&random))] += 1 }
    #expect(seen[0] == 0)
    let harmonic = (1...count).reduce(0) { $0 + 1 / Double($1) }
    for rank in [1, 2, 3, 5, 7, 100, 1000] where rank <= Int(count) {
      let share = 1 / (Double(rank) * harmonic)
      let expected = share * Double(samples)
      let deviation = sqrt(expected * (1 - share))
      #expect(abs(Double(seen[rank]) - expected) <= 5 * deviation + 0.5, "rank \(rank)")
    }
  }

  @Test func zipfPages() {
    var order = PageOrder(.zipf, pages: 1000, seed: 5)
    var seen = [Int](repeating: 0, count: 1000)
    for _ in 0..<100_000 { seen[Int(order.next())] += 1 }
    let harmonic = (1...1000).reduce(0) { $0 + 1 / Double($1) }
    let top = seen.indices.max { seen[$0] < seen[$1] }
    #expect(abs(Double(seen.max() ?? 0) / 100_000 * harmonic - 1) < 0.05)
    // Where the first rank lies is the permutation's matter.
    #expect(UInt64(top ?? -1) == PageOrder.Permutation(of: 1000, seed: 5)[0])
  }

  @Test func uniformAndSequential() {
    var uniform = PageOrder(.uniform, pages: 10, seed: 6)
    var seen = [Int](repeating: 0, count: 10)
    for _ in 0..<100_000 { seen[Int(uniform.next())] += 1 }
    #expect(seen.allSatisfy { abs($0 - 10_000) < 500 })
    var sequential = PageOrder(.sequential, pages: 3, seed: 6)
    #expect((0..<7).map { _ in sequential.next() } == [0, 1, 2, 0, 1, 2, 0])
    var single = PageOrder(.uniform, pages: 1, seed: 6)
    #expect((0..<3).map { _ in single.next() } == [0, 0, 0])
  }
}

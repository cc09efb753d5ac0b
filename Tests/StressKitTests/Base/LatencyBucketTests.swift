// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct LatencyBucketTests {
  @Test func isLessThanAThousandthTooLow() {
    var random = SplitMix64(seed: 2)
    for _ in 0..<100_000 {
      let value = random.next() >> (random.next() % 64)
      let bucket = LatencyBucket.of(value)
      let told = LatencyBucket.lowest(bucket)
      #expect(told <= value && Double(value - told) < 0.001 * Double(max(value, 1)))
      #expect(LatencyBucket.of(told) == bucket)
      // The top 11 bits, as an HdrHistogram of three digits has it.
      #expect(told == value & UInt64.max << UInt64(max(0, 53 - value.leadingZeroBitCount)))
    }
  }

  @Test func everyValueHasOne() {
    #expect(LatencyBucket.of(0) == 0 && LatencyBucket.lowest(0) == 0)
    #expect(LatencyBucket.of(2047) == 2047 && LatencyBucket.of(2048) == 2048)
    #expect(LatencyBucket.of(2049) == 2048 && LatencyBucket.of(2050) == 2049)
    #expect(LatencyBucket.of(.max) == LatencyBucket.count - 1)
    // A day is 86,400,000,000,000 ns.
    #expect(LatencyBucket.lowest(LatencyBucket.of(86_400_000_000_000)) > 86_350_000_000_000)
  }

  @Test func bucketsAscend() {
    let lowest = (0..<LatencyBucket.count).map(LatencyBucket.lowest)
    #expect(zip(lowest, lowest.dropFirst()).allSatisfy { $0 < $1 })
    #expect(lowest.indices.allSatisfy { LatencyBucket.of(lowest[$0]) == $0 })
  }

  @Test func histogramsKeepEveryLatency() {
    var histogram = LatencyHistogram(upTo: 1_000_000)
    #expect(histogram.pairs.isEmpty && histogram.percentile(0.5) == 0)
    for latency: UInt64 in 1...100 { histogram.record(latency) }
    #expect(histogram.percentile(0.5) == 50 && histogram.percentile(0.99) == 99)
    #expect(histogram.percentile(1) == 100 && histogram.percentile(0) == 1)
    histogram.record(5000)
    histogram.record(5001)
    histogram.record(.max)
    let last = histogram.pairs.suffix(2)
    #expect(last.map(\.count) == [2, 1])
    // What is longer than it takes counts as the longest, to its bucket.
    #expect(
      last.map(\.value) == [5000, 1_000_000].map { LatencyBucket.lowest(LatencyBucket.of($0)) })
    #expect(histogram.pairs.reduce(0) { $0 + $1.count } == 103)
  }
}

// SPDX-License-Identifier: Apache-2.0

/// How often latencies came, by their `LatencyBucket`. Its memory is allocated and touched as it is made; counting
/// allocates nothing.
package struct LatencyHistogram: Sendable {
  private let longest: UInt64
  private var counts: [UInt32]

  /// - Parameter longest: what is longer counts as that; in any unit.
  package init(upTo longest: UInt64) {
    self.longest = longest
    counts = Array(repeating: 0, count: LatencyBucket.of(longest) + 1)
  }

  /// What one takes, bytes.
  package static func memory(upTo longest: UInt64) -> Int {
    (LatencyBucket.of(longest) + 1) * MemoryLayout<UInt32>.stride
  }

  package mutating func record(_ latency: UInt64) {
    counts[LatencyBucket.of(min(latency, longest))] &+= 1
  }

  /// The lowest value of each bucket that is not empty, and how often it came.
  package var pairs: [(value: UInt64, count: UInt64)] {
    counts.withUnsafeBufferPointer { Self.pairs($0) }
  }

  /// Of counts by bucket, wherever they are.
  package static func pairs(
    _ counts: UnsafeBufferPointer<UInt32>
  ) -> [(value: UInt64, count: UInt64)] {
    counts.indices.compactMap { i in
      counts[i] == 0 ? nil : (value: LatencyBucket.lowest(i), count: UInt64(counts[i]))
    }
  }

  /// By nearest rank, to its bucket: what at least a share `q` did not exceed; 0: there is none.
  package func percentile(_ q: Double) -> UInt64 {
    let pairs = pairs
    let rank = q * Double(pairs.reduce(0) { $0 + $1.count })
    var seen = 0.0
    // 0.99 * 100 is a little more than 99 in binary.
    let found = pairs.first { pair in
      seen += Double(pair.count)
      return seen >= rank - 1e-9
    }
    return found?.value ?? 0
  }
}

// SPDX-License-Identifier: Apache-2.0

/// The buckets of all latency histograms: a value by its top 11 bits, as an HdrHistogram with three
/// significant digits has it. What a bucket stands for is less than 0.1 % (2^-10) below what was measured.
package enum LatencyBucket {
  /// One bucket for each value below 2048, then 1024 for every power of two: any UInt64 has one.
  package static let count = 2048 + 53 * 1024

  package static func of(_ value: UInt64) -> Int {
    let shift = max(0, 53 &- value.leadingZeroBitCount)
    return shift &<< 10 &+ Int(truncatingIfNeeded: value &>> UInt64(truncatingIfNeeded: shift))
  }

  /// The lowest of a bucket's values.
  package static func lowest(_ bucket: Int) -> UInt64 {
    if bucket < 2048 { return UInt64(bucket) }
    let shift = bucket >> 10 - 1
    return UInt64(bucket - shift << 10) << UInt64(shift)
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// How long operations of one kind took over time: how many of which latency ended in which second.
package struct LatencyHeatMap: Sendable, Equatable {
  /// Operations that ended in one column of time, and took from 2^`exponent` ns to less than twice that.
  ///
  /// The record's values are cut to their top 11 bits, which moves none of them across a power of two.
  package struct Tile: Sendable, Equatable {
    package var column: Int
    package var exponent: Int
    package var count: Int
  }

  /// `write`, `fsync`, `memcg-reclaim`, ...: as the record's `latency` lines call it.
  package var of: String
  /// Of the first column, CLOCK_BOOTTIME in ns, and how long each is: whole seconds.
  package var start: Int64
  package var width: Int64
  /// By column, then by exponent.
  package var tiles: [Tile]

  private static let second: Int64 = 1_000_000_000

  /// - Parameters:
  ///   - window: CLOCK_BOOTTIME in ns; seconds that it does not touch are left out.
  ///   - most: columns at most.
  /// - Returns: one for each kind, in the order of the record.
  package static func all(
    in record: RecordReader, _ window: ClosedRange<Int64>, most: Int
  ) -> [LatencyHeatMap] {
    let start = max(0, window.lowerBound) / second * second
    let seconds = (window.upperBound - start) / second + 1
    let width = max(1, (seconds + Int64(most) - 1) / Int64(most)) * second
    var kinds: [String] = []
    var counts: [String: [[Int]: Int]] = [:]
    record.forEach(LatencyLine.self) { line in
      let line = LatencyLine(line)
      guard let from = line.from, from >= start, from <= window.upperBound,
        let of = line.of.map({ LatencyLine.kind($0, mount: line.mount) })
      else { return }
      if counts[of] == nil { kinds.append(of) }
      let column = Int((from - start) / width)
      for (value, count) in Distribution.pairs(line.values) {
        counts[of, default: [:]][[column, exponent(value)], default: 0] += count
      }
    }
    return kinds.map { of in
      let tiles = (counts[of] ?? [:]).map { Tile(column: $0[0], exponent: $0[1], count: $1) }
      return LatencyHeatMap(
        of: of, start: start, width: width,
        tiles: tiles.sorted { ($0.column, $0.exponent) < ($1.column, $1.exponent) })
    }
  }

  /// The power of two at or below a latency in ns; of 0, too, it is 0.
  package static func exponent(_ latency: Double) -> Int {
    latency >= 2 ? Int(latency.exponent) : 0
  }
}

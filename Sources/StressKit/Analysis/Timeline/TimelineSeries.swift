// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// Time cut into bins of one length: what the points of a chart stand for.
package struct TimeBins: Sendable, Equatable {
  /// CLOCK_BOOTTIME, ns.
  package let start: Int64
  /// ns, more than 0.
  package let width: Int64
  package let count: Int

  /// - Parameters:
  ///   - window: what the bins cover, CLOCK_BOOTTIME in ns.
  ///   - least: the shortest bin, ns: a sampling interval, of which there is no finer part.
  ///   - most: so many bins at most.
  package init(_ window: ClosedRange<Int64>, least: Int64, most: Int) {
    let length = max(1, window.upperBound - window.lowerBound)
    start = window.lowerBound
    width = max(1, least, (length + Int64(most) - 1) / Int64(most))
    count = Int((length + width - 1) / width)
  }

  /// The bins that an interval overlaps, each with for how long (ns).
  func forEachOverlap(from: Int64, until: Int64, _ body: (Int, Int64) -> Void) {
    var at = max(from, start)
    let end = min(until, start + width * Int64(count))
    while at < end {
      let bin = Int((at - start) / width)
      let next = min(end, start + width * Int64(bin + 1))
      body(bin, next - at)
      at = next
    }
  }
}

/// A counter over time, as a chart shows it: for each bin what lies between its least and its greatest value.
package struct TimelineSeries: Sendable, Equatable {
  /// What is measured of what: a cgroup's file, a stream.
  package var name: String
  package var bins: TimeBins
  /// nil: nothing is known of the bin.
  package private(set) var low: [Int64?]
  package private(set) var high: [Int64?]

  /// What a page's scripts can count with, and a difference of two: beyond it a record is damaged, and nothing known.
  private static let sane: ClosedRange<Int64> = -1 << 52...1 << 52

  /// A reading stands until the next one, for so many sampling intervals at most: beyond it is a gap.
  private static let reach = 2.5

  private init(_ name: String, _ bins: TimeBins) {
    self.name = name
    self.bins = bins
    low = [Int64?](repeating: nil, count: bins.count)
    high = low
  }

  /// Whether there is any value, and one that is not 0.
  package var isTold: Bool { high.contains { $0 != nil } }
  package var moves: Bool { high.contains { $0 != nil && $0 != 0 } }

  /// A gauge: how much there was.
  ///
  /// - Parameter scale: turns a reading into the series' unit.
  package init(
    gauge name: String, _ column: LaneColumn, of lane: Lane, _ bins: TimeBins,
    scale: (Int64) -> Int64
  ) {
    self.init(name, bins)
    let reach = Self.reach(lane, bins)
    for (i, (time, reading)) in zip(lane.times, column.values).enumerated() {
      guard let reading else { continue }
      let value = scale(reading)
      let next = i + 1 < lane.times.count ? lane.times[i + 1] : .max
      bins.forEachOverlap(from: time, until: min(next, time + reach)) { bin, _ in
        widen(bin, value, value)
      }
    }
  }

  /// A total: how fast it grew. Of a bin it is all the growth in it by the time that readings cover, which
  /// has to be more than half of it; the least and the greatest are the same.
  ///
  /// - Parameter scale: turns a growth by second into the series' unit.
  package init(
    rate name: String, _ column: LaneColumn, of lane: Lane, _ bins: TimeBins,
    scale: (Double) -> Double
  ) {
    let readings = zip(lane.times, column.values).map { (time: $0, value: $1) }
    self.init(name, readings, reach: Self.reach(lane, bins), bins, scale)
  }

  /// The same of readings that were not taken at an interval.
  package init(
    rate name: String, _ readings: [(time: Int64, value: Int64?)], _ bins: TimeBins,
    scale: (Double) -> Double
  ) {
    self.init(name, readings, reach: .max, bins, scale)
  }

  private init(
    _ name: String, _ readings: [(time: Int64, value: Int64?)], reach: Int64, _ bins: TimeBins,
    _ scale: (Double) -> Double
  ) {
    self.init(name, bins)
    var growth = [Double](repeating: 0, count: bins.count)
    var covered = [Int64](repeating: 0, count: bins.count)
    for (before, after) in zip(readings, readings.dropFirst()) {
      let length = after.time - before.time
      guard let a = before.value, let b = after.value, a <= b, 0 < length, length <= reach else {
        continue
      }
      bins.forEachOverlap(from: before.time, until: after.time) { bin, overlap in
        growth[bin] += (Double(b) - Double(a)) * Double(overlap) / Double(length)
        covered[bin] += overlap
      }
    }
    for bin in 0..<bins.count where covered[bin] > bins.width / 2 {
      let rate = scale(growth[bin] / (Double(covered[bin]) / 1e9)).rounded()
      if let rate = Int64(exactly: rate) { widen(bin, rate, rate) }
    }
  }

  private static func reach(_ lane: Lane, _ bins: TimeBins) -> Int64 {
    Int64(Double(lane.interval ?? bins.width) * reach)
  }

  private mutating func widen(_ bin: Int, _ least: Int64, _ greatest: Int64) {
    guard Self.sane.contains(least), Self.sane.contains(greatest) else { return }
    low[bin] = min(low[bin] ?? least, least)
    high[bin] = max(high[bin] ?? greatest, greatest)
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// Where the samples of a lane lie on a trial's grid.
struct LaneGrid {
  /// The samples of each bin; empty where none fell into it.
  fileprivate let samples: [Range<Int>]
  /// Of each sample its bin; nil outside of the streams' time.
  fileprivate let binOf: [Int32?]
  /// Of each bin how long its samples' intervals took, s: each from the sample before it.
  fileprivate let seconds: [Double]

  init(_ lane: Lane, _ events: TrialEvents) {
    var samples = [Range<Int>](repeating: 0..<0, count: events.bins)
    var seconds = [Double](repeating: 0, count: events.bins)
    binOf = lane.times.map { time in events.bin(of: time).map { Int32($0) } }
    for (sample, bin) in binOf.enumerated() {
      guard let bin = bin.map(Int.init) else { continue }
      samples[bin] = (samples[bin].isEmpty ? sample : samples[bin].lowerBound)..<sample + 1
      if sample > 0 {
        seconds[bin] += Double(lane.times[sample] - lane.times[sample - 1]) / 1e9
      }
    }
    self.samples = samples
    self.seconds = seconds
  }
}

/// A counter on a trial's grid: a gauge's mean, or a total's growth per second over the intervals that end in
/// a bin, so that no bin knows of what came after it. NaN: unknown, or no sample.
struct BinnedColumn {
  private(set) var values: [Float]
  /// Whether it was ever another than at first while the streams ran.
  private(set) var moves = false

  init(_ column: LaneColumn, _ kind: CounterKind, _ grid: LaneGrid) {
    values = [Float](repeating: .nan, count: grid.samples.count)
    switch kind {
    case .gauge: fillMeans(column, grid)
    case .cumulative: fillRates(column, grid)
    }
    let first = values.first { !$0.isNaN }
    moves = values.contains { !$0.isNaN && $0 != first }
  }

  private mutating func fillMeans(_ column: LaneColumn, _ grid: LaneGrid) {
    var sums = [Double](repeating: 0, count: values.count)
    var counts = [Int32](repeating: 0, count: values.count)
    column.forEachRun { run, value in
      guard let value else { return }
      Self.forEachBin(of: run, grid) { bin, samples in
        sums[bin] += Double(value) * Double(samples)
        counts[bin] += Int32(samples)
      }
    }
    for bin in values.indices where counts[bin] > 0 {
      values[bin] = Float(sums[bin] / Double(counts[bin]))
    }
  }

  private mutating func fillRates(_ column: LaneColumn, _ grid: LaneGrid) {
    var growth = [Double](repeating: 0, count: values.count)
    var last: Int64?
    column.forEachRun { run, value in
      let before = last
      last = value
      guard let value else {
        return Self.forEachBin(of: run, grid) { bin, _ in growth[bin] = .nan }
      }
      guard let first = grid.binOf[run.lowerBound].map(Int.init) else { return }
      // A total that falls was reset, or is damaged: either way its growth is not known.
      let step = before.map { Double(value) - Double($0) } ?? .nan
      growth[first] += step < 0 ? .nan : step
    }
    for bin in values.indices where grid.seconds[bin] > 0 {
      values[bin] = Float(growth[bin] / grid.seconds[bin])
    }
  }

  /// Gives the bins that the samples of a run lie in, and how many in each.
  private static func forEachBin(
    of run: Range<Int>, _ grid: LaneGrid, _ body: (_ bin: Int, _ samples: Int) -> Void
  ) {
    var sample = run.lowerBound
    while sample < run.upperBound {
      guard let bin = grid.binOf[sample].map(Int.init) else {
        sample += 1
        continue
      }
      let end = min(run.upperBound, grid.samples[bin].upperBound)
      body(bin, end - sample)
      sample = end
    }
  }
}

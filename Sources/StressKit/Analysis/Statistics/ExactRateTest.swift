// SPDX-License-Identifier: Apache-2.0
import Glibc

/// An exact test of two rates for arms of given sizes, with every table that these can give in the order in
/// which it counts as evidence. What depends on the sizes alone (p-values, the region of rejection, the real
/// size, power) is computed from that order.
package struct ExactRateTest: Sendable {
  package enum Method: Sendable, CaseIterable {
    /// Conditional on the number of events in both arms. Its real size is mostly far below the level.
    case fisher
    /// Unconditional, with Fisher's p-value as the statistic: never less powerful than Fisher's test.
    /// R. D. Boschloo, Statistica Neerlandica 24 (1970) 1.
    case boschloo
  }

  package let method: Method
  package let alternative: Alternative
  /// Trials in the first and in the second arm; at least one each.
  package let sizes: (first: Int, second: Int)
  /// Fisher's p-value of each table (events of the first arm, then of the second, row by row): the less, the
  /// stronger the evidence.
  private let statistics: [Double]

  package init(
    _ method: Method, first: Int, second: Int, alternative: Alternative = .twoSided
  ) {
    precondition(first > 0 && second > 0, "\(first) and \(second) trials")
    self.method = method
    self.alternative = alternative
    sizes = (first, second)
    statistics = Self.fisher(first, second, alternative)
  }

  /// The p-value of a table with these events.
  package func p(_ first: Int, _ second: Int) -> Double {
    let statistic = statistics[index(first, second)]
    if method == .fisher { return statistic }
    // All tables that are as strong, but for rounding.
    return min(1, region(upTo: statistic * (1 + 1e-7)).size)
  }

  /// The p-values of all tables, by events of the first and then of the second arm.
  package var table: [[Double]] {
    (0...sizes.first).map { a in (0...sizes.second).map { p(a, $0) } }
  }

  /// The tables whose p-value is at most `level`.
  package func region(level: Double) -> RejectionRegion {
    if method == .fisher { return region(upTo: level) }
    // A stronger statistic never has the larger p-value.
    let levels = Set(statistics).sorted()
    var accepted = 0
    var low = 0
    var high = levels.count
    while low < high {
      let middle = (low + high) / 2
      if region(upTo: levels[middle] * (1 + 1e-7)).size <= level {
        accepted = middle + 1
        low = middle + 1
      } else {
        high = middle
      }
    }
    return region(upTo: accepted == 0 ? -.infinity : levels[accepted - 1])
  }

  private func region(upTo limit: Double) -> RejectionRegion {
    RejectionRegion(first: sizes.first, second: sizes.second) {
      statistics[index($0, $1)] <= limit
    }
  }

  private func index(_ first: Int, _ second: Int) -> Int { first * (sizes.second + 1) + second }

  /// Fisher's p-value of every table.
  private static func fisher(_ first: Int, _ second: Int, _ alternative: Alternative) -> [Double] {
    var all = [Double](repeating: 1, count: (first + 1) * (second + 1))
    for events in 0...(first + second) {
      let null = HypergeometricDistribution(first: first, second: second, events: events)
      for (k, p) in zip(null.range, null.p(alternative)) {
        all[k * (second + 1) + events - k] = p
      }
    }
    return all
  }
}

/// The tables at which a test of two rates rejects.
package struct RejectionRegion: Sendable {
  private let first: BinomialFamily
  private let second: BinomialFamily
  /// For each count of the first arm, runs of counts of the second.
  private let runs: [(first: Int, second: Range<Int>)]

  init(first: Int, second: Int, rejects: (Int, Int) -> Bool) {
    self.first = BinomialFamily(n: first)
    self.second = BinomialFamily(n: second)
    var runs: [(first: Int, second: Range<Int>)] = []
    for a in 0...first {
      var start: Int?
      for b in 0...(second + 1) {
        let isIn = b <= second && rejects(a, b)
        if isIn, start == nil { start = b }
        if !isIn, let from = start {
          runs.append((a, from..<b))
          start = nil
        }
      }
    }
    self.runs = runs
  }

  package func contains(_ first: Int, _ second: Int) -> Bool {
    runs.contains { $0.first == first && $0.second.contains(second) }
  }

  /// The chance that the test rejects, when events have these rates.
  package func power(_ first: Double, _ second: Double) -> Double {
    if runs.isEmpty { return 0 }
    let one = self.first.probabilities(first)
    var below = [0.0]
    for probability in self.second.probabilities(second) {
      below.append(below[below.count - 1] + probability)
    }
    return runs.reduce(0) {
      $0 + one[$1.first] * (below[$1.second.upperBound] - below[$1.second.lowerBound])
    }
  }

  /// The real size: the largest chance of rejection over all rates that both arms could share.
  ///
  /// Over 257 rates that are spaced evenly in arcsine of the square root, where binomial counts have the same
  /// spread everywhere, then refined around each that comes within 2 % of the largest.
  package var size: Double {
    if runs.isEmpty { return 0 }
    let steps = 256
    let shared = { (angle: Double) in
      let rate = sin(angle) * sin(angle)
      return power(rate, rate)
    }
    let angles = (0...steps).map { Double($0) / Double(steps) * Double.pi / 2 }
    let values = angles.map(shared)
    var largest = values.max() ?? 0
    for i in 1..<steps
    where values[i] >= values[i - 1] && values[i] >= values[i + 1] && values[i] >= largest * 0.98 {
      largest = max(largest, Self.peak(of: shared, in: angles[i - 1]...angles[i + 1]))
    }
    return largest
  }

  /// The largest value of a function with one peak in `range`, by golden sections.
  private static func peak(of function: (Double) -> Double, in range: ClosedRange<Double>) -> Double
  {
    let ratio = (5.0.squareRoot() - 1) / 2
    var (low, high) = (range.lowerBound, range.upperBound)
    var left = high - ratio * (high - low)
    var right = low + ratio * (high - low)
    var (atLeft, atRight) = (function(left), function(right))
    // The error of a peak is of the second order: 1e-4 of a step of the grid is enough.
    for _ in 0..<20 {
      if atLeft < atRight {
        low = left
        (left, atLeft) = (right, atRight)
        right = low + ratio * (high - low)
        atRight = function(right)
      } else {
        high = right
        (right, atRight) = (left, atLeft)
        left = high - ratio * (high - low)
        atLeft = function(left)
      }
    }
    return max(atLeft, atRight)
  }
}

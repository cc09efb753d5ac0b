// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord

/// The value at which half of a cell's trials die (OOM50), as far as its trials tell, and what is still to be tried.
///
/// A death is what a verdict counts: an OOM kill, or a machine that panicked, hung or made no end. Trials that say
/// nothing do not count.
package struct CellThreshold: Sendable {
  /// One that counts.
  package struct Trial: Sendable, Equatable {
    package var number: Int
    package var value: UInt64
    package var died: Bool
  }

  package enum Stage: String, CaseIterable, Sendable {
    /// The threshold's interval is as narrow as it should be.
    case found
    /// Nothing dies, or everything, from the range's one end to the other.
    case never, always
    /// More of it kills more in one part of the range, and less in another: there is no one threshold.
    case notMonotonic = "not-monotonic"
    /// Trials one after another say nothing.
    case failed
    /// More trials are needed.
    case open
  }

  package let range: CampaignFile.Threshold.Range
  private let quantity: ProfileQuantity
  /// In the order in which they were taken in.
  package private(set) var trials: [Trial] = []
  package private(set) var posterior: ThresholdPosterior
  /// Trials since the last that counts.
  private var failures = 0

  /// How sure it must be that there is a threshold, or that there is none.
  private static let sure = 0.95
  /// Trials that say nothing, one after another, until a search gives up.
  package static let mostFailures = 3
  /// Fewer trials are not trusted, whatever the posterior says.
  private static let leastTrials = 8
  /// No stretch of the range that is longer than this share of it may be left untried: where a curve that is not
  /// monotonic would show.
  private static let longestGap = 1.0 / 6
  /// Every so many trials one goes into such a stretch.
  private static let checks = 5
  /// Where the curve's median has a rate below this, or above one less this, an outcome contradicts it.
  private static let clear = 0.1

  /// - Parameter cell: the trials' values are among their axes, under the threshold's key.
  package init(_ cell: CellSummary, _ threshold: CampaignFile.Threshold, index: Int) {
    self.init(threshold.ranges[index], threshold.quantity)
    for trial in cell.trials.sorted(by: { $0.number < $1.number }) {
      let text = trial.axes.first { $0.key == threshold.key }?.value
      let value = text.flatMap { try? threshold.quantity.parse($0) }
      add(
        trial.ending.outcome.counts
          ? value.map { Trial(number: trial.number, value: $0, died: trial.hasFailed) } : nil)
    }
  }

  package init(_ range: CampaignFile.Threshold.Range, _ quantity: ProfileQuantity) {
    self.range = range
    self.quantity = quantity
    posterior = ThresholdPosterior(length: Double(range.to - range.from) / Double(range.within))
  }

  /// - Parameter trial: nil: it says nothing.
  package mutating func add(_ trial: Trial?) {
    guard let trial else {
      failures += 1
      return
    }
    failures = 0
    trials.append(trial)
    posterior.add(place(trial.value), died: trial.died)
  }

  package var stage: Stage {
    if failures >= Self.mostFailures { return .failed }
    if monotonicity.evidence >= SafeRateTest.decisive { return .notMonotonic }
    return contradicted == nil && gap == nil ? told : .open
  }

  /// What the posterior alone would end with.
  private var told: Stage {
    let bounds = [ends.from, ends.to].map(\.exactBounds)
    if posterior.neverChance >= Self.sure, bounds.allSatisfy({ $0.upper < 0.5 }) { return .never }
    if posterior.alwaysChance >= Self.sure, bounds.allSatisfy({ $0.lower > 0.5 }) {
      return .always
    }
    let interval = posterior.interval()
    let isNarrow = interval.upper - interval.lower <= 2
    return isNarrow && chance >= (1 + Self.sure) / 2 && trials.count >= Self.leastTrials
      ? .found : .open
  }

  /// The value whose trials mostly contradict what the others tell, latest first; nil: there is none.
  private var contradicted: UInt64? {
    guard let rate = medianCurve else { return nil }
    return trials.reversed().first { trial in
      let those = trials.filter { $0.value == trial.value }
      let died = those.count(where: \.died)
      let rate = rate(place(trial.value))
      return rate < Self.clear && 2 * died >= those.count
        || rate > 1 - Self.clear && 2 * died <= those.count
    }?.value
  }

  /// The rate by the posterior's medians, without guesses and lapses, at its values; nil: too little is known.
  private var medianCurve: ((Double) -> Double)? {
    if posterior.neverChance > Self.sure { return { _ in 0 } }
    if posterior.alwaysChance > Self.sure { return { _ in 1 } }
    guard chance > Self.sure else { return nil }
    let (half, scale) = (posterior.quantile(0.5), posterior.spread.median / log(81))
    let sign = posterior.direction == .rising ? 1.0 : -1
    return { 1 / (1 + exp(-sign * ($0 - half) / scale)) }
  }

  /// The longest stretch of the range that is untried and too long; nil: there is none.
  private var gap: Swift.Range<Double>? {
    let tried = [0] + trials.map { place($0.value) }.sorted() + [posterior.length]
    let longest = zip(tried, tried.dropFirst()).max { $0.1 - $0.0 < $1.1 - $1.0 }
    guard let (from, to) = longest, to - from > Self.longestGap * posterior.length else {
      return nil
    }
    return from..<to
  }

  // MARK: What is known

  /// Of the posterior's values, in the quantity's unit.
  private var unit: Double { Double(range.within) }
  private func value(_ place: Double) -> Double { Double(range.from) + place * unit }
  private func place(_ value: UInt64) -> Double {
    min(max(0, (Double(value) - Double(range.from)) / unit), posterior.length)
  }

  package var monotonicity: MonotonicityTest {
    MonotonicityTest(trials.map { .init(place($0.value) / posterior.length, $0.died) })
  }

  /// Trials at the range's ends.
  package var ends: (from: Proportion, to: Proportion) {
    func outcomes(at value: UInt64) -> Proportion {
      let those = trials.filter { $0.value == value }
      return Proportion(those.count(where: \.died), of: those.count)
    }
    return (outcomes(at: range.from), outcomes(at: range.to))
  }

  /// That there is a threshold within the range: so sure, 0 to 1.
  package var chance: Double { posterior.chance(of: posterior.direction) }

  /// Whether the trials tell of a threshold; else its interval is that of ignorance.
  package var isTold: Bool { chance >= Self.sure && stage != .notMonotonic }

  /// The median of the posterior, in the quantity's unit.
  package var estimate: Double { value(posterior.quantile(0.5)) }

  /// 95 %, in the quantity's unit.
  package var interval: ConfidenceInterval {
    let interval = posterior.interval()
    return ConfidenceInterval(value(interval.lower), value(interval.upper))
  }

  /// From 10 to 90 % of the trials, in the quantity's unit: median and 95 % interval.
  package var spread: (median: Double, interval: ConfidenceInterval) {
    let (median, interval) = posterior.spread
    return (median * unit, ConfidenceInterval(interval.lower * unit, interval.upper * unit))
  }

  package var died: Proportion { Proportion(trials.count(where: \.died), of: trials.count) }

  /// The share that dies at evenly spaced values, ends included.
  package func curve(points: Int) -> [(value: Double, mean: Double, interval: ConfidenceInterval)] {
    (0..<points).map { point in
      let place = posterior.length * Double(point) / Double(points - 1)
      let rate = posterior.rate(at: place)
      return (value(place), rate.mean, rate.interval)
    }
  }

  /// The piece of the range that contradicts a monotonic curve, in the quantity's unit.
  package var contradiction: (piece: MonotonicityTest.Piece, from: Double, to: Double)? {
    guard let piece = monotonicity.piece else { return nil }
    return (piece, value(piece.from * posterior.length), value(piece.to * posterior.length))
  }

  /// How far its threshold is above another cell's: median and 95 % interval, in the quantity's unit. nil: one of
  /// them has none.
  package func difference(less other: CellThreshold) -> (
    median: Double, interval: ConfidenceInterval
  )? {
    guard isTold, other.isTold else { return nil }
    func thresholds(_ cell: CellThreshold) -> [(value: Double, share: Double)] {
      cell.posterior.thresholds.filter { $0.share > 1e-6 }
        .map { (cell.value($0.value), $0.share) }
    }
    let others = thresholds(other)
    var all = thresholds(self).flatMap { one in
      others.map { (one.value - $0.value, one.share * $0.share) }
    }
    all.sort { $0.0 < $1.0 }
    let total = all.reduce(0) { $0 + $1.1 }
    func quantile(_ p: Double) -> Double {
      var below = 0.0
      for (value, share) in all {
        below += share / total
        if below >= p { return value }
      }
      return all.last?.0 ?? 0
    }
    return (quantile(0.5), ConfidenceInterval(quantile(0.025), quantile(0.975)))
  }

  // MARK: What is next

  /// The value of the next trial; of a search that has ended as well.
  ///
  /// - Parameter seed: of the search; the same trials and seed give the same value.
  package func next(seed: UInt64) -> UInt64 {
    if let contradicted { return contradicted }
    var random = SplitMix64(seed: seed &+ UInt64(trials.count))
    if let gap, trials.count % Self.checks == Self.checks - 1 || told != .open {
      let middle = (gap.lowerBound + gap.upperBound) / 2
      let reach = (gap.upperBound - gap.lowerBound) / 8
      return snapped(value(Double.random(in: middle - reach...middle + reach, using: &random)))
    }
    // What shows that there is no threshold is trials at both ends.
    if posterior.neverChance + posterior.alwaysChance > 0.5 {
      return ends.from.trials < ends.to.trials ? range.from : range.to
    }
    return snapped(value(posterior.next(using: &random)))
  }

  /// In whole pages or milliseconds, where these are fine enough.
  private func snapped(_ value: Double) -> UInt64 {
    let steps: [Double] =
      switch quantity {
      case .size, .rate: [4096]
      case .duration: [1_000_000, 1000]
      }
    let step = steps.first { $0 <= unit / 16 } ?? 1
    let snapped = UInt64(max(0, (value / step).rounded() * step))
    return min(max(range.from, snapped), range.to)
  }
}

extension Proportion {
  /// Clopper and Pearson's bounds, each with 95 % by itself; 0:n gives about 3 / n, the rule of three.
  ///
  /// C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404.
  package var exactBounds: ConfidenceInterval {
    let (d, n) = (Double(events), Double(trials))
    func bound(_ a: Double, _ b: Double, _ p: Double) -> Double {
      SpecialFunctions.inverse({ SpecialFunctions.incompleteBeta($0, a, b) }, at: p, in: 0...1)
    }
    return ConfidenceInterval(
      events == 0 ? 0 : bound(d, n - d + 1, 0.05),
      events == trials ? 1 : bound(d + 1, n - d, 0.95))
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What a comparison of these arms could have seen, and what it would take to see what matters. Several strata are
/// taken as one with as many trials, whose values scatter as they do within the strata.
extension Measurement {
  /// The smallest change that arms of these sizes show with a chance of 80 % at `level`, counted as
  /// `Endpoint.matters`: from the base's rate towards the worse (the better, where there is no room), or by
  /// the spread of the values within the arms. nil: none, or the spread is not known.
  package func detectable(level: Double) -> Double? {
    let sizes = (sizes.base, sizes.new)
    switch endpoint.scale {
    case .points:
      guard let rate = base.proportion.rate else { return nil }
      let directions = [endpoint.moreIsWorse, !endpoint.moreIsWorse]
      for isAbove in directions {
        let seen = RatePower.detectable(from: rate, isAbove: isAbove, trials: sizes, level: level)
        if let seen { return abs(seen - rate) }
      }
      return nil
    case .ratio, .shift:
      guard let spread, let shift = ShiftPower.detectable(trials: sizes, level: level) else {
        return nil
      }
      return endpoint.change(shift * spread)
    }
  }

  /// About how many trials each arm needs to settle the endpoint: enough for a chance of 80 % to see the
  /// smallest change that matters, and so many that the same change would either be significant or leave out
  /// what matters. nil: more than can be said, or unknown.
  package func trialsToSettle(level: Double) -> Int? {
    guard let powered = trialsForPower(level: level) else { return nil }
    let same = endpoint.scale == .points ? trialsOfSameRates : trialsForInterval
    return max(powered, same(level) ?? powered)
  }

  /// The fewest trials with which the same rates would be settled.
  private func trialsOfSameRates(_ level: Double) -> Int? {
    guard let one = new.proportion.rate, let two = base.proportion.rate else { return nil }
    return (max(base.count, new.count)...max(300, base.count, new.count)).first { n in
      let arms = [one, two].map { Proportion(Int(($0 * Double(n)).rounded()), of: n) }
      let table = TwoByTwoTable(arms[0], arms[1])
      guard let p = table.fisher(), let interval = table.newcombe() else { return false }
      return p <= level || max(-interval.lower, interval.upper) < endpoint.matters
    }
  }

  private func trialsForPower(level: Double) -> Int? {
    switch endpoint.scale {
    case .points:
      guard let rate = base.proportion.rate else { return nil }
      // The direction in which the rate can change by so much.
      let isAbove =
        endpoint.moreIsWorse ? rate + endpoint.matters <= 1 : rate - endpoint.matters < 0
      let other = rate + (isAbove ? endpoint.matters : -endpoint.matters)
      return RatePower.trials(rate, min(1, max(0, other)), level: level)
    case .ratio, .shift:
      guard let spread else { return nil }
      // Without any spread the fewest trials that can be significant suffice.
      let shift = spread == 0 ? 1e6 : endpoint.additive(endpoint.matters) / spread
      return ShiftPower.trials(shift: shift, level: level)
    }
  }

  /// An interval's width falls with the square root of n.
  private func trialsForInterval(_ level: Double) -> Int? {
    guard let (estimate, interval) = additive, estimate.isFinite else { return nil }
    let matters = endpoint.additive(endpoint.matters)
    let size = abs(estimate)
    let towardsNone = estimate < 0 ? interval.upper - estimate : estimate - interval.lower
    let beyond = estimate < 0 ? estimate - interval.lower : interval.upper - estimate
    // To show a change it is Holm's first step that has to be passed, not 5 %.
    let stricter = NormalDistribution.halfWidth(confidence: 1 - level) / Proportion.z95
    let factors = [
      size > 0 ? towardsNone * stricter / size : .infinity,
      size < matters ? beyond / (matters - size) : .infinity,
    ].filter(\.isFinite)
    guard let factor = factors.min() else { return nil }
    let trials = 2 / (1 / Double(sizes.base) + 1 / Double(sizes.new)) * factor * factor
    return trials < 1e6 ? Int(trials.rounded(.up)) : nil
  }

  /// The standard deviation within the arms, on the additive scale; nil: fewer than three values, or one that
  /// has no logarithm.
  private var spread: Double? {
    let arms = compared.flatMap { [$0.base, $0.new] }
    let samples = arms.map { sample in OrderedSample(sample.values.map(endpoint.additive)) }
    guard samples.allSatisfy({ $0.count > 0 && $0.mean != nil }) else { return nil }
    let degrees = samples.reduce(0) { $0 + $1.count - 1 }
    guard degrees > 0 else { return nil }
    let squares = samples.reduce(0) { $0 + ($1.variance ?? 0) * Double($1.count - 1) }
    return sqrt(squares / Double(degrees))
  }
}

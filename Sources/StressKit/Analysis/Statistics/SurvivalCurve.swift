// SPDX-License-Identifier: Apache-2.0
import Glibc

/// How long a trial ran, and whether the event ended it or the end of the run did.
package struct Lifetime: Equatable, Sendable {
  /// In any unit, such as seconds from the streams' start; 0 or more.
  package let time: Double
  /// Whether the event came at `time`; otherwise it had not come by then (censored).
  package let isEvent: Bool

  package init(_ time: Double, isEvent: Bool) {
    self.time = time
    self.isEvent = isEvent
  }
}

/// The share of trials that is still without the event, over time: the product-limit estimate. A trial that
/// was censored counts among those at risk up to its time, and including it.
///
/// E. L. Kaplan and P. Meier, JASA 53 (1958) 457.
package struct SurvivalCurve: Equatable, Sendable {
  /// A time at which there were events.
  package struct Step: Equatable, Sendable {
    package let time: Double
    /// Trials without the event just before.
    package let atRisk: Int
    package let events: Int
    /// The estimate from this time on, 0 to 1.
    package let survival: Double
    /// Greenwood's sum up to this time, of d / (n (n - d)); infinite once none is left.
    let greenwood: Double
  }

  /// In order of time.
  package let steps: [Step]
  package let count: Int
  /// Lifetimes that have no place in time: negative, infinite or NaN. Reports state them.
  package let excluded: Int
  /// The longest time that a trial was watched; nil: no trial.
  package let longest: Double?

  package init(_ lifetimes: [Lifetime]) {
    let kept = lifetimes.filter { $0.time >= 0 && $0.time.isFinite }.sorted { $0.time < $1.time }
    count = kept.count
    excluded = lifetimes.count - kept.count
    longest = kept.last?.time
    var steps: [Step] = []
    var survival = 1.0
    var greenwood = 0.0
    var start = 0
    while start < kept.count {
      let end = kept[start...].firstIndex { $0.time > kept[start].time } ?? kept.count
      let events = kept[start..<end].count { $0.isEvent }
      if events > 0 {
        let (n, d) = (Double(kept.count - start), Double(events))
        survival *= (n - d) / n
        greenwood += d / (n * (n - d))
        steps.append(
          Step(
            time: kept[start].time, atRisk: kept.count - start, events: events,
            survival: survival, greenwood: greenwood))
      }
      start = end
    }
    self.steps = steps
  }

  private func last(at time: Double) -> Step? { steps.last { $0.time <= time } }

  /// nil: no trial, or beyond the last one that was watched while some had survived.
  package func survival(at time: Double) -> Double? {
    guard let longest else { return nil }
    let survival = last(at: time)?.survival ?? 1
    return time <= longest || survival == 0 ? survival : nil
  }

  /// By Greenwood's formula (M. Greenwood, Reports on Public Health and Medical Subjects 33 (1926)); nil: no
  /// estimate, or none to have a spread: nobody or everybody has had the event.
  package func standardError(at time: Double) -> Double? {
    guard let survival = survival(at: time), let step = last(at: time), survival > 0 else {
      return nil
    }
    return survival * sqrt(step.greenwood)
  }

  /// When half of the trials had had the event.
  package enum Median: Equatable, Sendable {
    case reached(Double)
    /// More than half had survived when the last one ended, after this time.
    case notReached(Double)
  }

  /// nil: no trial.
  package var median: Median? {
    // A half that is a product of fractions may miss it by its rounding.
    if let step = steps.first(where: { $0.survival <= 0.5 + 1e-12 }) { return .reached(step.time) }
    return longest.map { .notReached($0) }
  }

  /// The mean time without the event up to a horizon: the area below the curve.
  package struct RestrictedMean: Equatable, Sendable {
    /// In the lifetimes' unit, as the horizon.
    package let mean: Double
    package let horizon: Double
    /// nil: without spread, there is nothing to estimate it from.
    package let standardError: Double?
  }

  /// nil: the curve does not reach to the horizon.
  ///
  /// P. Royston and M. K. B. Parmar, BMC Medical Research Methodology 13 (2013) 152; the variance is
  /// Greenwood's.
  package func restrictedMean(to horizon: Double) -> RestrictedMean? {
    guard horizon > 0, survival(at: horizon) != nil else { return nil }
    let inside = steps.filter { $0.time < horizon }
    var area = 0.0
    var variance = 0.0
    // From the end: the variance weighs each step with the area after it.
    for (index, step) in inside.enumerated().reversed() {
      let end = index + 1 < inside.count ? inside[index + 1].time : horizon
      area += step.survival * (end - step.time)
      let (n, d) = (Double(step.atRisk), Double(step.events))
      if n > d { variance += area * area * d / (n * (n - d)) }
    }
    return RestrictedMean(
      mean: area + (inside.first?.time ?? horizon), horizon: horizon,
      standardError: variance > 0 ? sqrt(variance) : nil)
  }
}

extension SurvivalCurve.RestrictedMean {
  /// The interval of this mean less the other; nil: their horizons differ, or one of them has no spread.
  package func difference(
    less other: Self, z: Double = Proportion.z95
  ) -> ConfidenceInterval? {
    guard horizon == other.horizon, let one = standardError, let two = other.standardError else {
      return nil
    }
    let half = z * hypot(one, two)
    return ConfidenceInterval(mean - other.mean - half, mean - other.mean + half)
  }
}

// SPDX-License-Identifier: Apache-2.0

/// What an endpoint's values in two arms say, before it is held against those of other endpoints.
package struct Measurement: Equatable, Sendable {
  /// The new arm against its base.
  package enum Change: Equatable, Sendable {
    /// The new rate less the base's, with Newcombe's interval.
    case points(Double, ConfidenceInterval)
    /// The median of the ratios of all pairs, with its interval (Hodges-Lehmann).
    case ratio(RankEstimate)
    /// The median of the differences of all pairs.
    case shift(RankEstimate)

    package var estimate: Double {
      switch self {
      case .points(let difference, _): difference
      case .ratio(let estimate), .shift(let estimate): estimate.estimate
      }
    }

    package var interval: ConfidenceInterval {
      switch self {
      case .points(_, let interval): interval
      case .ratio(let estimate), .shift(let estimate): estimate.interval
      }
    }
  }

  package let endpoint: Endpoint
  /// One value for each trial that has one.
  package let base: OrderedSample
  package let new: OrderedSample
  /// nil: an arm has no value, or the values have no ratio.
  package let change: Change?
  /// Two-sided, exact as far as arms of dozens of trials go; nil: an arm has no value.
  package let p: Double?

  /// - Parameter rateTest: for an endpoint that is counted in points; all others are compared by
  ///   Mann-Whitney.
  package init(
    _ endpoint: Endpoint, base: OrderedSample, new: OrderedSample,
    rateTest: ExactRateTest.Method = .fisher
  ) {
    let p: Double? =
      switch endpoint.scale {
      case .points where base.count > 0 && new.count > 0:
        ExactRateTest(rateTest, first: new.count, second: base.count)
          .p(new.proportion.events, base.proportion.events)
      case .points: nil
      case .ratio, .shift: MannWhitney(new, base)?.p().value
      }
    self.init(endpoint, base: base, new: new, p: p)
  }

  /// With a p-value that is known already.
  package init(_ endpoint: Endpoint, base: OrderedSample, new: OrderedSample, p: Double?) {
    self.endpoint = endpoint
    self.base = base
    self.new = new
    self.p = p
    switch endpoint.scale {
    case .points:
      let table = TwoByTwoTable(new.proportion, base.proportion)
      if let difference = table.difference, let interval = table.newcombe() {
        change = .points(difference, interval)
      } else {
        change = nil
      }
    case .ratio: change = HodgesLehmann.ratio(new, base).map { .ratio($0) }
    case .shift: change = HodgesLehmann.shift(new, base).map { .shift($0) }
    }
  }

  /// The smallest p-value that arms of these sizes can have; for rates, by Fisher's test: where Boschloo's
  /// reaches less, in very small arms, so few trials are too few all the same.
  package var smallestP: Double {
    let twoTails = MannWhitney.smallestP(base.count, new.count)
    // In arms of different sizes all events in the one are not as likely as all in the other.
    return endpoint.scale == .points && base.count != new.count ? twoTails / 2 : twoTails
  }

  /// The change on the additive scale; nil: unknown, or between two infinities.
  var additive: (estimate: Double, interval: ConfidenceInterval)? {
    guard let change else { return nil }
    let ends = ConfidenceInterval(
      endpoint.additive(change.interval.lower), endpoint.additive(change.interval.upper))
    return (endpoint.additive(change.estimate), ends)
  }

  /// Whether the interval leaves no change that matters, in either direction, and is one of 95 %.
  package var excludesWhatMatters: Bool {
    guard let additive else { return false }
    switch change {
    case .ratio(let estimate), .shift(let estimate):
      if estimate.achieved < 0.95 - 1e-9 { return false }
    case .points, nil: break
    }
    let matters = endpoint.additive(endpoint.matters)
    return additive.interval.lower > -matters && additive.interval.upper < matters
  }
}

extension OrderedSample {
  /// Of values that are 0 or 1.
  package var proportion: Proportion { Proportion(values.count { $0 > 0 }, of: count) }
}

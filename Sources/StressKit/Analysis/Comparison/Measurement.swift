// SPDX-License-Identifier: Apache-2.0

/// What an endpoint's values in two arms say, before it is held against those of other endpoints.
package struct Measurement: Equatable, Sendable {
  /// The new arm against its base.
  package enum Change: Equatable, Sendable {
    /// The new rate less the base's, with Newcombe's interval; of several strata their average, with the interval of
    /// MOVER.
    case points(Double, ConfidenceInterval)
    /// The median of the ratios of all pairs within the strata, with its interval (Hodges-Lehmann).
    case ratio(RankEstimate)
    /// The median of the differences of all pairs within the strata.
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
  /// What it is pooled of, where it is of several strata; empty: of one.
  package let strata: [Measurement]
  /// nil: an arm has no value, or the values have no ratio.
  package let change: Change?
  /// Two-sided, exact as far as arms of dozens of trials go; nil: an arm has no value.
  package let p: Double?
  /// Of a rate in several strata, by how much the odds change in all of them; nil: one stratum, or nothing to tell.
  package let odds: OddsRatio?
  /// The p-value of the hypothesis that the change is the same in all strata; nil: one stratum, or not to be tested.
  package let heterogeneity: Double?

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
    strata = []
    odds = nil
    heterogeneity = nil
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

  /// Several strata as one question; values of different strata are never held against each other.
  ///
  /// - Parameter strata: of one endpoint, at least two; those that lack an arm tell nothing of the change.
  package init(pooling strata: [Measurement]) {
    var endpoint = strata[0].endpoint
    // Together they are taken to be as noisy as the noisiest.
    endpoint.floor = strata.compactMap(\.endpoint.floor).max()
    self.endpoint = endpoint
    self.strata = strata
    base = OrderedSample(strata.flatMap(\.base.values))
    new = OrderedSample(strata.flatMap(\.new.values))
    let arms = strata.filter(\.hasBothArms).map { (first: $0.new, second: $0.base) }
    if endpoint.scale == .points {
      let tables = StratifiedTables(
        arms.map { TwoByTwoTable($0.first.proportion, $0.second.proportion) })
      p = tables.p()
      odds = tables.commonOdds()
      heterogeneity = tables.heterogeneity()
      if let difference = tables.difference, let interval = tables.mover() {
        change = .points(difference, interval)
      } else {
        change = nil
      }
      return
    }
    p = VanElteren(arms)?.p()
    odds = nil
    let isRatio = endpoint.scale == .ratio
    let estimate = isRatio ? HodgesLehmann.ratio(arms) : HodgesLehmann.shift(arms)
    change = estimate.map { isRatio ? .ratio($0) : .shift($0) }
    guard let common = estimate?.estimate, common.isFinite, common > 0 || !isRatio else {
      heterogeneity = nil
      return
    }
    heterogeneity = VanElteren.heterogeneity(arms) { isRatio ? $0 * common : $0 + common }
  }

  private var hasBothArms: Bool { base.count > 0 && new.count > 0 }

  /// Whether a stratum has values in one arm only.
  var lacksArm: Bool { strata.contains { ($0.base.count == 0) != ($0.new.count == 0) } }

  /// The strata that tell of the change: itself, where there is one only.
  var compared: [Measurement] { strata.isEmpty ? [self] : strata.filter(\.hasBothArms) }

  /// Trials of each arm that tell of the change.
  var sizes: (base: Int, new: Int) {
    compared.reduce((0, 0)) { ($0.0 + $1.base.count, $0.1 + $1.new.count) }
  }

  /// The smallest p-value that arms of these sizes can have; for rates, by Fisher's test: where Boschloo's
  /// reaches less, in very small arms, so few trials are too few all the same.
  package var smallestP: Double {
    let twoTails = min(
      1, compared.reduce(2) { $0 * MannWhitney.smallestP($1.base.count, $1.new.count) / 2 })
    // In arms of different sizes all events in the one are not as likely as all in the other.
    let isUneven = compared.contains { $0.base.count != $0.new.count }
    return endpoint.scale == .points && isUneven ? twoTails / 2 : twoTails
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
    // Of strata, an average may hide what one of them shows.
    let isEverywhere = compared.allSatisfy { abs($0.additive?.estimate ?? .infinity) < matters }
    return isEverywhere && additive.interval.lower > -matters && additive.interval.upper < matters
  }

  private var matters: Double { endpoint.additive(endpoint.matters) }

  /// A heterogeneity with a smaller p-value is believed.
  package static let heterogeneityLevel = 0.05

  /// Whether the strata change by different amounts, at least one of which may matter: then there is no change that
  /// they have in common.
  package var differsByStratum: Bool {
    guard let heterogeneity, heterogeneity <= Self.heterogeneityLevel else { return false }
    return !strata.allSatisfy(\.excludesWhatMatters)
  }

  /// Whether no stratum goes against the average.
  var hasOneDirection: Bool {
    guard let additive else { return false }
    return compared.allSatisfy { ($0.additive?.estimate ?? 0) * additive.estimate >= 0 }
  }
}

extension OrderedSample {
  /// Of values that are 0 or 1.
  package var proportion: Proportion { Proportion(values.count { $0 > 0 }, of: count) }
}

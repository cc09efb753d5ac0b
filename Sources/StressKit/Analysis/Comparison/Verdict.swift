// SPDX-License-Identifier: Apache-2.0

/// Whether a new arm is worse than its base, by endpoints that were declared beforehand.
///
/// Each endpoint has an exact two-sided test; Holm's procedure holds the chance of any false alarm among them
/// to the level. Time to an OOM kill is no endpoint of its own beside the rate of OOM kills: both are of the
/// same kills, and a second test of them would cost power without telling more; curves are described instead.
package struct Verdict: Equatable, Sendable {
  package enum Call: String, CaseIterable, Sendable {
    case regression = "REGRESSION"
    case improvement = "IMPROVEMENT"
    case noChange = "NO CHANGE"
    case inconclusive = "INCONCLUSIVE"
  }

  /// What one endpoint adds to the verdict.
  package enum Finding: String, Sendable {
    /// Significantly, by more than the noise floor, and perhaps by as much as matters.
    case worse, better
    /// Not significant, and what matters is excluded.
    case same
    /// Significant, but less than matters.
    case negligible
    /// Significant, but no larger than between arms that differ in nothing.
    case withinNoise = "within-noise"
    /// Not significant, and not excluded either.
    case unclear
    /// So few trials that no result could have been significant.
    case tooFew = "too-few"
    /// Of several strata: they change by different amounts, and not all in one direction. They are judged singly.
    case heterogeneous
    /// Arms that differ in nothing come apart by as much as matters: more trials will not help.
    case noisy
    /// One arm has no values, or the values cannot be compared.
    case missing
    /// Neither arm has values, as throughput where each trial ended in a kill. Does not count.
    case absent
  }

  package struct Result: Equatable, Sendable {
    package let measurement: Measurement
    /// Adjusted by Holm; 1 where there is no p-value.
    package let adjustedP: Double
    package let finding: Finding
  }

  /// In the endpoints' order.
  package let results: [Result]
  package let call: Call
  /// The family-wise level, such as 0.05.
  package let level: Double

  /// - Parameter measurements: of all endpoints that were declared, those without values included: they count
  ///   in Holm's procedure.
  package init(_ measurements: [Measurement], level: Double = 0.05) {
    let adjusted = MultipleTesting.holm(measurements.map { $0.p ?? 1 })
    let first = level / Double(max(1, measurements.count))
    let results = zip(measurements, adjusted).map { measurement, p in
      Result(
        measurement: measurement, adjustedP: p,
        finding: Self.finding(measurement, p: p, level: level, first: first))
    }
    self.results = results
    self.level = level
    let findings = results.map(\.finding)
    if findings.contains(.worse) {
      call = .regression
    } else if findings.contains(.better) {
      call = .improvement
    } else {
      let isSettled = findings.allSatisfy { [.same, .negligible, .absent].contains($0) }
      call = isSettled && findings.contains { $0 != .absent } ? .noChange : .inconclusive
    }
  }

  /// A regression by one endpoint that is an improvement by another.
  package var isMixed: Bool {
    call == .regression && results.contains { $0.finding == .better }
  }

  /// What a single endpoint's p-value has to pass when no other one is significant.
  package var firstStep: Double { level / Double(max(1, results.count)) }

  /// The smallest change that could have been seen, by endpoint; see `Measurement.detectable`.
  package var detectable: [Double?] {
    results.map { $0.measurement.detectable(level: firstStep) }
  }

  /// About how many more trials of each cell would settle what is not; nil: not known, or no number would.
  package var moreTrials: Int? {
    let open = results.filter { ![.same, .negligible, .absent].contains($0.finding) }
    let needed = open.map { result -> Int? in
      let measurement = result.measurement
      guard ![.noisy, .missing, .heterogeneous].contains(result.finding) else { return nil }
      let strata = measurement.compared.count
      return measurement.trialsToSettle(level: firstStep).map {
        let more = $0 - min(measurement.sizes.base, measurement.sizes.new)
        return max(1, (more + strata - 1) / strata)
      }
    }
    return needed.contains(nil) ? nil : needed.compactMap { $0 }.max()
  }

  private static func finding(
    _ measurement: Measurement, p: Double, level: Double, first: Double
  ) -> Finding {
    let endpoint = measurement.endpoint
    // Even where Boschloo's test would have it: three against three show nothing.
    let isSignificant = p <= level && measurement.smallestP <= level
    if measurement.base.count == 0 && measurement.new.count == 0 { return .absent }
    guard let additive = measurement.additive else { return .missing }
    let direction: Finding = (additive.estimate > 0) == endpoint.moreIsWorse ? .worse : .better
    let floor = endpoint.floor.map(endpoint.additive) ?? 0
    let excludes = measurement.excludesWhatMatters
    if measurement.differsByStratum {
      // The test holds all the same: not every stratum is as its base, in a direction that none contradicts.
      let isChange = isSignificant && abs(additive.estimate) > floor && measurement.hasOneDirection
      return isChange ? direction : .heterogeneous
    }
    // What a stratum without one of its arms would show is not known.
    if excludes, measurement.lacksArm, floor < endpoint.additive(endpoint.matters) {
      return .missing
    }
    if isSignificant, excludes { return .negligible }
    if isSignificant, abs(additive.estimate) > floor { return direction }
    if floor >= endpoint.additive(endpoint.matters) { return .noisy }
    if isSignificant { return .withinNoise }
    if measurement.smallestP > first { return .tooFew }
    return excludes ? .same : .unclear
  }
}

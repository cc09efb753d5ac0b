// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// Verdicts, and what they rest on.
extension JSONReport {
  static func comparison(_ comparison: CampaignComparison) -> JSON {
    [
      "refused": .null,
      "anytime": comparison.anytime.map { anytime($0, comparison) } ?? .null,
      "pooled": .array(comparison.pooled.map { pooled($0, comparison) }),
      "pairs": .array(comparison.comparisons.map { pair($0, comparison.call($0)) }),
    ]
  }

  private static func pair(_ pair: Comparison, _ call: Verdict.Call?) -> JSON {
    let differences = { (all: [Comparability.Difference]) -> JSON in
      .array(all.map { .string($0.text) })
    }
    return .object([
      ("axis", .optional(pair.cells.axis.key)), ("base", .string(pair.cells.baseName)),
      ("new", .string(pair.cells.newName)), ("shared", settings(pair.cells.shared)),
      ("call", .optional(call?.rawValue)), ("level", .number(pair.verdict?.level)),
      ("refusals", differences(pair.comparability.refusals)),
      ("confounders", differences(pair.comparability.confounders)),
      ("unknown", .array(pair.comparability.unknown.map { .string($0) })),
      ("endpoints", .array(endpoints(pair).map { .object($0) })),
      ("described", .array(pair.described.map { .object(measurement($0)) })),
      ("survival", survival(pair.survival)), ("counters", sweep(pair.counters)),
    ])
  }

  private typealias Members = [(key: String, value: JSON)]

  /// What a campaign that stops when it is known has shown.
  private static func anytime(_ one: AnytimeVerdict, _ all: CampaignComparison) -> JSON {
    let strata = one.strata.map { stratum -> JSON in
      [
        "shared": settings(stratum.shared), "base": proportion(stratum.base),
        "new": proportion(stratum.new), "pairs": .number(stratum.pairs.count),
        "e_more": .number(stratum.more), "e_fewer": .number(stratum.fewer),
        "e_unchanged": .number(stratum.unchanged),
      ]
    }
    return [
      "axis": .optional(one.axis.key), "base": .string(one.baseName), "new": .string(one.newName),
      "call": .string(all.call(one).rawValue), "decisive": .number(SafeRateTest.decisive),
      "e_more": .number(one.more), "e_fewer": .number(one.fewer), "trials_run": .number(one.run),
      "trials_planned": .number(one.planned), "strata": .array(strata),
    ]
  }

  /// Several pairs as one question, its strata by their index among the pairs.
  private static func pooled(_ pooled: PooledComparison, _ all: CampaignComparison) -> JSON {
    let results = pooled.verdict?.results ?? []
    let endpoints = zip(endpoints(pooled), results).map { members, result -> JSON in
      let odds = result.measurement.odds.map { estimate($0.estimate, $0.interval) }
      return .object(
        members + [
          ("odds_ratio", odds ?? .null),
          ("heterogeneity_p", .number(result.measurement.heterogeneity)),
          ("differs_by_stratum", .bool(result.measurement.differsByStratum)),
        ])
    }
    return .object([
      ("axis", .optional(pooled.axis.key)), ("base", .string(pooled.baseName)),
      ("new", .string(pooled.newName)),
      ("stratified_by", .array(pooled.stratifiedBy.map { .string($0) })),
      ("strata", .array(pooled.strata.map { .number($0) })),
      ("call", .optional(all.call(pooled)?.rawValue)), ("level", .number(pooled.verdict?.level)),
      ("endpoints", .array(endpoints)),
    ])
  }

  private static func endpoints(_ one: some JudgedComparison) -> [Members] {
    guard let verdict = one.verdict else { return [] }
    return zip(verdict.results, verdict.detectable).map { result, detectable in
      measurement(result.measurement) + [
        ("adjusted_p", .number(one.adjusted(result))),
        ("finding", .string(result.finding.rawValue)), ("detectable", .number(detectable)),
      ]
    }
  }

  private static func measurement(_ one: Measurement) -> Members {
    let change = one.change.map { estimate($0.estimate, $0.interval) }
    return [
      ("endpoint", .string(one.endpoint.name)), ("scale", .string(one.endpoint.scale.rawValue)),
      ("more_is_worse", .bool(one.endpoint.moreIsWorse)),
      ("matters", .number(one.endpoint.matters)), ("floor", .number(one.endpoint.floor)),
      ("base", sample(one.base)), ("new", sample(one.new)), ("change", change ?? .null),
      ("p", .number(one.p)),
    ]
  }

  static func estimate(_ estimate: Double, _ interval: ConfidenceInterval) -> JSON {
    [
      "estimate": .number(estimate), "lower": .number(interval.lower),
      "upper": .number(interval.upper),
    ]
  }

  private static func survival(_ figures: SurvivalFigures) -> JSON {
    [
      "p": .number(figures.p), "horizon": .number(figures.means?.base.horizon),
      "base_mean": .number(figures.means?.base.mean),
      "new_mean": .number(figures.means?.new.mean),
    ]
  }

  private static func sweep(_ sweep: CounterSweep) -> JSON {
    let findings = sweep.findings.map { finding -> JSON in
      [
        "source": .string(finding.counter.source.rawValue), "name": .string(finding.counter.name),
        "base": .number(finding.base), "new": .number(finding.new), "ratio": .number(finding.ratio),
        "p": .number(finding.p), "q": .number(finding.q),
      ]
    }
    return [
      "tested": .number(sweep.tested), "constant": .number(sweep.constant),
      "one_sided": .number(sweep.oneSided),
      "redefined": .array(sweep.redefined.map { .string($0.name) }), "findings": .array(findings),
    ]
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// All that is known of a campaign, as one JSON document: docs/json.md has every member,
/// docs/report.schema.json the same for programs.
///
/// Units are those of the record: bytes, ns, events. What is not known is null.
package struct JSONReport {
  /// Of the document; another one where a member's meaning changes or a member goes.
  package static let schema: Int64 = 2

  private let campaign: CampaignAnalysis
  private let choice: ReportFormat.Choice

  package init(_ campaign: CampaignAnalysis, _ choice: ReportFormat.Choice) {
    self.campaign = campaign
    self.choice = choice
  }

  /// - Throws: when the choice names what the campaign does not have, or compares what it cannot (code
  ///   usage);
  ///   when a record cannot be read.
  package func json() throws(HarnessError) -> JSON {
    let results = try campaign.results(cell: choice.cell, trial: choice.trial)
    var cells: [JSON] = []
    for result in results {
      let diagnosis = try campaign.diagnosis(cell: result.index, trial: choice.trial)
      cells.append(cell(result, diagnosis))
    }
    return .object([
      ("schema", .int(Self.schema)), ("wbstress", .string(Version.text)), ("campaign", head),
      ("cells", .array(cells)), ("comparison", try comparison()),
      ("threshold", campaign.thresholds.map(Self.threshold) ?? .null),
    ])
  }

  private var head: JSON {
    let summary = campaign.summary
    let verdict =
      switch summary.verdict {
      case .met: "met"
      case .missed: "missed"
      case .inconclusive: "inconclusive"
      }
    let failed = summary.failedControls.map { failed -> JSON in
      [
        "cell": .number(failed.cell + 1), "control": .string(failed.control.rawValue),
        "killed": Self.proportion(failed.killed),
      ]
    }
    return [
      "profile": .string(summary.label),
      // A number of 64 bits, which many readers of JSON would round.
      "seed": .string("\(summary.seed)"), "trials_per_cell": .number(summary.planned),
      "identity": Self.settings(summary.identity), "verdict": .string(verdict),
      "failed_controls": .array(failed),
    ]
  }

  /// What was not asked for and cannot be done is no error: most campaigns have no axis to compare along.
  private func comparison() throws(HarnessError) -> JSON {
    do {
      return Self.comparison(try campaign.comparison(choice.comparison))
    } catch {
      let asked = choice.comparison
      if asked.axis != nil || asked.base != nil || !asked.against.isEmpty { throw error }
      let error = campaign.summary.withinCampaign(error)
      return ["refused": .string(error.description), "anytime": .null, "pooled": [], "pairs": []]
    }
  }

  // MARK: A cell

  private func cell(_ result: CellResult, _ diagnosis: CellDiagnosis) -> JSON {
    let cell = result.cell
    func pressure(_ which: (TrialSummary) -> TrialSummary.Pressure?) -> JSON {
      [
        "some": Self.sample(cell.sample { which($0)?.some }),
        "full": Self.sample(cell.sample { which($0)?.full }),
      ]
    }
    let ledger = CellLedger(diagnosis.trials.map { ($0.number, $0.ledger) })
    let trials = result.trials.map { one in
      Self.trial(one, diagnosis.trials.first { $0.number == one.number })
    }
    let members: [(String, JSON)] = [
      ("cell", .number(result.index + 1)), ("name", .string(result.name)),
      ("axes", Self.settings(cell.axes)), ("profile", cell.profile.json),
      ("control", .optional(cell.profile.control?.rawValue)),
      ("trials_planned", .number(campaign.summary.planned)),
      ("trials_run", .number(cell.trials.count)),
      ("trials_counted", .number(cell.counted.count)),
      ("outcomes", Self.counts(cell.outcomes.map { ($0.key.rawValue, $0.count) })),
      ("killed", Self.proportion(cell.killed)),
      (
        "kill_findings",
        Self.counts(cell.incidents.map(\.finding.name).tally.map { ($0.name, $0.count) })
      ),
      ("throughput", Self.sample(cell.sample(\.throughput))),
      (
        "stall",
        [
          "p50": Self.sample(cell.sample { $0.stall?.p50 }),
          "p99": Self.sample(cell.sample { $0.stall?.p99 }),
          "max": Self.sample(cell.sample { $0.stall?.max }),
        ]
      ),
      ("longest_write", Self.sample(cell.sample(\.longestWrite))),
      ("longest_fsync", Self.sample(cell.sample(\.longestSync))),
      ("memory_pressure", pressure(\.memoryPressure)), ("io_pressure", pressure(\.ioPressure)),
      ("latencies", Self.latencies(cell)), ("counters", Self.counters(cell)),
      ("expectations", .array(cell.profile.expect.map { Self.expectation($0, cell) })),
      ("ledger", Self.ledger(ledger)),
      (
        "around",
        .array(EventKind.allCases.map { Self.around(CountersAround($0, diagnosis.around)) })
      ),
      (
        "unreadable",
        .array(
          cell.unreadable.map { .string(campaign.summary.withinCampaign($0).description) })
      ),
      ("trials", .array(trials)),
    ]
    return .object(members.map { (key: $0.0, value: $0.1) })
  }

  private static func expectation(_ expectation: Profile.Expectation, _ cell: CellSummary) -> JSON {
    let missed = cell.missed.first { $0.expectation == expectation }?.trials ?? 0
    return [
      "text": .string(expectation.text), "metric": .string(expectation.metric.name),
      "relation": .string(expectation.relation.rawValue), "value": .number(expectation.value),
      "unit": .string(TrialResult.Unit(expectation.metric.unit).rawValue),
      "missed": .number(missed), "trials": .number(cell.counted.count),
    ]
  }

  /// Each percentile is one of a trial; the sample is of the trials.
  private static func latencies(_ cell: CellSummary) -> JSON {
    keyed(Set(cell.counted.flatMap(\.latencies.keys))) { of in
      [
        "p50": sample(cell.sample { $0.latencies[of]?.percentile(0.5) }),
        "p99": sample(cell.sample { $0.latencies[of]?.percentile(0.99) }),
        "max": sample(cell.sample { $0.latencies[of]?.max }),
      ]
    }
  }

  private static func counters(_ cell: CellSummary) -> JSON {
    keyed(Set(cell.counted.flatMap(\.vmstat.keys))) { name in
      sample(cell.sample { $0.vmstat[name].map(Double.init) })
    }
  }

  // MARK: Values

  static func sample(_ sample: OrderedSample) -> JSON {
    [
      "n": .number(sample.count), "min": .number(sample.min), "median": .number(sample.median),
      "max": .number(sample.max),
    ]
  }

  static func proportion(_ proportion: Proportion) -> JSON {
    [
      "events": .number(proportion.events), "trials": .number(proportion.trials),
      "rate": .number(proportion.rate), "wilson95": interval(proportion.wilson()),
    ]
  }

  static func interval(_ interval: ConfidenceInterval) -> JSON {
    ["lower": .number(interval.lower), "upper": .number(interval.upper)]
  }

  static func settings(_ settings: [Profile.Setting]) -> JSON {
    .object(settings.map { ($0.key, .string($0.value)) })
  }

  static func counts(_ counts: [(String, Int)]) -> JSON {
    .object(counts.map { ($0.0, .number($0.1)) })
  }

  /// An object with sorted names: of a dictionary's order nothing is known.
  static func keyed(_ keys: some Sequence<String>, _ value: (String) -> JSON) -> JSON {
    .object(keys.sorted().map { ($0, value($0)) })
  }

  static func check(_ check: TrialResult.Check) -> JSON {
    [
      "text": .string(check.text), "met": .bool(check.isMet), "measured": .number(check.measured),
      "unit": .string(check.unit.rawValue),
    ]
  }
}

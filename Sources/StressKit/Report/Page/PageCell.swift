// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// What the page has of one cell.
struct PageCell {
  /// From 0.
  let index: Int
  /// `#4 kernel debian:6.12, fs ext4`: by the axes that tell the cells apart.
  let name: String
  let trials: [PageTrial]
  let ledger: CellLedger
  let studies: [CountersAround]

  /// - Parameter points: of each series of a trial at most.
  /// - Throws: when a record is there and cannot be read.
  init(
    _ campaign: CampaignAnalysis, _ report: TerminalReport, _ index: Int, points: Int
  ) throws(HarnessError) {
    let summary = campaign.summary.cells[index]
    let diagnosis = try campaign.diagnosis(cell: index)
    self.index = index
    let axes = zip(report.axes, report.labels(summary)).map { "\($0) \($1)" }
    name = "#\(index + 1) " + axes.joined(separator: ", ")
    ledger = CellLedger(diagnosis.trials.map { ($0.number, $0.ledger) })
    studies = EventKind.allCases.map { CountersAround($0, diagnosis.around) }
    var trials: [PageTrial] = []
    for trial in diagnosis.trials {
      guard let summary = summary.trials.first(where: { $0.number == trial.number }) else {
        continue
      }
      let record = try campaign.record(cell: index, trial: trial.number)
      let profile = campaign.file.cells[index].profile
      trials.append(
        PageTrial(
          summary: summary, diagnosis: trial,
          timeline: TrialTimeline(record, trial, profile, points: points),
          isWatch: diagnosis.isWatch))
    }
    self.trials = trials
  }

  var data: JSON {
    [
      "name": .string(name.visible),
      "trials": .array(trials.map(\.data)),
    ]
  }
}

/// What the page has of one trial.
struct PageTrial {
  let summary: TrialSummary
  let diagnosis: TrialDiagnosis
  /// nil: it did not get as far as its start delay.
  let timeline: TrialTimeline?
  let isWatch: Bool

  var number: Int { diagnosis.number }

  /// A letter for how it ended: colours alone tell nothing to many.
  static func letter(_ outcome: Outcome) -> String {
    switch outcome {
    case .completed: "C"
    case .oom: "K"
    case .stalled: "S"
    case .hang: "H"
    case .panic: "P"
    case .harnessLost: "L"
    case .invalid: "I"
    case .skipped: "-"
    }
  }

  var words: String {
    let findings = summary.incidents.map(\.label).joined(separator: ", ")
    let outcome = summary.ending.outcome.rawValue
    return findings.isEmpty ? outcome : "\(outcome) (\(findings))"
  }

  /// As the table of cells has them, of this trial alone.
  private var figures: [(String, String)] {
    let pressures = [("memory", summary.memoryPressure), ("io", summary.ioPressure)].map {
      name, pressure in
      (
        "PSI \(name) some/full, s",
        pressure.map {
          "\(Format.fixed($0.some / 1e9, 1))/\(Format.fixed($0.full / 1e9, 1))"
        } ?? "-"
      )
    }
    return [
      ("MiB/s", Format.mebibytes(summary.throughput)),
      ("write p50, s", Format.seconds(summary.stall?.p50)),
      ("p99", Format.seconds(summary.stall?.p99)), ("max", Format.seconds(summary.longestWrite)),
      ("fsync, s", Format.seconds(summary.longestSync)),
    ] + pressures
  }

  var data: JSON {
    let kills = AutopsySection(
      [(number, diagnosis.autopsies, diagnosis.otherKills)], isWatch: isWatch
    )
    .lines(width: .max) { $0 }
    return [
      "n": .int(Int64(number)),
      "outcome": .string(words),
      "message": .optional(summary.ending.message?.visible),
      "figures": .array(figures.map { [.string($0.0), .string($0.1)] }),
      // The first line counts the kills of a cell.
      "why": .array(
        kills.dropFirst(diagnosis.autopsies.isEmpty ? 0 : 2).map {
          .string($0.visible)
        }),
      "time": timeline.map { PageTimeline($0, diagnosis).data } ?? .null,
    ]
  }
}

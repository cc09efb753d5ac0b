// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// What `wbstress report --format` writes: one renderer each, all from one analysis.
package enum ReportFormat: String, CaseIterable, Sendable {
  /// What fits one screen, and all tables.
  case terminal, full
  case mail, reproducer
  /// One page for a browser.
  case html
  /// What the cells came to along one axis, as an image.
  case svg
  case perfetto
  case json, csv
  case ktap, junit, kcidb

  /// Which part of the campaign, and how it shall look.
  package struct Choice: Sendable {
    /// One cell, its index from 0; nil: all, or the first that the format suits.
    package var cell: Int?
    /// One trial of a cell, from 1.
    package var trial: Int?
    /// What is compared with what, where the format tells verdicts.
    package var comparison: ComparisonChoice.Request
    package var style: TerminalReport.Style
    /// Names of the machine and the user that nothing meant for others may tell.
    package var ownNames: [String]

    package init(
      cell: Int? = nil, trial: Int? = nil, comparison: ComparisonChoice.Request = .init(),
      style: TerminalReport.Style = .init(colour: false), ownNames: [String] = []
    ) {
      self.cell = cell
      self.trial = trial
      self.comparison = comparison
      self.style = style
      self.ownNames = ownNames
    }
  }

  /// The whole of the report, as it goes into a file.
  ///
  /// - Throws: when the choice names something that the campaign does not have (code usage), or a record that
  ///   it needs cannot be read.
  package func render(
    _ campaign: CampaignAnalysis, _ choice: Choice
  ) throws(HarnessError) -> [UInt8] {
    if self == .terminal || self == .full || self == .svg, choice.cell != nil || choice.trial != nil
    {
      throw HarnessError(
        .usage, choice.cell != nil ? "--cell" : "--trial",
        "format \(rawValue) is of all cells and trials",
        remedy: "take json, csv or html, or 'wbstress record show DIR/trials/CELL-TRIAL'")
    }
    if self == .mail || self == .reproducer, campaign.summary.isWatch {
      throw HarnessError(
        .usage, campaign.directory,
        "nothing was run: format \(rawValue) is of trials that others can run again",
        remedy:
          "'wbstress profile-from \(campaign.directory)' makes a profile that imitates it; run that"
      )
    }
    switch self {
    case .terminal:
      return Array((TerminalReport(campaign.summary, style: choice.style).screen + "\n").utf8)
    case .full:
      return Array((TerminalReport(campaign.summary, style: choice.style).text + "\n").utf8)
    case .mail: return Array(try MailReport(campaign, choice).text.utf8)
    case .reproducer:
      let script = try ReproducerReport.script(campaign, cell: choice.cell, choice.comparison)
      return Array(script.text.utf8)
    case .html: return try PageReport(campaign, choice).bytes
    case .svg:
      guard let chart = PageChart(TerminalReport(campaign.summary, style: choice.style)) else {
        throw HarnessError(
          .usage, campaign.directory, "no axis of the campaign has several values",
          remedy: "format html has the charts of single trials")
      }
      return Array((chart.image.text + "\n").utf8)
    case .perfetto:
      let trial = try campaign.choose(cell: choice.cell, trial: choice.trial)
      return PerfettoTrace(try campaign.record(cell: trial.cell, trial: trial.trial)).bytes
    case .json: return Self.line(try JSONReport(campaign, choice).json())
    case .csv:
      return Array(CSVReport(campaign.summary, try results(campaign, choice)).text.utf8)
    case .ktap: return Array(KTAPReport(try results(campaign, choice)).text.utf8)
    case .junit:
      return Array(JUnitReport(campaign.summary.label, try results(campaign, choice)).text.utf8)
    case .kcidb:
      return Self.line(KCIDBReport(campaign.summary, try results(campaign, choice)).json)
    }
  }

  /// What a reader cannot see from the report itself; nil: nothing.
  package func note(_ campaign: CampaignAnalysis, _ choice: Choice) throws(HarnessError) -> String?
  {
    guard self == .perfetto, choice.cell == nil || choice.trial == nil else { return nil }
    let trial = try campaign.choose(cell: choice.cell, trial: choice.trial)
    return
      "trace of trial \(trial.trial) of cell \(trial.cell + 1); --cell and --trial choose another"
  }

  private func results(
    _ campaign: CampaignAnalysis, _ choice: Choice
  ) throws(HarnessError) -> [CellResult] {
    try campaign.results(cell: choice.cell, trial: choice.trial)
  }

  private static func line(_ json: JSON) -> [UInt8] {
    var bytes: [UInt8] = []
    json.write(to: &bytes)
    return bytes + [0x0a]
  }
}

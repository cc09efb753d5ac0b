// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressRecord
import StressReport

struct Why: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Explain the OOM kills and stalls of a campaign.",
    discussion: """
      Analyses each OOM kill from the kernel's own report, and attributes the time of each stall \
      to what the kernel was doing, from the records alone. docs/why.md and docs/ledger.md have \
      the rules.
      """)

  @Argument(
    help: ArgumentHelp("The campaign directory.", valueName: "dir"), completion: .directory)
  var directory: String

  @OptionGroup var part: CampaignPart

  @Option(
    help: ArgumentHelp("Number of kills per cell to print in full.", valueName: "count"))
  var kills: Int = 3

  func validate() throws {
    if kills < 0 { throw ValidationError("--kills: from 0") }
  }

  func run() throws {
    // Without the campaign's summary, for which each record would be read twice.
    let campaign = try CampaignFile(directory: directory)
    let cells = try (part.cell.map { [$0 - 1] } ?? Array(campaign.cells.indices)).map { cell in
      try CellDiagnosis(campaign, in: directory, cell: cell, trial: part.trial)
    }
    let report = WhyReport(campaign.label, cells, told: kills, style: .forTerminal())
    Output.line(report.text)
  }
}

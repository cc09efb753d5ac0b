import ArgumentParser
import StressKit

struct Why: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say why a campaign's trials ended and stalled as they did.",
    discussion: """
      Each OOM kill is taken apart by the kernel's own dump, and the time of each stall divided over what \
      the kernel was doing, from the records alone. The rules stand in docs/why.md and docs/ledger.md.
      """)

  @Argument(help: "The campaign directory.")
  var directory: String

  @Option(help: ArgumentHelp("One cell only, by its number in the report.", valueName: "number"))
  var cell: Int?

  @Option(help: ArgumentHelp("One trial of each cell only.", valueName: "number"))
  var trial: Int?

  @Option(help: "Kills of each cell that are told in full.")
  var kills: Int = 3

  mutating func validate() throws {
    if let cell, cell < 1 { throw ValidationError("--cell: from 1") }
    if let trial, trial < 1 { throw ValidationError("--trial: from 1") }
    if kills < 0 { throw ValidationError("--kills: from 0") }
  }

  func run() throws {
    let campaign = try CampaignFile(directory: directory)
    if let cell, cell > campaign.cells.count {
      throw HarnessError(
        .usage, directory, "has no cell \(cell)", remedy: "name one of 1 to \(campaign.cells.count)"
      )
    }
    if let trial, trial > campaign.trials {
      throw HarnessError(
        .usage, directory, "has no trial \(trial)", remedy: "name one of 1 to \(campaign.trials)")
    }
    let cells = try (cell.map { [$0 - 1] } ?? Array(campaign.cells.indices)).map { cell in
      try CellDiagnosis(campaign, in: directory, cell: cell, trial: trial)
    }
    let report = WhyReport(campaign.label, cells, told: kills, style: .forTerminal())
    Output.line(report.text)
  }
}

import ArgumentParser
import StressAnalysis
import StressReport

struct Why: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say why a campaign's trials ended and stalled as they did.",
    discussion: """
      Each OOM kill is taken apart by the kernel's own dump, and the time of each stall divided over what \
      the kernel was doing, from the records alone. The rules stand in docs/why.md and docs/ledger.md.
      """)

  @Argument(
    help: ArgumentHelp("The campaign directory.", valueName: "dir"), completion: .directory)
  var directory: String

  @OptionGroup var part: CampaignPart

  @Option(
    help: ArgumentHelp("Kills of each cell that are told in full.", valueName: "count"))
  var kills: Int = 3

  func validate() throws {
    if kills < 0 { throw ValidationError("--kills: from 0") }
  }

  func run() throws {
    let campaign = try CampaignAnalysis(directory: directory)
    let cells = try (part.cell.map { [$0 - 1] } ?? Array(campaign.file.cells.indices)).map { cell in
      try campaign.diagnosis(cell: cell, trial: part.trial)
    }
    let report = WhyReport(campaign.file.label, cells, told: kills, style: .forTerminal())
    Output.line(report.text)
  }
}

import ArgumentParser
import StressKit

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a campaign's table again, from its records.")

  @Argument(help: "The campaign directory.")
  var directory: String

  func run() throws {
    let summary = try CampaignSummary(directory: directory)
    Output.line(TerminalReport(summary, style: .forTerminal()).text)
  }
}

// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressReport

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare cells, and report whether one is a regression.",
    discussion: """
      One campaign is compared along an axis, with all other axes matched; of two campaigns, cells \
      with the same axes. Exits with 0 if nothing got worse, 1 for a regression, 3 if the result \
      is inconclusive, 4 if the cells differ in more than the axis.
      """)

  @Argument(
    help: ArgumentHelp("One campaign directory, or two.", valueName: "dir"),
    completion: .directory)
  var directories: [String]

  @OptionGroup var comparison: ComparedAxisOptions

  @Option(help: ArgumentHelp("Accept this difference; may be repeated.", valueName: "key"))
  var allow: [String] = []

  @Option(
    help: ArgumentHelp(
      "A campaign of 'run --calibrate'; changes within its noise do not count.",
      valueName: "dir"),
    completion: .directory)
  var noise: String?

  func validate() throws {
    if !(1...2).contains(directories.count) {
      throw ValidationError("expected one or two campaign directories")
    }
  }

  func run() throws {
    var campaigns: [CampaignSummary] = []
    for directory in directories { campaigns.append(try CampaignSummary(directory: directory)) }
    let comparison = try CampaignComparison(
      campaigns, comparison.request, allowed: Set(allow),
      noise: try noise.map { try CampaignSummary(directory: $0) })
    Output.line(CompareReport(comparison, style: .forTerminal()).text)
    if let code = comparison.code { throw ExitCode(code.rawValue) }
  }
}

import ArgumentParser
import StressAnalysis
import StressReport

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Hold cells against each other, and say whether one is a regression.",
    discussion: """
      One campaign: along an axis, all other axes matched. Two: cells with the same axes. Exits with 0 when \
      nothing got worse, 1 for a regression, 3 when it cannot be told, 4 when the cells differ in more than \
      what is compared.
      """)

  @Argument(
    help: ArgumentHelp("One campaign directory, or two.", valueName: "dir"),
    completion: .directory)
  var directories: [String]

  @OptionGroup var comparison: ComparedAxisOptions

  @Option(help: ArgumentHelp("A difference to put up with; may be repeated.", valueName: "key"))
  var allow: [String] = []

  @Option(
    help: ArgumentHelp(
      "A campaign of 'run --calibrate': no change within its noise is called one.",
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

// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressLab

struct Threshold: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find the value of a setting at which half of the trials die.",
    discussion: """
      Each trial runs at the value that is expected to tell most, until the 95 % interval of that \
      value (OOM50) is narrow enough, or --trials is reached; several cells (--kernel, --fs, --vary) \
      in turns, with the differences between them. A trial dies by an OOM kill, or when the machine \
      panics, hangs or makes no end. Results go to a campaign directory, which 'report' reads; rerun \
      the same command with the same --output to resume. Exits with 0 if each cell has its answer \
      (a value, or that it never or always dies), 3 if not.
      """)

  @OptionGroup var campaign: CampaignOptions

  @Option(
    help: ArgumentHelp(
      "The key: 'pin', a pin's name, or any size, rate or duration of the profile.",
      valueName: "key"))
  var find: String

  @Option(
    help: ArgumentHelp(
      "The least value (default: 0 for a pin, else a quarter of the profile's).",
      valueName: "value"))
  var from: String?

  @Option(
    help: ArgumentHelp(
      "The greatest value (default: memory.max for a pin, else four times the profile's).",
      valueName: "value"))
  var to: String?

  @Option(
    help: ArgumentHelp(
      """
      Stop when the interval reaches no further than this to either side, on average (default: 2 % \
      of memory.max for pins and limits, else of the range).
      """, valueName: "value"))
  var within: String?

  @Option(
    help: ArgumentHelp(
      "Trials of each cell at most, those that say nothing included.", valueName: "count"))
  var trials: Int = 40

  func validate() throws { try CampaignOptions.check(trials: trials) }

  func run() throws {
    let matrix = try campaign.matrix().searching(
      .init(find, from: from, to: to, within: within))
    let summary = try campaign.carryOut(matrix, trials: trials)
    if ThresholdSummary(summary)?.isSettled != true {
      throw ExitCode(HarnessError.Code.inconclusive.rawValue)
    }
  }
}

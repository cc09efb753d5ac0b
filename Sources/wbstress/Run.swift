// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressLab
import StressRecord
import StressReport

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a profile over file systems, kernels and settings.",
    discussion: """
      With --kernel every trial boots a throwaway guest. With --loop or --device it runs on this \
      machine, as root, on loop devices or on a block device, which is wiped. Each trial has a \
      freshly made file system. Results go to a campaign directory; to resume an interrupted \
      campaign, rerun the same command with the same --output.
      """)

  @OptionGroup var campaign: CampaignOptions

  @Option(help: ArgumentHelp("Trials of each cell.", valueName: "count"))
  var trials: Int = 5

  @Flag(
    help: """
      Stop as soon as it is known whether one of two values fails more often; --trials is the \
      most that a cell gets.
      """)
  var untilVerdict = false

  @OptionGroup(title: "With --until-verdict") var comparison: ComparedAxisOptions

  @Flag(
    help: "Run every cell as two identical arms: what 'compare' finds between them is noise.")
  var calibrate = false

  @Option(
    help: ArgumentHelp(
      "Number of parallel guests. They compete for CPUs and inflate latencies.",
      valueName: "count"))
  var jobs: Int = 1

  func validate() throws {
    try CampaignOptions.check(trials: trials)
    if !(1...256).contains(jobs) { throw ValidationError("--jobs: 1 to 256") }
    if untilVerdict, jobs > 1 {
      throw ValidationError(
        "--until-verdict: one trial at a time (--jobs 1), as each depends on those before it")
    }
    if untilVerdict, calibrate {
      throw ValidationError("--until-verdict and --calibrate exclude each other")
    }
    if !untilVerdict, !comparison.request.isOpen {
      throw ValidationError("--axis, --base and --against: need --until-verdict")
    }
    if campaign.isHere || campaign.isElsewhere, jobs > 1 {
      throw ValidationError("--jobs: one trial at a time on a machine")
    }
  }

  func run() throws {
    let matrix = try campaign.matrix(calibrate: calibrate)
    let question = untilVerdict ? try matrix.question(comparison.request) : nil
    let summary = try campaign.carryOut(
      matrix, trials: trials, jobs: jobs, untilVerdict: question)
    let verdict = question == nil ? nil : try CampaignComparison([summary])
    if let verdict { Output.line("\n" + CompareReport(verdict, style: .forTerminal()).lead) }
    switch summary.verdict {
    case .met: break
    case .missed: throw ExitCode(HarnessError.Code.expectation.rawValue)
    case .inconclusive: throw ExitCode(HarnessError.Code.inconclusive.rawValue)
    }
    if let code = verdict?.code { throw ExitCode(code.rawValue) }
  }
}

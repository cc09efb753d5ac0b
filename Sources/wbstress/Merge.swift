// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressLab
import StressReport

struct Merge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Join campaigns of the same question into one.",
    discussion: """
      Copies the trials of all into a new directory, which reads as one campaign: those of the same \
      cell are pooled, cells that only one of them has are added. Refuses what does not belong \
      together: another profile, other axes, another kernel image or accelerator, another search, trials \
      that stopped at a verdict, and a trial that two directories have.
      """)

  @Argument(
    help: ArgumentHelp("Campaign directories, two or more.", valueName: "dir"),
    completion: .directory)
  var directories: [String]

  @Option(help: ArgumentHelp("The new directory.", valueName: "dir"), completion: .directory)
  var output: String

  func validate() throws {
    if directories.count < 2 { throw ValidationError("name two directories or more") }
  }

  func run() throws {
    let merge = try CampaignMerge.merge(directories.map(File.plain), into: File.plain(output))
    let summary = try CampaignSummary(directory: File.plain(output))
    Output.line(TerminalReport(summary, style: .forTerminal()).screen)
    if merge.leftOut > 0 {
      Output.error("left out \(merge.leftOut) attempts that came to no end")
    }
    for directory in merge.sameSeeds {
      Output.error(
        "\(directory) has the seed of another: trials of the same number had the same start delay")
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressRecord
import StressReport

struct ProfileFrom: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile-from",
    abstract: "Write a profile that imitates what was watched.",
    discussion: """
      Reads a record of 'wbstress watch'. Limits, memory, rates, bursts and the calls of fsync \
      become a profile, with a comment on each value: read, derived or assumed. With --against, \
      prints how well a campaign of that profile agrees with what was watched. docs/watch.md.
      """)

  @Argument(
    help: ArgumentHelp("The directory of the watch.", valueName: "dir"), completion: .directory)
  var directory: String

  @Option(help: ArgumentHelp("The record, by its number.", valueName: "number"))
  var trial: Int = 1

  @Option(
    help: ArgumentHelp("Output file (default: standard output).", valueName: "file"),
    completion: .file())
  var output: String?

  @Option(
    help: ArgumentHelp("A campaign of the profile, to be compared.", valueName: "dir"),
    completion: .directory)
  var against: String?

  func validate() throws {
    if trial < 1 { throw ValidationError("--trial: from 1") }
    if against != nil, output != nil {
      throw ValidationError("--against and --output exclude each other")
    }
  }

  func run() throws {
    let watch = try CampaignAnalysis(directory: directory)
    let choice = try watch.choose(cell: 0, trial: trial)
    let figures = try figures(watch, cell: choice.cell, choice.trial)
    guard let against else {
      let text = try ImitationProfile.of(
        directory, try watch.record(cell: choice.cell, trial: choice.trial),
        watch.file.cells[choice.cell].profile, figures
      ).text
      guard let output else { return Output.bytes(Array(text.utf8)) }
      return try File.write(output, Array(text.utf8))
    }
    let campaign = try CampaignAnalysis(directory: against)
    var trials: [WorkloadFigures] = []
    for (index, cell) in campaign.summary.cells.enumerated() {
      for one in cell.counted {
        trials.append(try self.figures(campaign, cell: index, one.number))
      }
    }
    guard !trials.isEmpty else {
      throw HarnessError(.usage, against, "has no trial that counts")
    }
    Output.line(AgreementReport(figures, trials, style: .forTerminal()).text)
  }

  private func figures(
    _ campaign: CampaignAnalysis, cell: Int, _ trial: Int
  ) throws -> WorkloadFigures {
    let record = try campaign.record(cell: cell, trial: trial)
    let summaries = campaign.summary.cells[cell].trials
    guard let summary = summaries.first(where: { $0.number == trial }) else {
      throw HarnessError(.usage, campaign.directory, "has no trial \(trial)")
    }
    return try WorkloadFigures.of(
      record, summary, name: "\(campaign.directory), trial \(cell + 1)-\(trial)")
  }
}

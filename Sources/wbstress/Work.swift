// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressLab
import StressMachine
import StressRecord

struct Work: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run trials of a campaign that others run, too.",
    discussion: """
      Takes part in a campaign that was begun with --shared, from another shell or another machine \
      that reaches its directory. Each trial is run by one of them: a program claims it with a file \
      in DIR/claims, and a claim that nobody has touched for a minute is taken over. Ends when \
      all trials are done. Exits like 'run'.
      """)

  @Argument(
    help: ArgumentHelp("The campaign directory.", valueName: "dir"), completion: .directory)
  var directory: String

  @OptionGroup var source: KernelOptions

  @OptionGroup var guests: GuestRunOptions

  @Option(
    help: ArgumentHelp(
      "Number of parallel guests. They compete for CPUs and inflate latencies.",
      valueName: "count"))
  var jobs: Int = 1

  @Flag(help: "Print only one line per finished trial, also on a terminal.")
  var noLive = false

  func validate() throws {
    if !(1...256).contains(jobs) { throw ValidationError("--jobs: 1 to 256") }
  }

  func run() throws {
    let file = try CampaignFile(directory: directory)
    let matrix = try Matrix(file)
    if matrix.cells.contains(where: \.kernel.isBuilt) { try Interrupt.ofProcess.takeSignals() }
    let display = Display(matrix, isLive: !noLive)
    let venue = try GuestVenue(
      matrix, jobs: jobs, try guests.venueOptions(source.store()), progress: display.note)
    let campaign = try Campaign(
      directory: directory, matrix: matrix, identity: venue.identity, trials: file.trials,
      seed: file.seed, untilVerdict: file.untilVerdict, isShared: true)
    let summary = try CampaignOptions.work(campaign, venue, display)
    switch summary.verdict {
    case .met: break
    case .missed: throw ExitCode(HarnessError.Code.expectation.rawValue)
    case .inconclusive: throw ExitCode(HarnessError.Code.inconclusive.rawValue)
    }
  }
}

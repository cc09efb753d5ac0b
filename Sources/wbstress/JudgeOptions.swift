// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressLab
import StressMachine
import StressRecord
import StressReport

/// What kernels are judged by.
struct JudgeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Share of trials that end in an OOM kill or a hang on a good kernel, 0 to 1.",
      valueName: "rate"))
  var good: Double

  @Option(help: ArgumentHelp("The same on a bad kernel.", valueName: "rate"))
  var bad: Double

  @Option(
    help: ArgumentHelp(
      "A variant that is a control: one trial of it comes first; may be repeated.",
      valueName: "variant"))
  var control: [String] = []

  @Option(
    help: ArgumentHelp(
      "A file system (default: the profile's).", valueName: "name"),
    completion: Suggestions.filesystems)
  var fs: String?

  @Option(
    help: ArgumentHelp("A setting of the profile; may be repeated.", valueName: "key=value"))
  var vary: [String] = []

  @Option(help: ArgumentHelp("Trials of a kernel at most.", valueName: "count"))
  var trials: Int = 40

  @Option(
    help: ArgumentHelp("Seed for delays and data (default: random).", valueName: "number"))
  var seed: UInt64?

  @OptionGroup var guests: GuestRunOptions

  func validate() throws {
    let most = CampaignFile.mostTrials - Judgement.patience
    if !(1...most).contains(trials) { throw ValidationError("--trials: 1 to \(most)") }
  }

  func question() throws(HarnessError) -> Judgement.Question {
    try Judgement.Question(good: good, bad: bad, most: trials)
  }

  /// The profile on kernels, with its controls or without.
  private func matrix(
    _ profile: String, _ kernels: [KernelSpec], hasControls: Bool
  ) throws -> Matrix {
    let choice = try ProfileCatalog().find(profile)
    var axes = try vary.map(Matrix.Axis.init)
    if axes.contains(where: { $0.key == CampaignFile.variantKey }) {
      throw HarnessError(
        .usage, "--vary variant", "which variant is judged is part of the profile's name",
        remedy: "write PROFILE:VARIANT")
    }
    if hasControls, !control.isEmpty {
      let own = choice.variant ?? Matrix.baseVariant
      axes.append(Matrix.Axis(key: CampaignFile.variantKey, values: [own] + control))
    }
    return try Matrix(
      choice, kernels: kernels, filesystems: [fs].compactMap(\.self), vary: axes)
  }

  /// Runs trials until it is known, or takes those that an earlier run has left in the directory.
  ///
  /// - Throws: what keeps from judging; an interruption (code interrupted).
  func judge(
    _ profile: String, _ kernel: KernelSpec, in directory: String, _ store: KernelStore
  ) throws -> Judgement {
    let question = try question()
    let matrix = try matrix(profile, [kernel], hasControls: true)
    let schedule = try run(
      matrix, trials: JudgeSchedule.trials(question), in: directory, store
    ) { campaign throws(HarnessError) in try JudgeSchedule(campaign, question) }
    guard let schedule = schedule as? JudgeSchedule else {
      throw HarnessError(.harness, "judge", "another schedule than its own")
    }
    return schedule.judgement
  }

  /// Runs as many trials on each kernel, in turns: a campaign to be compared.
  func compare(
    _ profile: String, _ kernels: [KernelSpec], trials: Int, in directory: String,
    _ store: KernelStore
  ) throws {
    let matrix = try matrix(profile, kernels, hasControls: false)
    _ = try run(matrix, trials: trials, in: directory, store) { _ in nil }
  }

  /// - Parameter schedule: nil: the campaign's own.
  private func run(
    _ matrix: Matrix, trials: Int, in directory: String, _ store: KernelStore,
    schedule: (Campaign) throws(HarnessError) -> (any TrialSchedule)?
  ) throws -> any TrialSchedule {
    let display = Display(matrix, isLive: false)
    let venue = try GuestVenue(
      matrix, jobs: 1, try guests.venueOptions(store), progress: display.note)
    let campaign = try Campaign(
      directory: directory, matrix: matrix, identity: venue.identity, trials: trials, seed: seed)
    let runner = try CampaignRunner(
      campaign, venue, schedule: try schedule(campaign), interrupt: .ofProcess)
    do {
      defer { display.finish() }
      try display.begin(campaign, jobs: 1, venue.place, interval: venue.lookInterval)
      try runner.run { display.show($0) }
    }
    if Interrupt.ofProcess.isRequested {
      throw HarnessError(
        .interrupted, matrix.label, "interrupted", remedy: "the same command resumes it")
    }
    return runner.schedule
  }
}

// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import StressAnalysis
import StressCore
import StressLab
import StressMachine
import StressRecord
import StressReport

/// What every command has that carries trials out: of which profile, over which axes, and where.
struct CampaignOptions: ParsableArguments {
  @Argument(
    help: "A profile: NAME, NAME:VARIANT or a path (see 'wbstress profiles list').",
    completion: Suggestions.profiles)
  var profile: String

  @Option(
    help: ArgumentHelp(
      "File systems, such as ext4,xfs,btrfs (default: the profile's).", valueName: "names"),
    completion: Suggestions.filesystems)
  var fs: String = ""

  @Option(
    help: ArgumentHelp(
      "Kernels for the guests, separated by commas: \(KernelSpec.forms).",
      valueName: "kernels"),
    completion: Suggestions.kernels)
  var kernel: String?

  @Option(
    help: ArgumentHelp(
      "Run on this machine, with temporary image files in DIR.", valueName: "dir"),
    completion: .directory)
  var loop: String?

  @OptionGroup var source: KernelOptions

  @OptionGroup var guests: GuestRunOptions

  @OptionGroup var machine: MachineOptions

  @OptionGroup var remote: RemoteOptions

  @OptionGroup var following: RemoteRunOptions

  @OptionGroup(title: "On this machine") var abort: AbortOptions

  @Option(
    help: ArgumentHelp(
      "An axis and its values: any key of the profile, or 'variant'; may be repeated.",
      valueName: "key=a,b"))
  var vary: [String] = []

  @Option(
    help: ArgumentHelp(
      "Seed for order, delays and data (default: random, printed).", valueName: "number"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "Campaign directory, new or to resume (default: wbstress-PROFILE-TIME).",
      valueName: "dir"),
    completion: .directory)
  var output: String?

  @Flag(
    help: """
      Let others work in the campaign directory at the same time: the same command in other shells or \
      on other machines, or 'work DIR' there.
      """)
  var shared = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Have the trials run by a job array of Slurm, as with --shared: this program shows what comes of them, \
      and ^C cancels the array. OPTIONS are sbatch's, separated by blanks, such as \
      '--array=1-8 --partition=kvm'; '' for none. The output directory, this program and the kernels' cache must \
      be where the nodes reach them.
      """, valueName: "options"))
  var slurm: String?

  @Flag(help: "Keep the disk image of every trial.")
  var keepDisks = false

  @Flag(help: "Print only one line per finished trial, also on a terminal.")
  var noLive = false

  /// Whether others may work in the directory.
  private var isShared: Bool { shared || slurm != nil }
  var isHere: Bool { loop != nil || machine.device != nil }
  var isElsewhere: Bool { !remote.on.isEmpty }

  func validate() throws {
    if kernel != nil, loop != nil {
      throw ValidationError("--loop and --kernel exclude each other")
    }
    if kernel != nil, machine.device != nil {
      throw ValidationError("--device and --kernel exclude each other")
    }
    if isElsewhere {
      if kernel == nil, !isHere {
        throw ValidationError("--on: needs --loop, --device or --kernel, as they are called there")
      }
      for (option, isGiven) in [
        ("--shared", shared), ("--slurm", slurm != nil), ("--keep-disks", keepDisks),
        ("--config", source.configuration.config != nil),
      ] where isGiven { throw ValidationError("\(option) and --on exclude each other") }
      if !following.console.isEmpty, following.console.count != remote.on.count {
        throw ValidationError("--console: \(remote.on.count) are needed, one for each --on")
      }
    } else if let option = following.given {
      throw ValidationError("\(option): needs --on")
    }
    if fs.split(separator: ",", omittingEmptySubsequences: false).contains(""), !fs.isEmpty {
      throw ValidationError("--fs: an empty value")
    }
    if machine.cgroup != nil, !isHere {
      throw ValidationError("--cgroup: needs --loop or --device")
    }
    if isHere, keepDisks { throw ValidationError("--keep-disks: needs --kernel") }
    if isHere, shared { throw ValidationError("--shared: needs --kernel") }
    if isHere, slurm != nil { throw ValidationError("--slurm: needs --kernel") }
    if isShared, output == nil {
      throw ValidationError(
        "\(slurm == nil ? "--shared" : "--slurm"): needs --output, a directory that all can reach")
    }
    if slurm != nil, keepDisks {
      throw ValidationError("--slurm and --keep-disks exclude each other")
    }
  }

  static func check(trials: Int) throws {
    if !(1...CampaignFile.mostTrials).contains(trials) {
      throw ValidationError("--trials: 1 to \(CampaignFile.mostTrials)")
    }
  }

  /// The cells, checked.
  func matrix(calibrate: Bool = false) throws -> Matrix {
    let specs: [KernelSpec]
    if let kernel {
      specs = try source.specs(kernel)
      if isElsewhere, let built = specs.first(where: \.isBuilt) {
        throw HarnessError(
          .usage, "--kernel \(built)", "is built on this machine, and the guests are on another",
          remedy: "build it there and name its directory: --kernel DIR, as it is called there")
      }
      // make must end in order.
      if specs.contains(where: \.isBuilt) { try Interrupt.ofProcess.takeSignals() }
    } else if isHere {
      specs = [.running]
    } else {
      throw HarnessError(
        .refused, "run", "no target given",
        remedy:
          "boot guests (--kernel debian:6.12) or use this machine (--loop DIR or --device DEV)")
    }
    // Told before anything is set up.
    _ = try abort.limits()
    return try Matrix(
      try ProfileCatalog().find(profile), kernels: specs, hosts: try remote.hosts().map(\.name),
      filesystems: fs.split(separator: ",").map(String.init),
      vary: try vary.map(Matrix.Axis.init), calibrate: calibrate)
  }

  /// Carries a campaign out, or what remains of it, and prints its report.
  ///
  /// - Throws: when the user interrupts (code interrupted), and what the host lacks.
  func carryOut(
    _ matrix: Matrix, trials: Int, jobs: Int = 1, untilVerdict: CampaignFile.Question? = nil
  ) throws -> CampaignSummary {
    let display = Display(matrix, isLive: !noLive)
    let directory = output.map(File.plain) ?? Self.defaultDirectory(matrix.label)
    let venue: any Venue =
      if isElsewhere {
        try remoteVenue(matrix, display)
      } else if isHere {
        try LocalVenue(
          matrix, try machine.place(images: loop, directory), limits: try abort.limits())
      } else {
        try guestVenue(matrix, jobs, display)
      }
    let campaign = try Campaign(
      directory: directory, matrix: matrix, identity: venue.identity, trials: trials, seed: seed,
      untilVerdict: untilVerdict, isShared: isShared)
    return try Self.work(
      campaign, venue, display,
      fleet: slurm.map { options in
        (options.split(separator: " ").map(String.init), taskOptions)
      },
      resume: output == nil ? " --output \(ShellWord.quoted(directory))" : "")
  }

  /// What a task's `work` is told of this command line.
  private var taskOptions: [String] {
    ["--accelerator", guests.accelerator]
      + (guests.bootTimeout.map { ["--boot-timeout", "\($0)"] } ?? [])
      + (source.mirror.map { ["--mirror", $0] } ?? [])
      + (source.configuration.config.map { ["--config", $0] } ?? [])
  }

  /// Carries out what remains of a campaign, and prints its report.
  ///
  /// - Parameters:
  ///   - fleet: sbatch's options, and those of its tasks; nil: the trials are run here.
  ///   - resume: what the command line lacks that would resume it.
  /// - Throws: when the user interrupts (code interrupted), and what the host lacks.
  static func work(
    _ campaign: Campaign, _ venue: any Venue, _ display: Display,
    fleet: (options: [String], tasks: [String])? = nil, resume: String = ""
  ) throws -> CampaignSummary {
    for warning in venue.warnings { display.note(warning) }
    // Only now, unless a kernel is built: until here ^C may end the process at once, there is nothing to take down.
    let interrupt = Interrupt.ofProcess
    try interrupt.takeSignals()
    let runner = try CampaignRunner(campaign, venue, interrupt: interrupt)
    do {
      // Whatever is thrown must not be printed into the live view.
      defer { display.finish() }
      try display.begin(
        campaign, jobs: venue.jobs, venue.place, interval: venue.lookInterval)
      if let fleet {
        try submit(campaign, fleet, runner, display, interrupt)
      } else {
        try runner.run { display.show($0) }
      }
    }
    if let remains = venue.remains { display.note(remains) }

    let summary = try CampaignSummary(directory: campaign.directory)
    Output.line(TerminalReport(summary, style: .forTerminal()).screen)
    if interrupt.isRequested {
      let words = CommandLine.arguments.dropFirst().map(ShellWord.quoted).joined(separator: " ")
      Output.error("interrupted; resume with: wbstress \(words)\(resume)")
      throw ExitCode(HarnessError.Code.interrupted.rawValue)
    }
    return summary
  }

  /// Tasks of a job array, where the user does not say how many.
  private static let mostTasks = 16

  private static func submit(
    _ campaign: Campaign, _ fleet: (options: [String], tasks: [String]),
    _ runner: CampaignRunner, _ display: Display, _ interrupt: Interrupt
  ) throws {
    let rest = campaign.order.count { campaign.ending(of: $0) == nil }
    if rest == 0 { return }
    guard let program = ProfileCatalog.executable() else {
      throw HarnessError(.harness, "/proc/self/exe", "readlink", errno: .noSuchFileOrDirectory)
    }
    // sbatch has its tasks begin in the directory that it was called in.
    let directory = campaign.directory
    let array = try SlurmArray.submit(
      [program, "work", directory, "--no-live"] + fleet.tasks, options: fleet.options,
      tasks: min(rest, mostTasks), in: directory)
    display.note("job array \(array.job) of Slurm; its output is in \(directory)/slurm-*.log")
    try runner.follow(
      while: { () throws(HarnessError) in try !array.states().isEmpty },
      { display.show($0) })
    // Tasks that wait for a node are not needed any more, or not wanted.
    try array.cancel()
    if !interrupt.isRequested, runner.schedule.next() != nil {
      throw HarnessError(
        .environment, "job array \(array.job)", "is over, and not all trials have been run",
        remedy: "see \(directory)/slurm-*.log, and rerun the same command")
    }
  }

  private func guestVenue(_ matrix: Matrix, _ jobs: Int, _ display: Display) throws -> GuestVenue {
    var options = try guests.venueOptions(source.store())
    options.keepDisks = keepDisks
    return try GuestVenue(matrix, jobs: jobs, options, progress: display.note)
  }

  private func remoteVenue(_ matrix: Matrix, _ display: Display) throws -> RemoteVenue {
    var options = RemoteVenue.Options(
      kernel == nil
        ? machine.remotePlace(images: loop)
        : RemotePlace(guests.remote(mirror: source.mirror)))
    options.limits = try abort.limits()
    options.patience = try following.patience()
    options.consoles = following.console
    return try RemoteVenue.prepare(
      matrix, try remote.hosts(), options, progress: display.note)
  }

  static func defaultDirectory(_ label: String) -> String {
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    var text = [CChar](repeating: 0, count: 32)
    strftime(&text, text.count, "%Y%m%d-%H%M%S", &parts)
    let stamp = text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    let name = label.map { $0 == ":" || $0 == "/" ? "-" : String($0) }.joined()
    return "wbstress-\(name)-\(stamp)"
  }
}

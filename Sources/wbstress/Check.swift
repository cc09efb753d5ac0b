import ArgumentParser
import StressCore
import StressLab
import StressReport

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say whether trials can be run here, and what to do about what is in the way.",
    discussion: """
      The list is what 'wbstress run' goes by, and nothing is changed. With --device or --loop the exit code is \
      that of trials on this machine, without them that of trials in guests: 0, 4 (refused) or 5 (something is \
      missing). Each guard is described in docs/safety.md.
      """)

  @Argument(
    help: "A profile: NAME, NAME:VARIANT or a path; without one the place alone is looked at.",
    completion: Suggestions.profiles)
  var profile: String?

  @Option(
    help: ArgumentHelp("The directory for image files.", valueName: "dir"), completion: .directory)
  var loop: String?

  @OptionGroup var machine: MachineOptions

  @Option(
    help: ArgumentHelp("The campaign directory that the run would have.", valueName: "dir"),
    completion: .directory)
  var output: String?

  func run() throws {
    let choice = try profile.map { try ProfileCatalog().find($0) }
    let profiles =
      try choice.map { try [$0.file.profile(variant: $0.variant, overrides: [])] } ?? []
    let here = Guards(
      profiles, try machine.place(images: loop, output.map(File.plain) ?? "."))
    let kinds = profiles.first.map { [$0.filesystem.kind] } ?? [.ext4, .xfs, .btrfs]
    let guests = GuestCheck.findings(kinds, profiles)
    let style = TerminalReport.Style.forTerminal()
    let place = machine.device ?? loop
    Output.line(
      CheckReport(
        "on this machine" + (place.map { ", on \($0)" } ?? ""), here.findings, style: style
      ).text)
    Output.line("\n" + CheckReport("in guests", guests, style: style).text)
    let judged = place == nil ? guests : here.findings
    if let error = judged.errors?.errors.first { throw ExitCode(error.code.rawValue) }
  }
}

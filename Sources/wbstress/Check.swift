// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressLab
import StressReport

struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check whether trials can run here, and how to fix what prevents them.",
    discussion: """
      Runs the same checks as 'wbstress run' and changes nothing. With --device or --loop the exit \
      code is for trials on this machine, otherwise for trials in guests: 0, 4 (refused) or 5 \
      (something is missing). docs/safety.md describes each guard. With --on the checks are made on \
      that machine, for trials there.
      """)

  @Argument(
    help: "A profile: NAME, NAME:VARIANT or a path; without one, only the machine is checked.",
    completion: Suggestions.profiles)
  var profile: String?

  @Option(
    help: ArgumentHelp("Directory for the image files.", valueName: "dir"), completion: .directory)
  var loop: String?

  @OptionGroup var machine: MachineOptions

  @OptionGroup var remote: RemoteOptions

  @Option(
    help: ArgumentHelp("The campaign directory of the planned run.", valueName: "dir"),
    completion: .directory)
  var output: String?

  func validate() throws {
    if !remote.on.isEmpty, output != nil {
      throw ValidationError("--output and --on exclude each other: that machine keeps no campaign")
    }
  }

  func run() throws {
    let choice = try profile.map { try ProfileCatalog().find($0) }
    let profiles =
      try choice.map { try [$0.file.profile(variant: $0.variant, overrides: [])] } ?? []
    let style = TerminalReport.Style.forTerminal()
    let place = machine.device ?? loop
    let target = place.map { ", on \($0)" } ?? ""
    var code: HarnessError.Code?
    for host in try remote.hosts() {
      let there = try RemoteFindings.ask(host, machine.remotePlace(images: loop), profiles) {
        Output.progress("wbstress: \($0)\n")
      }
      Output.line(CheckReport("on \(host.name)" + target, there.guards, style: style).text)
      code = code ?? there.guards.errors?.errors.first?.code
    }
    if let code { throw ExitCode(code.rawValue) }
    if !remote.on.isEmpty { return }
    let here = Guards(
      profiles, try machine.place(images: loop, output.map(File.plain) ?? "."))
    let kinds = profiles.first.map { [$0.filesystem.base] } ?? Profile.Filesystem.Kind.common
    let guests = GuestCheck.findings(kinds, profiles)
    Output.line(CheckReport("on this machine" + target, here.findings, style: style).text)
    Output.line("\n" + CheckReport("in guests", guests, style: style).text)
    let judged = place == nil ? guests : here.findings
    if let error = judged.errors?.errors.first { throw ExitCode(error.code.rawValue) }
  }
}

// SPDX-License-Identifier: Apache-2.0

/// wbstress(1) in mdoc(7): what the argument parser tells of each command, and what only people can tell.
package struct ManualPage {
  private let command: CommandHelp

  package init(_ command: CommandHelp) { self.command = command }

  package var text: String {
    var page = ManualText()
    opening(&page)
    page.macro("Sh", "COMMANDS")
    for subcommand in command.subcommands { describe(subcommand, [subcommand.name], &page) }
    ManualSections.write(&page)
    return page.text
  }

  private func opening(_ page: inout ManualText) {
    page.raw(".\\\" Written by 'wbstress man'.")
    page.macro("Dd", ManualSections.date)
    page.macro("Dt", command.name.uppercased(), "1")
    page.macro("Os")
    page.macro("Sh", "NAME")
    page.macro("Nm", command.name)
    page.raw(".Nd " + ManualSections.summary)
    page.macro("Sh", "SYNOPSIS")
    for subcommand in command.subcommands { synopsis(subcommand, [subcommand.name], &page) }
    page.macro("Sh", "DESCRIPTION")
    ManualSections.description(&page)
  }

  // MARK: Synopsis

  private func synopsis(_ command: CommandHelp, _ path: [String], _ page: inout ManualText) {
    if command.subcommands.isEmpty {
      page.macro("Nm", self.command.name)
      page.raw(".Cm " + path.joined(separator: " "))
      let options = command.arguments.filter { !$0.isPositional }
      // The long ones stand below the command.
      if options.count > 4 {
        page.raw(".Op Ar options")
      } else {
        for option in options { page.raw(".Op " + Self.form(option)) }
      }
      for argument in command.arguments where argument.isPositional {
        let form = Self.form(argument) + (argument.isRepeating ? " ..." : "")
        page.raw((argument.isOptional ? ".Op " : ".") + form)
      }
    }
    for sub in command.subcommands { synopsis(sub, path + [sub.name], &page) }
  }

  /// `Fl -kernel Ar kernels`, or `Ar profile`.
  private static func form(_ argument: CommandHelp.Argument) -> String {
    let flags = argument.names.map { "Fl " + $0.dropFirst() }.joined(separator: " | ")
    let value = argument.value.map { "Ar " + ManualText.escaped($0) }
    return [flags.isEmpty ? nil : flags, value].compactMap { $0 }.joined(separator: " ")
  }

  // MARK: Commands

  private func describe(_ command: CommandHelp, _ path: [String], _ page: inout ManualText) {
    if command.subcommands.isEmpty {
      page.macro("Ss", ([self.command.name] + path).joined(separator: " "))
      page.prose(command.abstract)
      if let discussion = command.discussion {
        page.macro("Pp")
        page.prose(discussion)
      }
      arguments(command.arguments, &page)
    }
    for sub in command.subcommands { describe(sub, path + [sub.name], &page) }
  }

  private func arguments(_ arguments: [CommandHelp.Argument], _ page: inout ManualText) {
    if arguments.isEmpty { return }
    page.macro("Bl", "-tag", "-width", "Ds")
    for argument in arguments {
      page.raw(".It " + Self.form(argument))
      page.prose(argument.text)
      if !argument.choices.isEmpty {
        page.prose("One of \(argument.choices.joined(separator: ", ")).")
      }
      if let usual = argument.usual { page.prose("Default: \(usual).") }
    }
    page.macro("El")
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// wbstress(1) in mdoc(7): what the argument parser tells of each command, in the file of what only people can tell.
package struct ManualPage {
  private let command: CommandHelp

  package init(_ command: CommandHelp) { self.command = command }

  package var text: String {
    var page = EmbeddedText.body(PackageResources.wbstress_1) + "\n"
    for (word, text) in parts { page.replace("@\(word)@", with: text) }
    return page
  }

  /// What the file leaves to this program.
  private var parts: [(word: String, text: String)] {
    let filesystems = Profile.Filesystem.Kind.onDisk.map(\.rawValue)
    return [
      ("synopsis", written { for sub in command.subcommands { synopsis(sub, [sub.name], &$0) } }),
      ("commands", written { for sub in command.subcommands { describe(sub, [sub.name], &$0) } }),
      ("status", written(status)),
      (
        "filesystems",
        filesystems.dropLast().joined(separator: ", ") + " or " + filesystems.suffix(1).joined()
      ),
      (
        "emulator",
        Architecture.own.emulator.program.split(separator: "-").joined(separator: "\\-")
      ),
    ]
  }

  private func written(_ write: (inout ManualText) -> Void) -> String {
    var page = ManualText()
    write(&page)
    return page.lines.joined(separator: "\n")
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

  private func status(_ page: inout ManualText) {
    page.macro("Bl", "-tag", "-width", "Ds")
    for status in ExitStatus.all {
      page.raw(".It \(status.code)")
      let text = status.meaning.filter { $0 != "`" }
      page.prose(text.prefix(1).uppercased() + text.dropFirst() + ".")
    }
    page.macro("El")
  }
}

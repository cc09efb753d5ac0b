// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A command with its arguments, as the argument parser tells it (`--experimental-dump-help`; ToolInfo.swift of
/// swift-argument-parser, serialization version 0).
package struct CommandHelp: Sendable, Equatable {
  package struct Argument: Sendable, Equatable {
    package var isPositional: Bool
    /// `--kernel`, `-h`; none of a positional one.
    package var names: [String]
    /// nil: a flag.
    package var value: String?
    package var isOptional: Bool
    package var isRepeating: Bool
    package var text: String
    package var usual: String?
    /// Where only some are taken.
    package var choices: [String]
  }

  package var name: String
  package var abstract: String
  package var discussion: String?
  package var arguments: [Argument]
  package var subcommands: [CommandHelp]

  /// - Throws: when the dump is not what this reads: of another version (code harness).
  package init(dump: some Sequence<UInt8>) throws(HarnessError) {
    guard let json = try? JSON(parsing: dump), let command = json["command"],
      let help = CommandHelp(command)
    else {
      throw HarnessError(
        .harness, "the parser's help", "is not as swift-argument-parser 1.8.2 writes it")
    }
    self = help
  }

  private init?(_ json: JSON) {
    guard let name = json["commandName"]?.string else { return nil }
    self.name = name
    abstract = json["abstract"]?.string ?? ""
    discussion = json["discussion"]?.string
    // Help and version are the same everywhere.
    arguments = (json["arguments"]?.array ?? []).compactMap(Argument.init)
      .filter { !$0.names.contains("--help") && !$0.names.contains("--version") }
    subcommands = (json["subcommands"]?.array ?? []).compactMap(CommandHelp.init)
      .filter { $0.name != "help" }
  }
}

extension CommandHelp.Argument {
  fileprivate init?(_ json: JSON) {
    guard let kind = json["kind"]?.string, json["shouldDisplay"]?.bool != false else { return nil }
    isPositional = kind == "positional"
    names = (json["names"]?.array ?? []).compactMap { name in
      guard let text = name["name"]?.string else { return nil }
      return (name["kind"] == "long" ? "--" : "-") + text
    }
    value = kind == "flag" ? nil : json["valueName"]?.string
    isOptional = json["isOptional"]?.bool ?? false
    isRepeating = json["isRepeating"]?.bool ?? false
    text = json["abstract"]?.string ?? ""
    usual = json["defaultValue"]?.string
    choices = (json["allValues"]?.array ?? json["allValueStrings"]?.array ?? []).compactMap(
      \.string)
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// Options of a kernel's configuration, as a `.config` has them.
///
/// Source: Documentation/kbuild/kconfig-language.rst, Documentation/kbuild/kconfig.rst.
struct KernelConfiguration: Equatable, Sendable {
  /// As written behind the equals sign: `y`, `m`, a number, a text in quotation marks; `n`: "is not set".
  private(set) var values: [String: String] = [:]

  /// - Parameter text: a `.config`.
  init(parsing text: String) {
    for line in text.split(separator: "\n") {
      if let (name, value) = Self.option(line) { values[name] = value }
    }
  }

  /// The value of an option; what a configuration does not have is not set.
  func value(_ name: String) -> String { values[name] ?? "n" }

  /// `CONFIG_X=y`, `# CONFIG_X is not set`; nil: another line.
  static func option(_ line: Substring) -> (name: String, value: String)? {
    let prefix = "CONFIG_"
    if line.hasPrefix(prefix), let equals = line.firstIndex(of: "=") {
      return (String(line[..<equals]), String(line[line.index(after: equals)...]))
    }
    let (before, after) = ("# ", " is not set")
    if line.hasPrefix(before + prefix), line.hasSuffix(after) {
      return (String(line.dropFirst(before.count).dropLast(after.count)), "n")
    }
    return nil
  }

  static func line(_ name: String, _ value: String) -> String {
    value == "n" ? "# \(name) is not set" : "\(name)=\(value)"
  }
}

/// What a guest needs of a kernel's configuration: the file guest.config, which says what its parts are.
struct GuestOptions: Sendable {
  enum Part: String, CaseIterable, Sendable {
    case needed, foreign, small, optional
  }

  struct Option: Equatable, Sendable {
    var part: Part
    var name: String
    var value: String
    /// What it is for.
    var purpose: String
  }

  /// What a configuration begins as.
  enum Base: Equatable, Sendable {
    /// The smallest that there is (`make tinyconfig`), with this fragment of the user's.
    case tiny(String)
    /// The user's own, a whole `.config`.
    case whole(String)

    /// - Parameter text: the user's file. What kconfig has written is whole: it says so on top.
    init(_ text: String?) {
      let text = text ?? ""
      self = text.hasPrefix("#\n# Automatically generated file; ") ? .whole(text) : .tiny(text)
    }

    var isTiny: Bool { if case .tiny = self { true } else { false } }
    fileprivate var text: String {
      switch self {
      case .tiny(let text), .whole(let text): text
      }
    }
  }

  let options: [Option]

  /// Those that wbstress comes with.
  static let shipped = GuestOptions(
    parsing: String(decoding: PackageResources.guest_config, as: UTF8.self))

  init(parsing text: String) {
    var options: [Option] = []
    var part: Part?
    var purpose = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("# == ") {
        part = Part(rawValue: String(line.dropFirst(5)))
      } else if let (name, value) = KernelConfiguration.option(line), let part {
        options.append(Option(part: part, name: name, value: value, purpose: purpose))
      } else {
        // An empty line ends a group, and what its comment said.
        purpose = line.hasPrefix("# ") ? String(line.dropFirst(2)) : ""
      }
    }
    self.options = options
  }

  /// What is set over a base, in the order in which the last says it.
  private func options(for base: Base) -> [Option] {
    switch base {
    case .whole: options.filter { [.needed, .foreign].contains($0.part) }
    case .tiny(let fragment):
      options
        + fragment.split(separator: "\n").compactMap(KernelConfiguration.option).map {
          Option(part: .small, name: $0.name, value: $0.value, purpose: "of --config")
        }
    }
  }

  /// A `.config` to be completed by `make olddefconfig`: the base's lines, less those that are set here.
  ///
  /// - Parameter start: what tinyconfig has made, of a base that begins with it.
  func merged(over start: String, _ base: Base) -> String {
    let own = options(for: base)
    let names = Set(own.map(\.name))
    let text = base.isTiny ? start : base.text
    let rest = text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
      KernelConfiguration.option(line).map { !names.contains($0.name) } ?? true
    }
    var lines = rest.map(String.init)
    for (index, option) in own.enumerated()
    where !own[(index + 1)...].contains(where: { $0.name == option.name }) {
      lines.append(KernelConfiguration.line(option.name, option.value))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What did not survive `make olddefconfig` of what must be there.
  func lost(in configuration: KernelConfiguration, _ base: Base) -> [Option] {
    let own = options(for: base)
    return own.enumerated().filter { index, option in
      let isReplaced =
        option.part == .small && own[(index + 1)...].contains { $0.name == option.name }
      return [.needed, .small].contains(option.part) && !isReplaced
        && configuration.value(option.name) != option.value
    }.map(\.element)
  }

  /// In words: `CONFIG_PSI (pressure, waits of tasks)`, those of one purpose together.
  static func words(_ lost: [Option]) -> String {
    var purposes: [String] = []
    for option in lost where !purposes.contains(option.purpose) { purposes.append(option.purpose) }
    return purposes.map { purpose in
      let names = lost.filter { $0.purpose == purpose }.map { option in
        option.value == "y" ? option.name : KernelConfiguration.line(option.name, option.value)
      }
      return "\(names.joined(separator: ", ")) (\(purpose))"
    }.joined(separator: "; ")
  }

  /// Adds what a configuration follows from, beside the kernel's own Kconfig.
  func add(_ base: Base, to key: inout ContentKey) {
    key.add(base.isTiny ? "tiny" : "whole")
    key.add(base.text)
    for option in options(for: base) { key.add("\(option.name)=\(option.value)") }
  }
}

// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a profile, and where.
struct ProfileProblem: Equatable {
  var position: YAMLNode.Position
  var message: String

  var error: HarnessError { HarnessError(.usage, "\(position)", message) }
}

/// The problems of one reading, gathered so that the user sees all of them at once.
final class ProfileProblems {
  private(set) var all: [ProfileProblem] = []

  /// Notes a problem; the same one a second time is dropped.
  func add(_ position: YAMLNode.Position, _ message: String) {
    let problem = ProfileProblem(position: position, message: message)
    if !all.contains(problem) { all.append(problem) }
  }

  /// - Throws: every problem, in the order of the file; those of options last, as they were given.
  func throwIfAny() throws(HarnessErrors) {
    if all.isEmpty { return }
    func rank(_ offset: Int, _ position: YAMLNode.Position) -> (Int, Int, Int, Int) {
      (position.isOption ? 1 : 0, position.line, position.column, offset)
    }
    let sorted = all.enumerated().sorted {
      rank($0.offset, $0.element.position) < rank($1.offset, $1.element.position)
    }
    throw HarnessErrors(sorted.map(\.element.error))
  }
}

/// A YAML value that knows where it stands.
///
/// Only what JSON has too: no anchors, aliases, tags, nor several documents. A profile is read by
/// people who compare it with another; what it says must stand where it applies.
struct YAMLNode: Equatable, Sendable {
  /// Where a piece of a profile comes from: a place in a file, or a command line option.
  struct Position: Equatable, Sendable, CustomStringConvertible {
    /// The file as the user named it, or the option as it was given (`--vary engine=mmap`).
    var source: String
    /// 1-based; 0 for an option.
    var line = 0
    /// 1-based, in characters; 0 for an option.
    var column = 0

    var isOption: Bool { line == 0 }
    var description: String { isOption ? source : "\(source):\(line):\(column)" }
  }

  struct Pair: Equatable, Sendable {
    var key: String
    var keyPosition: YAMLNode.Position
    var value: YAMLNode
  }

  enum Content: Equatable, Sendable {
    case scalar(String, plain: Bool)
    case sequence([YAMLNode])
    /// In the order of the text; the keys differ.
    case mapping([Pair])
    /// Already reported as a problem; nothing more is to be said about it.
    case refused
  }

  var content: Content
  var position: YAMLNode.Position

  /// The value called `key`; nil for anything but a mapping that has it.
  subscript(key: String) -> YAMLNode? {
    guard case .mapping(let pairs) = content else { return nil }
    return pairs.first { $0.key == key }?.value
  }

  /// The text of a scalar; nil for anything else.
  var text: String? { if case .scalar(let text, _) = content { text } else { nil } }

  /// An unquoted scalar that YAML takes for null.
  var isNull: Bool {
    guard case .scalar(let text, plain: true) = content else { return false }
    return ["", "~", "null"].contains(text)
  }

  /// The value as an error message calls it.
  var found: String {
    switch content {
    case .scalar where isNull: "nothing"
    case .scalar(let text, plain: true): "'\(text)'"
    case .scalar(let text, plain: false): "the string \(JSON.string(text).text)"
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .refused: "an error"
    }
  }
}

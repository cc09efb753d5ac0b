// SPDX-License-Identifier: Apache-2.0

/// How to see it again: with this program, and without.
struct MailReproduction {
  private let told: MailCase

  init(_ told: MailCase) { self.told = told }

  var text: MailText {
    var text = MailText()
    text.add("The command that made these runs:")
    text.verbatim(Self.broken(told.campaign.summary.command))
    guard let script = told.script else {
      text.add("There is no script without wbstress: \(told.scriptless?.operation ?? "").")
      return text
    }
    text.add("Without wbstress, for a machine that may be lost:")
    text.verbatim(script.lines.map { $0.isEmpty ? "" : "  " + $0 })
    return text
  }

  /// Broken before its options, as a shell takes it.
  static func broken(_ command: String) -> [String] {
    // An option and its value stay together.
    var parts: [String] = []
    for word in command.split(separator: " ") {
      if word.hasPrefix("-") || parts.isEmpty {
        parts.append(String(word))
      } else {
        parts[parts.count - 1] += " " + word
      }
    }
    var lines: [String] = []
    for part in parts {
      if let last = lines.last, last.count + part.count + 1 <= longest {
        lines[lines.count - 1] += " " + part
      } else {
        if !lines.isEmpty { lines[lines.count - 1] += " \\" }
        lines.append((lines.isEmpty ? "  " : "    ") + part)
      }
    }
    return lines
  }

  /// With room for the backslash.
  private static let longest = MailText.widest - 2
}

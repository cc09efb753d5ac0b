// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The glossary for a terminal.
package struct GlossaryText {
  private let glossary: Glossary
  private let style: TerminalReport.Style

  package init(_ glossary: Glossary, style: TerminalReport.Style) {
    self.glossary = glossary
    self.style = style
  }

  /// What a term means, a paragraph for each thing that has the name.
  ///
  /// - Throws: for one that is not there, with those that are most like it (code usage).
  package func explanation(of term: String) throws(HarnessError) -> String {
    let found = glossary.find(term)
    if found.isEmpty {
      let nearest = glossary.nearest(term)
      throw HarnessError(
        .usage, "explain", "no entry for '\(term)'",
        remedy: (nearest.isEmpty ? "" : "nearest: \(nearest.joined(separator: ", ")); ")
          + "'wbstress explain' lists all")
    }
    return found.map { entry in
      let title = Format.broken(
        "\(entry.title) (\(entry.group.rawValue))", width: TerminalReport.width, indent: 4)
      let text = Format.broken(entry.text, width: TerminalReport.width - 2).map { "  " + $0 }
      return (title.map(style.bold) + text).joined(separator: "\n")
    }.joined(separator: "\n\n")
  }

  /// All names, by group.
  package var index: String {
    Glossary.Group.allCases.map { group in
      let names = glossary.entries.filter { $0.group == group }.flatMap(\.names)
      let lines = Format.broken(names.joined(separator: "; "), width: TerminalReport.width - 2)
      return ([style.bold(group.rawValue)] + lines.map { "  " + $0 }).joined(separator: "\n")
    }.joined(separator: "\n\n")
  }
}

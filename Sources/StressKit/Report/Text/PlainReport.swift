// SPDX-License-Identifier: Apache-2.0

/// Paragraphs of plain text, as wide as the terminal report.
package protocol PlainReport {}

extension PlainReport {
  func distinct(_ values: [String]) -> [String] {
    var seen: Set<String> = []
    return values.filter { seen.insert($0).inserted }
  }

  /// `title: a; b; c`, broken at blanks so that no line is too wide.
  func wrap(
    _ title: String, _ values: [String], _ paint: (String) -> String = { $0 }
  ) -> [String] {
    values.isEmpty ? [] : hang(title, ": " + values.joined(separator: "; "), paint)
  }

  /// A paragraph whose `title` is painted after it was broken: escape sequences take no room.
  package func hang(
    _ title: String, _ rest: String, indent: Int = 4, _ paint: (String) -> String
  ) -> [String] {
    var lines = Format.broken(title + rest, width: TerminalReport.width, indent: indent)
    let shown = lines[0].prefix(title.count)
    lines[0] = paint(String(shown)) + lines[0].dropFirst(shown.count)
    return lines
  }
}

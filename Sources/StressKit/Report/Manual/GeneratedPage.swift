// SPDX-License-Identifier: Apache-2.0

/// A page of docs/ of which parts are generated.
package enum GeneratedPage {
  /// What stands between the comments `NAME: generated ...` and `NAME: end`.
  package typealias Part = (name: String, text: String)

  /// The page with these parts as they are to be.
  ///
  /// - Returns: nil: it lacks a comment.
  package static func filled(_ page: String, _ parts: [Part]) -> String? {
    var page = page
    for (name, text) in parts {
      guard let lead = page.firstRange(of: "<!-- \(name): generated"),
        let begin = page[lead.upperBound...].firstRange(of: "-->\n"),
        let end = page[begin.upperBound...].firstRange(of: "<!-- \(name): end -->")
      else { return nil }
      page.replaceSubrange(begin.upperBound..<end.lowerBound, with: "\n\(text)\n\n")
    }
    return page
  }

  /// A table in Markdown.
  static func table(_ heads: [String], _ rows: [[String]]) -> String {
    let lead = [line(heads), "|" + String(repeating: "---|", count: heads.count)]
    return (lead + rows.map(line)).joined(separator: "\n")
  }

  private static func line(_ cells: [String]) -> String {
    let cells = cells.map { $0.isEmpty ? "" : $0.replacing("|", with: "\\|") + " " }
    return "| " + cells.joined(separator: "| ") + "|"
  }
}

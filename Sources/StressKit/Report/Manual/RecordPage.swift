// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// The parts of docs/record.md that say what each type of line, each of its members and each span means.
package enum RecordPage {
  /// As the page's own paragraphs.
  private static let width = 105
  /// This type's members have a section of their own.
  private static let apart: any Line.Type = EnvironmentLine.self

  package static let parts: [GeneratedPage.Part] = [
    ("lines", LineTypes.all.map(section).joined(separator: "\n\n")),
    (apart.typeName, table(of: apart)),
    ("spans", spans),
  ]

  /// A meaning without the page's marks: a reference to a section goes with its parentheses, of any other link and of
  /// code the text stays.
  static func plain(_ meaning: String) -> String {
    meaning.replacing(#/ \(\[[^\]]*\]\([^)]*\)\)/#, with: "")
      .replacing(#/\[([^\]]*)\]\([^)]*\)/#) { String($0.1) }
      .filter { $0 != "`" }
  }

  // MARK: Parts

  private static func section(_ type: any Line.Type) -> String {
    let who = type.traits.contains(.host) ? "host" : "guest"
    let meaning = Format.broken("Written by the \(who). \(type.meaning)", width: width)
    let text = (["### `\(type.typeName)`", ""] + meaning).joined(separator: "\n")
    if type == apart || rows(of: type).isEmpty { return text }
    return text + "\n\n" + table(of: type)
  }

  private static func table(of type: any Line.Type) -> String {
    GeneratedPage.table(["member", "kind", "meaning"], rows(of: type))
  }

  private static func rows(of type: any Line.Type) -> [[String]] {
    let further = (type as? any TotalsLine.Type)?.operationMembers ?? []
    return rows(type.descriptions, in: "")
      + further.map { row($0.name, $0.kind, $0.unit, isLeftOut: true, $0.meaning) }
  }

  private static func rows(_ members: [MemberDescription], in path: String) -> [[String]] {
    members.flatMap { member in
      let name = path + member.name
      let inner = name + (member.isList ? "[]" : member.isKeyed ? ".KEY" : "") + "."
      return [row(name, member.kind, member.unit, isLeftOut: member.isLeftOut, member.meaning)]
        + rows(member.parts, in: inner)
    }
  }

  /// Those that are measured alike have one row.
  private static var spans: String {
    var rows: [(names: String, cells: [String])] = []
    for span in TraceSpan.allCases {
      let (name, cells) = ("`\(span.label)`", [span.definition, span.traits.note])
      if let i = rows.firstIndex(where: { $0.cells == cells }) {
        rows[i].names += ", \(name)"
      } else {
        rows.append((name, cells))
      }
    }
    return GeneratedPage.table(
      ["of", "measured", "notes"], rows.map { [$0.names] + $0.cells })
  }

  private static func row(
    _ name: String, _ kind: String, _ unit: LineUnit?, isLeftOut: Bool, _ meaning: String
  ) -> [String] {
    let kind = [kind, unit?.rawValue, isLeftOut ? "optional" : nil].compactMap(\.self)
    return ["`\(name)`", kind.joined(separator: ", "), meaning]
  }
}

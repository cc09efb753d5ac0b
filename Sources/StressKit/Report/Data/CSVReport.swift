// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// A campaign's trials in long form, RFC 4180: a row for each number of each trial. docs/csv.md has the
/// columns.
package struct CSVReport {
  private let label: String
  private let results: [CellResult]
  /// The key whose value each trial has of its own; nil: there is none.
  private let searched: String?

  package init(_ summary: CampaignSummary, _ results: [CellResult]) {
    label = summary.label
    searched = summary.threshold?.key
    self.results = results
  }

  package var text: String {
    let axes = axes
    var lines = [
      Self.row(["campaign", "cell"] + axes + ["trial", "outcome", "metric", "unit", "value"])
    ]
    for cell in results {
      for trial in cell.trials {
        guard let summary = trial.trial else { continue }
        let values = axes.map { key in
          (key == searched ? summary.axes : cell.cell.axes).first { $0.key == key }?.value ?? ""
        }
        let head = [label, "\(cell.index + 1)"] + values
        let of = ["\(trial.number)", summary.ending.outcome.rawValue]
        for figure in TrialFigures.all(of: summary) {
          // Unknown is an empty field, which R and pandas read as NA.
          let value = JSON.number(figure.value)
          lines.append(
            Self.row(
              head + of + [figure.metric, figure.unit, value == .null ? "" : value.text]))
        }
      }
    }
    return lines.joined()
  }

  /// Of all cells, in their order, and what is searched.
  private var axes: [String] {
    var seen: Set<String> = []
    return (results.flatMap { $0.cell.axes.map(\.key) } + [searched].compactMap(\.self))
      .filter { seen.insert($0).inserted }
  }

  private static func row(_ fields: [String]) -> String {
    fields.map(field).joined(separator: ",") + "\r\n"
  }

  /// Quoted where a field has one of the format's own characters.
  static func field(_ text: String) -> String {
    var text = text.replacing("\0", with: "\u{fffd}")
    // To a spreadsheet this would be a formula; no number begins so but with its sign.
    if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first),
      Double(text) == nil
    {
      text = "'" + text
    }
    let isPlain = text.unicodeScalars.allSatisfy { !",\"\r\n".unicodeScalars.contains($0) }
    return isPlain ? text : "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}

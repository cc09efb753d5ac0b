// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// A campaign's results as KTAP version 1: Documentation/dev-tools/ktap.rst. A cell is a test with one
/// subtest for each trial.
package struct KTAPReport {
  private let results: [CellResult]

  package init(_ results: [CellResult]) { self.results = results }

  package var text: String {
    var lines = ["KTAP version 1", "1..\(results.count)"]
    for (number, cell) in results.enumerated() {
      lines += ["KTAP version 1", "1..\(cell.trials.count)"].map { "  " + $0 }
      for (index, trial) in cell.trials.enumerated() {
        lines += Self.lines(trial, index + 1).map { "  " + $0 }
      }
      lines.append("# " + Self.plain(cell.killedLine))
      lines.append(Self.result(cell, number + 1))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func result(_ cell: CellResult, _ number: Int) -> String {
    let name = description(cell.name)
    if cell.hasFailed { return "not ok \(number) \(name)" }
    let isSilent = !cell.trials.contains { [.passed, .measured].contains($0.status) }
    return "ok \(number) \(name)\(isSilent ? " # SKIP no usable trials" : "")"
  }

  /// Diagnostics come before the result that they belong to.
  private static func lines(_ trial: TrialResult, _ number: Int) -> [String] {
    let details = ([trial.endingLine].compactMap(\.self) + trial.checkLines).map {
      "# " + plain($0)
    }
    let name = "trial_\(trial.number)"
    let reason = plain(trial.reason ?? "")
    let result =
      switch trial.status {
      case .passed: "ok \(number) \(name)"
      case .measured: "ok \(number) \(name) # nothing is expected"
      case .failed: "not ok \(number) \(name) # \(reason)"
      case .error: "not ok \(number) \(name) # ERROR \(reason)"
      case .skipped, .missing: "ok \(number) \(name) # SKIP \(reason)"
      }
    return details + [result]
  }

  /// On one line: of what a name has only printable characters.
  private static func plain(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.properties.generalCategory.isVisible ? $0 : " " }))
  }

  /// A description ends at a number sign.
  private static func description(_ text: String) -> String {
    String(plain(text).map { $0 == "#" ? "_" : $0 })
  }
}

extension Unicode.GeneralCategory {
  /// Whether it stands on the line: no control character, line or paragraph separator.
  fileprivate var isVisible: Bool {
    switch self {
    case .control, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: false
    default: true
    }
  }
}

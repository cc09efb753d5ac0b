// SPDX-License-Identifier: Apache-2.0
import StressMachine
import StressReport

/// What guards found, as a list: what is not in order with why it matters and what to do about it.
package struct CheckReport: PlainReport {
  private let title: String
  private let findings: GuardFindings
  private let style: TerminalReport.Style

  package init(_ title: String, _ findings: GuardFindings, style: TerminalReport.Style) {
    self.title = title
    self.findings = findings
    self.style = style
  }

  private static let idWidth = (Guard.allCases.map(\.rawValue.count).max() ?? 0) + 2
  private static let statusWidth = 9

  package var text: String {
    let kept = findings.errors?.errors.count ?? 0
    let verdict = kept == 0 ? "nothing is in the way" : "\(kept) in the way"
    return (["\(title): \(verdict)"] + findings.all.flatMap(lines)).joined(separator: "\n")
  }

  private func lines(_ finding: GuardFinding) -> [String] {
    // No-break spaces: blanks are where a line may end.
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: "\u{a0}", count: max(0, width - text.count))
    }
    let status = padded(finding.status.rawValue, Self.statusWidth)
    func told(_ title: String, _ text: String, _ paint: (String) -> String) -> [String] {
      hang(title, text, indent: Self.statusWidth, paint)
    }
    let head = told(
      status,
      padded(finding.origin.rawValue, Self.idWidth) + "\(finding.object): \(finding.found)",
      finding.status == .ok ? { $0 } : style.warning)
    if finding.status == .ok { return head }
    let blank = padded("", Self.statusWidth)
    return head + told(blank, "why: " + finding.origin.why) { $0 }
      + (finding.remedy.map { told(blank, "do:\u{a0} " + $0) { $0 } } ?? [])
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

/// Why a campaign's trials ended and stalled as they did, cell by cell, as text of 80 columns.
package struct WhyReport {
  private let label: String
  private let cells: [CellDiagnosis]
  private let style: TerminalReport.Style
  /// Kills of a cell that are told in full.
  private let told: Int

  /// - Parameter told: kills of each cell that are told in full.
  package init(
    _ label: String, _ cells: [CellDiagnosis], told: Int, style: TerminalReport.Style
  ) {
    self.label = label
    self.cells = cells
    self.told = told
    self.style = style
  }

  package var text: String {
    let killed = cells.contains { $0.trials.contains { !$0.autopsies.isEmpty } }
    let ledgers = cells.map { cell in CellLedger(cell.trials.map { ($0.number, $0.ledger) }) }
    let ledger = LedgerSection(ledgers).lines(width: TerminalReport.width, style.bold)
    let rule = Format.broken("finding: " + OOMFinding.rule, width: TerminalReport.width)
    var text = [style.bold("\(label): why")]
    for cell in cells { text += [""] + lines(cell) }
    if killed { text += [""] + rule }
    if !ledger.isEmpty { text += [""] + ledger }
    return (text + ["", TerminalReport.hint]).joined(separator: "\n")
  }

  private func lines(_ cell: CellDiagnosis) -> [String] {
    let axes = cell.axes.map { "\($0.key) \($0.value)" }.joined(separator: "; ")
    let endings = Outcome.allCases.compactMap { outcome -> String? in
      let count = cell.trials.count { $0.ending.outcome == outcome }
      return count > 0 ? "\(outcome.rawValue) \(count)" : nil
    }
    var lines = Format.broken(
      "#\(cell.index + 1) \(axes): \(endings.isEmpty ? "no trials" : endings.joined(separator: ", "))",
      width: TerminalReport.width, indent: 4)
    lines[0] = style.bold(lines[0])
    let autopsies = AutopsySection(
      cell.trials.map { ($0.number, $0.autopsies, $0.otherKills) }, told: told,
      isWatch: cell.isWatch)
    let around = AroundSection(EventKind.allCases.map { CountersAround($0, cell.around) })
      .lines(width: TerminalReport.width, style.bold)
    return lines + autopsies.lines(width: TerminalReport.width, style.bold)
      + (around.isEmpty ? [] : [""] + around)
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

/// The matrix as it fills: a line a cell, a letter a trial, so that it reads without colour.
struct MatrixGlyphs {
  private let campaign: CampaignProgress
  private let width: Int
  private let style: TerminalReport.Style

  private static let running = ">"
  private static let open = "."

  init(_ campaign: CampaignProgress, width: Int, style: TerminalReport.Style) {
    self.campaign = campaign
    self.width = width
    self.style = style
  }

  /// At most `height` lines: cells around those that run, and what the letters mean.
  func lines(height: Int) -> [String] {
    let count = campaign.cells.count
    let legend = self.legend
    if height >= count + legend.count { return cells(0..<count) + legend }
    if height >= count { return cells(0..<count) }
    // One line says how many are not shown.
    let shown = height - 1
    if shown < 1 { return height == 1 ? cells(0..<1) : [] }
    let current = campaign.running.map(\.cell).min() ?? 0
    let first = max(0, min(current - shown / 2, count - shown))
    return cells(first..<first + shown)
      + [String("   ... and \(count - shown) more cells".prefix(width))]
  }

  private static func letter(_ outcome: Outcome) -> String {
    switch outcome {
    case .completed: "c"
    case .oom: "O"
    case .stalled: "s"
    case .hang: "h"
    case .panic: "P"
    case .harnessLost: "l"
    case .invalid: "i"
    case .skipped: "k"
    }
  }

  private func cells(_ range: Range<Int>) -> [String] {
    let number = "\(campaign.cells.count)".count
    // Letters come before the ends of long names.
    let room = max(width / 2, width - campaign.trials) - number - 2
    let label = min(campaign.cells.map(\.count).max() ?? 0, max(0, room))
    return range.map { cell in
      let name = campaign.cells[cell].prefix(label)
      let index = "\(cell + 1)"
      let start =
        String(repeating: " ", count: number - index.count) + index + " " + name
        + String(repeating: " ", count: label - name.count) + " "
      return start.prefix(width) + trials(cell, room: width - start.count)
    }
  }

  /// A letter each, or where that is too wide, how many there are of each.
  private func trials(_ cell: Int, room: Int) -> String {
    let outcomes = campaign.outcomes[cell]
    if outcomes.count <= room {
      return outcomes.enumerated().map { i, outcome in
        guard let outcome else {
          return campaign.isRunning(cell: cell, number: i + 1)
            ? style.bold(Self.running) : Self.open
        }
        return outcome == .completed
          ? Self.letter(outcome) : style.warning(Self.letter(outcome))
      }.joined()
    }
    let counts = Outcome.allCases.compactMap { outcome -> String? in
      let count = outcomes.count { $0 == outcome }
      return count > 0 ? Self.letter(outcome) + "\(count)" : nil
    }
    let done = outcomes.count { $0 != nil }
    return String("\(done)/\(outcomes.count) \(counts.joined(separator: " "))".prefix(max(0, room)))
  }

  /// Narrower ones have no room for words.
  private static let narrowestLegend = 16

  /// Of the letters only those that are there.
  private var legend: [String] {
    if width < Self.narrowestLegend { return [] }
    let seen = Set(campaign.outcomes.joined().compactMap { $0 })
    var items = Outcome.allCases.filter(seen.contains).map { "\(Self.letter($0)) \($0.rawValue)" }
    if !campaign.running.isEmpty { items.append("\(Self.running) running") }
    if campaign.done + campaign.running.count < campaign.total {
      items.append("\(Self.open) to come")
    }
    if campaign.running.contains(where: { $0.trial.memory.current != nil }) {
      items.append("memory: a pinned, w dirty or under writeback, o other")
    }
    return Format.broken(items.joined(separator: "; "), width: width, indent: 2)
  }
}

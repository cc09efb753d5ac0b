// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

/// Colours of causes: the costliest of the campaign have one each, all others share a grey, what is
/// unexplained has its own.
struct CauseColours {
  static let count = 7
  static let other = count
  static let unexplained = count + 1
  private var numbers: [StallCause: Int] = [:]

  init(_ cells: [PageCell]) {
    let kinds = cells.flatMap { cell in
      [cell.ledger.operations, cell.ledger.pressure].flatMap { $0.values.map(Optional.some) }
    }
    let explained = LedgerSection.causes(kinds).filter { !$0.isUnexplained }
    for (number, cause) in explained.prefix(Self.count).enumerated() { numbers[cause] = number }
  }

  subscript(cause: StallCause) -> Int {
    cause.isUnexplained ? Self.unexplained : numbers[cause] ?? Self.other
  }

  /// Those with a colour of their own, in its order.
  var named: [StallCause] { numbers.sorted { $0.value < $1.value }.map(\.key) }
}

/// Where the time of stalls went: a stacked bar for each cell and kind of stall.
struct PageLedger {
  private let cells: [PageCell]
  private let colours: CauseColours

  init(_ cells: [PageCell], _ colours: CauseColours) {
    self.cells = cells
    self.colours = colours
  }

  var markup: Markup {
    let operations = cells.map(\.ledger.operations)
    let pressure = cells.map(\.ledger.pressure)
    let groups =
      LedgerSection.kinds(operations).map { kind in
        group("\(kind) stalls", operations.map { $0[kind] })
      }
      + LedgerSection.kinds(pressure).map { kind in group("\(kind) full", pressure.map { $0[kind] })
      }
    let lines = LedgerSection(cells.map(\.ledger)).lines(width: TerminalReport.width) { $0 }
    let none: Markup = groups.isEmpty ? "<p>No stall of 10 ms or more is in the records.</p>" : ""
    let figures: Markup =
      lines.isEmpty
      ? ""
      : """
      <details><summary>figures, the worst stalls, and what is unknown</summary>
      <pre tabindex="0" aria-label="stall ledger">\(lines.map { "\($0)\n" as Markup })</pre></details>
      """
    return """
      <section aria-labelledby="h-ledger"><h2 id="h-ledger">Where the time of stalls went</h2>
      \(groups.isEmpty ? "" : key)\(none)\(groups)\(figures)</section>
      """
  }

  private var key: Markup {
    let named = colours.named.enumerated().map { number, cause -> Markup in
      "<span><i class=\"sw c\(number)\"></i>\(cause.label)</span> "
    }
    return """
      <p class="key">\(named)<span><i class="sw c\(CauseColours.other)"></i>other causes</span> \
      <span><i class="sw c\(CauseColours.unexplained)"></i>unexplained</span></p>
      """
  }

  private func group(_ title: String, _ kinds: [CellLedger.Kind?]) -> Markup {
    let causes = LedgerSection.causes(kinds)
    let rows = zip(cells, kinds).map { cell, kind -> Markup in
      guard let kind, kind.count > 0 else {
        return
          "<div class=\"b\"><span class=\"l\">\(cell.name)</span><span class=\"none\">none</span></div>\n"
      }
      let unexplained = LedgerSection.percent(kind.share(kind.unexplained))
      return """
        <div class="b"><span class="l">\(cell.name)</span>\
        <span class="bar">\(causes.map { piece($0, kind) })</span>\
        <span class="r">\(TerminalReport.count(kind.count, "stall")), \
        \(Format.seconds(Double(kind.time))) s, unexplained \(unexplained) %</span></div>

        """
    }
    return "<h3>\(title)</h3><div class=\"bars wide\">\(rows)</div>\n"
  }

  private func piece(_ cause: StallCause, _ kind: CellLedger.Kind) -> Markup {
    guard let share = kind.share(kind.time(of: cause)), share > 0 else { return "" }
    return """
      <i class="c\(colours[cause])" style="width:\(percent: share)" \
      title="\(cause.label) \(LedgerSection.percent(share)) %"></i>
      """
  }
}

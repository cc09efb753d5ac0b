// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// Which counters were different before kills and stalls, and how the strongest went on.
struct PageAround {
  private let cells: [PageCell]

  init(_ cells: [PageCell]) { self.cells = cells }

  var markup: Markup {
    let told = cells.contains { $0.studies.contains { !$0.counters.isEmpty } }
    let legend: Markup = told ? "<p class=\"legend\">\(AroundSection.legend) \(Self.path)</p>" : ""
    return """
      <section aria-labelledby="h-around"><h2 id="h-around">Counters before kills and stalls</h2>
      \(cells.map(section))\(legend)</section>
      """
  }

  private static let path =
    "The line: mean over the trials from 5 s before the events to 5 s after; dashed: the mean of quiet"
    + " seconds; upright: the event."

  private func section(_ cell: PageCell) -> Markup {
    let isTold = cell.studies.contains { $0.kind == .kill && $0.tally.events > 0 || $0.isFinding }
    let tallies = cell.studies.filter { $0.tally.trials > 0 }.map(AroundSection.tally)
    let studies = cell.studies.filter { $0.tally.trials > 0 }.map(study)
    let none: Markup = studies.isEmpty ? "<p>No trial whose streams ran to their end.</p>" : ""
    return """
      <details class="cell"\(isTold ? " open" : "")><summary>\(cell.name): \
      \(tallies.isEmpty ? "no trials" : tallies.joined(separator: ", "))</summary>\
      \(studies)\(none)</details>

      """
  }

  private func study(_ study: CountersAround) -> Markup {
    if study.tally.events == 0 { return "<p>\(AroundSection.none([study]))</p>" }
    if study.counters.isEmpty { return "<p>\(AroundSection.sentence(study))</p>" }
    let header = AroundSection.columns.map { "<th scope=\"col\" class=\"n\">\($0)</th>" as Markup }
    let rows = study.counters.prefix(AroundSection.shown).map { counter -> Markup in
      let figures = AroundSection.figures(counter).map { "<td class=\"n\">\($0)</td>" as Markup }
      return """
        <tr\(counter.isFinding ? " class=\"found\"" : "")><th scope="row">\(counter.name)</th>\(figures)\
        <td>\(Self.line(counter))</td></tr>

        """
    }
    return """
      <p>\(AroundSection.sentence(study))</p>
      <div class="box" tabindex="0" role="region" aria-label="counters"><table>
      <thead><tr><th scope="col">counter</th>\(header)<th scope="col">-5 s to 5 s</th></tr></thead>
      <tbody>\(rows)</tbody></table></div>

      """
  }

  private static let width = 160.0
  private static let height = 28.0

  /// The counter's path as a line, with its quiet mean.
  private static func line(_ counter: CountersAround.Counter) -> Markup {
    let known = counter.path.compactMap(\.self) + [counter.quiet]
    guard let least = known.min(), let greatest = known.max(), counter.path.count > 1 else {
      return ""
    }
    let range = max(greatest - least, .leastNormalMagnitude)
    func y(_ value: Double) -> String {
      Format.fixed(1 + (height - 2) * (1 - (value - least) / range), 1)
    }
    var path = ""
    var isOpen = false
    for (bin, value) in counter.path.enumerated() {
      guard let value else {
        isOpen = false
        continue
      }
      let x = Format.fixed((Double(bin) + 0.5) * width / Double(counter.path.count), 1)
      path += "\(isOpen ? "L" : "M")\(x) \(y(value))"
      isOpen = true
    }
    return """
      <svg class="path" viewBox="0 0 160 28" width="160" height="28" role="img" \
      aria-label="from \(Format.significant(least)) to \(Format.significant(greatest))">\
      <line x1="80" x2="80" y1="0" y2="28" class="event"/>\
      <line x1="0" x2="160" y1="\(y(counter.quiet))" y2="\(y(counter.quiet))" class="quiet"/>\
      <path d="\(path)"/></svg>
      """
  }
}

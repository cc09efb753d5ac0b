// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

/// The table of cells: what the terminal's two tables have, the interval as a bar, a button for each trial.
struct PageMatrix {
  private let report: TerminalReport

  init(_ report: TerminalReport) { self.report = report }

  var markup: Markup {
    """
    <section aria-labelledby="h-cells"><h2 id="h-cells">Cells</h2>
    <div class="box" tabindex="0" role="region" aria-labelledby="h-cells"><table class="cells">
    <thead><tr>\(header)</tr></thead>
    <tbody>
    \(report.cells.indices.map(row))</tbody></table></div>
    <p class="legend">OOM: trials with an OOM kill of those that count, and the Wilson interval of \
    their share, 95 %. MiB/s: median over trials, and range. Seconds: p50 and p99 of a trial's writes, \
    median over trials; max and fsync, the longest of all; memory and io, PSI some/full of the limited \
    cgroup while the streams ran, median over trials. Trials: \(outcomes)</p>
    </section>
    """
  }

  private var outcomes: String {
    let present = Set(report.trials.map(\.ending.outcome))
    return Outcome.allCases.filter(present.contains)
      .map { "\(PageTrial.letter($0)) \($0.rawValue)" }.joined(separator: ", ")
  }

  private var header: [Markup] {
    let axes = report.axes.map { "<th scope=\"col\">\(report.short($0))</th>" as Markup }
    let figures = TerminalReport.speedColumns.map {
      "<th scope=\"col\" class=\"n\">\($0.0)</th>" as Markup
    }
    return ["<th scope=\"col\">#</th>"] + axes + [
      "<th scope=\"col\" class=\"n\">OOM</th><th scope=\"col\">0 to 100 % of trials</th>",
      "<th scope=\"col\">trials</th><th scope=\"col\">kills by finding</th>",
    ] + figures
  }

  private func row(_ index: Int) -> Markup {
    let cell = report.cells[index]
    let kills = report.killRow(cell)
    let labels = report.labels(cell).map { "<td>\($0)</td>" as Markup }
    let figures = report.speedRow(cell).map { "<td class=\"n\">\($0)</td>" as Markup }
    let control: Markup =
      switch cell.profile.control {
      case .positive: " <span class=\"control\" title=\"positive control: must be killed\">+</span>"
      case .negative:
        " <span class=\"control\" title=\"negative control: must not be killed\">−</span>"
      case nil: ""
      }
    return """
      <tr data-cell="\(index)"><th scope="row"><button type="button" class="pick" data-cell="\(index)" \
      aria-label="cell \(index + 1)">\(index + 1)</button>\(control)</th>\(labels)\
      <td class="n">\(kills[0])</td><td class="ci">\(Self.interval(cell.killed))<span>\(kills[1])</span></td>\
      <td class="trials">\(cell.trials.map { Self.button(index, $0) })</td><td>\(kills[2])</td>\(figures)</tr>

      """
  }

  private static func interval(_ killed: Proportion) -> Markup {
    guard let rate = killed.rate else { return "" }
    let range = killed.wilson()
    return """
      <i class="track"><i class="range" style="left:\(percent: range.lower);\
      width:\(percent: range.upper - range.lower)"></i><i class="rate" style="left:\(percent: rate)"></i></i>
      """
  }

  private static func button(_ cell: Int, _ trial: TrialSummary) -> Markup {
    let outcome = trial.ending.outcome
    // Of the others there is nothing to show.
    let isTold = ![.invalid, .skipped].contains(outcome)
    let words = "cell \(cell + 1) trial \(trial.number): \(outcome.rawValue)"
    return """
      <button type="button" class="t \(outcome.rawValue)" data-cell="\(cell)" data-trial="\(trial.number)" \
      aria-label="\(words)" title="\(words)"\(isTold ? "" : " disabled")>\(PageTrial.letter(outcome))</button>
      """
  }
}

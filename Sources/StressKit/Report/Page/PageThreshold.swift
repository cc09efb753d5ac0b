// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// The curves of a campaign that looks for the values at which half of the trials die: each cell's with its band, its
/// trials and its threshold.
struct PageThreshold {
  private let section: ThresholdSection
  private let report: TerminalReport

  /// nil: the campaign looked for none.
  init?(_ report: TerminalReport) {
    guard let section = ThresholdSection(report) else { return nil }
    self.section = section
    self.report = report
  }

  var markup: Markup {
    let header =
      report.axes.map { "<th scope=\"col\">\(report.short($0))</th>" as Markup }
      + ThresholdSection.columns.map { "<th scope=\"col\">\($0.0)</th>" as Markup }
    let differences = section.differences.map { "<li>\($0)</li>\n" as Markup }
    return """
      <section aria-labelledby="h-threshold"><h2 id="h-threshold">Where half of the trials die</h2>
      <p>\(section.title)</p>
      <div class="box" tabindex="0" role="region" aria-labelledby="h-threshold"><table>
      <thead><tr><th scope="col">#</th>\(header)</tr></thead>
      <tbody>
      \(section.thresholds.cells.indices.map(row))</tbody></table></div>
      <ul class="notes">\(differences)</ul>
      \(section.thresholds.cells.indices.map(figure))<p class="legend">\(ThresholdSection.legend()) Curves: share \
      of trials that die, mean and 95 % band of the posterior. Marks: trials that died above, that lived \
      below. Upright: OOM50 and its interval.</p>
      </section>

      """
  }

  private func row(_ index: Int) -> Markup {
    let labels = report.labels(report.cells[index]).map { "<td>\($0)</td>" as Markup }
    let figures = section.row(index).map { "<td>\($0)</td>" as Markup }
    return "<tr><th scope=\"row\">\(index + 1)</th>\(labels)\(figures)</tr>\n"
  }

  // MARK: Curves

  /// Of a curve that is drawn, and the same of the JSON report.
  static let points = 81
  private static let width = 640.0
  private static let height = 180.0
  private static let margin = (left: 44.0, right: 12.0, top: 22.0, bottom: 40.0)

  private func figure(_ index: Int) -> Markup {
    let cell = section.thresholds.cells[index]
    let scale = section.scale(cell)
    let (from, to) = (Double(cell.range.from), Double(cell.range.to))
    func x(_ value: Double) -> String {
      let room = Self.width - Self.margin.left - Self.margin.right
      return Format.fixed(Self.margin.left + (value - from) / (to - from) * room, 1)
    }
    func y(_ share: Double) -> String {
      let room = Self.height - Self.margin.top - Self.margin.bottom
      return Format.fixed(Self.margin.top + (1 - share) * room, 1)
    }
    func path(_ points: [(Double, Double)]) -> String {
      points.enumerated().map { "\($0 == 0 ? "M" : "L")\(x($1.0)) \(y($1.1))" }.joined()
    }
    let curve = cell.curve(points: Self.points)
    let band =
      curve.map { ($0.value, $0.interval.upper) }
      + curve.reversed().map { ($0.value, $0.interval.lower) }
    let grid = [0, 0.5, 1].map { share -> Markup in
      """
      <line class="grid" x1="\(x(from))" x2="\(x(to))" y1="\(y(share))" y2="\(y(share))"/>\
      <text x="\(Format.fixed(Self.margin.left - 6, 1))" y="\(y(share - 0.03))" text-anchor="end">\
      \(Format.fixed(share * 100, 0)) %</text>
      """
    }
    let ticks = (0...4).map { tick -> Markup in
      let value = from + (to - from) * Double(tick) / 4
      let anchor = tick == 0 ? "start" : tick == 4 ? "end" : "middle"
      return """
        <text x="\(x(value))" y="\(Format.fixed(Self.height - 8, 1))" text-anchor="\(anchor)">\
        \(scale.text(value))</text>
        """
    }
    let marks = cell.trials.map { trial -> Markup in
      let at = x(Double(trial.value))
      let edge = trial.died ? 1.0 : 0.0
      let words = "trial \(trial.number) at \(scale.text(Double(trial.value))): "
      return """
        <line class="\(trial.died ? "died" : "lived")" x1="\(at)" x2="\(at)" y1="\(y(edge))" \
        y2="\(y(trial.died ? 1.14 : -0.14))"><title>\(words)\(trial.died ? "died" : "lived")</title></line>
        """
    }
    let found: Markup =
      cell.isTold
      ? """
      <rect class="within" x="\(x(cell.interval.lower))" y="\(y(1))" \
      width="\(Self.length(x(cell.interval.lower), x(cell.interval.upper)))" \
      height="\(Self.length(y(1), y(0)))"/>\
      <line class="half" x1="\(x(cell.estimate))" x2="\(x(cell.estimate))" y1="\(y(1))" y2="\(y(0))"/>
      """ : ""
    let words = section.sentence(index)
    return """
      <figure class="threshold"><figcaption><b>\(index + 1). \(report.cells[index].name)</b> \(words)\
      </figcaption>
      <svg viewBox="0 0 640 180" role="img" aria-label="\(words)">\(grid)\(ticks)\(found)\
      <path class="spread" d="\(path(band))Z"/>\
      <path class="mean" d="\(path(curve.map { ($0.value, $0.mean) }))"/>\(marks)</svg></figure>

      """
  }

  private static func length(_ from: String, _ to: String) -> String {
    Format.fixed((Double(to) ?? 0) - (Double(from) ?? 0), 1)
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// What the cells came to along one axis, such as the kernel: a mark and its 95 % interval for each cell, a series for
/// each combination of the other axes. Of a search, where half of the trials die; else the share of trials with an OOM
/// kill.
struct PageChart {
  /// One cell's, in the scale's unit.
  private struct Mark {
    let place: Int
    let series: Int
    let told: Told
    /// For those who point at it.
    let words: String
  }

  private enum Told {
    case value(Double, ConfidenceInterval)
    /// Beyond the range's end: nothing dies, or everything.
    case beyond(above: Bool)
    case unknown
  }

  /// The axis.
  private let along: String
  private let marks: [Mark]
  private let places: [String]
  private let series: [String]
  private let quantity: Quantity

  private struct Quantity: Sendable {
    let title: String
    let range: ClosedRange<Double>
    let text: @Sendable (Double) -> String
  }

  /// nil: no axis has several values.
  init?(_ report: TerminalReport) {
    func values(_ key: String) -> [String] { ComparisonChoice.values(of: key, in: report.cells) }
    let keys = report.axes.filter { values($0).count > 1 }
    // The most values, of those the first.
    guard let along = keys.max(by: { values($0).count < values($1).count }) else { return nil }
    let places = values(along)
    let others = keys.filter { $0 != along }
    let names = report.cells.map { cell in
      others.map { "\(report.short($0)) \(cell.value(of: $0) ?? "-")" }.joined(separator: ", ")
    }
    let series = report.distinct(names)
    let search = ThresholdSection(report)
    self.along = report.short(along)
    self.places = places
    self.series = series
    quantity = search.map(Self.quantity) ?? Self.share
    marks = report.cells.indices.compactMap { index in
      let cell = report.cells[index]
      guard let place = cell.value(of: along).flatMap(places.firstIndex),
        let row = series.firstIndex(of: names[index])
      else { return nil }
      return Mark(
        place: place, series: row, told: search.map { Self.told($0, index) } ?? Self.told(cell),
        words: "\(cell.name): \(search?.sentence(index) ?? Self.words(cell))")
    }
  }

  // MARK: What is shown

  private static let share = Quantity(
    title: "trials with an OOM kill, of those that count", range: 0...1,
    text: { Format.fixed($0 * 100, 0) + " %" })

  private static func told(_ cell: CellSummary) -> Told {
    guard let rate = cell.killed.rate else { return .unknown }
    return .value(rate, cell.killed.wilson())
  }

  private static func words(_ cell: CellSummary) -> String {
    guard cell.killed.rate != nil else { return "no trial counts" }
    let range = cell.killed.wilson()
    return "\(cell.killed.events):\(cell.killed.trials)"
      + " (95 % \(share.text(range.lower)) to \(share.text(range.upper)))"
  }

  private static func quantity(_ section: ThresholdSection) -> Quantity {
    let ranges = section.thresholds.threshold.ranges
    let scale = section.scale
    let (from, to) = (ranges.map(\.from).min() ?? 0, ranges.map(\.to).max() ?? 1)
    return Quantity(
      title: "\(section.thresholds.threshold.key) at which half of the trials die",
      range: Double(from)...Double(max(to, from + 1)), text: { scale.text($0) })
  }

  private static func told(_ section: ThresholdSection, _ index: Int) -> Told {
    let cell = section.thresholds.cells[index]
    if cell.isTold { return .value(cell.estimate, cell.interval) }
    switch cell.stage {
    case .never: return .beyond(above: cell.posterior.direction == .rising)
    case .always: return .beyond(above: cell.posterior.direction != .rising)
    case .found, .notMonotonic, .failed, .open: return .unknown
    }
  }

  // MARK: Drawing

  private static let height = 310.0
  private static let margin = (left: 62.0, right: 14.0, top: 30.0, bottom: 30.0)
  private static let rowHeight = 17.0

  /// Of the longest, as wide as text of 11 px may be.
  private static func textWidth(_ texts: [String]) -> Double {
    Double(texts.map(\.count).max() ?? 0) * 6.6
  }

  /// Wide enough that neither neighbours nor their names touch.
  private var width: Double {
    let step = max(64, Double(series.count) * 12 + 22, Self.textWidth(places) + 10)
    return max(560, Self.margin.left + Double(places.count) * step + Self.margin.right)
  }

  /// Series in one row of the key.
  private var perRow: Int {
    max(1, min(series.count, Int((width - Self.margin.left) / (Self.textWidth(series) + 30))))
  }

  /// With the key of the series below.
  private var fullHeight: Double {
    let rows = (series.count + perRow - 1) / perRow
    return Self.height + (series.count > 1 ? Double(rows) * Self.rowHeight + 8 : 0)
  }

  private func y(_ value: Double) -> Double {
    let room = Self.height - Self.margin.top - Self.margin.bottom
    let span = quantity.range.upperBound - quantity.range.lowerBound
    let share =
      (min(max(value, quantity.range.lowerBound), quantity.range.upperBound)
        - quantity.range.lowerBound) / span
    return Self.margin.top + (1 - share) * room
  }

  /// The middle of a place, or of one series within.
  private func x(_ place: Int, _ row: Int? = nil) -> Double {
    let step = (width - Self.margin.left - Self.margin.right) / Double(places.count)
    let middle = Self.margin.left + (Double(place) + 0.5) * step
    guard let row, series.count > 1 else { return middle }
    return middle + (Double(row) - Double(series.count - 1) / 2)
      * min(22, (step - 14) / Double(series.count))
  }

  private static func number(_ value: Double) -> String { Format.fixed(value, 1) }

  /// An SVG element whose classes `chart.css` styles.
  private func svg(_ attributes: Markup, _ style: Markup) -> Markup {
    let (width, height) = (Self.number(width), Self.number(fullHeight))
    return """
      <svg \(attributes)width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)" role="img" \
      aria-label="\(title)">\(style)<text class="place" x="6" y="14">\(title)</text>\(grid)\
      \(marks.map(drawn))\(key)</svg>
      """
  }

  var title: String { quantity.title + ", with 95 % intervals" }

  private var grid: Markup {
    let (low, high) = (quantity.range.lowerBound, quantity.range.upperBound)
    let (left, right) = (Self.number(Self.margin.left), Self.number(width - Self.margin.right))
    let levels = (0...4).map { step -> Markup in
      let value = low + (high - low) * Double(step) / 4
      let at = Self.number(y(value))
      return """
        <line class="grid" x1="\(left)" x2="\(right)" y1="\(at)" y2="\(at)"/>\
        <text x="\(Self.number(Self.margin.left - 6))" y="\(Self.number(y(value) + 4))" \
        text-anchor="end">\(quantity.text(value))</text>
        """
    }
    let names = places.indices.map { place -> Markup in
      """
      <text class="place" x="\(Self.number(x(place)))" y="\(Self.number(Self.height - 10))" \
      text-anchor="middle">\(places[place])</text>
      """
    }
    return "\(levels)\(names)"
  }

  private func drawn(_ mark: Mark) -> Markup {
    let at = x(mark.place, mark.series)
    let inner: Markup
    switch mark.told {
    case .value(let value, let range):
      let (upper, lower) = (Self.number(y(range.upper)), Self.number(y(range.lower)))
      let (left, right) = (Self.number(at - 3), Self.number(at + 3))
      inner = """
        <path class="whisker" d="M\(Self.number(at)) \(upper)V\(lower)M\(left) \(upper)H\(right)\
        M\(left) \(lower)H\(right)"/>\(Self.symbol(mark.series, at, y(value)))
        """
    case .beyond(let above):
      let (edge, tip) =
        above ? (Self.margin.top + 10, -8.0) : (Self.height - Self.margin.bottom - 10, 8.0)
      inner = """
        <path class="whisker" d="M\(Self.number(at - 5)) \(Self.number(edge))H\(Self.number(at + 5))\
        L\(Self.number(at)) \(Self.number(edge + tip))Z"/>
        """
    case .unknown:
      inner = """
        <text x="\(Self.number(at))" y="\(Self.number((Self.height - Self.margin.bottom) / 2))" \
        text-anchor="middle">?</text>
        """
    }
    return "<g class=\"q\(mark.series % Self.colours)\"><title>\(mark.words)</title>\(inner)</g>"
  }

  private static let colours = 7

  /// Series are told apart by shape, too: for print, and for those who do not see the colours.
  private static func symbol(_ series: Int, _ x: Double, _ y: Double) -> Markup {
    let r = 4.5
    switch series % 4 {
    case 0: return "<circle cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"\(number(r))\"/>"
    case 1:
      return """
        <rect x="\(number(x - 4))" y="\(number(y - 4))" width="8" height="8"/>
        """
    case 2:
      return """
        <path d="M\(number(x)) \(number(y - 5.5))L\(number(x + 5.5)) \(number(y))L\(number(x)) \
        \(number(y + 5.5))L\(number(x - 5.5)) \(number(y))Z"/>
        """
    default:
      return """
        <path d="M\(number(x)) \(number(y - 5))L\(number(x + 5)) \(number(y + 4))H\(number(x - 5))Z"/>
        """
    }
  }

  private var key: Markup {
    guard series.count > 1 else { return "" }
    let step = (width - Self.margin.left) / Double(perRow)
    let entries = series.indices.map { row -> Markup in
      let x = Self.margin.left + Double(row % perRow) * step
      let y = Self.height + Double(row / perRow) * Self.rowHeight + 10
      return """
        <g class="q\(row % Self.colours)">\(Self.symbol(row, x + 5, y - 4))\
        <text x="\(Self.number(x + 16))" y="\(Self.number(y))">\(series[row])</text></g>
        """
    }
    return "\(entries)"
  }

  /// Within a page, which has the styles.
  var section: Markup {
    """
    <section aria-labelledby="h-chart"><h2 id="h-chart">Cells by \(along)</h2>
    <figure class="chart">\(svg("", ""))</figure></section>

    """
  }

  /// An image of its own, for documents.
  var image: Markup {
    svg(
      "xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" ",
      "<style>\(Markup(trusted: PageStyle.chart))</style>")
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// The values at which half of the trials die, of a campaign that looked for them: a row for each cell, and how they
/// differ.
struct ThresholdSection: PlainReport {
  let thresholds: ThresholdSummary
  private let report: TerminalReport

  /// nil: the campaign looked for none.
  init?(_ report: TerminalReport) {
    guard let thresholds = ThresholdSummary(report.summary) else { return nil }
    self.thresholds = thresholds
    self.report = report
  }

  // MARK: Values

  /// Numbers of one unit, with as many decimals as the precision is worth.
  struct Scale {
    let unit: String
    private let factor: Double
    private let digits: Int

    /// - Parameters:
    ///   - greatest: the largest value that is told, in the quantity's unit.
    ///   - precision: what a value is known to.
    init(_ quantity: ProfileQuantity, greatest: Double, precision: Double) {
      let units: [(Double, String)] =
        switch quantity {
        case .size, .rate:
          [(0x1p40, "TiB"), (0x1p30, "GiB"), (0x1p20, "MiB"), (0x1p10, "KiB"), (1, "B")]
        case .duration: [(1e9, "s"), (1e6, "ms"), (1e3, "us"), (1, "ns")]
        }
      let (factor, name) = units.first { greatest >= 2 * $0.0 } ?? (1, units.last?.1 ?? "")
      self.factor = factor
      unit = quantity == .rate ? name + "/s" : name
      let share = precision / factor
      digits = factor == 1 || share >= 10 ? 0 : share >= 1 ? 1 : share >= 0.1 ? 2 : 3
    }

    /// Without the unit.
    func number(_ value: Double) -> String { Format.fixed(value / factor, digits) }
    func text(_ value: Double) -> String { "\(number(value)) \(unit)" }
    func range(_ interval: ConfidenceInterval, _ between: String = " to ") -> String {
      "\(number(interval.lower))\(between)\(text(interval.upper))"
    }
  }

  var scale: Scale {
    let ranges = thresholds.threshold.ranges
    return Scale(
      thresholds.threshold.quantity, greatest: Double(ranges.map(\.to).max() ?? 1),
      precision: Double(ranges.map(\.within).min() ?? 1))
  }

  func scale(_ cell: CellThreshold) -> Scale {
    Scale(
      thresholds.threshold.quantity, greatest: Double(cell.range.to),
      precision: Double(cell.range.within))
  }

  // MARK: Table

  private static let spread = "10 to 90 %"
  static let columns: TerminalReport.Columns = [
    ("OOM50", .right), ("95 % CI", .left), (spread, .right), ("died", .right),
    ("search", .text),
  ]

  func row(_ index: Int) -> [String] {
    let cell = thresholds.cells[index]
    let scale = scale(cell)
    let isTold = cell.isTold
    return [
      isTold ? scale.text(cell.estimate) : "-",
      isTold ? scale.range(cell.interval, "-") : "-",
      isTold ? scale.text(cell.spread.median) : "-",
      "\(cell.died.events):\(cell.died.trials)", Self.word(cell),
    ]
  }

  /// What the search came to, in a word or two.
  static func word(_ cell: CellThreshold) -> String {
    switch cell.stage {
    case .found: cell.posterior.direction == .rising ? "found" : "found, falling"
    case .never: "never dies"
    case .always: "always dies"
    case .notMonotonic: "not monotonic"
    case .failed: "gave up"
    case .open: "open"
    }
  }

  /// Where it was looked for.
  var title: String {
    let ranges = thresholds.threshold.ranges
    let text = thresholds.threshold.quantity.text
    let all = distinct(ranges.map { "\(text($0.from)) to \(text($0.to))" })
    return "\(thresholds.threshold.key) from \(all.joined(separator: "; "))"
  }

  var lines: [String] {
    let rows = thresholds.cells.indices.map(row)
    // What the other formats have can be left out for the cells' names.
    let isWide = !report.fits(Self.columns, rows)
    let kept = Self.columns.indices.filter { !isWide || Self.columns[$0].0 != Self.spread }
    var lines = report.lines(
      kept.map { Self.columns[$0] }, rows.map { row in kept.map { row[$0] } })
    lines += wrap("OOM50", ["where half of the trials die, of \(title)"])
    lines += remarks
    lines +=
      differences.count > Self.mostSentences
      ? table
      : differences.flatMap { Format.broken($0 + ".", width: TerminalReport.width, indent: 4) }
    return lines + Format.broken(Self.legend(isWide: isWide), width: TerminalReport.width)
  }

  /// Differences that are told in sentences; more are a table.
  private static let mostSentences = 8

  /// What is said of the same words once, with all cells that it is of.
  private var remarks: [String] {
    let said = thresholds.cells.indices.flatMap { index in
      [remark(index), doubt(index)].compactMap(\.self).map { (index: index, words: $0) }
    }
    return distinct(said.map(\.words)).flatMap { words -> [String] in
      wrap(
        Self.numbers(said.filter { $0.words == words }.map { $0.index + 1 }), [words],
        report.style.warning)
    }
  }

  /// `#1-3, #5`, of rising numbers.
  static func numbers(_ numbers: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = runs.last, last.upperBound == number - 1 {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    return runs.map { "#\($0.lowerBound)" + ($0.count > 1 ? "-\($0.upperBound)" : "") }
      .joined(separator: ", ")
  }

  private var table: [String] {
    let told = thresholds.differences.filter { $0.change != nil }
    var table = Table([
      ("#", .right), ("less #", .right), ("axis", .left), ("value", .left), ("less value", .left),
      ("OOM50", .right), ("95 % CI", .left),
    ])
    for one in told {
      guard let change = one.change else { continue }
      table.add([
        "\(one.cells.new + 1)", "\(one.cells.base + 1)", report.short(one.axis), one.new, one.base,
        (change.median > 0 ? "+" : "") + scale.text(change.median),
        scale.range(change.interval, " to "),
      ])
    }
    var lines = table.lines(within: TerminalReport.width)
    lines[0] = report.style.bold(lines[0])
    return lines
  }

  /// - Parameter isWide: whether the column of the spread is left out.
  static func legend(isWide: Bool = false) -> String {
    "Median and 95 % interval of the posterior"
      + (isWide ? "." : "; \(spread): how far apart the values are at which so many die.")
      + " Trials ran where they told most, so their rates are no rates of a cell."
  }

  // MARK: Sentences

  /// What a search that found no threshold says instead; nil: it found one.
  func remark(_ index: Int) -> String? {
    let cell = thresholds.cells[index]
    let scale = scale(cell)
    let span = "from \(scale.text(Double(cell.range.from))) to \(scale.text(Double(cell.range.to)))"
    let died = "\(cell.died.events) of \(cell.died.trials) died"
    func percent(_ share: Double) -> String { Format.fixed(share * 100, 0) + " %" }
    switch cell.stage {
    case .found: return nil
    case .never, .always:
      let ends = [("lower", cell.ends.from), ("upper", cell.ends.to)].map { name, end in
        let bound =
          cell.stage == .never
          ? "at most \(percent(end.exactBounds.upper))"
          : "at least \(percent(end.exactBounds.lower))"
        return "\(end.events):\(end.trials) at the \(name) end, \(bound)"
      }
      return "\(cell.stage == .never ? "nothing dies" : "all die") \(span): \(died);"
        + " \(ends.joined(separator: "; ")) (95 %)"
    case .notMonotonic:
      guard let found = cell.contradiction else { return nil }
      func ratio(_ one: Proportion) -> String { "\(one.events):\(one.trials)" }
      return "not monotonic: between \(scale.text(found.from)) and \(scale.text(found.to))"
        + " \(ratio(found.piece.inside)) died, below \(ratio(found.piece.below)), above"
        + " \(ratio(found.piece.above)) (e-value \(CompareReport.e(cell.monotonicity.evidence)),"
        + " \(CompareReport.decisive) decides)"
    case .failed:
      return "\(CellThreshold.mostFailures) trials one after another said nothing; the same command"
        + " does not try again what is invalid"
    case .open:
      let posterior = cell.posterior
      let (never, always) = (posterior.neverChance, posterior.alwaysChance)
      let chances =
        "a threshold within the range has a chance of \(percent(cell.chance)), none dies"
        + " \(percent(never)), all die \(percent(always))"
      return "open after \(TerminalReport.count(cell.trials.count, "trial")): "
        + (cell.isTold
          ? "the interval is wider than \u{b1} \(scale.text(Double(cell.range.within)))" : chances)
    }
  }

  /// What speaks against a monotonic curve without being enough; nil: nothing.
  private func doubt(_ index: Int) -> String? {
    let cell = thresholds.cells[index]
    guard cell.stage != .notMonotonic, cell.monotonicity.evidence > 1 else { return nil }
    return "perhaps not monotonic: e-value \(CompareReport.e(cell.monotonicity.evidence))"
      + " (\(CompareReport.decisive) would decide)"
  }

  /// The cell's result as a clause, for prose.
  func sentence(_ index: Int) -> String {
    let cell = thresholds.cells[index]
    guard cell.isTold else { return remark(index) ?? "" }
    let scale = scale(cell)
    var text =
      "half of the trials die at \(thresholds.threshold.key) \(scale.text(cell.estimate))"
      + " (95 % \(scale.range(cell.interval)))"
    if let limit = cell.range.limit, cell.posterior.direction == .rising {
      text += ", which leaves \(scale.text(Double(limit) - cell.estimate)) below memory.max"
    }
    return text + ", by an adaptive search of \(TerminalReport.count(cell.trials.count, "trial"))"
  }

  /// `debian:6.12 needs 7.1 MiB more headroom than debian:6.1 (95 % 5.2 to 9.0 MiB): fs ext4`.
  var differences: [String] {
    thresholds.differences.compactMap { one in
      guard let change = one.change else { return nil }
      let cells = [one.cells.base, one.cells.new].map { thresholds.cells[$0] }
      let isHeadroom =
        cells.allSatisfy { $0.range.limit != nil && $0.posterior.direction == .rising }
        && cells[0].range.limit == cells[1].range.limit
      let isLower = change.median < 0
      let (least, most) = (change.interval.lower, change.interval.upper)
      let size = isLower ? ConfidenceInterval(-most, -least) : change.interval
      let shared = one.shared.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
      let amount = scale.text(abs(change.median))
      let told =
        isHeadroom
        ? "needs \(amount) \(isLower ? "more" : "less") headroom than \(one.base)"
        : "has an OOM50 \(amount) \(isLower ? "lower" : "higher") than \(one.base)"
      let isSure = least > 0 || most < 0
      return "\(one.axis) \(one.new) \(told) (95 % \(scale.range(size)))"
        + (isSure ? "" : ", which may be none") + (shared.isEmpty ? "" : ": \(shared)")
    }
  }
}

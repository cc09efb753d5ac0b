// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressAnalysis
import StressCore

/// The table for people: 80 columns, colour only on a terminal.
package struct TerminalReport: PlainReport {
  package struct Style: Sendable {
    package var colour: Bool
    package init(colour: Bool) { self.colour = colour }

    /// Colour when standard output, or another descriptor, is a terminal and NO_COLOR (no-color.org) is not set.
    package static func forTerminal(_ descriptor: Int32 = 1) -> Style {
      let refused = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
      return Style(colour: isatty(descriptor) == 1 && !refused)
    }

    func bold(_ text: String) -> String { colour ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    package func warning(_ text: String) -> String { colour ? "\u{1b}[31m\(text)\u{1b}[0m" : text }
  }

  package static let width = 80
  /// Where names are explained; the last line.
  static let hint = "'wbstress explain NAME' explains a counter, a column or a term."
  /// Counters shown of those that moved most.
  private static let counters = 10

  let summary: CampaignSummary
  let style: Style

  package init(_ summary: CampaignSummary, style: Style) {
    self.summary = summary
    self.style = style
  }

  /// What fits one screen: what failed, kills, speeds, and what is to be known of the trials.
  package var screen: String {
    let more = [
      "'wbstress report DIR --format full' adds latencies, reclaim and counters;", Self.hint,
    ]
    return Self.joined([
      heading, verdicts, thresholds, legend, kills, speeds, ranking, timelineWrites, commands,
      notes, more,
    ])
  }

  /// All tables.
  package var text: String {
    let latencies = LatencySection(cells).lines(width: Self.width, style.bold)
    let reclaim = ReclaimSection(cells).lines(width: Self.width, style.bold)
    let vmstat = VmstatSection(cells).lines(width: Self.width, style.bold)
    let calibration = CalibrationSection(CalibratedCell.all(in: summary).map { $0.noise() }).lines
    return Self.joined([
      heading, verdicts, thresholds, legend, kills, speeds, ranking, timelineWrites, commands,
      latencies, reclaim, vmstat, movers,
      calibration, notes, [Self.hint],
    ])
  }

  private static func joined(_ sections: [[String]]) -> String {
    sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  var cells: [CellSummary] { summary.cells }
  var trials: [TrialSummary] { cells.flatMap(\.trials) }

  // MARK: Words

  package static func count(_ number: Int, _ what: String) -> String {
    "\(number) \(what)\(number == 1 ? "" : "s")"
  }

  /// Said first: a campaign whose expectations or controls fail.
  private var verdicts: [String] {
    findings.flatMap { wrap($0.what, [$0.where], style.warning) }
  }

  /// What failed, and in which cells.
  var findings: [(what: String, where: String)] {
    let missed = cells.enumerated().flatMap { i, cell in
      cell.missed.map {
        (text: $0.expectation.text, cell: "#\(i + 1) (\($0.trials):\(cell.counted.count))")
      }
    }
    // Where a control fails, the other figures may mean nothing.
    var findings: [(what: String, where: String)] = []
    for control in Profile.Control.allCases {
      let failed = summary.failedControls.filter { $0.control == control }
        .map { "#\($0.cell + 1) killed in \($0.killed.events):\($0.killed.trials)" }
      if !failed.isEmpty {
        findings.append(("\(control.rawValue) control failed", failed.joined(separator: ", ")))
      }
    }
    findings += distinct(missed.map(\.text)).map { text in
      let cells = missed.filter { $0.text == text }.map(\.cell)
      return ("expected \(text)", "missed in " + cells.joined(separator: ", "))
    }
    for (i, cell) in cells.enumerated()
    where cell.isSilent && !(cell.trials.isEmpty && cell.unreadable.isEmpty) {
      findings.append(("inconclusive", "#\(i + 1): no usable trials"))
    }
    return findings
  }

  // MARK: Tables

  func varies(_ key: String) -> Bool {
    Set(cells.map { cell in cell.axes.first { $0.key == key }?.value ?? "" }).count > 1
  }

  /// Axes that tell the cells apart; all of them when there is only one cell.
  var axes: [String] {
    let keys = distinct(cells.flatMap { $0.axes.map(\.key) })
    let varying = keys.filter(varies)
    return varying.isEmpty ? keys : varying
  }

  func labels(_ cell: CellSummary) -> [String] {
    axes.map { key in cell.axes.first { $0.key == key }?.value ?? "" }
  }

  typealias Columns = [(String, Table.Alignment)]

  private func table(_ columns: Columns, _ rows: [[String]], labelled: Bool) -> Table {
    let names = labelled ? axes.map { (short($0), Table.Alignment.left) } : []
    var table = Table([("#", .right)] + names + columns)
    for (i, cell) in cells.enumerated() {
      table.add(["\(i + 1)"] + (labelled ? labels(cell) : []) + rows[i])
    }
    return table
  }

  /// With the cells' labels where they fit, else with their numbers only.
  ///
  /// - Parameter rows: of each cell.
  func lines(_ columns: Columns, _ rows: [[String]]) -> [String] {
    let labelled = table(columns, rows, labelled: true)
    let fitting = labelled.fits(Self.width) ? labelled : table(columns, rows, labelled: false)
    var lines = fitting.lines(within: Self.width)
    lines[0] = style.bold(lines[0])
    return lines
  }

  /// Whether the cells' labels fit.
  func fits(_ columns: Columns, _ rows: [[String]]) -> Bool {
    table(columns, rows, labelled: true).fits(Self.width)
  }

  /// Whose the numbers are, unless the first table says it.
  private var legend: [String] {
    if fits(Self.killColumns, cells.map(killRow)) { return [] }
    return cells.enumerated().flatMap { i, cell in
      wrap("#\(i + 1)", zip(axes, labels(cell)).map { "\($0) \($1)" })
    }
  }

  /// A key's last word, where that is the key of one axis only.
  func short(_ key: String) -> String {
    func last(_ key: String) -> String { key.split(separator: ".").last.map(String.init) ?? key }
    return axes.count { last($0) == last(key) } == 1 ? last(key) : key
  }

  static let killColumns: Columns = [
    ("OOM", .right), ("95 % CI", .left), ("kills by finding", .text), ("outcomes", .text),
  ]

  func killRow(_ cell: CellSummary) -> [String] {
    let killed = cell.killed
    let interval = killed.trials == 0 ? nil : killed.wilson()
    let findings = cell.incidents.map(\.label).tally.map {
      "\($0.name) \($0.count)".replacing(" ", with: "\u{a0}")
    }
    var outcomes = cell.outcomes.map { "\($0.key.rawValue)\u{a0}\($0.count)" }
    switch cell.profile.control {
    case .positive: outcomes.append("control\u{a0}+")
    case .negative: outcomes.append("control\u{a0}-")
    case nil: break
    }
    return [
      "\(killed.events):\(killed.trials)",
      interval.map {
        "\(Format.fixed($0.lower * 100, 0))-\(Format.fixed($0.upper * 100, 0)) %"
      } ?? "-",
      findings.isEmpty ? "-" : findings.joined(separator: ", "),
      outcomes.joined(separator: ", "),
    ]
  }

  private var kills: [String] {
    if isWatch { return watched }
    return lines(Self.killColumns, cells.map(killRow))
  }

  /// What came to pass while cgroups were only looked at: one time, of which there is no rate.
  private var watched: [String] {
    let columns: Columns = [
      ("OOM kills", .right), ("by finding", .text), ("memory", .right), ("io", .right),
    ]
    let rows = cells.map { cell in
      [
        "\(cell.trials.reduce(0) { $0 + $1.kills.kernelLog })", killRow(cell)[2],
        Self.pressure(cell, \.memoryPressure), Self.pressure(cell, \.ioPressure),
      ]
    }
    return lines(columns, rows) + [
      "memory and io: PSI some/full of the first cgroup in the time of watching, which",
      "other tables call the streams' time, in seconds.",
    ]
  }

  /// Of a campaign that looks for one.
  private var thresholds: [String] { ThresholdSection(self)?.lines ?? [] }

  static let speedColumns: Columns = [
    ("MiB/s", .right), ("range", .left), ("p50", .right), ("p99", .right), ("max", .right),
    ("fsync", .right), ("memory", .right), ("io", .right),
  ]

  func speedRow(_ cell: CellSummary) -> [String] {
    let speed = cell.sample(\.throughput)
    let range =
      speed.count > 1 ? "\(Format.mebibytes(speed.min))-\(Format.mebibytes(speed.max))" : "-"
    return [
      Format.mebibytes(speed.median), range,
      Format.seconds(cell.sample { $0.stall?.p50 }.median),
      Format.seconds(cell.sample { $0.stall?.p99 }.median),
      Format.seconds(cell.sample(\.longestWrite).max),
      Format.seconds(cell.sample(\.longestSync).max),
      Self.pressure(cell, \.memoryPressure), Self.pressure(cell, \.ioPressure),
    ]
  }

  private var speeds: [String] {
    if isWatch { return [] }
    return lines(Self.speedColumns, cells.map(speedRow)) + reads + [
      "MiB/s: median over trials. Seconds: p50 and p99 of a trial's writes, median",
      "over trials; max and fsync, the longest write and fsync of all; memory and io,",
      "PSI some/full of the limited cgroup while the streams ran, median over trials.",
    ]
  }

  /// How fast streams read, where some do.
  private var reads: [String] {
    let told = cells.enumerated().compactMap { i, cell -> String? in
      let speed = cell.sample(\.readThroughput)
      guard speed.count > 0 else { return nil }
      let range =
        speed.count > 1 ? " (\(Format.mebibytes(speed.min))-\(Format.mebibytes(speed.max)))" : ""
      return "#\(i + 1) \(Format.mebibytes(speed.median)) MiB/s\(range)"
    }
    return wrap("reads", told)
  }

  private static func pressure(
    _ cell: CellSummary, _ which: (TrialSummary) -> TrialSummary.Pressure?
  ) -> String {
    let some = cell.sample { which($0)?.some }.median
    let full = cell.sample { which($0)?.full }.median
    guard let some, let full else { return "-" }
    return "\(Format.fixed(some / 1e9, 1))/\(Format.fixed(full / 1e9, 1))"
  }

  private var movers: [String] {
    let names = Set(trials.flatMap { $0.vmstat.keys }).filter { name in
      !TrialCounter.isBookkeeping(name) && !ReclaimSection.shows(name)
        && !VmstatNames.shows(name)
    }
    func median(_ cell: CellSummary, _ name: String) -> Double? {
      cell.sample { $0.vmstat[name].map(Double.init) }.median
    }
    let ranked = names.map { name in (name, cells.compactMap { median($0, name) }.max() ?? 0) }
      .filter { $0.1 > 0 }
      .sorted { ($0.1, $1.0) > ($1.1, $0.0) }.prefix(Self.counters).map(\.0)
    if ranked.isEmpty { return [] }
    let rows = ranked.map { name in
      (
        label: name,
        figures: cells.map { median($0, name).map { Format.fixed($0, 0) } ?? "-" }
      )
    }
    return Table.across("other counters of vmstat", rows, width: Self.width, style.bold) + [
      "Growth from the start delay to the streams' end, median, largest first. Not",
      "shown: the counters above, pgalloc*, pgfree, pgfault, numa*.",
    ]
  }
}

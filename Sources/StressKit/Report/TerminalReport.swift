import Glibc

/// The table for people: 80 columns, colour only on a terminal.
package struct TerminalReport {
  package struct Style: Sendable {
    package var colour: Bool
    package init(colour: Bool) { self.colour = colour }

    /// Colour when standard output is a terminal and NO_COLOR (no-color.org) is not set.
    package static func forTerminal() -> Style {
      let refused = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
      return Style(colour: isatty(1) == 1 && !refused)
    }

    func bold(_ text: String) -> String { colour ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    func warning(_ text: String) -> String { colour ? "\u{1b}[31m\(text)\u{1b}[0m" : text }
  }

  package static let width = 80
  /// Counters shown, and cells side by side in that table.
  private static let counters = 10
  private static let cellsAcross = 6

  private let summary: CampaignSummary
  private let style: Style

  package init(_ summary: CampaignSummary, style: Style) {
    self.summary = summary
    self.style = style
  }

  package var text: String {
    let sections = [heading, kills, speeds, movers, notes].filter { !$0.isEmpty }
    return sections.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  private var cells: [CellSummary] { summary.cells }
  private var trials: [TrialSummary] { cells.flatMap(\.trials) }

  // MARK: Heading

  /// What holds for the whole table; what differs among cells is in their rows.
  private var heading: [String] {
    var lines = [
      style.bold("\(summary.label): \(cells.count) cells, \(summary.planned) trials each")
        + ", seed \(summary.seed)"
    ]
    lines += wrap(
      "accelerator", distinct(trials.map { Self.describe(accelerator: $0.accelerator) }))
    let kernels = trials.map { trial in
      "\(trial.kernel) = \(trial.release), \(Self.describe(lruGen: trial.lruGen))"
    }
    for kernel in distinct(kernels) { lines += wrap("kernel", [kernel]) }
    lines += wrap("device", distinct(cells.map { Self.describe($0.profile.device) }))
    lines += wrap("limits", distinct(cells.map { Self.describe($0.profile) }))
    lines += wrap("observer", distinct(cells.map { Self.describe($0.profile.observe) }))
    let fixed = (cells.first?.axes ?? []).filter { axis in
      axis.key != "kernel" && !varies(axis.key)
    }
    if !fixed.isEmpty { lines += wrap("all cells", fixed.map { "\($0.key) \($0.value)" }) }
    return lines
  }

  private static func describe(accelerator: String) -> String {
    accelerator == "tcg"
      ? "TCG: emulated, so compare outcomes and counts, not speeds" : accelerator.uppercased()
  }

  private static func describe(lruGen: String?) -> String {
    switch lruGen {
    case nil: "LRU unknown"
    case "absent"?: "classic LRU (no MGLRU)"
    case "0x0000"?: "classic LRU"
    case let mask?: "MGLRU \(mask)"
    }
  }

  private static func describe(_ device: Profile.Device) -> String {
    let speed = device.bandwidth.map { Units.sizeText($0) + "/s" } ?? "unthrottled"
    let iops = device.iops.map { ", \($0) IOPS" } ?? ""
    return "\(Units.sizeText(device.size)) virtio disk, \(speed)\(iops)"
  }

  private static func describe(_ profile: Profile) -> String {
    let limits = profile.limits.map { setting in
      let bytes = ProfileKeys.isBytes(setting.key) ? UInt64(setting.value) : nil
      return "\(setting.key) \(bytes.map(Units.sizeText) ?? setting.value)"
    }
    let pins = profile.pinned.map { "\(Units.sizeText($0.size)) \($0.mode.rawValue)" }
    return (limits + (pins.isEmpty ? ["nothing pinned"] : pins)).joined(separator: ", ")
  }

  private static func describe(_ observe: Profile.Observe) -> String {
    let rstat = observe.rstat.map { "every " + Units.durationText($0) } ?? "off"
    return "rstat \(rstat), counters every \(Units.durationText(observe.interval))"
  }

  // MARK: Tables

  private func varies(_ key: String) -> Bool {
    Set(cells.map { cell in cell.axes.first { $0.key == key }?.value ?? "" }).count > 1
  }

  /// Axes that tell the cells apart; all of them when there is only one cell.
  private var axes: [String] {
    let keys = distinct(cells.flatMap { $0.axes.map(\.key) })
    let varying = keys.filter(varies)
    return varying.isEmpty ? keys : varying
  }

  private func labels(_ cell: CellSummary) -> [String] {
    axes.map { key in
      let value = cell.axes.first { $0.key == key }?.value ?? ""
      // A path's end says more than its beginning.
      return value.count > 16 ? "…" + value.suffix(15) : value
    }
  }

  private func table(_ columns: [(String, Table.Alignment)], _ row: (CellSummary) -> [String])
    -> [String]
  {
    var table = Table([("#", .right)] + axes.map { (Self.short($0), .left) } + columns)
    for (i, cell) in cells.enumerated() { table.add(["\(i + 1)"] + labels(cell) + row(cell)) }
    var lines = table.lines
    lines[0] = style.bold(lines[0])
    return lines
  }

  private static func short(_ key: String) -> String {
    key.split(separator: ".").last.map(String.init) ?? key
  }

  private var kills: [String] {
    table([
      ("OOM", .right), ("95 % of trials", .left), ("kills", .left), ("outcomes", .left),
    ]) { cell in
      let killed = cell.killed
      let interval = killed.trials == 0 ? nil : killed.wilson()
      let classes = cell.classes.map { "\($0.key.rawValue) \($0.count)" }
      let outcomes = cell.outcomes.map { "\($0.key.rawValue) \($0.count)" }
      return [
        "\(killed.events):\(killed.trials)",
        interval.map {
          "\(Format.fixed($0.lower * 100, 0))-\(Format.fixed($0.upper * 100, 0)) %"
        } ?? "-",
        classes.isEmpty ? "-" : classes.joined(separator: ", "),
        outcomes.joined(separator: ", "),
      ]
    }
  }

  private var speeds: [String] {
    table([
      ("MiB/s", .right), ("range", .left), ("p50 s", .right), ("p99 s", .right), ("max s", .right),
      ("memory", .right), ("io", .right),
    ]) { cell in
      let speed = cell.sample(\.throughput)
      let range =
        speed.count > 1 ? "\(Format.mebibytes(speed.min))-\(Format.mebibytes(speed.max))" : "-"
      return [
        Format.mebibytes(speed.median), range,
        Format.seconds(cell.sample { $0.stall?.p50 }.median),
        Format.seconds(cell.sample { $0.stall?.p99 }.median),
        Format.seconds(cell.sample { $0.stall?.max }.max),
        Self.pressure(cell, \.memoryPressure), Self.pressure(cell, \.ioPressure),
      ]
    } + [
      "MiB/s: median over trials. p50, p99: median over trials of a trial's write",
      "latency; max: the longest write of all. memory, io: PSI some/full of the",
      "limited cgroup while the streams ran, seconds, median over trials.",
    ]
  }

  private static func pressure(
    _ cell: CellSummary, _ which: (TrialSummary) -> TrialSummary.Pressure?
  ) -> String {
    let some = cell.sample { which($0)?.some }.median
    let full = cell.sample { which($0)?.full }.median
    guard let some, let full else { return "-" }
    return "\(Format.fixed(some / 1e9, 1))/\(Format.fixed(full / 1e9, 1))"
  }

  /// Counters of the page allocator and of page faults move most in any run and tell least.
  private static let bookkeeping = ["pgalloc", "pgfree", "pgfault", "pgreuse", "numa_", "pgskip"]

  private var movers: [String] {
    let names = Set(trials.flatMap { $0.vmstat.keys }).filter { name in
      !Self.bookkeeping.contains { name.hasPrefix($0) }
    }
    func median(_ cell: CellSummary, _ name: String) -> Double? {
      cell.sample { $0.vmstat[name].map(Double.init) }.median
    }
    let ranked = names.map { name in (name, cells.compactMap { median($0, name) }.max() ?? 0) }
      .filter { $0.1 > 0 }
      .sorted { ($0.1, $1.0) > ($1.1, $0.0) }.prefix(Self.counters).map(\.0)
    if ranked.isEmpty { return [] }
    var lines: [String] = []
    for start in stride(from: 0, to: cells.count, by: Self.cellsAcross) {
      let part = Array(cells.enumerated())[start..<min(start + Self.cellsAcross, cells.count)]
      var table = Table(
        [("vmstat, per trial", .left)] + part.map { ("#\($0.offset + 1)", Table.Alignment.right) })
      for name in ranked {
        table.add(
          [name] + part.map { median($0.element, name).map { Format.fixed($0, 0) } ?? "-" })
      }
      var text = table.lines
      text[0] = style.bold(text[0])
      lines += text
    }
    return lines + [
      "Growth while the streams ran (median), largest first; not shown: pgalloc*,",
      "pgfree, pgfault, numa*. pgscan_direct does not count a memcg's own reclaim.",
    ]
  }

  // MARK: Notes

  private var notes: [String] {
    var lines: [String] = []
    for (i, cell) in cells.enumerated() {
      for trial in cell.trials where !trial.ending.outcome.counts {
        let why = trial.ending.message?.split(separator: "\n").first.map(String.init) ?? ""
        lines += wrap(
          style.warning("excluded"),
          ["#\(i + 1) trial \(trial.number): \(trial.ending.outcome.rawValue): \(why)"])
      }
      for trial in cell.trials where !trial.kills.agree {
        lines += wrap(
          style.warning("kills disagree"),
          [
            "#\(i + 1) trial \(trial.number): kernel log \(trial.kills.kernelLog), "
              + "memory.events \(trial.kills.memoryEvents.map(String.init) ?? "?"), "
              + "console \(trial.kills.console.map(String.init) ?? "?")"
          ])
      }
      for (expectation, count) in cell.missed {
        lines += wrap(
          style.warning("expected"),
          [
            "#\(i + 1): \(expectation.text): missed in \(count) of \(cell.counted.count) trials"
          ])
      }
      if cell.trials.count < summary.planned {
        lines.append("#\(i + 1): \(cell.trials.count) of \(summary.planned) trials run so far")
      }
    }
    let missed = trials.reduce(0) { $0 + $1.missedTicks }
    if missed > 0 { lines.append("samples missed: \(missed), over all trials") }
    let boot = OrderedSample(trials.compactMap(\.bootTime))
    let setUp = OrderedSample(trials.compactMap(\.setUpTime))
    if boot.count > 0, setUp.count > 0 {
      lines.append(
        "boot to PID 1: \(Format.seconds(boot.median)) s; from there to the first write: "
          + "\(Format.seconds(setUp.median)) s (medians)")
    }
    return lines
  }

  private func distinct(_ values: [String]) -> [String] {
    var seen: Set<String> = []
    return values.filter { seen.insert($0).inserted }
  }

  /// `title: a; b; c`, broken at blanks so that no line is too wide.
  private func wrap(_ title: String, _ values: [String]) -> [String] {
    var lines = [title + ":"]
    // Escape sequences take no room on the screen.
    var used = title.filter { $0 != "\u{1b}" }.count + 1
    for word in values.joined(separator: "; ").split(separator: " ") {
      if used + 1 + word.count > Self.width {
        lines.append("   ")
        used = 3
      }
      lines[lines.count - 1] += " " + word
      used += 1 + word.count
    }
    return lines
  }
}

extension Profile.Expectation {
  /// As a profile spells it.
  package var text: String {
    let bound: String =
      switch metric {
      case .oomKill: Format.fixed(value, 0)
      case .throughput: Units.sizeText(UInt64(value)) + "/s"
      default: Units.durationText(UInt64(value))
      }
    return "\(metric.rawValue) \(relation.rawValue) \(bound)"
  }
}

import StressAnalysis
// SPDX-License-Identifier: Apache-2.0
import StressCore

/// One trial's kill, or its longest stall, by the kernel's own words and counters.
struct MailEvent {
  private let told: MailCase

  init(_ told: MailCase) { self.told = told }

  var text: MailText {
    var text = MailText()
    if let autopsy = told.autopsy {
      text.add(kill(autopsy), into: excerpt)
      for line in arithmetic(autopsy) { text.add(line) }
      text.add("Finding: \(autopsy.finding.text). The rule: \(OOMFinding.rule)")
    } else if told.isOOM {
      text.add(
        "Run \(told.trial.number): the OOM killer came (\(told.trial.kills.most) kills); its report is not in the record."
      )
    } else if told.failed.events > 0 {
      text.add(
        "Run \(told.trial.number): \(told.trial.ending.outcome.rawValue)"
          + (told.trial.ending.reason.map { " (\($0))" } ?? "") + "; the kernel killed nobody.")
    } else {
      text.add(
        "Nobody was killed. Run \(told.trial.number) has the longest write, "
          + "\(Format.seconds(told.trial.longestWrite)) s.")
    }
    text.add(counters)
    if let lead = told.autopsy?.lead {
      text.add(AutopsySection.lead(lead).joined(separator: "; ") + ".")
    }
    text.add(pressure)
    if told.autopsy == nil {
      let ledger = LedgerSection([told.ledger]).lines(width: MailText.widest - 2) { $0 }
      text.verbatim(ledger.map { $0.isEmpty ? "" : "  " + $0 })
    }
    return text
  }

  private func kill(_ autopsy: OOMAutopsy) -> String {
    let when =
      autopsy.sinceStart.flatMap { $0 < 0 ? nil : $0 }.map {
        ", \(Format.seconds(Double($0))) s after the writes began"
      } ?? ""
    return "Run \(told.trial.number) on \(told.trial.release)\(when):"
  }

  private var excerpt: [String] {
    guard let excerpt = told.excerpt else {
      return ["  (the kernel log has no report of this kill)"]
    }
    return excerpt.lines
  }

  /// The line that says where the memory was.
  private func arithmetic(_ autopsy: OOMAutopsy) -> [String] {
    guard let memory = autopsy.memory else { return [] }
    let figures = AutopsySection.figures(memory)
    return ["At the kill, in KiB: \(figures.parts).", "Other figures, in KiB: \(figures.others)."]
  }

  private var counters: MailText {
    var text = MailText()
    let window = told.window
    if window.rows.isEmpty {
      text.add("Counters around it: nothing was sampled (observe.level bare).")
      return text
    }
    let event = told.autopsy == nil ? "the begin of the longest write" : "the kill"
    text.add(
      "Counters around it, t in s from \(event), each row what followed within"
        + " \(Format.fixed(Double(EventWindow.step) / 1e9, 1)) s. MiB: memory.current; dirty, wback: nr_dirty and"
        + " nr_writeback, pages; dirtied, written, scan, steal (nr_dirtied, nr_written, pgscan_file, pgsteal_file)"
        + " and max (memory.events): per second; mem%, io%: PSI full. memory.current, max and PSI are the cgroup's,"
        + " the others the machine's.")
    let columns = window.counters.map(Self.column)
    var table = Table([("t", .right)] + columns.map { ($0.title, .right) })
    for row in window.rows {
      table.add(
        [Format.fixed(Double(row.from) / 1e9, 1)]
          + zip(row.values, columns).map { value, column in value.map(column.text) ?? "-" })
    }
    text.table(table)
    return text
  }

  /// Short, so that all fit side by side.
  private static func column(
    _ counter: EventWindow.Counter
  ) -> (title: String, text: (Double) -> String) {
    let rate = { (value: Double) in Format.significant(value) }
    let pages = { (value: Double) in Format.fixed(value, 0) }
    // us per s to %.
    let share = { (value: Double) in Format.fixed(value / 1e4, 0) }
    return switch counter.column {
    case "\(Profile.limitedGroup)/memory.current": ("MiB", { Format.mebibytes($0) })
    case "vmstat:nr_dirty": ("dirty", pages)
    case "vmstat:nr_writeback": ("wback", pages)
    case "vmstat:nr_dirtied": ("dirtied", rate)
    case "vmstat:nr_written": ("written", rate)
    case "vmstat:pgscan_file": ("scan", rate)
    case "vmstat:pgsteal_file": ("steal", rate)
    case "\(Profile.limitedGroup)/memory.events:max": ("max", rate)
    case "\(Profile.limitedGroup)/memory.pressure:full": ("mem%", share)
    case "\(Profile.limitedGroup)/io.pressure:full": ("io%", share)
    default: (counter.column, rate)
    }
  }

  private var pressure: String {
    func text(_ pressure: TrialSummary.Pressure?) -> String {
      guard let pressure else { return "not recorded" }
      return "some \(Format.seconds(pressure.some)) s, full \(Format.seconds(pressure.full)) s"
    }
    return "PSI of the cgroup while the writes ran: memory \(text(told.trial.memoryPressure)); io"
      + " \(text(told.trial.ioPressure))."
  }
}

extension MailText {
  fileprivate mutating func add(_ title: String, into lines: [String]) {
    add(title)
    verbatim(lines)
  }
}

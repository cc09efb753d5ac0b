// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// The part of a report that says which counters were different before the kills and stalls of a cell, and
/// how they went on.
package struct AroundSection {
  private let studies: [CountersAround]
  /// Counters that are shown of each kind of event.
  static let shown = 8
  /// Of these, those whose path is shown, and the bins that one of its rows takes together.
  private static let followed = 5
  private static let row = 10
  /// A lag with less of a correlation tells nothing.
  private static let weak = 0.1

  /// - Parameter studies: of one cell.
  package init(_ studies: [CountersAround]) { self.studies = studies }

  package func lines(width: Int, _ paint: (String) -> String) -> [String] {
    let told = studies.filter { $0.tally.events > 0 }
    let none = studies.filter { $0.tally.events == 0 && $0.tally.trials > 0 }
    var lines = told.flatMap { study in
      heading(study, width) + table(study, width, paint) + path(study, width, paint)
    }
    if !none.isEmpty { lines.append(Self.none(none)) }
    if told.contains(where: { !$0.counters.isEmpty }) {
      lines += Format.broken(Self.legend, width: width)
    }
    return lines
  }

  /// Of kinds of events that there were none of.
  static func none(_ studies: [CountersAround]) -> String {
    let kinds = studies.map { study in
      "no \(study.kind.words(0))" + (study.kind == .stall ? " that stand out" : "")
    }
    return kinds.joined(separator: ", ") + " in \(count(studies[0].tally.trials, "trial"))"
  }

  static let legend: String =
    CountersAround.definition
    + " SD: the difference in standard deviations of the quiet seconds. n/a: 0 or constant in quiet seconds."
    + " lag: by how many seconds the counter moves before the stalls, where their correlation r is strongest;"
    + " it is not a test. Stalls: operations that took at least"
    + " \(TrialEvents.threshold / 1_000_000) ms and \(Format.fixed(TrialEvents.medians, 0)) times the median of"
    + " their kind; those within a second of each other count as one."

  private static func count(_ number: Int, _ what: String) -> String {
    TerminalReport.count(number, what)
  }

  // MARK: What there is

  private func heading(_ study: CountersAround, _ width: Int) -> [String] {
    Format.broken(Self.sentence(study), width: width, indent: 4)
  }

  /// `11 OOM kills in 11 of 12 trials`.
  static func tally(_ study: CountersAround) -> String {
    let tally = study.tally
    return "\(tally.events) \(study.kind.words(tally.events)) in \(tally.withEvents) of"
      + " \(count(tally.trials, "trial"))"
  }

  /// How many events there are, and what they were compared with.
  static func sentence(_ study: CountersAround) -> String {
    let tally = study.tally
    var text =
      "counters before \(study.kind.words(0)) (\(tally.events) in \(tally.withEvents) of"
      + " \(Self.count(tally.trials, "trial"))"
    if tally.early > 0 { text += ", \(tally.early) too early to compare" }
    text += "): "
    if tally.compared == 0 {
      text +=
        tally.neverQuiet > 0
        ? "no comparison, as no second of these trials was quiet" : "no comparison"
    } else {
      let findings = study.counters.count(where: \.isFinding)
      text +=
        "\(Self.count(tally.compared, "trial")) compared, with \(tally.quietWindows) quiet seconds;"
        + " \(study.counters.count) counters tested, \(findings) with q < \(CountersAround.level)"
    }
    return text + limit(study)
  }

  /// What so few trials cannot show, however strong it is.
  private static func limit(_ study: CountersAround) -> String {
    guard let p = study.smallestP, study.tally.compared < study.trialsForOne else { return "" }
    let text =
      "; with \(Self.count(study.tally.compared, "trial")) p is at least \(Self.p(p)), so "
    return p >= CountersAround.level
      ? text + "no counter can reach q < \(CountersAround.level): that takes 6 trials"
      : text + "a single counter cannot: that takes \(study.trialsForOne) trials"
  }

  // MARK: Tables

  private func table(
    _ study: CountersAround, _ width: Int, _ paint: (String) -> String
  ) -> [String] {
    if study.counters.isEmpty { return [] }
    var table = Table([("#", .right), ("counter", .text)] + Self.columns.map { ($0, .right) })
    for (i, counter) in study.counters.prefix(Self.shown).enumerated() {
      table.add(["\(i + 1)", counter.name] + Self.figures(counter))
    }
    var lines = table.lines(within: width)
    lines[0] = paint(lines[0])
    return lines
  }

  static let columns = ["quiet", "before", "ratio", "SD", "q", "lag", "r"]

  /// A counter's figures, one for each of `columns`.
  static func figures(_ counter: CountersAround.Counter) -> [String] {
    let unit = counter.kind == .cumulative ? "/s" : ""
    return [
      Format.significant(counter.quiet) + unit, Format.significant(counter.before) + unit,
      counter.ratio.map { "×" + Format.significant($0) } ?? "n/a",
      counter.deviations.map(Format.significant) ?? "n/a", p(counter.q),
      counter.lag.map { abs($0.r) < weak ? "-" : Format.fixed($0.seconds, 1) } ?? "-",
      counter.lag.map { Format.fixed($0.r, 2) } ?? "-",
    ]
  }

  private func path(
    _ study: CountersAround, _ width: Int, _ paint: (String) -> String
  ) -> [String] {
    let followed = study.counters.prefix(Self.followed)
    if followed.isEmpty { return [] }
    let rows = stride(from: 0, to: study.trials.count, by: Self.row).compactMap {
      start -> (String, [String])? in
      let bins = start..<start + Self.row
      let trials = bins.map { study.trials[$0] }.max() ?? 0
      if trials == 0 { return nil }
      let second = start / Self.row - study.trials.count / Self.row / 2
      return (
        "\(second < 0 ? "" : "+")\(second) s, \(Self.count(trials, "trial"))",
        followed.map { counter in
          let known = bins.compactMap { counter.path[$0] }
          return known.isEmpty ? "-" : Format.significant(known.reduce(0, +) / Double(known.count))
        }
      )
    }
    return Table.across(
      "second from the event", rows.map { (label: $0.0, figures: $0.1) }, width: width, paint)
  }

  private static func p(_ value: Double) -> String {
    value < 0.001 ? "<0.001" : Format.fixed(value, 3)
  }
}

extension EventKind {
  /// The kind in words, for so many of them.
  fileprivate func words(_ count: Int) -> String { count == 1 ? rawValue : rawValue + "s" }
}

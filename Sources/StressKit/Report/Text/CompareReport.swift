// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// What `compare` prints: what is in doubt, the verdicts, and then what they rest on.
package struct CompareReport: PlainReport {
  /// Counters shown of each comparison.
  static let counters = 12

  let comparison: CampaignComparison
  let style: TerminalReport.Style

  package init(_ comparison: CampaignComparison, style: TerminalReport.Style) {
    self.comparison = comparison
    self.style = style
  }

  package var text: String {
    var sections = [doubts, verdicts]
    for (index, one) in comparison.comparisons.enumerated() {
      let isJudged = one.verdict != nil
      sections.append(
        title(index, one) + (isJudged ? table(one) + missing(one) + survival(one) : []))
      if isJudged { sections.append(counters(one)) }
      sections.append(circumstances(one))
    }
    sections += [notes, method]
    return sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }
      .joined(separator: "\n\n")
  }

  // MARK: Verdicts

  /// Where a control fails, the other figures may mean nothing.
  private var doubts: [String] {
    comparison.failedControls.flatMap { failed in
      wrap(
        "\(failed.control.rawValue) control failed",
        [
          "\(failed.cell) of \(failed.campaign) killed in \(failed.killed.events):"
            + "\(failed.killed.trials); no verdict holds"
        ], style.warning)
    }
  }

  /// `kernel debian:6.1 > debian:6.12, fs ext4`: only axes in which the comparisons differ.
  func name(_ one: Comparison) -> String {
    let shared = one.cells.shared.filter { setting in
      comparison.comparisons.contains { !$0.cells.shared.contains(setting) }
    }
    let arms = "\(one.cells.axis.key ?? "campaign") \(one.cells.baseName) > \(one.cells.newName)"
    return ([arms] + shared.map { "\($0.key) \($0.value)" }).joined(separator: ", ")
  }

  private var verdicts: [String] {
    comparison.comparisons.flatMap { one -> [String] in
      let call = comparison.call(one)
      let isBad = call != .noChange && call != .improvement
      return hang(
        call?.rawValue ?? "REFUSED", "\u{a0} \(name(one)): \(reasons(one))",
        isBad ? style.warning : style.bold)
    }
  }

  private func title(_ index: Int, _ one: Comparison) -> [String] {
    hang("\(index + 1). \(name(one))", "", style.bold)
  }

  // MARK: Figures

  private func table(_ one: Comparison) -> [String] {
    if one.rows.isEmpty { return [] }
    var table = Table([
      ("", .left), ("base", .right), ("new", .right), ("change", .right), ("95 %", .text),
      ("p", .right), ("adj.", .right),
    ])
    for (measure, measurement, adjusted) in one.rows {
      table.add([
        measure.title, measure.text(of: measurement.base), measure.text(of: measurement.new),
        measurement.change.map { Self.text($0, points: "pp") } ?? "-",
        measurement.change.map(Self.interval) ?? "-",
        Self.p(measurement.p), Self.p(adjusted),
      ])
    }
    var lines = table.lines(within: TerminalReport.width)
    lines[0] = style.bold(lines[0])
    return lines
  }

  /// Killed trials have no speed, or another: what is left is of those that lived, and not missing at random.
  private func missing(_ one: Comparison) -> [String] {
    let cells = [one.cells.base, one.cells.new]
    let trials = cells.map(\.counted.count)
    let failed = cells.map { $0.counted.count(where: \.hasFailed) }
    let parts = one.rows.compactMap { measure, measurement, _ -> String? in
      let lacking = [trials[0] - measurement.base.count, trials[1] - measurement.new.count]
      return lacking == [0, 0] || lacking == failed
        ? nil : "\(measure.rawValue) \(lacking[0]):\(trials[0]) and \(lacking[1]):\(trials[1])"
    }
    let lines = wrap("trials without the figure, base and new", parts)
    if failed == [0, 0] { return lines }
    return lines
      + Format.broken(
        "\(failed[0]) and \(failed[1]) trials were killed or hung: their speed and stalls do not"
          + " count, and their other figures cover only the time until then (not missing at random).",
        width: TerminalReport.width)
  }

  private func survival(_ one: Comparison) -> [String] {
    wrap("s until the first OOM kill, base and new", Self.survival(one.survival))
  }

  /// Medians, restricted means and their test; nothing where no trial was killed.
  static func survival(_ survival: SurvivalFigures) -> [String] {
    guard survival.base.count + survival.new.count > 0, let means = survival.means,
      !survival.base.steps.isEmpty || !survival.new.steps.isEmpty
    else { return [] }
    func text(_ median: SurvivalCurve.Median?) -> String {
      switch median {
      case .reached(let time): Format.seconds(time)
      case .notReached(let time): "> " + Format.seconds(time)
      case nil: "-"
      }
    }
    let difference = means.new.difference(less: means.base).map {
      ", difference \(Format.seconds($0.lower))..\(Format.seconds($0.upper))"
    }
    return [
      "median \(text(survival.base.median)) and \(text(survival.new.median))",
      "mean time without one, up to \(Format.seconds(means.base.horizon)) s: "
        + "\(Format.seconds(means.base.mean)) and \(Format.seconds(means.new.mean))"
        + (difference ?? ""),
      "log-rank p \(p(survival.p))",
    ]
  }

  // MARK: Counters

  private func counters(_ one: Comparison) -> [String] {
    let sweep = one.counters
    if sweep.tested == 0 { return [] }
    let level = CounterSweep.level
    let found = sweep.findings.filter { $0.q <= level }
    var lines: [String] = []
    if !found.isEmpty {
      var table = Table([
        ("counters that differ", .text), ("of", .left), ("base", .right), ("new", .right),
        ("change", .right), ("q", .right),
      ])
      for finding in found.prefix(Self.counters) {
        table.add([
          finding.counter.shortName, finding.counter.source.rawValue, Format.fixed(finding.base, 0),
          Format.fixed(finding.new, 0),
          finding.ratio.map { "x" + Self.short($0) } ?? Self.signed(finding.new - finding.base, 0),
          Self.p(finding.q),
        ])
      }
      lines = table.lines(within: TerminalReport.width)
      lines[0] = style.bold(lines[0])
    }
    let smallest = MannWhitney.smallestP(sweep.sizes.base, sweep.sizes.new)
    var text =
      "\(found.count) of \(sweep.tested) counters differ at q \(Format.fixed(level, 2)), "
      + "\(min(found.count, Self.counters)) shown; medians of a trial's growth. "
      + "\(sweep.constant) that never changed"
    text += sweep.oneSided > 0 ? " and \(sweep.oneSided) that one arm alone has" : ""
    text += " were not tested."
    if !sweep.redefined.isEmpty {
      text +=
        " Nor \(sweep.redefined.map(\.name).joined(separator: ", ")): one of the kernels counts a memcg's own"
      text += " reclaim in them, and the other does not."
    }
    if smallest > level {
      text += " With so few trials no counter can differ: the smallest p is \(Self.p(smallest))."
    }
    return lines + Format.broken(text, width: TerminalReport.width)
  }

  // MARK: Circumstances

  private func circumstances(_ one: Comparison) -> [String] {
    let comparability = one.comparability
    var lines = wrap("differs, refused", comparability.refusals.map(\.text), style.warning)
    lines += wrap(
      "also differs, base / new",
      comparability.confounders.map { $0.text + ($0.isAllowed ? " (--allow)" : "") })
    lines += wrap("told by one arm only", comparability.unknown)
    for (arm, cell) in [("base", one.cells.base), ("new", one.cells.new)] {
      lines += wrap(
        "excluded of \(arm)",
        cell.trials.filter { !$0.ending.outcome.counts }.map { trial in
          let why = trial.ending.message?.split(separator: "\n").first.map { ": \($0)" } ?? ""
          return "trial \(trial.number) \(trial.ending.outcome.rawValue)\(why)"
        }, style.warning)
    }
    return lines
  }
}

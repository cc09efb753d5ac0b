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
    if let anytime = comparison.anytime { sections.append(section(anytime)) }
    for (index, one) in comparison.comparisons.enumerated() {
      if let pooled = leading(index) { sections.append(section(pooled)) }
      let isJudged = one.verdict != nil
      sections.append(
        title(index, one) + (isJudged ? table(one.rows) + missing(one) + survival(one) : []))
      if isJudged { sections.append(counters(one)) }
      sections.append(circumstances(one))
    }
    sections += [notes, method]
    return Self.joined(sections)
  }

  /// The verdicts alone.
  package var lead: String { Self.joined([doubts, verdicts]) }

  private static func joined(_ sections: [[String]]) -> String {
    sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
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
    ([Self.arms(one.cells.axis, one.cells.baseName, one.cells.newName)] + own(one))
      .joined(separator: ", ")
  }

  /// What tells it from the other comparisons.
  private func own(_ one: Comparison) -> [String] {
    one.cells.shared.filter { setting in
      comparison.comparisons.contains { !$0.cells.shared.contains(setting) }
    }.map { "\($0.key) \($0.value)" }
  }

  /// `kernel debian:6.1 > debian:6.12, 3 strata by fs`.
  func name(_ pooled: PooledComparison) -> String {
    Self.arms(pooled.axis, pooled.baseName, pooled.newName)
      + Self.strata(pooled.strata.count, pooled.stratifiedBy)
  }

  func name(_ anytime: AnytimeVerdict) -> String {
    Self.arms(anytime.axis, anytime.baseName, anytime.newName)
      + Self.strata(anytime.strata.count, anytime.stratifiedBy)
  }

  private static func strata(_ count: Int, _ axes: [String]) -> String {
    count > 1 ? ", \(count) strata by \(axes.joined(separator: ", "))" : ""
  }

  private static func arms(_ axis: ComparedAxis, _ base: String, _ new: String) -> String {
    "\(axis.key ?? "campaign") \(base) > \(new)"
  }

  /// The pooled verdict that stands before this comparison, the first that it is of.
  private func leading(_ index: Int) -> PooledComparison? {
    comparison.anytime == nil
      ? comparison.pooled.first { $0.comparisons.lowerBound == index } : nil
  }

  /// A line of the verdicts.
  struct Call {
    /// nil: refused.
    var call: Verdict.Call?
    var words: String
    /// Below a pooled verdict, which names the arms.
    var isBelow: Bool
  }

  /// All verdicts: a pooled one before those of its strata.
  var calls: [Call] {
    if let anytime = comparison.anytime {
      let words = "\(name(anytime)): \(reasons(anytime))"
      let refused = comparison.comparisons.filter { $0.verdict == nil }.map {
        Call(call: nil, words: "\(name($0)): \(reasons($0))", isBelow: true)
      }
      return [Call(call: comparison.call(anytime), words: words, isBelow: false)] + refused
    }
    return comparison.comparisons.enumerated().flatMap { index, one in
      let pooled = leading(index).map {
        Call(call: comparison.call($0), words: "\(name($0)): \(reasons($0))", isBelow: false)
      }
      let isBelow = comparison.pooled.contains { $0.comparisons.contains(index) }
      let title = isBelow ? own(one).joined(separator: ", ") : name(one)
      let single = Call(
        call: comparison.call(one), words: "\(title): \(reasons(one))", isBelow: isBelow)
      return [pooled, single].compactMap(\.self)
    }
  }

  private var verdicts: [String] {
    calls.flatMap { one -> [String] in
      let isBad = one.call != .noChange && one.call != .improvement
      return hang(
        (one.isBelow ? "\u{a0}\u{a0}" : "") + (one.call?.rawValue ?? Self.refused),
        "\u{a0} \(one.words)", isBad ? style.warning : style.bold)
    }
  }

  /// What stands for a verdict that is not given.
  static let refused = "REFUSED"

  private func title(_ index: Int, _ one: Comparison) -> [String] {
    hang("\(index + 1). \(name(one))", "", style.bold)
  }

  // MARK: Figures

  /// What several comparisons say as one, and which of them it is not of.
  private func section(_ pooled: PooledComparison) -> [String] {
    let odds = pooled.judged.filter { !$0.measurement.differsByStratum }.compactMap { row in
      row.measurement.odds.map { "\(row.measure.rawValue) \(Self.text($0))" }
    }
    let others = pooled.comparisons.filter { !pooled.strata.contains($0) }.map { index in
      let one = comparison.comparisons[index]
      let shared = one.cells.shared.filter { pooled.stratifiedBy.contains($0.key) }
      return shared.map(\.value).joined(separator: " ")
        + (one.verdict == nil ? " refused" : " an arm has no trial that counts")
    }
    return hang(name(pooled), "", style.bold) + table(pooled.judged)
      + wrap("common odds ratio", odds) + wrap("not pooled", others, style.warning)
  }

  /// What each stratum of a campaign that stops when it is known has shown by itself.
  private func section(_ anytime: AnytimeVerdict) -> [String] {
    var table = Table([
      ("", .left), ("base", .right), ("new", .right), ("pairs", .right), ("e more", .right),
      ("e fewer", .right), ("e alike", .right),
    ])
    for stratum in anytime.strata {
      let shared = stratum.shared.filter { anytime.stratifiedBy.contains($0.key) }
      table.add([
        shared.isEmpty ? Measure.failed.rawValue : shared.map(\.value).joined(separator: " "),
        "\(stratum.base.events):\(stratum.base.trials)",
        "\(stratum.new.events):\(stratum.new.trials)", "\(stratum.pairs.count)",
        Self.e(stratum.more), Self.e(stratum.fewer), Self.e(stratum.unchanged),
      ])
    }
    var lines = table.lines(within: TerminalReport.width)
    lines[0] = style.bold(lines[0])
    return hang(name(anytime), "", style.bold) + lines
  }

  private func table(_ rows: [Comparison.Row]) -> [String] {
    if rows.isEmpty { return [] }
    let isPooled = rows.contains { !$0.measurement.strata.isEmpty }
    var table = Table(
      [
        ("", .left), ("base", .right), ("new", .right), ("change", .right), ("95 %", .text),
        ("p", .right), ("adj.", .right),
      ] + (isPooled ? [("het.", .right)] : []))
    for (measure, measurement, adjusted) in rows {
      let change = measurement.differsByStratum ? nil : measurement.change
      table.add(
        [
          measure.title, measure.text(of: measurement.base), measure.text(of: measurement.new),
          change.map { Self.text($0, points: "pp") } ?? "-", change.map(Self.interval) ?? "-",
          // Of trials that were stopped by what they showed none holds.
          Self.p(comparison.isStopped ? nil : measurement.p),
          Self.p(comparison.isStopped ? nil : adjusted),
        ] + (isPooled ? [Self.p(measurement.heterogeneity)] : []))
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
    wrap(
      "s until the first OOM kill, base and new",
      Self.survival(one.survival, isTested: !comparison.isStopped))
  }

  /// Medians, restricted means and their test; nothing where no trial was killed.
  ///
  /// - Parameter isTested: false: the number of trials was not fixed, and the test's p-value does not hold.
  static func survival(_ survival: SurvivalFigures, isTested: Bool) -> [String] {
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
    ] + (isTested ? ["log-rank p \(p(survival.p))"] : [])
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

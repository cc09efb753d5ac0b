// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// The cell beside what it is held against: how often, how sure, and which counters moved.
struct MailComparison {
  private let told: MailCase

  init(_ told: MailCase) { self.told = told }

  var text: MailText {
    if let thresholds = told.thresholds { return text(thresholds) }
    var text = MailText()
    let arms = [told.base, told.cell].compactMap(\.self)
    for arm in arms {
      let failed = arm.failed
      let what =
        arm.counted.contains(where: { $0.hasFailed && !$0.hasKill }) ? "OOM or hang" : "OOM"
      text.item(
        "\(told.name(of: arm)): \(what) in \(MailCase.ratio(failed)) runs, \(MailCase.interval(failed))"
      )
    }
    text.add(repetition(arms))
    guard let comparison = told.reported.comparison, let all = told.reported.comparisons else {
      text.add("Nothing was compared: \(reason).")
      text.verbatim(operations([told.cell]))
      return text
    }
    text.verbatim(failures(comparison))
    verdicts(comparison, CompareReport(all, style: .init(colour: false)), &text)
    let survival = CompareReport.survival(comparison.survival, isTested: !all.isStopped)
    if !survival.isEmpty {
      text.add(
        "Seconds until the first OOM kill (Kaplan-Meier), base and new: "
          + survival.joined(separator: "; ") + ".")
    }
    let differences = comparison.comparability.confounders.map(\.text)
    if !differences.isEmpty {
      text.add("Also differs, base / new: \(differences.joined(separator: "; ")).")
    }
    text.verbatim(operations([comparison.cells.base, comparison.cells.new]))
    return text
  }

  /// Where half of the runs die, by cell, and how that differs.
  private func text(_ section: ThresholdSection) -> MailText {
    let cells = told.campaign.summary.cells
    var text = MailText()
    for (index, cell) in cells.enumerated() where !cell.counted.isEmpty {
      text.item("\(cell.name): \(section.sentence(index))")
    }
    for difference in section.differences { text.item(difference) }
    text.add(
      "Bayesian adaptive estimation (psi-marginal; Prins 2013): each run at the value that is expected to tell"
        + " most, interval of the posterior. " + repetition(cells))
    return text
  }

  private func verdicts(_ comparison: Comparison, _ report: CompareReport, _ text: inout MailText) {
    func word(_ call: Verdict.Call?) -> String { call?.rawValue ?? CompareReport.refused }
    let tests =
      "Fisher's exact test of the rates, Mann-Whitney of the rest, p adjusted for the endpoints (Holm)"
      + " and the campaign's verdicts (Bonferroni)."
    let own = "\(word(told.reported.call)): \(report.reasons(comparison))."
    if let anytime = report.comparison.anytime {
      return text.add(
        "Verdict: \(word(told.reported.pooledCall)) (\(report.name(anytime))): \(report.reasons(anytime))."
          + " Trials ran until it was known, by e-values of pairs of trials (safe test of two proportions; Turner, Ly"
          + " and Gr\u{fc}nwald), which may be looked at after every trial.")
    }
    guard let pooled = told.reported.pooled else { return text.add("Verdict: \(own) \(tests)") }
    text.add(
      "Verdict: \(word(told.reported.pooledCall)) (\(report.name(pooled))): \(report.reasons(pooled))."
        + " Exact conditional test of a common odds ratio, van Elteren's of the rest.")
    text.add("This stratum alone: \(own) \(tests)")
  }

  private var reason: String {
    if let obstacle = told.reported.obstacle { return obstacle.operation }
    return "the cell is the base of the comparison, or has no partner"
  }

  private func repetition(_ arms: [CellSummary]) -> String {
    let excluded = arms.flatMap { arm in
      arm.trials.filter { !$0.ending.outcome.counts }.map { trial in
        "\(told.name(of: arm)) #\(trial.number) \(trial.ending.outcome.rawValue)"
          + (trial.ending.reason.map { " (\($0))" } ?? "")
      }
    }
    let how =
      told.environment.accelerator == TrialSummary.local ? "" : ", each in a freshly booted guest"
    return
      "Each run on a freshly made file system\(how), all cells interleaved in random order, writes begun"
      + " after a random delay of 0 to 2 s, no warm-up. Excluded: "
      + (excluded.isEmpty ? "none." : excluded.joined(separator: ", ") + ".")
  }

  /// LKP's table of failures, each arm by its own number of runs: lkp-tests, lib/compare.rb.
  private func failures(_ comparison: Comparison) -> [String] {
    let (base, new) = (comparison.cells.base, comparison.cells.new)
    let kinds = FailureKind.allCases.filter { base.failed($0).events + new.failed($0).events > 0 }
    let rows = kinds.map { kind in
      let (old, now) = (base.failed(kind), new.failed(kind))
      let change = TwoByTwoTable(now, old).difference.map { Format.fixed($0 * 100, 0) + "%" } ?? "-"
      return Self.count(old) + Self.pad(change, 11) + "  " + Self.count(now) + "  "
        + Self.name(kind)
    }
    if rows.isEmpty { return [] }
    return [
      "  base: \(told.name(of: base))", "  new:  \(told.name(of: new))", "",
      "         fail:runs  %reproduction    fail:runs",
      "             |             |             |",
    ] + rows
  }

  private static func name(_ kind: FailureKind) -> String {
    switch kind {
    case .killed: "dmesg.invoked_oom-killer"
    case .hang: "wbstress.hang"
    case .panic: "dmesg.Kernel_panic"
    case .stalled: "wbstress.stalled"
    }
  }

  /// `11:12`, blank before the colon where there are none.
  private static func count(_ failed: Proportion) -> String {
    let runs = "\(failed.trials)"
    return pad(failed.events == 0 ? "" : "\(failed.events)", 13) + ":" + runs
      + String(repeating: " ", count: max(0, 4 - runs.count))
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private func operations(_ cells: [CellSummary]) -> [String] {
    let rows = VmstatSection(cells).rows
    if rows.isEmpty { return ["  Ops: no run has both readings of /proc/vmstat"] }
    var table = Table(
      [("vmstat, median of the runs", .left)]
        + (cells.count == 1 ? ["runs"] : ["base", "new"]).map { ($0, .right) })
    for row in rows { table.add(["Ops " + row.label] + row.figures) }
    return table.lines(within: MailText.widest - 2).map { "  " + $0 }
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// The campaign as one page that needs nothing but itself: no network, no library, no server.
///
/// What a reader without JavaScript, or on paper, has to know is in the markup; the charts of single trials
/// are drawn from the data at its end.
package struct PageReport {
  let campaign: CampaignAnalysis
  let report: TerminalReport
  let cells: [PageCell]
  private let colours: CauseColours
  private let comparison: ComparedCampaign
  private let selected: TrialChoice?

  private enum ComparedCampaign {
    case told(CampaignComparison)
    /// Why there is none.
    case none(String)
  }

  /// Points of each series: fewer where there are many trials, so that the page stays below some MB.
  private static func points(trials: Int) -> Int { max(100, min(300, 18_000 / max(1, trials))) }

  /// - Throws: when the choice names what is not there (code usage), or a record cannot be read.
  package init(
    _ campaign: CampaignAnalysis, _ choice: ReportFormat.Choice
  ) throws(HarnessError) {
    self.campaign = campaign
    report = TerminalReport(campaign.summary, style: .init(colour: false))
    selected = try Self.selection(campaign, choice)
    comparison = try Self.compare(campaign, choice.comparison)
    let summaries = campaign.summary.cells
    let points = Self.points(trials: summaries.reduce(0) { $0 + $1.trials.count })
    var cells: [PageCell] = []
    for index in summaries.indices {
      cells.append(try PageCell(campaign, report, index, points: points))
    }
    self.cells = cells
    colours = CauseColours(cells)
  }

  /// The trial that is shown first; nil: none has been run, and none was asked for.
  private static func selection(
    _ campaign: CampaignAnalysis, _ choice: ReportFormat.Choice
  ) throws(HarnessError) -> TrialChoice? {
    do {
      return try campaign.choose(cell: choice.cell, trial: choice.trial)
    } catch {
      if choice.cell != nil || choice.trial != nil { throw error }
      return nil
    }
  }

  private static func compare(
    _ campaign: CampaignAnalysis, _ request: ComparisonChoice.Request
  ) throws(HarnessError) -> ComparedCampaign {
    do {
      return .told(try campaign.comparison(request))
    } catch {
      // That nothing suggests itself is no mistake; that what was asked for is not there, is.
      if request.axis != nil || request.base != nil || !request.against.isEmpty { throw error }
      return .none([error.operation, error.remedy].compactMap(\.self).joined(separator: "; "))
    }
  }

  package var bytes: [UInt8] { Array(markup.text.utf8) }

  /// Nothing may be fetched: Content Security Policy Level 3.
  private static let policy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; "
    + "form-action 'none'"

  private var markup: Markup {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="\(Self.policy)">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="generator" content="wbstress \(Version.text)">
    <title>\(report.title)</title>
    <style>
    \(Markup(trusted: PageStyle.sheet))</style>
    </head>
    <body>
    \(top)
    <main>
    \(verdicts)
    \(facts)
    \(PageChart(report)?.section ?? "")\(PageThreshold(report)?.markup ?? "")\(PageMatrix(report).markup)
    \(Self.trialSection)
    \(PageKills(cells).markup)
    \(PageLedger(cells, colours).markup)
    \(PageAround(cells).markup)
    \(texts)
    </main>
    <footer>wbstress \(Version.text). All figures are from the records of the campaign.</footer>
    <script type="application/json" id="data">\(Markup(trusted: data.embedded))</script>
    <script>\(Markup(trusted: EmbeddedText.body(PackageResources.page_js)))
    </script>
    </body>
    </html>

    """
  }

  private var data: JSON {
    [
      "causes": .array(StallCause.allCases.map { .string($0.label) }),
      "colours": .array(StallCause.allCases.map { .int(Int64(colours[$0])) }),
      "selected": selected.map { [.int(Int64($0.cell)), .int(Int64($0.trial))] } ?? .null,
      "cells": .array(cells.map(\.data)),
    ]
  }

  // MARK: Parts

  private var top: Markup {
    """
    <header>
    <div class="title"><h1>\(report.title)</h1>
    <div class="tools"><button type="button" id="theme">theme: system</button>
    <button type="button" id="help-open" aria-haspopup="dialog">keys <kbd>?</kbd></button></div></div>
    </header>
    """
  }

  private var facts: Markup {
    let told = report.facts + [("seed", ["\(campaign.summary.seed)"])]
    let facts = told.map { fact -> Markup in
      "<dt>\(fact.name)</dt><dd>\(fact.values.joined(separator: "; "))</dd>\n"
    }
    return """
      <section aria-labelledby="h-ran"><h2 id="h-ran">What ran</h2>
      <dl>\(facts)</dl></section>
      """
  }

  private var verdicts: Markup {
    let findings = report.findings.map { finding -> Markup in
      "<li class=\"bad\"><b>\(finding.what)</b>: \(finding.where)</li>\n"
    }
    let saysAnything = report.cells.contains { !$0.counted.isEmpty }
    let fine: Markup =
      !findings.isEmpty
      ? ""
      : saysAnything
        ? "<li>No control failed, and no expectation was missed.</li>\n"
        : "<li>No trial says anything yet.</li>\n"
    let compared: [Markup] =
      switch comparison {
      case .told(let all): Self.lines(all)
      case .none(let why): ["<li>No verdict by comparison: \(why)</li>\n"]
      }
    return """
      <section aria-labelledby="h-verdicts"><h2 id="h-verdicts">Verdicts</h2>
      <ul class="verdicts">\(findings)\(fine)\(compared)</ul></section>
      """
  }

  private static func lines(_ all: CampaignComparison) -> [Markup] {
    CompareReport(all, style: .init(colour: false)).calls.map { one in
      let isBad = one.call == .regression || one.call == nil
      return """
        <li class="\(isBad ? "bad" : "told")\(one.isBelow ? " stratum" : "")">\
        <b>\(one.call?.rawValue ?? CompareReport.refused)</b> \(one.words)</li>

        """
    }
  }

  /// Filled by the script: one trial's charts.
  private static let trialSection: Markup = """
    <section id="trial" aria-labelledby="h-trial"><h2 id="h-trial">One trial over time</h2>
    <noscript><p>The charts of single trials need JavaScript; all else on this page does not.</p></noscript>
    </section>
    """

  /// All else that is known, as the terminal has it.
  private var texts: Markup {
    """
    <section aria-labelledby="h-more"><h2 id="h-more">Latencies, reclaim, counters and notes</h2>
    <details><summary>as the terminal report has them</summary>
    <pre tabindex="0" aria-label="terminal report">\(Markup(trusted: preformatted(report.text)))</pre>
    </details>
    <h3>Notes</h3><ul class="notes">\(notes)</ul></section>
    """
  }

  private func preformatted(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { line -> String in ("\(String(line))" as Markup).text }.joined(separator: "\n")
  }

  /// A paragraph's further lines are indented.
  private var notes: [Markup] {
    var paragraphs: [String] = []
    for line in report.notes {
      if line.hasPrefix("    "), let last = paragraphs.indices.last {
        paragraphs[last] += " " + line.drop { $0 == " " }
      } else {
        paragraphs.append(line)
      }
    }
    return paragraphs.map { "<li>\($0)</li>" }
  }
}

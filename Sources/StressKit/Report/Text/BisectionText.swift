// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// What a bisection came to, in words.
package struct BisectionText {
  private let outcome: BisectionOutcome

  package init(_ outcome: BisectionOutcome) { self.outcome = outcome }

  package var text: String { lines.joined(separator: "\n") }

  private var lines: [String] {
    [head] + parents + chance + rates + doubt + [work]
  }

  private var head: String {
    if let why = outcome.why { return "no culprit: \(why)" }
    if let culprit = outcome.culprit {
      return "culprit: \(culprit.reference), \(culprit.author)"
    }
    return
      (["one of these, which cannot all be tested:"]
      + outcome.found.map { "  \($0.reference), \($0.author)" }).joined(separator: "\n")
  }

  private var parents: [String] {
    guard let culprit = outcome.culprit, culprit.parents.count > 1 else { return [] }
    return [
      "  a merge of \(culprit.parents.map { String($0.prefix(12)) }.joined(separator: " and ")):"
        + " neither side fails by itself"
    ]
  }

  private var chance: [String] {
    guard let right = outcome.right else { return [] }
    return [
      "  the chance that it is another: \(Self.share(1 - right))"
        + " (by the trials of the search, at the rates of --good and --bad)"
    ]
  }

  private var rates: [String] {
    [JudgedCommit.Verdict.good, .bad].compactMap { verdict in
      let seen = outcome.seen(verdict)
      let count = outcome.judged.count { $0.verdict == verdict }
      guard seen.trials > 0 else { return nil }
      let commits = TerminalReport.count(count, "\(verdict.rawValue) commit")
      return "  \(commits): OOM or hang in \(Self.counts(seen))"
    }
  }

  private var doubt: [String] {
    let between = outcome.judged.filter(\.isBetween).map { String($0.commit.prefix(12)) }
    if between.isEmpty { return [] }
    return [
      "  ambiguous: the rate of \(between.joined(separator: ", ")) fits neither --good nor --bad: more than one change"
        + " may be at work"
    ]
  }

  private var work: String {
    let skipped = outcome.judged.count { $0.verdict == .skipped }
    return
      "  \(TerminalReport.count(outcome.judged.count, "commit")) of \(outcome.commits + 1) judged"
      + (skipped == 0 ? "" : ", \(skipped) passed over")
      + ", \(TerminalReport.count(outcome.trials, "trial"))"
  }

  /// `2:2 trials (95 % CI 34-100 %)`.
  static func counts(_ seen: Proportion) -> String {
    if seen.trials == 0 { return "no trial" }
    let interval = seen.wilson()
    return "\(seen.events):\(seen.trials) trials (95 % CI \(Format.fixed(interval.lower * 100, 0))-"
      + "\(Format.fixed(interval.upper * 100, 0)) %)"
  }

  /// `0.3 %`, `1 in 5000`.
  static func share(_ chance: Double) -> String {
    if chance >= 0.001 { return "\(Format.fixed(chance * 100, 1)) %" }
    return chance > 1e-9 ? "1 in \(Int((1 / chance).rounded()))" : "less than 1 in a billion"
  }

  /// The log of the search, one commit a line: of mails, and of a terminal.
  package var log: [String] {
    outcome.judged.map { one in
      let figures = one.verdict == .skipped ? one.words : Self.counts(one.seen)
      return "\(one.verdict.rawValue) \(one.commit.prefix(12)): \(figures)"
    }
  }
}

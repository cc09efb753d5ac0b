// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressAnalysis
import StressCore

/// The search for the commit from which on trials fail: which commit is judged next, and what is known in the end.
///
/// Commits are chosen as git-bisect(1) chooses them; what is known is kept here and not as refs of git's, so that the
/// user's repository is read only. One that cannot be tested is passed over for the next best.
package struct Bisection: Equatable, Sendable {
  package enum Step: Equatable, Sendable {
    case judge(String)
    case end(Result)
  }

  package enum Result: Equatable, Sendable {
    case culprit(String)
    /// Which of these it is cannot be tested.
    case oneOf([String])
    /// The fault did not come in here; why.
    case none(String)
  }

  /// In full.
  package let good: String
  package let bad: String
  /// The rates that trials are judged by.
  package let rates: Judgement.Question
  package private(set) var judged: [JudgedCommit] = []

  /// - Throws: when the good commit is not in the bad one's history (usage).
  package init(
    _ tree: GitTree, good: String, bad: String, rates: Judgement.Question
  ) throws(HarnessError) {
    self.rates = rates
    self.good = try tree.commit(of: good)
    self.bad = try tree.commit(of: bad)
    guard self.good != self.bad, try tree.isAncestor(self.good, of: self.bad) else {
      throw HarnessError(
        .usage, "\(good) \(bad)",
        "the good commit must be in the history of the bad one, and another than it",
        remedy: "with branches take their merge base: git merge-base \(good) \(bad)")
    }
  }

  package mutating func take(_ commit: JudgedCommit) {
    judged.removeAll { $0.commit == commit.commit }
    judged.append(commit)
  }

  private func verdict(_ commit: String) -> JudgedCommit.Verdict? {
    judged.first { $0.commit == commit }?.verdict
  }

  private func all(_ verdict: JudgedCommit.Verdict) -> [String] {
    judged.filter { $0.verdict == verdict }.map(\.commit)
  }

  /// The bad commit that all others left are in the history of.
  private var end: String { all(.bad).last ?? bad }

  /// The end that is bad first: where nothing is wrong, one build shows it.
  package func next(in tree: GitTree) throws(HarnessError) -> Step {
    for (name, commit, wanted) in [("bad", bad, JudgedCommit.Verdict.bad), ("good", good, .good)] {
      switch verdict(commit) {
      case nil: return .judge(commit)
      case wanted?: break
      case .skipped?:
        throw HarnessError(
          .inconclusive, "\(name) commit \(commit.prefix(12))",
          "cannot be judged, so that there is nothing to search between",
          remedy: "name another \(name) commit")
      default:
        return .end(
          .none(
            wanted == .bad
              ? "the commit that was called bad is good" : "the commit that was called good is bad")
        )
      }
    }
    let left = try tree.bisected(to: end, without: all(.good))
    if let commit = left.first(where: { $0 != end && verdict($0) == nil }) {
      return .judge(commit)
    }
    return .end(left.count == 1 ? .culprit(end) : .oneOf(left))
  }

  /// How many commits are left, the bad end among them.
  package func left(in tree: GitTree) throws(HarnessError) -> Int {
    try tree.commits(to: end, without: all(.good)).count
  }

  /// The chance of each commit between the ends to be the one, the likeliest first, and of none to be it.
  ///
  /// Bayes' rule over all trials: beforehand all commits are alike, and none at all as likely as one; a commit that has
  /// the culprit in its history fails at the bad rate, any other at the good one. What was seen beside the way that the
  /// search took counts too, and where nothing could be tested, commits share.
  package func chances(
    in tree: GitTree
  ) throws(HarnessError) -> (commits: [(commit: String, chance: Double)], none: Double) {
    let candidates = try tree.commits(to: bad, without: [good])
    var logs: [String: Double] = Dictionary(uniqueKeysWithValues: candidates.map { ($0, 0) })
    for one in judged where one.seen.trials > 0 {
      // By how much these trials are likelier with the fault: for every commit that this one has in its history.
      let evidence =
        term(one.seen.events, rates.bad, rates.good)
        + term(one.seen.trials - one.seen.events, 1 - rates.bad, 1 - rates.good)
      let history = try tree.commits(to: one.commit, without: [good])
      for commit in history { logs[commit]? += evidence }
    }
    let largest = max(0, logs.values.max() ?? 0)
    let none = exp(-largest)
    let weights = candidates.map { (commit: $0, chance: exp((logs[$0] ?? 0) - largest)) }
    let sum = weights.reduce(none) { $0 + $1.chance }
    let ranked = weights.map { (commit: $0.commit, chance: $0.chance / sum) }
      .enumerated().sorted { ($1.element.chance, $0.offset) < ($0.element.chance, $1.offset) }
      .map(\.element)
    return (ranked, none / sum)
  }

  /// 0 events of rate 0 are no evidence; any other is all of it, within what can be calculated with.
  private func term(_ events: Int, _ bad: Double, _ good: Double) -> Double {
    events == 0 ? 0 : Double(events) * max(-1e3, min(1e3, log(bad / good)))
  }
}

// MARK: - What it comes to

extension Bisection {
  /// For reports.
  package func outcome(
    _ result: Result, in tree: GitTree
  ) throws(HarnessError) -> BisectionOutcome {
    func commit(_ id: String) throws(HarnessError) -> BisectionOutcome.Commit {
      BisectionOutcome.Commit(
        id: id, subject: try tree.show("%s", id), author: try tree.show("%an, %cs", id),
        parents: try tree.parents(of: id), seen: judged.first { $0.commit == id }?.seen)
    }
    var outcome = BisectionOutcome(
      good: good, bad: bad, rates: rates, judged: judged,
      commits: try tree.commits(to: bad, without: [good]).count)
    let found: [String]
    switch result {
    case .none(let why):
      outcome.why = why
      return outcome
    case .culprit(let one): found = [one]
    case .oneOf(let several): found = several
    }
    for id in found { outcome.found.append(try commit(id)) }
    let chances = try chances(in: tree).commits
    outcome.right = chances.filter { found.contains($0.commit) }.reduce(0) { $0 + $1.chance }
    return outcome
  }
}

// MARK: - The file of a search

extension Bisection {
  private static let schema: Int64 = 1

  package var json: JSON {
    [
      "schema": .int(Self.schema), "good": .string(good), "bad": .string(bad),
      "rates": ["good": .double(rates.good), "bad": .double(rates.bad)],
      "judged": .array(
        judged.map { one in
          [
            "commit": .string(one.commit), "verdict": .string(one.verdict.rawValue),
            "failed": .number(one.seen.events), "trials": .number(one.seen.trials),
            "between": .bool(one.isBetween), "words": .string(one.words),
          ]
        }),
    ]
  }

  /// Takes in what an earlier run of the same search has judged.
  ///
  /// - Throws: when it is another search's, or damaged (usage).
  package mutating func resume(_ json: JSON, _ path: String) throws(HarnessError) {
    func number(_ value: JSON?) -> Double? { value?.double }
    guard json["schema"]?.int == Self.schema, let all = json["judged"]?.array else {
      throw HarnessError(.usage, path, "is damaged", remedy: "name another --output directory")
    }
    guard json["good"]?.string == good, json["bad"]?.string == bad,
      number(json["rates"]?["good"]) == rates.good, number(json["rates"]?["bad"]) == rates.bad
    else {
      throw HarnessError(
        .usage, path, "is of another search: other commits or rates",
        remedy: "rerun its command to resume it, or name another --output directory")
    }
    for one in all {
      guard let commit = one["commit"]?.string,
        let verdict = one["verdict"]?.string.flatMap(JudgedCommit.Verdict.init),
        let events = one["failed"]?.count, let trials = one["trials"]?.count, events <= trials
      else {
        throw HarnessError(.usage, path, "is damaged", remedy: "name another --output directory")
      }
      take(
        JudgedCommit(
          commit: commit, verdict: verdict, seen: Proportion(events, of: trials),
          words: one["words"]?.string ?? "", isBetween: one["between"]?.bool ?? false))
    }
  }
}

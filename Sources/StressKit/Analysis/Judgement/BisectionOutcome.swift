// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A commit with what trials said of it.
package struct JudgedCommit: Equatable, Sendable {
  package enum Verdict: String, Sendable {
    case good, bad, skipped
  }
  package var commit: String
  package var verdict: Verdict
  /// Trials that failed, of those that count.
  package var seen: Proportion
  /// The judgement in words, or why there is none.
  package var words: String
  /// Whether its rate fits neither of the two.
  package var isBetween: Bool

  package init(
    commit: String, verdict: Verdict, seen: Proportion, words: String, isBetween: Bool
  ) {
    self.commit = commit
    self.verdict = verdict
    self.seen = seen
    self.words = words
    self.isBetween = isBetween
  }
}

/// What the search for the commit that brought a fault came to.
package struct BisectionOutcome: Equatable, Sendable {
  package struct Commit: Equatable, Sendable {
    package var id: String
    package var subject: String
    /// And the date.
    package var author: String
    package var parents: [String]
    /// nil: it could not be tested.
    package var seen: Proportion?

    package init(
      id: String, subject: String, author: String, parents: [String], seen: Proportion?
    ) {
      self.id = id
      self.subject = subject
      self.author = author
      self.parents = parents
      self.seen = seen
    }

    /// As in a tag of a patch: 12 digits and the subject.
    package var reference: String { "\(id.prefix(12)) (\"\(subject)\")" }
  }

  package var good: String
  package var bad: String
  package var rates: Judgement.Question
  package var judged: [JudgedCommit]
  /// In the bad end's history and not in the good one's.
  package var commits: Int
  /// The culprit; several: it is one of these; none: `why`.
  package var found: [Commit] = []
  package var why: String?
  /// The chance that it is in `found`, if the rates are those that trials are judged by.
  package var right: Double?

  package init(
    good: String, bad: String, rates: Judgement.Question, judged: [JudgedCommit], commits: Int
  ) {
    self.good = good
    self.bad = bad
    self.rates = rates
    self.judged = judged
    self.commits = commits
  }

  package var culprit: Commit? { found.count == 1 ? found[0] : nil }
  package var trials: Int { judged.reduce(0) { $0 + $1.seen.trials } }
  /// Whether what was said of any commit is in doubt.
  package var isBetween: Bool { judged.contains(where: \.isBetween) }

  /// Of several judgements together.
  package func seen(_ verdict: JudgedCommit.Verdict) -> Proportion {
    let all = judged.filter { $0.verdict == verdict }.map(\.seen)
    return Proportion(
      all.reduce(0) { $0 + $1.events }, of: all.reduce(0) { $0 + $1.trials })
  }
}

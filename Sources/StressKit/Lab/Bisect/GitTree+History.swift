// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine

/// Commits and what comes after what: git-rev-list(1).
extension GitTree {
  /// Whether a commit is in another's history, or is that commit.
  func isAncestor(_ commit: String, of other: String) throws(HarnessError) -> Bool {
    // "git rev-list COMMIT ^OTHER" lists what only COMMIT has.
    try answer(["rev-list", "--max-count=1", commit, "^" + other]).isEmpty
  }

  /// All commits of one's history, itself included, that are in no other's.
  func commits(to commit: String, without others: [String]) throws(HarnessError) -> [String] {
    try lines(["rev-list", commit] + others.map { "^" + $0 })
  }

  /// The same, those first that divide the rest into the most equal parts.
  func bisected(to commit: String, without others: [String]) throws(HarnessError) -> [String] {
    // "ID (dist=3)", or "ID (tag: v6.12, dist=3)".
    try lines(["rev-list", "--bisect-all", commit] + others.map { "^" + $0 })
      .map { String($0.prefix { $0 != " " }) }
  }

  package func parents(of commit: String) throws(HarnessError) -> [String] {
    try show("%P", commit).split(separator: " ").map(String.init)
  }
}

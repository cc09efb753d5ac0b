// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressMachine

/// Searches in small repositories, with trials from a generator.
@Suite(.enabled(if: Tool.path("git") != nil, "needs git"))
struct BisectionTests {
  private let fixture: GitFixture
  private let rates: Judgement.Question

  init() throws {
    fixture = try GitFixture()
    rates = try Judgement.Question(good: 0.05, bad: 0.8, most: 40)
  }

  /// A line of commits; their ids, the oldest first.
  private func line(_ count: Int) throws -> [String] {
    try (0..<count).map { try fixture.commit(["file": "\($0)"], "Change \($0)") }
  }

  /// As trials judge it.
  private func judged(
    _ commit: String, rate: Double, _ random: inout SplitMix64
  ) -> JudgedCommit {
    var test = rates.test
    while test.decision == .undecided {
      test.add(isEvent: Double.random(in: 0..<1, using: &random) < rate)
    }
    return .init(
      commit: commit, verdict: test.decision == .high ? .bad : .good, seen: test.seen, words: "",
      isBetween: false)
  }

  private func skipped(_ commit: String) -> JudgedCommit {
    .init(
      commit: commit, verdict: .skipped, seen: .init(0, of: 0), words: "does not build",
      isBetween: false)
  }

  /// Runs a search to its end.
  ///
  /// - Parameter rate: at which trials of a commit fail; nil: it cannot be tested.
  private func search(
    _ bisection: Bisection, seed: UInt64 = 1, _ rate: (String) throws -> Double?
  ) throws -> (bisection: Bisection, result: Bisection.Result) {
    let tree = try GitTree(fixture.tree)
    var (bisection, random) = (bisection, SplitMix64(seed: seed))
    while true {
      switch try bisection.next(in: tree) {
      case .end(let result): return (bisection, result)
      case .judge(let commit):
        try #require(bisection.judged.count < 50)
        if let rate = try rate(commit) {
          bisection.take(judged(commit, rate: rate, &random))
        } else {
          bisection.take(skipped(commit))
        }
      }
    }
  }

  private func bisection(_ good: String, _ bad: String) throws -> Bisection {
    try Bisection(try GitTree(fixture.tree), good: good, bad: bad, rates: rates)
  }

  @Test func findsTheCulpritOfALine() throws {
    let commits = try line(14)
    for culprit in [1, 6, 13] {
      let bad = Set(commits[culprit...])
      let (bisection, result) = try search(try bisection(commits[0], "HEAD")) {
        bad.contains($0) ? 1 : 0
      }
      #expect(result == .culprit(commits[culprit]))
      // Both ends, and the logarithm of 13.
      #expect((4...6).contains(bisection.judged.count))
      let (chances, none) = try bisection.chances(in: GitTree(fixture.tree))
      #expect(chances.first?.commit == commits[culprit] && chances.count == 13)
      #expect((chances.first?.chance ?? 0) > 0.9 && none < 0.02)
      #expect(abs(chances.reduce(none) { $0 + $1.chance } - 1) < 1e-9)
    }
  }

  /// 60 searches with trials that fail by chance: the culprit is another than is said no more often than is said.
  @Test func chancesAreWhatTheySay() throws {
    let commits = try line(9)
    let bad = Set(commits[5...])
    let tree = try GitTree(fixture.tree)
    let fresh = try bisection(commits[0], "HEAD")
    var right = 0
    var said = 0.0
    let searches = 60
    for seed in 0..<searches {
      let (bisection, result) = try search(fresh, seed: UInt64(seed)) {
        bad.contains($0) ? 0.8 : 0.05
      }
      guard case .culprit(let found) = result else { continue }
      right += found == commits[5] ? 1 : 0
      said += try bisection.chances(in: tree).commits.first { $0.commit == found }?.chance ?? 0
    }
    figure("searches that found it; chance as said", Double(right), said)
    #expect(Double(right) >= said - 4)
    #expect(right >= searches - 6)
  }

  @Test func passesOverWhatCannotBeTested() throws {
    let commits = try line(12)
    let (broken, bad) = (Set(commits[5...6]), Set(commits[8...]))
    let (bisection, result) = try search(try bisection(commits[0], "HEAD")) {
      broken.contains($0) ? nil : bad.contains($0) ? 1 : 0
    }
    #expect(result == .culprit(commits[8]))
    #expect(bisection.judged.contains { $0.verdict == .skipped })
  }

  @Test func namesAllThatItMayBe() throws {
    let commits = try line(8)
    let (broken, bad) = (Set(commits[3...4]), Set(commits[4...]))
    let (bisection, result) = try search(try bisection(commits[0], "HEAD")) {
      broken.contains($0) ? nil : bad.contains($0) ? 1 : 0
    }
    guard case .oneOf(let left) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(Set(left) == Set(commits[3...5]))
    // They share the chance.
    let chances = try bisection.chances(in: GitTree(fixture.tree)).commits.prefix(3)
    #expect(Set(chances.map(\.commit)) == Set(left))
    for one in chances { #expect(abs(one.chance - 1.0 / 3) < 0.02) }
  }

  /// The fault comes with a side branch: the commit of that branch is found, or the merge if neither side has it.
  @Test func goesIntoBranches() throws {
    let base = try fixture.commit(["base": "1"])
    try fixture.git("checkout", "--quiet", "-b", "side")
    let side = try (0..<3).map { try fixture.commit(["side": "\($0)"]) }
    try fixture.git("checkout", "--quiet", "main")
    let main = try (0..<3).map { try fixture.commit(["main": "\($0)"]) }
    try fixture.git("merge", "--quiet", "--no-edit", "side")
    let merge = try fixture.git("rev-parse", "HEAD")
    let last = try fixture.commit(["last": "1"])
    let tree = try GitTree(fixture.tree)
    let ofSide = try search(try bisection(base, last)) { commit in
      try tree.isAncestor(side[1], of: commit) ? 1 : 0
    }
    #expect(ofSide.result == .culprit(side[1]))
    let ofMerge = try search(try bisection(base, last)) { [merge, last].contains($0) ? 1 : 0 }
    #expect(ofMerge.result == .culprit(merge))
    #expect(try tree.parents(of: merge) == [main[2], side[2]])
    #expect(try ofMerge.bisection.chances(in: tree).commits.first?.commit == merge)
  }

  @Test func withoutAFaultThereIsNoCulprit() throws {
    let commits = try line(12)
    let (same, none) = try search(try bisection(commits[0], "HEAD")) { _ in 0 }
    #expect(none == .none("the commit that was called bad is good") && same.judged.count == 1)
    let (_, all) = try search(try bisection(commits[0], "HEAD")) { _ in 1 }
    #expect(all == .none("the commit that was called good is bad"))
    let error = #expect(throws: HarnessError.self) {
      try search(try bisection(commits[0], "HEAD")) { _ in nil }
    }
    #expect(
      error?.description
        == "bad commit \(commits[11].prefix(12)): cannot be judged, so that there is nothing to search between; "
        + "name another bad commit")
  }

  @Test func refusesEndsInTheWrongOrder() throws {
    let commits = try line(3)
    for (good, bad) in [(commits[2], commits[0]), (commits[1], commits[1])] {
      let error = #expect(throws: HarnessError.self) { try bisection(good, bad) }
      #expect(error?.code == .usage)
    }
  }

  @Test func goesOnWhereItWasLeft() throws {
    let commits = try line(10)
    let bad = Set(commits[7...])
    let whole = try search(try bisection(commits[0], "HEAD")) { bad.contains($0) ? 1 : 0 }
    var half = try bisection(commits[0], "HEAD")
    for one in whole.bisection.judged.prefix(3) { half.take(one) }
    let saved = try JSON(parsing: Array(half.json.text.utf8))
    var resumed = try bisection(commits[0], "HEAD")
    try resumed.resume(saved, "bisect.json")
    #expect(resumed == half)
    let rest = try search(resumed) { bad.contains($0) ? 1 : 0 }
    #expect(
      rest.result == whole.result && rest.bisection.judged.count == whole.bisection.judged.count)
    var other = try bisection(commits[1], "HEAD")
    let error = #expect(throws: HarnessError.self) { try other.resume(saved, "bisect.json") }
    #expect(
      error?.description
        == "bisect.json: is of another search: other commits or rates; rerun its command to resume it, or name "
        + "another --output directory")
    #expect(throws: HarnessError.self) { try other.resume(["schema": 1], "bisect.json") }
  }
}

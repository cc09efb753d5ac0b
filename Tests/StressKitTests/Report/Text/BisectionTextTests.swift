// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressReport

struct BisectionTextTests {
  private func judged(
    _ digit: Character, _ verdict: JudgedCommit.Verdict, _ events: Int, _ trials: Int,
    _ words: String = "", isBetween: Bool = false
  ) -> JudgedCommit {
    JudgedCommit(
      commit: String(repeating: digit, count: 40), verdict: verdict,
      seen: Proportion(events, of: trials), words: words, isBetween: isBetween)
  }

  /// A search in which `c` is the culprit.
  static func outcome() throws -> BisectionOutcome {
    let tests = BisectionTextTests()
    var outcome = BisectionOutcome(
      good: String(repeating: "a", count: 40), bad: String(repeating: "e", count: 40),
      rates: try .init(good: 0.05, bad: 0.8, most: 40),
      judged: [
        tests.judged("e", .bad, 2, 2), tests.judged("a", .good, 0, 3),
        tests.judged("b", .skipped, 0, 0, "untestable: make bzImage: exit status 2: no rule"),
        tests.judged("c", .bad, 3, 4),
      ], commits: 12)
    outcome.found = [
      .init(
        id: String(repeating: "c", count: 40), subject: "mm: change it",
        author: "A U Thor, 2026-11-30", parents: [String(repeating: "b", count: 40)],
        seen: Proportion(3, of: 4))
    ]
    outcome.right = 0.998
    return outcome
  }

  @Test func tellsTheCulprit() throws {
    #expect(
      BisectionText(try Self.outcome()).text == """
        culprit: cccccccccccc ("mm: change it"), A U Thor, 2026-11-30
          the chance that it is another: 0.2 % (by the trials of the search, at the rates of --good and --bad)
          1 good commit: OOM or hang in 0:3 trials (95 % CI 0-56 %)
          2 bad commits: OOM or hang in 5:6 trials (95 % CI 44-97 %)
          4 commits of 13 judged, 1 passed over, 9 trials
        """)
    #expect(
      BisectionText(try Self.outcome()).log == [
        "bad eeeeeeeeeeee: 2:2 trials (95 % CI 34-100 %)",
        "good aaaaaaaaaaaa: 0:3 trials (95 % CI 0-56 %)",
        "skipped bbbbbbbbbbbb: untestable: make bzImage: exit status 2: no rule",
        "bad cccccccccccc: 3:4 trials (95 % CI 30-95 %)",
      ])
  }

  @Test func tellsAMergeAndADoubt() throws {
    var outcome = try Self.outcome()
    outcome.found[0].parents.append(String(repeating: "d", count: 40))
    outcome.judged[3].isBetween = true
    let lines = BisectionText(outcome).text.split(separator: "\n")
    #expect(lines[1] == "  a merge of bbbbbbbbbbbb and dddddddddddd: neither side fails by itself")
    #expect(
      lines.contains(
        "  ambiguous: the rate of cccccccccccc fits neither --good nor --bad: more than one change may be at work"
      ))
  }

  @Test func tellsSeveralAndNone() throws {
    var outcome = try Self.outcome()
    var other = outcome.found[0]
    other.id = String(repeating: "b", count: 40)
    outcome.found.append(other)
    #expect(
      BisectionText(outcome).text.hasPrefix(
        """
        one of these, which cannot all be tested:
          cccccccccccc ("mm: change it"), A U Thor, 2026-11-30
          bbbbbbbbbbbb ("mm: change it"), A U Thor, 2026-11-30

        """))
    outcome.found = []
    outcome.right = nil
    outcome.why = "the commit that was called bad is good"
    #expect(
      BisectionText(outcome).text.hasPrefix("no culprit: the commit that was called bad is good\n"))
  }

  @Test(arguments: [(0.25, "25.0 %"), (0.001, "0.1 %"), (0.0002, "1 in 5000")])
  func chances(_ chance: Double, _ text: String) {
    #expect(BisectionText.share(chance) == text)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord
@testable import StressReport

struct JudgementTests {
  private let fixture: ComparisonFixture
  private let question: Judgement.Question

  init() throws {
    fixture = try ComparisonFixture(RecordFixture())
    question = try Judgement.Question(good: 0.05, bad: 0.8, most: 20)
  }

  /// `x` for a trial that failed, `.` for one that did not, `?` for one that tells nothing, `h` for a hang.
  private func trials(_ text: String) -> [TrialSummary] {
    text.enumerated().map { index, character in
      var trial = fixture.trial(index + 1)
      switch character {
      case "x": trial = fixture.trial(index + 1, .init(killed: 2))
      case "h": trial.ending = Ending(.hang)
      case "?": trial.ending = Ending(.invalid, reason: "boot-failure")
      default: break
      }
      return trial
    }
  }

  private func judge(_ text: String, _ question: Judgement.Question? = nil) -> Judgement {
    Judgement(question ?? self.question, trials(text))
  }

  @Test(arguments: [
    ("", Judgement.Call.open, Int32(125)), ("x", .open, 125), ("xx", .bad, 1), ("hx", .bad, 1),
    (".", .open, 125), ("..", .open, 125), ("...", .good, 0), ("x.x", .open, 125),
    ("x.xx", .bad, 1),
    ("?x?x", .bad, 1),
    ("???", .untestable("3 trials told nothing, the last one for boot-failure"), 125),
  ])
  func stopsWhenItIsKnown(_ text: String, _ call: Judgement.Call, _ code: Int32) {
    let judgement = judge(text)
    #expect(judgement.call == call)
    #expect(judgement.exitCode == code)
  }

  /// Trials that come after the decision are not in its figures.
  @Test func figuresEndWithTheDecision() {
    #expect(judge("xx...").seen == Proportion(2, of: 2))
  }

  @Test func capIsNoDecision() throws {
    let short = try Judgement.Question(good: 0.4, bad: 0.6, most: 6)
    #expect(judge("x.x.x.", short).call == .undecided)
    #expect(judge("x.x.x", short).call == .open)
    #expect(
      JudgementText.text(judge("x.x.x.", short))
        == "undecided: OOM or hang in 3:6 trials (95 % CI 19-81 %) do not tell 40 % against 60 %; "
        + "more --trials, or rates further apart, would")
  }

  @Test func saysWhatItIsAndWhatItRestsOn() {
    #expect(
      JudgementText.text(judge("xx"))
        == "bad: OOM or hang in 2:2 trials (95 % CI 34-100 %); 5 % against 80 %, either error at most 1 %"
    )
    #expect(
      JudgementText.text(judge("...")).hasPrefix(
        "good: OOM or hang in 0:3 trials (95 % CI 0-56 %)")
    )
  }

  /// A rate of a half fits neither 2 % nor 99 %: that is said, whatever is decided.
  @Test func saysWhenTheRateLiesBetween() throws {
    let far = try Judgement.Question(good: 0.02, bad: 0.99, most: 20)
    let between = judge("x.xx..", far)
    #expect(between.call == .bad || between.call == .good)
    #expect(between.isBetween)
    #expect(
      JudgementText.text(between).split(separator: "\n").last?.hasPrefix(
        "ambiguous: the rate lies between the two, and fits neither.") == true)
    #expect(!judge("xx").isBetween && !judge("...").isBetween)
  }

  @Test func controlsComeFirst() {
    func control(_ kind: Profile.Control, _ text: String) -> CellSummary {
      var profile = Profile(name: "p")
      profile.control = kind
      return CellSummary(axes: [], profile: profile, trials: trials(text))
    }
    let failed = Judgement(question, trials("xx"), controls: [control(.positive, ".")])
    #expect(failed.call == .stopped("the positive control was killed in 0 of 1 trials"))
    #expect(failed.exitCode == 128)
    let negative = Judgement(question, trials(""), controls: [control(.negative, "x")])
    #expect(negative.call == .stopped("the negative control was killed in 1 of 1 trials"))
    #expect(Judgement(question, trials("xx"), controls: [control(.positive, "x")]).call == .bad)
    // A control that never boots says nothing of the harness.
    let unbooted = Judgement(question, [], controls: [control(.positive, "???")])
    #expect(unbooted.exitCode == 125)
  }

  @Test(arguments: [(0.8, 0.05), (-0.1, 0.5), (0.5, 1.1), (0.5, 0.5), (Double.nan, 0.5)])
  func refusesWhatAreNoRates(_ good: Double, _ bad: Double) {
    let error = #expect(throws: HarnessError.self) {
      try Judgement.Question(good: good, bad: bad, most: 20)
    }
    #expect(error?.code == .usage)
  }

  /// 4,000 kernels of either kind: both errors at most 1 %, within four standard errors.
  @Test(arguments: [(0.0, 0.5), (0.05, 0.8), (0.1, 0.9), (0.02, 0.3), (0.3, 0.7)])
  func errsAtMostOnceInAHundred(_ good: Double, _ bad: Double) throws {
    let kernels = 4000
    let question = try Judgement.Question(good: good, bad: bad, most: 1000)
    var random = SplitMix64(seed: 18)
    for (rate, wrong) in [(good, SequentialTest.Decision.high), (bad, .low)] {
      var errors = 0
      var trials = 0
      for _ in 0..<kernels {
        var test = question.test
        while test.decision == .undecided {
          test.add(isEvent: Double.random(in: 0..<1, using: &random) < rate)
        }
        errors += test.decision == wrong ? 1 : 0
        trials += test.seen.trials
      }
      let share = Double(errors) / Double(kernels)
      figure(
        "errors of a judgement at \(rate), \(good) against \(bad); trials", share,
        Double(trials) / Double(kernels))
      #expect(share <= 0.01 + 4 * sqrt(0.01 * 0.99 / Double(kernels)))
    }
  }
}

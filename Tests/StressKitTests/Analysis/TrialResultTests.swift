// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore

struct TrialResultTests {
  private let directory: RecordFixture
  private let campaign: CampaignFixture

  init() throws {
    directory = try RecordFixture()
    campaign = CampaignFixture(directory)
  }

  @Test func statuses() throws {
    try campaign.mixedResults()
    let results = try campaign.analysis().results()
    #expect(
      results.map { $0.trials.map(\.status) } == [
        [.passed, .skipped, .error, .missing], [.failed, .passed, .error, .failed],
      ])
    #expect(results.map(\.hasFailed) == [true, true])
    let killed = results[1].trials[0]
    #expect(killed.reason == "missed: oom_kill == 0")
    #expect(
      killed.checks == [.init(text: "oom_kill == 0", isMet: false, measured: 1, unit: .count)])
    #expect(
      results[1].trials[2].reason
        == "invalid: boot-failure: the kernel had not reached the harness")
    // A hang meets nothing, whatever was measured until then.
    #expect(results[1].trials[3].reason == "hang")
    #expect(results[0].trials[2].reason?.contains("is not a record") == true)
    #expect(results[0].trials[3].reason == "not run yet")
  }

  @Test(arguments: ["positive", "negative"])
  func controls(_ control: String) throws {
    try campaign.plan(
      [["fs": "xfs"]], trials: 2,
      replacing: [
        "\"name\":\"oracle-backup\"":
          "\"name\":\"oracle-backup\",\"control\":\"\(control)\"",
        "\"expect\":{\"oom_kill\":\"== 0\"}": "\"expect\":{}",
      ])
    try campaign.trial(1, 1, from: RecordFixture.completed)
    try campaign.trial(1, 2, from: RecordFixture.killed)
    let trials = try campaign.analysis().results()[0].trials
    let isPositive = control == "positive"
    #expect(trials.map(\.status) == (isPositive ? [.failed, .passed] : [.passed, .failed]))
    #expect(
      trials.map { $0.checks.map(\.text) } == [["\(control) control"], ["\(control) control"]])
  }

  /// Where nothing is expected a kill is a measurement, and a panic is a failure all the same.
  @Test func nothingExpected() throws {
    try campaign.plan(
      [["fs": "xfs"]], trials: 2, replacing: ["\"expect\":{\"oom_kill\":\"== 0\"}": "\"expect\":{}"]
    )
    try campaign.trial(1, 1, from: RecordFixture.killed)
    try campaign.trial(
      1, 2, from: RecordFixture.killed, replacing: ["\"outcome\":\"oom\"": "\"outcome\":\"panic\""])
    #expect(try campaign.analysis().results()[0].trials.map(\.status) == [.measured, .failed])
  }

  @Test func parts() throws {
    try campaign.mixedResults()
    let analysis = try campaign.analysis()
    #expect(try analysis.results(cell: 1, trial: 3).map { $0.trials.map(\.number) } == [[3]])
    #expect(try analysis.results(cell: 1).map(\.index) == [1])
    #expect(throws: HarnessError.self) { try analysis.results(cell: 2) }
    #expect(throws: HarnessError.self) { try analysis.results(trial: 5) }
  }
}

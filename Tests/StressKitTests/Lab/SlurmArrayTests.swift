// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

struct SlurmArrayTests {
  private let fixture: RecordFixture

  init() throws { fixture = try RecordFixture() }

  /// Where nothing is carried out.
  private struct Nowhere: Venue {
    var jobs: Int { 1 }
    var place: String { "nowhere" }
    var identity: [Profile.Setting] { [] }
    var lookInterval: UInt64 { 0 }
    var warnings: [String] { [] }
    var remains: String? { nil }
    func run(
      _ plan: TrialPlan, of cell: Matrix.Cell, directory: String, _ interrupt: Interrupt,
      progress: @escaping (String) -> Void
    ) throws(HarnessError) -> Ending {
      Issue.record("a trial was run where others run them")
      return .interrupted
    }
    func refusal(of cell: Matrix.Cell, after ending: Ending) -> HarnessError? { nil }
  }

  @Test func anArrayOfTheUsersIsKept() {
    for options in [["--array=1-8"], ["--array", "1-8"], ["-a", "1-8"]] {
      #expect(SlurmArray.hasArray(["--partition=p"] + options))
    }
    #expect(!SlurmArray.hasArray([]) && !SlurmArray.hasArray(["--account=a"]))
  }

  /// Whoever submits hears each trial of the tasks once, and does none itself; it ends with the last trial, or when no
  /// task is left.
  @Test func theTasksTrialsAreHeardOnce() throws {
    let made = CampaignFixture(fixture)
    try made.plan([["kernel": "debian:6.12", "fs": "ext4"]], trials: 3)
    let file = try CampaignFile(directory: fixture.root)
    let campaign = try Campaign(
      directory: fixture.root, matrix: try Matrix(file), identity: [], trials: 3, seed: nil,
      isShared: true)
    func follow(_ isAnybodyLeft: (Int) throws -> Bool) throws -> [String] {
      let runner = try CampaignRunner(campaign, Nowhere(), interrupt: Interrupt())
      var heard: [String] = []
      var asked = 0
      try runner.follow(
        while: { () throws(HarnessError) in
          asked += 1
          guard let answer = try? isAnybodyLeft(asked) else {
            throw HarnessError(.harness, "test", "failed")
          }
          return answer
        },
        { event in
          guard case .heard(let trial, let ending) = event else {
            Issue.record("\(event)")
            return
          }
          heard.append("\(trial.number) \(ending.outcome.rawValue)")
        })
      return heard
    }
    try made.trial(1, 2, from: RecordFixture.killed)
    // Done before: no news.
    #expect(try follow { _ in false } == [])
    let first = try follow { asked in
      if asked == 1 { try made.trial(1, 1, from: MailFixture.completed) }
      return false
    }
    #expect(first == ["1 completed"])
    let second = try follow { asked in
      if asked == 1 { try made.trial(1, 3, from: RecordFixture.killed) }
      #expect(asked < 2)
      return true
    }
    #expect(second == ["3 oom"])
  }
}

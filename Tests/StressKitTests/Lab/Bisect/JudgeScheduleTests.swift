// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressRecord

/// Which trials a judgement takes, from records on disk.
struct JudgeScheduleTests: ProfileSuite {
  private let fixture: RecordFixture
  private let question: Judgement.Question

  init() throws {
    fixture = try RecordFixture()
    question = try Judgement.Question(good: 0.05, bad: 0.8, most: 6)
  }

  private func campaign(_ variants: [String] = []) throws -> Campaign {
    let text = minimal + "\nvariants:\n  must-die:\n    control: positive\n"
    let axes = variants.isEmpty ? [] : [Matrix.Axis(key: "variant", values: variants)]
    let matrix = try Matrix(
      .init(file: try ProfileFile(text: text, name: "p.yaml"), variant: nil),
      kernels: [.debian(version: "6.12", flavour: .cloud)], filesystems: [], vary: axes)
    return try Campaign(
      directory: fixture.path("c"), matrix: matrix, identity: [],
      trials: JudgeSchedule.trials(question), seed: 7)
  }

  /// Runs it to its end; a trial without a record was lost.
  private func run(
    _ campaign: Campaign, most: Int = 50, _ record: (Campaign.Trial) -> String?
  ) throws -> (order: [Campaign.Trial], judgement: Judgement) {
    var schedule = try JudgeSchedule(campaign, question)
    var order: [Campaign.Trial] = []
    while let trial = schedule.next(), order.count < most {
      let saved = record(trial)
      let number: KeyValuePairs = [
        "},\"number\":1,\"seed\":": "},\"number\":\(trial.number),\"seed\":"
      ]
      try fixture.record(
        "c/trials/\(trial.cell + 1)-\(trial.number)/record.jsonl",
        from: saved ?? RecordFixture.completed, replacing: number,
        without: saved == nil ? ["end"] : [])
      schedule.take(trial)
      order.append(trial)
    }
    return (order, schedule.judgement)
  }

  @Test func stopsWhenItIsKnownAndGoesOnWhereItWasLeft() throws {
    let campaign = try campaign()
    let begun = try run(campaign, most: 1) { _ in RecordFixture.killed }
    #expect(begun.judgement.call == .open)
    let rest = try run(campaign) { _ in RecordFixture.killed }
    #expect(rest.order.map(\.number) == [2] && rest.judgement.call == .bad)
    let again = try run(campaign) { _ in RecordFixture.completed }
    #expect(again.order.isEmpty && again.judgement == rest.judgement)
  }

  @Test func controlsComeFirst() throws {
    let campaign = try campaign(["base", "must-die"])
    let (order, judgement) = try run(campaign) { _ in RecordFixture.killed }
    #expect(order.map(\.cell) == [1, 0, 0] && judgement.call == .bad)
  }

  @Test func aControlThatFailsEndsIt() throws {
    let campaign = try campaign(["base", "must-die"])
    let (order, judgement) = try run(campaign) { _ in RecordFixture.completed }
    #expect(order.count == 1 && judgement.exitCode == Judgement.stop)
  }

  @Test func lostTrialsEndIt() throws {
    let (order, judgement) = try run(try campaign()) { _ in nil }
    #expect(order.map(\.number) == [1, 2, 3])
    #expect(
      judgement.call == .untestable("3 trials told nothing, the last one for no-end"))
  }

  @Test func refusesSeveralCells() throws {
    let matrix = try Matrix(
      .init(file: try ProfileFile(text: minimal, name: "p.yaml"), variant: nil),
      kernels: [.debian(version: "6.12", flavour: .cloud)], filesystems: [],
      vary: [.init(key: "cpus", values: ["1", "2"])])
    let campaign = try Campaign(
      directory: fixture.path("c"), matrix: matrix, identity: [], trials: 3, seed: 7)
    let error = #expect(throws: HarnessError.self) { try JudgeSchedule(campaign, question) }
    #expect(
      error?.description
        == "judge: 2 cells to be judged, not one; give each axis one value; a profile that is a control itself is"
        + " not judged")
  }
}

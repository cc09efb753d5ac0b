// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// Which trials are run until it is known, from records on disk.
struct TrialScheduleTests: ProfileSuite {
  private let fixture: RecordFixture

  init() throws { fixture = try RecordFixture() }

  private func matrix(_ kernels: String = "debian:6.1,debian:6.12", cpus: Int = 2) throws -> Matrix
  {
    try Matrix(
      .init(file: try ProfileFile(text: minimal, name: "p.yaml"), variant: nil),
      kernels: try KernelSpec.list(kernels) { _ in [] }, filesystems: [],
      vary: [.init(key: "cpus", values: (1...cpus).map(String.init))])
  }

  private func campaign(
    trials: Int = 8, cpus: Int = 2, isStopping: Bool = true
  ) throws -> Campaign {
    let matrix = try matrix(cpus: cpus)
    return try Campaign(
      directory: fixture.path("c"), matrix: matrix, identity: [], trials: trials, seed: 7,
      untilVerdict: isStopping ? try matrix.question(.init(axis: "kernel")) : nil)
  }

  /// Runs the schedule to its end; which saved record each trial has; nil: it was lost.
  private func run(
    _ campaign: Campaign, most: Int = 200, _ record: (Campaign.Trial, Bool) -> String?
  ) throws -> [Campaign.Trial] {
    var schedule = try campaign.schedule()
    var order: [Campaign.Trial] = []
    while let trial = schedule.next() {
      let axes = campaign.matrix.cells[trial.cell].axes
      let isNew = axes.contains(.init("kernel", "debian:6.12"))
      let directory = "c/trials/\(trial.cell + 1)-\(trial.number)"
      let saved = record(trial, isNew)
      let number: KeyValuePairs = [
        "},\"number\":1,\"seed\":": "},\"number\":\(trial.number),\"seed\":"
      ]
      // With the settings of the other, and its own number.
      let path = try fixture.record(
        directory + "/record.jsonl", from: saved ?? RecordFixture.completed, replacing: number,
        without: saved == nil ? ["end"] : [])
      if saved == RecordFixture.killed {
        let text = try File.text(path).split(separator: "\"lru_gen\":true")
        try File.write(path, Array(text.joined(separator: "\"lru_gen\":false").utf8))
      }
      schedule.take(trial)
      order.append(trial)
      try #require(order.count < most)
    }
    return order
  }

  @Test func stopsWhenItIsKnown() throws {
    let campaign = try campaign()
    let order = try run(campaign) { $1 ? RecordFixture.killed : RecordFixture.completed }
    // Three pairs: two in one stratum, one in the other.
    try #require(order.count == 6 && Set(order).count == 6)
    for pair in stride(from: 0, to: 6, by: 2) {
      let kernels = order[pair..<pair + 2].map { campaign.matrix.cells[$0.cell].axes[0].value }
      #expect(Set(kernels).count == 2)
    }
    let summary = try CampaignSummary(directory: campaign.directory)
    #expect(summary.untilVerdict == .init(axis: "kernel", base: "debian:6.1", new: "debian:6.12"))
    #expect(AnytimeVerdict(summary)?.call == .regression)
    // Nothing is left to do for the same command.
    #expect(try run(campaign) { _, _ in RecordFixture.completed } == [])
  }

  @Test func theCapHolds() throws {
    let order = try run(try campaign(trials: 2)) { _, _ in RecordFixture.completed }
    #expect(order.count == 8 && order.allSatisfy { $0.number <= 2 })
  }

  /// Without a difference, until each stratum has shown it.
  @Test func noChange() throws {
    let campaign = try campaign(trials: 12)
    let order = try run(campaign) { _, _ in RecordFixture.completed }
    #expect(order.count == 24)
    let summary = try CampaignSummary(directory: campaign.directory)
    #expect(AnytimeVerdict(summary)?.call == .noChange)
  }

  /// What has shown that nothing changes gets no more trials.
  @Test func trialsGoToWhatIsOpen() throws {
    let campaign = try campaign(trials: 20)
    // The first stratum kills now and then in both arms, the second never.
    let order = try run(campaign) { trial, _ in
      trial.cell % 2 == 0 && trial.number % 2 == 0 ? RecordFixture.killed : RecordFixture.completed
    }
    let counts = (0..<4).map { cell in order.count { $0.cell == cell } }
    #expect(counts[1] == 6 && counts[3] == 6 && counts[0] > 6 && counts[2] == counts[0])
  }

  /// A trial that was lost is not a result, and not tried again and again.
  @Test func lostTrials() throws {
    let order = try run(try campaign(trials: 3)) { _, isNew in
      isNew ? RecordFixture.killed : nil
    }
    #expect(Set(order).count == order.count && order.count <= 12)
  }

  @Test func anotherQuestionIsRefused() throws {
    _ = try campaign()
    let error = #expect(throws: HarnessError.self) { try campaign(isStopping: false) }
    #expect(error?.code == .usage && error?.operation == "was begun with another --until-verdict")
    #expect(try campaign(trials: 9).trials == 9)
  }

  @Test func whatIsAsked() throws {
    let error = #expect(throws: HarnessError.self) {
      try matrix("debian:6.1,debian:6.12,debian:7.3").question(.init())
    }
    #expect(error?.object == "--until-verdict" && error?.remedy == "choose one with --against")
    // The kernel, where nothing is said; an axis by any of its names.
    #expect(try matrix().question(.init()).axis == "kernel")
    #expect(try matrix("debian:6.1").question(.init(axis: "cpus")).new == "2")
    for request in [ComparisonChoice.Request(axis: "nice"), .init(base: "debian:5.10")] {
      #expect(throws: HarnessError.self) { try matrix().question(request) }
    }
    #expect(throws: HarnessError.self) { try matrix("debian:6.1", cpus: 1).question(.init()) }
  }
}

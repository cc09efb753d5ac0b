// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// What `threshold` asks of which cell, and which values it tries, from records on disk.
struct ThresholdScheduleTests: ProfileSuite {
  private let fixture: RecordFixture
  private static let mebibyte: UInt64 = 1 << 20

  init() throws { fixture = try RecordFixture() }

  private let text = """
    limits: {memory.max: 64MiB}
    pinned: [{name: db, size: 54MiB}]
    streams: [{name: backup, size: 24MiB}]
    device: {bandwidth: 4MiB/s}
    expect: {oom_kill: 0}
    """

  private func matrix(
    _ request: Matrix.ThresholdRequest = .init("pin"), kernels: String = "debian:6.1,debian:6.12",
    vary: [String] = [], text: String? = nil
  ) throws -> Matrix {
    try Matrix(
      .init(file: try ProfileFile(text: text ?? self.text, name: "p.yaml"), variant: nil),
      kernels: try KernelSpec.list(kernels) { _ in [] }, filesystems: [],
      vary: try vary.map(Matrix.Axis.init(parsing:))
    ).searching(request)
  }

  private func campaign(
    _ matrix: Matrix? = nil, trials: Int = 40, name: String = "c", seed: UInt64 = 7
  ) throws -> Campaign {
    try Campaign(
      directory: fixture.path(name), matrix: try matrix ?? self.matrix(), identity: [],
      trials: trials, seed: seed)
  }

  /// Runs the schedule to its end; whether a trial dies; nil: it was lost or is invalid.
  private func run(
    _ campaign: Campaign, most: Int = 200, invalid: Bool = false,
    _ dies: (Campaign.Trial) -> Bool?
  ) throws -> [Campaign.Trial] {
    var schedule = try campaign.schedule()
    var order: [Campaign.Trial] = []
    while order.count < most, let trial = schedule.next() {
      let died = dies(trial)
      let plan = try campaign.plan(of: trial)
      let axes = JSON.object(plan.axes.map { ($0.key, .string($0.value)) }).text
      let old = died == true ? Self.killedAxes : Self.completedAxes
      try fixture.record(
        "\(campaign.directory.dropFirst(fixture.root.utf8.count + 1))/trials/\(trial.cell + 1)-\(trial.number)/record.jsonl",
        from: died == true ? RecordFixture.killed : RecordFixture.completed,
        replacing: [
          old: "\"axes\":\(axes)",
          "},\"number\":1,\"seed\":": "},\"number\":\(trial.number),\"seed\":",
        ],
        without: died == nil ? ["end"] : [],
        adding: died == nil && invalid
          ? [#"{"type":"end","t":1,"outcome":"invalid","reason":"set-up","message":"no"}"#] : [])
      schedule.take(trial)
      order.append(trial)
    }
    try #require(order.count < most)
    return order
  }

  private static let completedAxes =
    #""axes":{"kernel":"debian:6.1","fs":"xfs","engine":"io_uring","lru_gen":"off"}"#
  private static let killedAxes =
    #""axes":{"kernel":"debian:6.12","fs":"xfs","engine":"io_uring","lru_gen":"on"}"#

  private func dies(_ trial: Campaign.Trial) -> Bool {
    (trial.value ?? 0) > (trial.cell == 0 ? 58 : 50) * Self.mebibyte
  }

  // MARK: The search

  @Test func findsBothThresholds() throws {
    let campaign = try campaign()
    let order = try run(campaign, dies)
    #expect(Set(order.map { [$0.cell, $0.number] }).count == order.count)
    // In turns.
    #expect(Set(order.prefix(2).map(\.cell)) == [0, 1])
    let summary = try CampaignSummary(directory: campaign.directory)
    let thresholds = try #require(ThresholdSummary(summary))
    #expect(thresholds.isSettled && thresholds.threshold.key == "pinned.db.size")
    for (cell, half) in zip(thresholds.cells, [58.0, 50]) {
      #expect(cell.stage == .found && cell.trials.count <= 25)
      let interval = cell.interval
      #expect((interval.lower...interval.upper).contains(half * 1_048_576))
      #expect(interval.upper - interval.lower <= 2 * 1_342_177)
    }
    let difference = try #require(thresholds.differences.first)
    #expect(
      difference.axis == "kernel" && difference.base == "debian:6.1"
        && difference.new == "debian:6.12" && difference.shared == [])
    let change = try #require(difference.change)
    #expect((change.interval.lower...change.interval.upper).contains(-8 * 1_048_576))
    // Nothing is left to do for the same command.
    #expect(try run(campaign, dies) == [])
    #expect(
      summary.command
        == "wbstress threshold p --kernel debian:6.1,debian:6.12 --fs ext4 --find pinned.db.size"
        + " --from 0B --to 64MiB --within 1342177B --trials 40 --seed 7")
  }

  /// What is interrupted goes on as if it had not been: the values follow from the records and the seed.
  @Test func resumes() throws {
    let whole = try run(try campaign(name: "whole"), dies)
    var count = 0
    let parted = try campaign(name: "parted")
    var schedule = try parted.schedule()
    while let trial = schedule.next(), count < 9 {
      #expect(trial == whole[count])
      count += 1
      _ = try write(trial, parted)
      schedule.take(trial)
    }
    #expect(try run(parted, dies) == Array(whole.dropFirst(9)))
  }

  private func write(_ trial: Campaign.Trial, _ campaign: Campaign) throws -> String {
    let isKilled = dies(trial)
    let axes = JSON.object(
      try campaign.plan(of: trial).axes.map { ($0.key, .string($0.value)) }
    ).text
    return try fixture.record(
      "parted/trials/\(trial.cell + 1)-\(trial.number)/record.jsonl",
      from: isKilled ? RecordFixture.killed : RecordFixture.completed,
      replacing: [
        isKilled ? Self.killedAxes : Self.completedAxes: "\"axes\":\(axes)",
        "},\"number\":1,\"seed\":": "},\"number\":\(trial.number),\"seed\":",
      ])
  }

  @Test func otherSeedsTryOtherValues() throws {
    let one = try run(try campaign(name: "a"), dies)
    let other = try run(try campaign(name: "b", seed: 8), dies)
    #expect(one.map(\.value) != other.map(\.value))
  }

  /// The profile of a trial has its value, and nothing is expected of it.
  @Test func plans() throws {
    let campaign = try campaign()
    let plan = try campaign.plan(of: .init(cell: 1, number: 3, value: 40 * Self.mebibyte))
    #expect(plan.profile.pinned.map(\.size) == [40 * Self.mebibyte])
    #expect(plan.profile.expect.isEmpty && plan.axes.last == .init("pinned.db.size", "40MiB"))
    #expect(try campaign.plan(of: .init(cell: 0, number: 1, value: 0)).profile.pinned.isEmpty)
    #expect(campaign.matrix.cells.allSatisfy { $0.profile.expect.isEmpty })
    let stored = try CampaignFile(directory: campaign.directory)
    #expect(stored.threshold == campaign.matrix.threshold)
    #expect(
      stored.threshold?.ranges[0]
        == .init(from: 0, to: 64 << 20, within: 1_342_177, limit: 64 << 20))
  }

  @Test func theCapHolds() throws {
    let order = try run(try campaign(trials: 3), dies)
    #expect(order.count == 6)
  }

  /// Trials that say nothing do not count, and three in a row end a cell's search.
  @Test func invalidTrials() throws {
    let campaign = try campaign()
    let order = try run(campaign, invalid: true) { $0.cell == 0 ? nil : dies($0) }
    #expect(order.count { $0.cell == 0 } == 3)
    let thresholds = try #require(
      ThresholdSummary(try CampaignSummary(directory: campaign.directory)))
    #expect(thresholds.cells.map(\.stage) == [.failed, .found] && !thresholds.isSettled)
    #expect(thresholds.differences.first?.change == nil)
    // What is invalid now and then is repeated at its value.
    let other = try run(try self.campaign(name: "other"), invalid: true) {
      $0.number == 4 ? nil : dies($0)
    }
    let values = other.filter { $0.cell == 0 }.map(\.value)
    #expect(values[3] == values[4])
  }

  /// Lost trials are carried out again by the same command.
  @Test func lostTrials() throws {
    let campaign = try campaign()
    #expect(try run(campaign) { _ in nil }.count == 6)
    let order = try run(campaign, dies)
    #expect(order.contains { $0.cell == 0 && $0.number == 1 } && order.count > 12)
  }

  @Test func otherCampaignsAreRefused() throws {
    _ = try campaign()
    let from = Matrix.ThresholdRequest("pin", from: "8MiB")
    let error = #expect(throws: HarnessError.self) { try campaign(try matrix(from)) }
    #expect(error?.operation == "was begun with another --find or range")
    #expect(try campaign(trials: 50).trials == 50)
  }

  // MARK: Ranges

  @Test func ranges() throws {
    func range(_ request: Matrix.ThresholdRequest, vary: [String] = []) throws
      -> [CampaignFile.Threshold.Range]
    {
      try #require(try matrix(request, kernels: "debian:6.1", vary: vary).threshold).ranges
    }
    let mebibyte = Self.mebibyte
    // A limit of its own in each cell.
    #expect(
      try range(.init("db"), vary: ["memory.max=64MiB,128MiB"]).map(\.to)
        == [64 * mebibyte, 128 * mebibyte])
    // A rate: about the profile's own value, to 2 % of the range.
    #expect(
      try range(.init("device.bandwidth")) == [
        .init(from: mebibyte, to: 16 * mebibyte, within: 15 * mebibyte / 50)
      ])
    #expect(
      try range(.init("memory.max", from: "60MiB", to: "80MiB")) == [
        .init(from: 60 * mebibyte, to: 80 * mebibyte, within: 1_342_177)
      ])
    #expect(
      try range(.init("duration", from: "1s", to: "3s", within: "50ms"))[0].within == 50_000_000)
  }

  @Test(
    arguments: [
      ("colour", nil, nil, nil, "colour: unknown key 'colour'"),
      ("fs", nil, nil, nil, "fs: filesystem.type is no size, rate or duration; compare its values"),
      ("depth", nil, nil, nil, "depth: streams.*.depth is no size, rate or duration"),
      ("pin", "64MiB", nil, nil, "--from 64MiB: is not below --to 64MiB"),
      ("pin", "1 MiB", nil, nil, "--from 1 MiB: expected a size such as 64MiB; found '1 MiB'"),
      ("pin", nil, nil, "1KiB", "--within 1KiB: is not between a 400th of the range and all of it"),
      ("pin", nil, "2GiB", "32MiB", "--to 2GiB: "),
      (
        "memory.high", nil, nil, nil,
        "--find memory.high: the profile does not say limits.memory.high"
      ),
    ] as [(String, String?, String?, String?, String)])
  func whatCannotBeSearched(
    _ key: String, _ from: String?, _ to: String?, _ within: String?, _ message: String
  ) {
    let error = #expect(throws: HarnessErrors.self) {
      try matrix(.init(key, from: from, to: to, within: within))
    }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
  }

  @Test func theKeyIsNoAxis() {
    for axis in ["pin=1MiB,2MiB", "pinned.0.size=1MiB,2MiB", "pinned.db.size=1MiB,2MiB"] {
      let error = #expect(throws: HarnessErrors.self) { try matrix(vary: [axis]) }
      #expect(error?.description.contains("sets the same key; leave one of them out") == true)
    }
  }

  @Test func severalPins() throws {
    let two = "pinned: [{name: a, size: 1MiB}, {name: b, size: 2MiB}]\nlimits: {memory.max: 64MiB}"
    let error = #expect(throws: HarnessErrors.self) { try matrix(text: two) }
    #expect(error?.description == "pin: the profile has several pins; name one: a, b")
    let one = try matrix(.init("b"), text: two)
    #expect(one.threshold?.key == "pinned.b.size")
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

struct CampaignTests: ProfileSuite {
  private let fixture: RecordFixture

  init() throws { fixture = try RecordFixture() }

  private func matrix(_ text: String? = nil, cells: Int = 6) throws -> Matrix {
    try Matrix(
      .init(file: try ProfileFile(text: text ?? minimal, name: "p.yaml"), variant: nil),
      kernels: try KernelSpec.list("debian:6.1") { _ in [] }, filesystems: [],
      vary: [.init(key: "cpus", values: (1...cells).map(String.init))])
  }

  private func campaign(
    _ name: String = "c", trials: Int = 4, seed: UInt64? = 7, matrix: Matrix? = nil,
    identity: [Profile.Setting] = [.init("debian:6.1", "6.1.0-1"), .init("qemu", "7.2")]
  ) throws -> Campaign {
    try Campaign(
      directory: fixture.path(name), matrix: try matrix ?? self.matrix(), identity: identity,
      trials: trials, seed: seed)
  }

  // MARK: Order

  @Test func orderIsAPermutationInRounds() throws {
    let order = try campaign().order
    #expect(order.count == 24)
    for round in 1...4 {
      let part = order[(round - 1) * 6..<round * 6]
      #expect(part.allSatisfy { $0.number == round })
      #expect(Set(part.map(\.cell)) == Set(0..<6))
    }
    // Shuffled, and each round by itself: 1 of 720 would be sorted, and 1 of 720 like the first.
    let rounds = (0..<4).map { round in order[round * 6..<round * 6 + 6].map(\.cell) }
    #expect(Set(rounds).count > 1 && rounds.contains { $0 != $0.sorted() })
  }

  @Test func moreTrialsOnlyAddRounds() throws {
    let long = try campaign("long", trials: 9).order
    for trials in 1...8 {
      #expect(try campaign("n\(trials)", trials: trials).order == Array(long.prefix(trials * 6)))
    }
  }

  @Test func orderAndSeedsComeFromTheSeed() throws {
    let one = try campaign("a")
    let same = try campaign("b")
    let other = try campaign("d", seed: 8)
    #expect(one.order == same.order && one.order != other.order)
    #expect(one.order.map(one.seed(of:)) == same.order.map(same.seed(of:)))
    let seeds = Set((one.order.map(one.seed(of:))) + other.order.map(other.seed(of:)))
    #expect(seeds.count == 48)
  }

  @Test func plansOfTrials() throws {
    let campaign = try campaign()
    let trial = Campaign.Trial(cell: 2, number: 3)
    let plan = try campaign.plan(of: trial)
    #expect(plan.profile.machine.cpus == 3 && plan.profileLabel == "p" && plan.number == 3)
    #expect(plan.axes.last == .init("cpus", "3") && plan.seed == campaign.seed(of: trial))
    #expect(campaign.directory(of: trial) == campaign.directory + "/trials/3-3")
  }

  @Test func randomSeedIsKept() throws {
    let first = try campaign(seed: nil).seed
    #expect(try campaign(seed: nil).seed == first)
    // 1 of 4 thousand million.
    #expect(try campaign("d", seed: nil).seed != first)
  }

  // MARK: Directories

  @Test func writesThePlan() throws {
    let campaign = try campaign(seed: .max)
    let plan = try JSON(parsing: try File.read(campaign.directory + "/campaign.json"))
    #expect(plan["profile"] == "p" && plan["trials"] == 4 && plan["seed"] == -1)
    #expect(plan["cells"]?.array?.count == 6)
    #expect(
      plan["cells"]?.array?[1]["axes"] == ["kernel": "debian:6.1", "fs": "ext4", "cpus": "2"])
    #expect(File.names(in: campaign.directory) == ["campaign.json", "trials"])
  }

  @Test func sameMatrixGoesOn() throws {
    let first = try campaign().order
    try fixture.record("c/trials/1-1/record.jsonl", from: RecordFixture.killed)
    let more = try campaign(trials: 5).order
    #expect(Array(more.prefix(24)) == first && more.count == 30)
    let again = try campaign(trials: 5, seed: nil)
    #expect(again.seed == 7 && again.trials == 5 && again.order == more)
    #expect(again.ending(of: .init(cell: 0, number: 1))?.outcome == .oom)
    #expect(try CampaignSummary(directory: again.directory).planned == 5)
  }

  @Test func fewerTrialsForgetNone() throws {
    _ = try campaign(trials: 5)
    #expect(try campaign(trials: 2).trials == 5)
    #expect(try CampaignSummary(directory: fixture.path("c")).planned == 5)
  }

  /// Trials of two kernels of one name are not one sample.
  @Test func anotherKernelOfThatNameIsRefused() throws {
    _ = try campaign()
    let error = #expect(throws: HarnessError.self) {
      try campaign(identity: [.init("debian:6.1", "6.1.0-2"), .init("qemu", "7.2")])
    }
    #expect(error?.operation == "its trials ran with debian:6.1 6.1.0-1, which is now 6.1.0-2")
  }

  @Test func oneRunAtATime() throws {
    let first = try campaign()
    let error = #expect(throws: HarnessError.self) { try campaign() }
    #expect(error?.code == .usage && error?.operation == "is in use by another run")
    #expect(first.trials == 4)
  }

  @Test func anotherQuestionIsRefused() throws {
    _ = try campaign()
    let plan = try File.text(fixture.path("c/campaign.json"))
    func expectRefusal(_ body: () throws -> Campaign) throws {
      let error = #expect(throws: HarnessError.self) { try body() }
      #expect(error?.code == .usage && error?.object == fixture.path("c"))
      #expect(error?.operation.contains("holds another campaign") == true)
      #expect(try File.text(fixture.path("c/campaign.json")) == plan)
    }
    try expectRefusal { try campaign(seed: 8) }
    try expectRefusal { try campaign(matrix: try matrix(cells: 5)) }
    try expectRefusal { try campaign(matrix: try matrix(cells: 7)) }
    // The same axes of another profile.
    try expectRefusal { try campaign(seed: nil, matrix: try matrix("pinned: [{size: 2MiB}]")) }
  }

  @Test func foreignDirectoryIsRefused() throws {
    try fixture.write("c/precious.txt", "x")
    let error = #expect(throws: HarnessError.self) { try campaign() }
    #expect(error?.code == .usage && error?.operation == "is not empty and holds no campaign")
    #expect(File.names(in: fixture.path("c")) == ["precious.txt"])
  }

  /// A directory of another's: its plan must not keep a reader busy for ever.
  @Test(arguments: [-1, CampaignFile.mostTrials + 1, 1 << 62])
  func planWithoutEndIsRefused(_ trials: Int) throws {
    let directory = try campaign().directory
    let plan = try File.text(CampaignFile.path(in: directory))
    let changed = plan.replacing("\"trials\":4", with: "\"trials\":\(trials)")
    try #require(changed != plan)
    try fixture.write("c/campaign.json", changed)
    #expect(throws: HarnessError.self) { try CampaignFile(directory: directory) }
  }

  /// Nothing that a plan says is part of a path, and no name of the user's is taken for something else.
  @Test func hostileNamesNameNoPaths() throws {
    let directory = try campaign().directory
    let plan = try File.text(CampaignFile.path(in: directory))
      .replacing("\"profile\":\"", with: "\"profile\":\"../../etc/\\u001b[2J\\n")
    try fixture.write("c/campaign.json", plan)
    let file = try CampaignFile(directory: directory)
    #expect(file.label.hasPrefix("../../etc/"))
    #expect(
      CampaignFile.trialDirectory(in: directory, cell: 0, number: 1) == directory + "/trials/1-1")
    #expect(File.plain("-rf") == "./-rf" && File.plain("nbd:x/y") == "./nbd:x/y")
    for name in ["/a:b", "a/b:c", "./-x", "../x", "a b", "a\nb"] {
      #expect(File.plain(name) == name)
    }
    let long = String(repeating: "n", count: 300)
    let error = #expect(throws: HarnessError.self) { try campaign(long) }
    #expect(error?.errno == .fileNameTooLong && error?.code == .environment)
  }

  @Test(arguments: ["", "{", "{\"cells\":[]}"]) func brokenPlanIsRefused(_ text: String) throws {
    let path = try fixture.write("c/campaign.json", text)
    let error = #expect(throws: HarnessError.self) { try campaign() }
    #expect(error?.object == path && error?.operation == "is not a campaign's plan")
    #expect(try File.text(path) == text)
  }

  @Test func emptyDirectoryIsTaken() throws {
    try File.makeDirectory(fixture.path("c"))
    _ = try campaign()
    #expect(File.exists(fixture.path("c/campaign.json")))
  }

  // MARK: Attempts

  @Test func endings() throws {
    let campaign = try campaign()
    let trial = Campaign.Trial(cell: 0, number: 1)
    #expect(campaign.ending(of: trial) == nil)
    let end = "{\"type\":\"end\",\"outcome\":\"oom\""
    for outcome in Outcome.allCases {
      try fixture.record(
        "c/trials/1-1/record.jsonl", from: RecordFixture.killed,
        replacing: [end: "{\"type\":\"end\",\"outcome\":\"\(outcome.rawValue)\""])
      // Only a trial that the harness itself lost is tried again.
      #expect(campaign.ending(of: trial)?.outcome == (outcome == .harnessLost ? nil : outcome))
    }
    try fixture.record("c/trials/1-1/record.jsonl", from: RecordFixture.killed, without: ["end"])
    #expect(campaign.ending(of: trial) == nil)
  }

  /// A disk that was full for the last seconds has an `outage` line behind the end.
  @Test func aTrialThatSurvivedAFullDiskIsNotRepeated() throws {
    let campaign = try campaign()
    let path = try fixture.record("c/trials/1-1/record.jsonl", from: RecordFixture.killed)
    let outage = RecordOutage(why: "ENOSPC").line
    try File.write(path, Array(try File.text(path).utf8) + outage)
    #expect(campaign.ending(of: .init(cell: 0, number: 1))?.outcome == .oom)
  }

  @Test func setAsideKeepsRecordsAndNoDisks() throws {
    let campaign = try campaign()
    let trial = Campaign.Trial(cell: 0, number: 1)
    try campaign.setAside(trial)
    #expect(File.names(in: campaign.directory + "/trials").isEmpty)
    for attempt in 1...3 {
      let record = "{\"type\":\"header\",\"attempt\":\(attempt)}\n"
      try fixture.write("c/trials/1-1/record.jsonl", record)
      try fixture.write("c/trials/1-1/console.log", "panic \(attempt)\n")
      for name in ["scratch.img", "cache.img", "swap.img", "initramfs.cpio"] {
        try fixture.write("c/trials/1-1/\(name)", "large")
      }
      try campaign.setAside(trial)
      let aside = fixture.path("c/trials/1-1.lost-\(attempt)")
      #expect(!File.exists(campaign.directory(of: trial)))
      #expect(File.names(in: aside) == ["console.log", "record.jsonl"])
      #expect(try File.text(aside + "/record.jsonl") == record)
    }
    #expect(
      File.names(in: campaign.directory + "/trials") == ["1-1.lost-1", "1-1.lost-2", "1-1.lost-3"])
  }
}

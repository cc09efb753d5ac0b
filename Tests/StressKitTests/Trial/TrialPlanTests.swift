// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct TrialPlanTests: ProfileSuite {
  /// Every shipped profile, each of its variants included.
  private func profiles() throws -> [(label: String, profile: Profile)] {
    let catalog = ProfileCatalog(directories: [shipped])
    return try catalog.list().flatMap { entry in
      #expect(entry.problems == nil)
      return try ([nil] + entry.variants.map(Optional.some)).map { variant in
        let name = entry.name + (variant.map { ":" + $0 } ?? "")
        let choice = try catalog.find(name)
        return (name, try choice.file.profile(variant: choice.variant))
      }
    }
  }

  private func readBack(_ plan: TrialPlan) throws -> TrialPlan {
    try TrialPlan(parsing: Array(plan.line.json.text.utf8), name: "/plan.json")
  }

  @Test func shippedProfilesSurviveTheWayToTheGuest() throws {
    let profiles = try profiles()
    #expect(profiles.contains { $0.label == "oracle-backup:data-journal" })
    for (label, profile) in profiles {
      var plan = TrialPlan(
        profile: profile, label: label,
        axes: [.init("kernel", "debian:6.12"), .init("fs", "ext4"), .init("mount", "[a,b]")],
        number: 7, seed: .max - 1)
      plan.device = "/dev/vda"
      let back = try readBack(plan)
      #expect(back.profile == profile, "\(label)")
      #expect(back.profileLabel == label && back.axes == plan.axes)
      #expect(back.number == 7 && back.seed == .max - 1 && back.device == "/dev/vda")
      #expect(back.cacheDevice == nil && back.swapDevice == nil && back.fault == nil)
      #expect(back.line.json == plan.line.json)
    }
  }

  @Test(arguments: TrialPlan.Fault.allCases) func devicesAndFaults(_ fault: TrialPlan.Fault) throws
  {
    var plan = TrialPlan(
      profile: try profile(minimal), label: "p", axes: [], number: 1, seed: 1 << 63)
    plan.cacheDevice = "/dev/vdb"
    plan.swapDevice = "/dev/vdc"
    plan.fault = fault
    let back = try readBack(plan)
    #expect(back.cacheDevice == "/dev/vdb" && back.swapDevice == "/dev/vdc" && back.fault == fault)
    #expect(back.seed == 1 << 63 && back.axes.isEmpty)
  }

  @Test func startDelayComesFromTheSeed() throws {
    let profile = try profile(minimal)
    let delays = (0..<500).map { seed in
      TrialPlan(profile: profile, label: "p", axes: [], number: 1, seed: seed).startDelay
    }
    #expect(delays.allSatisfy { $0 < 2_000_000_000 })
    #expect(Set(delays).count == delays.count)
    // Spread over the flusher's whole period: each quarter gets a fair share of 500.
    for quarter in 0..<4 as Range<UInt64> {
      let part = delays.count { $0 / 500_000_000 == quarter }
      #expect((80...170).contains(part))
    }
    for (seed, delay) in delays.enumerated() {
      let plan = TrialPlan(
        profile: profile, label: "another", axes: [.init("fs", "xfs")], number: 9,
        seed: UInt64(seed))
      #expect(plan.startDelay == delay)
      #expect(plan.line.json["start_delay"] == .uint(delay))
    }
  }

  /// The delay of a saved record, computed again: records stay reproducible.
  @Test(arguments: [RecordFixture.completed, RecordFixture.killed])
  func startDelayOfASavedRecord(_ name: String) throws {
    let header = try JSON(parsing: try #require(try RecordFixture.lines(name).first).utf8)
    let json = try #require(header["plan"])
    let plan = try TrialPlan(parsing: Array(json.text.utf8), name: name)
    #expect(json["start_delay"] == .uint(plan.startDelay))
    // Keys that are younger than the record have come to it; what it had is as it was.
    expect(plan.line.json["profile"], has: try #require(json["profile"]), "profile")
  }

  private func expect(_ value: JSON?, has old: JSON, _ path: String) {
    if let members = old.members {
      for (key, member) in members { expect(value?[key], has: member, "\(path).\(key)") }
    } else if let elements = old.array, elements.count == value?.array?.count {
      for (i, element) in elements.enumerated() {
        expect(value?.array?[i], has: element, "\(path)[\(i)]")
      }
    } else {
      #expect(value == old, "\(path)")
    }
  }

  @Test(arguments: ["{}", "[]", "{\"label\":\"p\",\"axes\":{},\"number\":1,\"seed\":1}"])
  func refusesWhatIsNoPlan(_ text: String) {
    let error = #expect(throws: HarnessError.self) {
      try TrialPlan(parsing: Array(text.utf8), name: "/plan.json")
    }
    #expect(error?.description == "/plan.json: is not a trial's plan")
  }

  @Test func refusesABrokenText() {
    #expect(throws: JSONError.self) { try TrialPlan(parsing: Array("{".utf8), name: "p") }
  }
}

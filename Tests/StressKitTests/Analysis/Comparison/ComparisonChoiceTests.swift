// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore

struct ComparisonChoiceTests {
  private typealias Axes = KeyValuePairs<String, String>

  /// A campaign's directory with these cells and no trial yet.
  private func campaign(
    _ cells: [Axes], in directory: RecordFixture
  ) throws -> CampaignSummary {
    try CampaignFixture(directory).plan(cells, trials: 1)
    return try CampaignSummary(directory: directory.root)
  }

  private func pairs(
    _ campaigns: [CampaignSummary], axis: String? = nil, base: String? = nil,
    against: [String] = []
  ) throws -> [String] {
    try ComparisonChoice(campaigns, .init(axis: axis, base: base, against: against)).pairs.map {
      let shared = $0.shared.map(\.value).joined(separator: " ")
      return "\($0.axis.key ?? "-"): \($0.baseName) > \($0.newName) [\(shared)]"
    }
  }

  private static let kernels: [Axes] = [
    ["kernel": "6.1", "fs": "ext4"], ["kernel": "6.1", "fs": "xfs"],
    ["kernel": "6.12", "fs": "ext4"], ["kernel": "6.12", "fs": "xfs"],
  ]

  @Test func theOnlyAxisThatVaries() throws {
    let directory = try RecordFixture()
    let campaign = try campaign(
      [
        ["kernel": "6.1", "fs": "xfs"], ["kernel": "6.9", "fs": "xfs"],
        ["kernel": "6.12", "fs": "xfs"],
      ],
      in: directory)
    #expect(
      try pairs([campaign]) == ["kernel: 6.1 > 6.9 [xfs]", "kernel: 6.1 > 6.12 [xfs]"])
    #expect(
      try pairs([campaign], base: "6.9") == ["kernel: 6.9 > 6.1 [xfs]", "kernel: 6.9 > 6.12 [xfs]"])
    #expect(try pairs([campaign], against: ["6.12"]) == ["kernel: 6.1 > 6.12 [xfs]"])
  }

  /// Machines are strata of what is compared, and are compared where nothing else is, or where they are asked for.
  @Test func machinesAreStrata() throws {
    let directory = try RecordFixture()
    let hosts: [Axes] = [
      ["kernel": "this machine", "host": "ssh:a", "fs": "ext4"],
      ["kernel": "this machine", "host": "ssh:a", "fs": "xfs"],
      ["kernel": "this machine", "host": "ssh:b", "fs": "ext4"],
      ["kernel": "this machine", "host": "ssh:b", "fs": "xfs"],
    ]
    let two = try campaign(hosts, in: directory)
    #expect(
      try pairs([two]) == [
        "fs: ext4 > xfs [this machine ssh:a]", "fs: ext4 > xfs [this machine ssh:b]",
      ])
    #expect(try pairs([two], axis: "host").count == 2)
    let one = try campaign([hosts[0], hosts[2]], in: try RecordFixture())
    #expect(try pairs([one]) == ["host: ssh:a > ssh:b [this machine ext4]"])
  }

  /// One comparison for each combination of the other axes, and each has only that axis between its arms.
  @Test func theOtherAxesAreMatched() throws {
    let directory = try RecordFixture()
    let campaign = try campaign(Self.kernels, in: directory)
    #expect(
      try pairs([campaign], axis: "kernel") == [
        "kernel: 6.1 > 6.12 [ext4]", "kernel: 6.1 > 6.12 [xfs]",
      ])
    // By another of its names.
    #expect(
      try pairs([campaign], axis: "filesystem.type") == [
        "fs: ext4 > xfs [6.1]", "fs: ext4 > xfs [6.12]",
      ])
  }

  @Test(
    arguments: [
      (nil, nil, [], "several axes vary; choose with --axis: kernel (6.1, 6.12); fs (ext4, xfs)"),
      (
        "cpus", nil, [],
        "has no such axis; these vary: kernel (6.1, 6.12); fs (ext4, xfs)"
      ),
      ("no-key", nil, [], "has no such axis; these vary: kernel (6.1, 6.12); fs (ext4, xfs)"),
      ("fs", "btrfs", [], "--base btrfs: is no value of fs; known: ext4, xfs"),
      ("fs", nil, ["btrfs"], "--against btrfs: is no value of fs; known: xfs"),
      ("fs", "xfs", ["xfs"], "--against xfs: is the base itself; known: ext4"),
    ] as [(String?, String?, [String], String)])
  func whatCannotBeChosen(
    _ axis: String?, _ base: String?, _ against: [String], _ message: String
  ) throws {
    let directory = try RecordFixture()
    let campaign = try campaign(Self.kernels, in: directory)
    let error = #expect(throws: HarnessError.self) {
      try pairs([campaign], axis: axis, base: base, against: against)
    }
    #expect(error?.code == .usage)
    #expect(error?.description.hasSuffix(message) == true, "\(error?.description ?? "")")
  }

  @Test func oneCellAlone() throws {
    let directory = try RecordFixture()
    let campaign = try campaign([["kernel": "6.1", "fs": "xfs"]], in: directory)
    let error = #expect(throws: HarnessError.self) { try pairs([campaign]) }
    #expect(error?.description.contains("has but one cell; name a second campaign") == true)
    let single = #expect(throws: HarnessError.self) { try pairs([campaign], axis: "fs") }
    #expect(single?.operation.contains("has one value only") == true)
    let same = #expect(throws: HarnessError.self) { try pairs([campaign, campaign]) }
    #expect(same?.operation == "a campaign does not differ from itself")
  }

  /// The file system that a variant brings along is not matched, and is no axis to choose.
  @Test func variantsWithFilesystemsOfTheirOwn() throws {
    let directory = try RecordFixture()
    let campaign = try campaign(
      [["fs": "ext4", "variant": "base"], ["fs": "tmpfs", "variant": "tmpfs"]], in: directory)
    #expect(try pairs([campaign]) == ["variant: base > tmpfs []"])
  }

  @Test func armsOfACalibration() throws {
    let directory = try RecordFixture()
    let cells: [Axes] = Self.kernels.prefix(3).filter { $0[1].value == "ext4" }.flatMap { axes in
      ["A", "B"].map { arm in
        ["kernel": axes[0].value, "fs": axes[1].value, "calibrate": arm] as Axes
      }
    }
    let both = try campaign(cells, in: directory)
    #expect(
      try pairs([both], axis: "calibrate") == [
        "calibrate: A > B [6.1 ext4]", "calibrate: A > B [6.12 ext4]",
      ])
    // They are one cell where something else is compared.
    #expect(try pairs([both]) == ["kernel: 6.1 > 6.12 [ext4]"])
    let other = try RecordFixture()
    let one = try campaign(Array(cells.prefix(2)), in: other)
    #expect(try pairs([one]) == ["calibrate: A > B [6.1 ext4]"])
    // Beside another campaign it is a cell like any.
    let plain = try RecordFixture()
    let unlike = try campaign([["kernel": "6.9", "fs": "ext4"]], in: plain)
    #expect(try pairs([one, unlike]) == ["kernel: 6.1 > 6.9 [ext4]"])
  }

  // MARK: Two campaigns

  @Test func cellsOfTwoCampaigns() throws {
    let (first, second) = (try RecordFixture(), try RecordFixture())
    let base = try campaign(Self.kernels, in: first)
    let new = try campaign(
      Array(Self.kernels.suffix(2)) + [["kernel": "6.9", "fs": "xfs"]], in: second)
    let choice = try ComparisonChoice([base, new])
    #expect(choice.pairs.map { $0.shared.map(\.value) } == [["6.12", "ext4"], ["6.12", "xfs"]])
    #expect(choice.pairs.allSatisfy { $0.baseName == first.root && $0.newName == second.root })
    #expect(choice.pairs.allSatisfy { $0.axis == ComparedAxis(nil) })
    #expect(
      choice.unmatched == [
        "only in \(first.root): 6.1 ext4", "only in \(first.root): 6.1 xfs",
        "only in \(second.root): 6.9 xfs",
      ])
  }

  /// What a kernel's name stood for may have changed between two campaigns.
  @Test func rebuiltKernels() throws {
    let (first, second) = (try RecordFixture(), try RecordFixture())
    let cell: [Axes] = [["kernel": "./bzImage", "fs": "xfs"]]
    var (base, new) = (try campaign(cell, in: first), try campaign(cell, in: second))
    base.identity = [.init("accelerator", "tcg"), .init("kernel ./bzImage", "6.12.1 aaaa")]
    new.identity = base.identity
    #expect(try ComparisonChoice([base, new]).pairs[0].axis == ComparedAxis(nil))
    new.identity[1].value = "6.12.1 bbbb"
    #expect(try ComparisonChoice([base, new]).pairs[0].axis == ComparedAxis(nil, rebuilt: true))
  }

  /// An axis with one value in each campaign is what they differ in.
  @Test func theAxisBetweenTwoCampaigns() throws {
    let (first, second) = (try RecordFixture(), try RecordFixture())
    let base = try campaign(Array(Self.kernels.prefix(2)), in: first)
    let new = try campaign(Array(Self.kernels.suffix(2)), in: second)
    #expect(
      try pairs([base, new]) == ["kernel: 6.1 > 6.12 [ext4]", "kernel: 6.1 > 6.12 [xfs]"])
    // No cell of the second has the first's kernel.
    let error = #expect(throws: HarnessError.self) { try pairs([base, new], axis: "fs") }
    #expect(error?.remedy?.hasPrefix("6.1 ext4 has no partner with fs xfs") == true)
  }

  @Test func twoCampaignsThatShareNothing() throws {
    let (first, second) = (try RecordFixture(), try RecordFixture())
    let base = try campaign([["kernel": "6.1", "fs": "xfs"]], in: first)
    let both = try campaign([["kernel": "6.12", "fs": "ext4"]], in: second)
    let error = #expect(throws: HarnessError.self) { try pairs([base, both]) }
    #expect(error?.operation == "they differ in kernel and in fs" && error?.code == .usage)

    let third = try RecordFixture()
    let none = try campaign(
      [["kernel": "6.1", "fs": "ext4"], ["kernel": "6.12", "fs": "ext4"]], in: third)
    let lonely = #expect(throws: HarnessError.self) { try pairs([both, none], axis: "cpus") }
    #expect(lonely?.description.contains("is not an axis of both campaigns") == true)
    let unmatched = try RecordFixture()
    let other = try campaign(
      [["kernel": "6.2", "fs": "xfs"], ["kernel": "6.3", "fs": "ext4"]], in: unmatched)
    let nothing = #expect(throws: HarnessError.self) { try pairs([none, other]) }
    #expect(nothing?.operation == "no two cells can be compared")
  }
}

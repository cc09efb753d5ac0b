// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressRecord

struct CampaignMergeTests {
  private let root: RecordFixture

  init() throws { root = try RecordFixture() }

  /// A campaign in a directory of its own below the test's, changed as `change` has it.
  private func campaign(
    _ name: String, kernels: [String] = ["6.1", "6.12"], trials: Int = 2, seed: UInt64,
    _ change: (inout CampaignFile) -> Void = { _ in }
  ) throws -> String {
    let made = try RecordFixture()
    let fixture = CampaignFixture(made)
    try fixture.plan(
      kernels.map { ["kernel": "debian:\($0)", "fs": "ext4"] }, trials: trials, seed: seed)
    for cell in kernels.indices {
      for number in 1...trials {
        let killed = kernels[cell] == "6.12"
        try fixture.trial(
          cell + 1, number, from: killed ? RecordFixture.killed : MailFixture.completed,
          replacing: [
            "{\"type\":\"header\",": "{\"type\":\"header\",\"test\":\"\(name) \(number)\","
          ])
      }
    }
    var file = try CampaignFile(directory: made.root)
    file.identity = kernels.map { .init("kernel debian:\($0)", "\($0)-1 abc") }
    change(&file)
    try file.write(to: made.root)
    let path = root.path(name)
    try File.rename(made.root, path)
    return path
  }

  private func text(_ directories: [String], into output: String = "out") -> String? {
    #expect(throws: HarnessError.self) {
      try CampaignMerge.merge(directories, into: root.path(output))
    }?.description
  }

  @Test func cellsArePooledAndAdded() throws {
    let one = try campaign("one", seed: 1)
    let two = try campaign("two", kernels: ["6.12", "7.3"], trials: 3, seed: 2)
    let merge = try CampaignMerge.merge([one, two], into: root.path("out"))
    #expect(merge.trials == 10 && merge.leftOut == 0 && merge.sameSeeds.isEmpty)
    let summary = try CampaignSummary(directory: root.path("out"))
    #expect(
      summary.cells.map { $0.axes.map(\.value) } == [
        ["debian:6.1", "ext4"], ["debian:6.12", "ext4"], ["debian:7.3", "ext4"],
      ])
    #expect(
      summary.cells.map { $0.trials.map(\.number) } == [[1, 2], [1, 2, 3, 4, 5], [1, 2, 3]])
    #expect(summary.cells.map(\.killed.events) == [0, 5, 0])
    #expect(summary.planned == 5 && summary.seed == 1)
    #expect(
      summary.identity.map(\.key) == [
        "kernel debian:6.1", "kernel debian:6.12", "kernel debian:7.3",
      ])
    // They stay as they were.
    #expect(try CampaignSummary(directory: two).cells.map(\.trials.count) == [3, 3])
  }

  @Test func anAttemptWithoutAnEndStaysBehind() throws {
    let one = try campaign("one", seed: 1)
    let two = try campaign("two", seed: 1)
    let record = "\(two)/trials/1-2/record.jsonl"
    let text = try File.text(record).split(separator: "\n").dropLast().joined(separator: "\n")
    try File.write(record, Array((text + "\n").utf8))
    let merge = try CampaignMerge.merge([one, two], into: root.path("out"))
    #expect(merge.trials == 7 && merge.leftOut == 1 && merge.sameSeeds == [two])
  }

  @Test func whatDoesNotBelongTogetherIsRefused() throws {
    let one = try campaign("one", seed: 1)
    func second(_ name: String, _ change: (inout CampaignFile) -> Void) throws -> String {
      try campaign(name, seed: 2, change)
    }
    let remedy = "; they do not belong in one sample; 'wbstress compare' takes them as two"
    let label = try second("label") { $0.label = "other" }
    #expect(text([one, label]) == "\(label): has the profile other, \(one) oracle-backup\(remedy)")
    let image = try second("image") { $0.identity[1] = .init("kernel debian:6.12", "6.12-2 def") }
    #expect(
      text([one, image])
        == "\(image): has the kernel debian:6.12 6.12-2 def, \(one) 6.12-1 abc\(remedy)")
    let axes = try second("axes") { file in
      for index in file.cells.indices { file.cells[index].axes.append(.init("pin", "1MiB")) }
    }
    #expect(
      text([one, axes]) == "\(axes): has the axes kernel, fs, pin, \(one) kernel, fs\(remedy)")
    let profile = try second("profile") { $0.cells[1].profile.duration = 1_000_000_000 }
    #expect(
      text([one, profile])
        == "\(profile): has another profile in the cell kernel=debian:6.12 fs=ext4 than \(one)\(remedy)"
    )
    let verdict = try second("verdict") {
      $0.untilVerdict = .init(axis: "kernel", base: "debian:6.1", new: "debian:6.12")
    }
    for order in [[one, verdict], [verdict, one]] {
      #expect(
        text(order)
          == "\(verdict): was stopped by its verdict (run --until-verdict); its trials cannot be pooled "
          + "with others; run more of them in that directory")
    }
    func search(_ name: String, to: UInt64) throws -> String {
      try second(name) {
        $0.threshold = .init(
          key: "pinned.db.size", quantity: .size,
          ranges: [.init(from: 0, to: to, within: 1), .init(from: 0, to: 100, within: 1)])
      }
    }
    let (near, far) = (try search("near", to: 10), try search("far", to: 20))
    #expect(
      text([one, near]) == "\(near): has the search pinned.db.size, \(one) none\(remedy)")
    #expect(
      text([near, far])
        == "\(far): was searched in another range in the cell kernel=debian:6.1 fs=ext4 than \(near); a "
        + "search counts for the range that it was made in")
  }

  /// A trial counts once, and what was copied before that was seen is gone.
  @Test func aTrialCountsOnce() throws {
    let one = try campaign("one", seed: 1)
    #expect(
      text([one, one])
        == "\(one)/trials/1-1: is a trial that an earlier directory has, too; a trial counts once: leave "
        + "one of the directories out")
    #expect(try File.list(root.path("out")).isEmpty)
    #expect(
      text([one, try campaign("two", seed: 2)], into: "one")
        == "\(one): is not empty; name a new --output directory")
  }
}

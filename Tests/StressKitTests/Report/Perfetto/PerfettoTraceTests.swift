// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressReport

struct PerfettoTraceTests {
  private let directory: RecordFixture
  private let campaign: CampaignFixture

  init() throws {
    directory = try RecordFixture()
    campaign = CampaignFixture(directory)
  }

  /// Decoded with Perfetto's own schema, and counted against the record.
  private func check(_ saved: String, adding: [String] = []) throws -> JSON {
    try campaign.plan([["fs": "xfs"]], trials: 1)
    try campaign.trial(1, 1, from: saved, adding: adding)
    let trace = try campaign.write(.perfetto).path
    let counts = try ToolCheck.run(
      "check-perfetto.py", trace, directory.path("trials/1-1/record.jsonl"))
    return try JSON(parsing: counts.utf8)
  }

  /// A record of 6.12 on ext4, cut down: counters of both lanes, spans of tasks and of the device, stacks.
  @Test func tracedRecord() throws {
    let counts = try check(CampaignFixture.traced)
    #expect(counts["TYPE_COUNTER"]?.int ?? 0 > 300)
    #expect(counts["TYPE_SLICE_BEGIN"]?.int ?? 0 > 250)
    #expect(counts["TYPE_SLICE_END"] == counts["TYPE_SLICE_BEGIN"])
    #expect(counts["TYPE_INSTANT"]?.int ?? 0 > 80)
    #expect(counts["stacks"]?.int ?? 0 > 25)
    let (once, again) = try (campaign.write(.perfetto).path, campaign.write(.perfetto).path)
    #expect(try File.read(once) == File.read(again))
  }

  @Test(
    arguments: [RecordFixture.completed, RecordFixture.killed, RecordFixture.groupKilled])
  func savedRecords(_ saved: String) throws {
    #expect(try check(saved)["TYPE_INSTANT"]?.int ?? 0 > 10)
  }

  /// Overlaps, ends that meet, spans without length, one that never ended, and a name with everything in it.
  @Test func awkwardSlices() throws {
    func span(_ of: String, _ start: Int, _ length: Int, pid: Int = 9) -> String {
      "{\"type\":\"span\",\"t\":\(start + length),\"of\":\"\(of)\",\"start\":\(start),"
        + "\"ns\":\(length),\"pid\":\(pid),\"cpu\":0}"
    }
    let hostile = JSON.string(CampaignFixture.hostile).text
    let before = try check(RecordFixture.completed)
    let after = try check(
      RecordFixture.completed,
      adding: [
        "{\"type\":\"task\",\"t\":1,\"pid\":9,\"comm\":\(hostile)}",
        "{\"type\":\"task\",\"t\":1,\"pid\":10,\"comm\":\"iou-wrk-9\"}",
        span("memcg-reclaim", 1000, 500), span("memcg-reclaim", 1500, 500),
        span("memcg-reclaim", 1000, 1000), span("memcg-reclaim", 1200, 900),
        span("memcg-reclaim", 1500, 0), span("memcg-reclaim", 1000, 0),
        span("off-cpu", 1000, 300, pid: 10), span("off-cpu", 1299, 300, pid: 10),
        span("block-write", 5, 100), span("block-write", 6, 10), span("a new kind", 7, 1, pid: 0),
        "{\"type\":\"open\",\"t\":2500,\"of\":\"io-wq-run\",\"start\":1000,\"owner\":9,\"op\":1}",
        "{\"type\":\"kmsg\",\"t\":1,\"seq\":1,\"level\":6,\"text\":\(hostile)}",
        "{\"type\":\"slow\",\"t\":9,\"stream\":\(hostile),\"kind\":\"write\",\"start\":4,"
          + "\"latency\":5}",
      ])
    let added = try #require(after["TYPE_SLICE_BEGIN"]?.int)
    #expect(added - (before["TYPE_SLICE_BEGIN"]?.int ?? 0) == 13)
    // reclaim that overlaps has two tracks, off-cpu two, block-write two.
    #expect((after["tracks"]?.int ?? 0) - (before["tracks"]?.int ?? 0) >= 6)
  }

  /// A member that is to be an instant's name and that no line has would leave them all with the type's.
  @Test func notesAreNamedByTheirMessage() throws {
    let words = "cgroup db: rmdir: EBUSY"
    _ = try check(
      RecordFixture.completed, adding: ["{\"type\":\"note\",\"t\":9,\"message\":\"\(words)\"}"])
    let written = try File.read(directory.path("report.perfetto"))
    // The name, a field of its own, and once more among what the line told.
    #expect(String(decoding: written, as: UTF8.self).split(separator: words).count == 3)
  }

  /// The check would find what it is for.
  @Test func checkFindsFaults() throws {
    _ = try check(RecordFixture.completed)
    let trace = directory.path("report.perfetto")
    let record = directory.path("trials/1-1/record.jsonl")
    let bytes = try File.read(trace)
    func status(_ bytes: [UInt8]) throws -> Int32 {
      try ToolCheck.answer("check-perfetto.py", [directory.write("wrong", bytes), record]).status
    }
    #expect(try status(bytes) == 0)
    #expect(try status(Array(bytes.dropLast())) == 1)
    #expect(try status([]) == 1)
    try campaign.trial(1, 1, from: RecordFixture.killed)
    #expect(try status(bytes) == 1)
  }

  @Test func chosenTrial() throws {
    try campaign.plan([["fs": "xfs"], ["fs": "ext4"]], trials: 2)
    try campaign.trial(1, 2, from: RecordFixture.completed)
    try campaign.trial(2, 2, from: RecordFixture.killed)
    let analysis = try campaign.analysis()
    #expect(try analysis.choose() == TrialChoice(cell: 1, trial: 2))
    #expect(try analysis.choose(cell: 0) == TrialChoice(cell: 0, trial: 2))
    #expect(throws: HarnessError.self) { try analysis.choose(cell: 0, trial: 1) }
    #expect(throws: HarnessError.self) { try analysis.choose(cell: 2) }
    #expect(throws: HarnessError.self) { try analysis.choose(trial: 3) }
    #expect(
      try ReportFormat.perfetto.note(analysis, .init())?.hasPrefix("trace of trial 2 of cell 2")
        == true)
    #expect(try ReportFormat.perfetto.note(analysis, .init(cell: 0, trial: 2)) == nil)
    #expect(try ReportFormat.json.note(analysis, .init()) == nil)
  }
}

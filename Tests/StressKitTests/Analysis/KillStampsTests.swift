// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

struct KillStampsTests {
  private let directory: RecordFixture
  init() throws { directory = try RecordFixture() }

  private func stamps(
    _ saved: String, adding: [String] = [], without: Set<String> = []
  ) throws -> [KillStamps] {
    try TrialSummary(directory.record(from: saved, without: without, adding: adding)).killStamps
  }

  private func notice(_ cgroup: String, _ time: Int64, file: String = "memory.events") -> String {
    "{\"type\":\"memcg-event\",\"t\":\(time),\"cgroup\":\"\(cgroup)\",\"file\":\"\(file)\","
      + "\"deltas\":{\"max\":2,\"oom_kill\":1}}"
  }

  /// The log of the saved record says 5098362045; the database's pid is 148.
  @Test func everyAccountOfAKill() throws {
    let all = try stamps(
      RecordFixture.killed,
      adding: [
        notice("wbstress", 5_098_362_045), notice("wbstress/db", 5_099_462_045),
        notice("wbstress/db", 5_099_500_000, file: "memory.events.local"),
        "{\"type\":\"exit\",\"t\":5130000000,\"worker\":\"db\",\"pid\":148}",
      ])
    let kill = try #require(all.first)
    #expect(all.count == 1 && kill.pid == 148 && kill.worker == "db")
    #expect(kill.time(.kernelLog) == 5_098_362_045)
    // Not its parent's, which counts others' too.
    #expect(kill.time(.memoryEvents) == 5_099_462_045)
    #expect(kill.time(.exit) == 5_130_000_000)
    #expect(kill.closest == 1_100_000)
  }

  @Test func oldRecordsHaveTheLogAlone() throws {
    let kill = try #require(try stamps(RecordFixture.killed).first)
    #expect(kill.stamps.map(\.source) == [.kernelLog] && kill.closest == nil)
    #expect(try stamps(RecordFixture.completed).isEmpty)
  }

  @Test func noticeOfAnotherKill() throws {
    let kill = try #require(
      try stamps(RecordFixture.killed, adding: [notice("wbstress/db", 7_000_000_000)]).first)
    #expect(kill.time(.memoryEvents) == nil)
  }

  @Test func victimsOfAGroupKillCountOnce() throws {
    let pids = try stamps(RecordFixture.groupKilled).map(\.pid)
    #expect(pids.count == 2 && Set(pids).count == 2)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressRecord
@testable import StressReport

struct WhyReportTests {
  private let directory: RecordFixture
  private let campaign: CampaignFixture

  init() throws {
    directory = try RecordFixture()
    campaign = CampaignFixture(directory)
  }

  private func why(told: Int, colour: Bool = false) throws -> String {
    let file = try CampaignFile(directory: directory.root)
    let cells = try file.cells.indices.map { cell in
      try CellDiagnosis(file, in: directory.root, cell: cell)
    }
    return WhyReport(file.label, cells, told: told, style: .init(colour: colour)).text
  }

  /// A kill by the limit, one of a whole group, a worker that somebody else killed, an invalid trial, and a
  /// cell in which all went well.
  @Test func killsOfACampaign() throws {
    try campaign.plan([["fs": "xfs"], ["fs": "ext4"], ["fs": "btrfs"]], trials: 3)
    try campaign.trial(
      1, 1, from: RecordFixture.killed,
      adding: [
        #"{"type":"memcg-event","t":4900000000,"cgroup":"wbstress","deltas":{"max":3}}"#,
        #"{"type":"span","t":4880000000,"of":"dirty-throttle","start":4880000000,"ns":1}"#,
        #"{"type":"span","t":4980000000,"of":"dirty-throttle","start":4980000000,"ns":1}"#,
        #"{"type":"trace","events":{"writeback:balance_dirty_pages":2,"#
          + #""writeback:writeback_start":1,"vmscan:mm_vmscan_throttled":0}}"#,
      ])
    try campaign.trial(1, 2, from: RecordFixture.groupKilled)
    try campaign.trial(
      2, 1, from: RecordFixture.completed,
      adding: [
        #"{"type":"worker","t":7000000000,"name":"db","event":"killed","exit":"signal 9"}"#
      ])
    try campaign.trial(
      2, 2, from: RecordFixture.completed,
      replacing: ["\"outcome\":\"completed\"": "\"outcome\":\"invalid\""])
    try campaign.trial(3, 1, from: RecordFixture.completed)
    let text = try why(told: 9)
    try expectGolden(text, "why.txt")
    for line in text.split(separator: "\n") { #expect(line.count <= TerminalReport.width) }
    // The rest are counted.
    #expect(try why(told: 1).contains("... and 1 more kill"))
    #expect(try !why(told: 0).contains("killed: "))
    #expect(try why(told: 9, colour: true).contains("\u{1b}[1mtrial 1\u{1b}[0m"))
  }
}

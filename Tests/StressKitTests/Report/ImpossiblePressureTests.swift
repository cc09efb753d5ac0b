// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressReport

/// A kernel whose PSI cannot be: each format says what it says of a kernel without PSI, and beside that only that
/// it cannot be.
struct ImpossiblePressureTests {
  private let directory = try! RecordFixture()

  /// Totals of PSI in a saved record, changed.
  private func record(_ name: String, _ change: (Int64) -> JSON) throws -> String {
    var columns: [String: [String]] = [:]
    let lines = try RecordFixture.lines(name).map { text -> String in
      let line = try JSON(parsing: text.utf8)
      guard let lane = line["lane"]?.string else { return text }
      if line["type"] == "columns" {
        columns[lane] = line["names"]?.array?.compactMap(\.string)
        return text
      }
      guard line["type"] == "sample", let names = columns[lane], let values = line["v"]?.array,
        let members = line.members
      else { return text }
      let changed = zip(names, values).map { name, value in
        name.contains("pressure") ? value.int.map(change) ?? .null : value
      }
      return JSON.object(members.map { ($0.key, $0.key == "v" ? .array(changed) : $0.value) }).text
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func campaign(_ change: (Int64) -> JSON) throws -> CampaignFixture {
    let campaign = CampaignFixture(directory)
    try campaign.plan([["fs": "xfs"], ["fs": "ext4"]], trials: 1)
    for (cell, saved) in [(1, RecordFixture.completed), (2, CampaignFixture.traced)] {
      try directory.write("trials/\(cell)-1/record.jsonl", try record(saved, change))
    }
    return campaign
  }

  private func words(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  @Test(arguments: ReportFormat.allCases)
  func saysWhatItSaysWithoutPressure(_ format: ReportFormat) throws {
    let cell = format == .mail || format == .reproducer ? 1 : nil
    func text(_ change: (Int64) -> JSON) throws -> String {
      try campaign(change).write(format, cell: cell).text
    }
    let told = try text { .int($0) }
    let centuries = try text { .int($0 + 9_000_000_001_700_000) }
    let none = try text { _ in .null }
    // But for the note, wherever its lines are broken, and its count.
    let note =
      #/(record: #\d+ trial \d+: |; )\d+ impossible readings? of PSI \([^)]*\) and all later ones unknown/#
    let kept = [centuries, none].map { text in
      words(
        words(text).replacing(note, with: "").replacing("<li></li>", with: "")
          .replacing(#/,?"impossiblePressure":\d+/#, with: ""))
    }
    #expect(kept[0] == kept[1])
    #expect(!centuries.contains("9000000") && !centuries.contains("900000000"))
    // The test is of something: these formats do tell of pressure.
    if [.full, .json, .csv, .perfetto].contains(format) { #expect(told != none) }
  }

  @Test func theReportSaysSo() throws {
    let text = try campaign { .int($0 + 9_000_000_001_700_000) }.report()
    #expect(text.contains("impossible readings of PSI"))
  }
}

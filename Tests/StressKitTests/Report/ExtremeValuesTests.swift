// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressRecord
@testable import StressReport

/// Numbers of a damaged record that are no counts, times or sizes: each format says what it can, and none traps.
struct ExtremeValuesTests {
  private let directory = try! RecordFixture()
  private static let extremes: [JSON] = [
    .int(.max), .int(.min), .int(.max - 1), .int(-1), .int(1 << 62), .int(1 << 53), .double(1e308),
    .double(-1e308), .double(1.5e19),
  ]

  /// Some of a value's numbers replaced.
  private func damaged(_ value: JSON, _ share: Double, _ random: inout SplitMix64) -> JSON {
    switch value {
    case .int, .double:
      Double.random(in: 0...1, using: &random) < share
        ? Self.extremes.randomElement(using: &random) ?? value : value
    case .array(let all): .array(all.map { damaged($0, share, &random) })
    case .object(let members):
      .object(members.map { ($0.key, damaged($0.value, share, &random)) })
    default: value
    }
  }

  private func record(
    _ name: String, _ share: Double, _ random: inout SplitMix64
  ) throws -> String {
    let lines = try RecordFixture.lines(name).map { text -> String in
      let line = try JSON(parsing: text.utf8)
      // Profiles are parsed whole, and phases say where the streams' time is.
      if line["type"] == "header" || line["type"] == "phase" { return text }
      return damaged(line, share, &random).text
    }
    return lines.joined(separator: "\n") + "\n"
  }

  @Test(arguments: 0..<8)
  func noFormatTraps(_ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let share = [0.01, 0.1, 0.5, 1][Int(seed % 4)]
    let campaign = CampaignFixture(directory)
    try campaign.plan([["fs": "xfs"], ["fs": "ext4"]], trials: 3)
    for cell in 1...2 {
      for (i, name) in [RecordFixture.completed, RecordFixture.killed, CampaignFixture.traced]
        .enumerated()
      {
        let path = try directory.write(
          "trials/\(cell)-\(i + 1)/record.jsonl", try record(name, share, &random))
        _ = RecordText(try RecordReader(path)).text
      }
    }
    let analysis = try campaign.analysis()
    for format in ReportFormat.allCases {
      for trial in [nil, 1, 2, 3] as [Int?]
      where trial == nil || format == .perfetto || format == .mail {
        do {
          _ = try format.render(analysis, .init(cell: trial == nil ? nil : 0, trial: trial))
        } catch { #expect(error.code == .usage, "\(format): \(error)") }
      }
    }
    let cells = try (0..<2).map { try analysis.diagnosis(cell: $0) }
    _ = WhyReport(analysis.summary.label, cells, told: 3, style: .init(colour: false)).text
  }
}

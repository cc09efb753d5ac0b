// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressReport

/// A campaign of oracle-backup on ext4: on 6.1 nobody was killed, on 6.12 the database was, in each of 12 trials.
struct MailFixture {
  static let completed = "mail-61-ext4.jsonl"
  static let killed = "mail-612-ext4.jsonl"

  /// The draft of such a campaign, made once.
  static let fresh = Result { try MailFixture().draft() }

  let directory: RecordFixture
  let analysis: CampaignAnalysis

  /// - Parameter trials: of each kernel.
  init(trials: Int = 12) throws {
    directory = try RecordFixture()
    let campaign = CampaignFixture(directory)
    try campaign.plan(
      [["kernel": "debian:6.1", "fs": "ext4"], ["kernel": "debian:6.12", "fs": "ext4"]],
      trials: trials, replacing: ["\"type\":\"xfs\"": "\"type\":\"ext4\""])
    for number in 1...trials {
      try campaign.trial(1, number, from: Self.completed)
      try campaign.trial(2, number, from: Self.killed)
    }
    analysis = try CampaignAnalysis(directory: directory.root)
  }

  func draft(_ choice: ReportFormat.Choice = .init()) throws -> String {
    String(decoding: try ReportFormat.mail.render(analysis, choice), as: UTF8.self)
  }

  /// A draft whose places a person has filled.
  static func filled(_ draft: String) -> String {
    draft.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix("From: ")
        ? "From: A. Tester <tester@example.org>"
        : line.split(separator: MailReport.todo, omittingEmptySubsequences: false)
          .joined(separator: "http://a.b/")
    }.joined(separator: "\n")
  }
}

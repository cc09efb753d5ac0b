// SPDX-License-Identifier: Apache-2.0
import Foundation

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine

/// Fixtures/campaigns/oracle-backup: two cells of a real campaign (6.1 and 6.12 on ext4), two trials each, of
/// which one was killed; every sixth sample of the fast lane, and the columns, spans and longer operations
/// that charts show.
enum PageFixture {
  static func campaign() throws -> CampaignAnalysis {
    try CampaignAnalysis(directory: Fixtures.path("campaigns/oracle-backup"))
  }

  /// Its files, by their names in the campaign's directory.
  static func files() throws -> [(name: String, bytes: [UInt8])] {
    let directory = Fixtures.path("campaigns/oracle-backup")
    let trials = ["1-1", "1-2", "2-1", "2-2"].map { "trials/\($0)/record.jsonl" }
    return try (["campaign.json"] + trials).map { ($0, try File.read(directory + "/" + $0)) }
  }

  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../..").standardized.path

  /// Opens a page in a browser; what is wrong with it is in the error.
  static func check(_ page: String) throws {
    let remedy = "ci/install test"
    try Tool.run(
      root + "/.build/python/bin/python", [root + "/Tests/Tools/check-page.py", page],
      package: "chromium-driver", remedy: remedy)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

/// KTAP, JUnit and KCIDB.
struct ResultFormatTests {
  private let directory: RecordFixture
  private let campaign: CampaignFixture

  init() throws {
    directory = try RecordFixture()
    campaign = CampaignFixture(directory)
  }

  @Test func ktap() throws {
    try campaign.mixedResults()
    let (path, text) = try campaign.write(.ktap)
    try expectGolden(report: text, "results.ktap")
    let counts = try JSON(parsing: try ToolCheck.run("check-ktap.py", path).utf8)
    #expect(
      counts == [
        "0 not ok": 2, "1 not ok": 2, "1 not ok ERROR": 2, "1 ok": 2, "1 ok SKIP": 2,
      ])
  }

  @Test func junit() throws {
    try campaign.mixedResults()
    let (path, text) = try campaign.write(.junit)
    try expectGolden(report: text, "results.xml")
    let counts = try JSON(parsing: try ToolCheck.run("check-junit.py", path).utf8)
    #expect(counts == ["errors": 2, "failures": 2, "skipped": 2, "tests": 8])
  }

  @Test func kcidb() throws {
    try campaign.mixedResults()
    let (path, text) = try campaign.write(.kcidb)
    let json = try JSON(parsing: text.utf8)
    let lines = json.indentedText + "\n"
    try expectGolden(report: lines, "results.kcidb.json")
    _ = try ToolCheck.run("check-json.py", path, "kcidb")
    #expect(
      json["tests"]?.array?.compactMap { $0["status"]?.string }
        == ["PASS", "SKIP", "ERROR", "MISS", "FAIL", "PASS", "MISS", "FAIL"])
    // A kernel has one checkout and one build, however many cells ran it.
    #expect(json["checkouts"]?.array?.count == 2 && json["builds"]?.array?.count == 2)
  }

  /// Nothing that a name says gets out of its place.
  @Test func hostileNames() throws {
    try campaign.mixedResults(label: CampaignFixture.hostile, fs: CampaignFixture.hostile)
    let ktap = try campaign.write(.ktap)
    let counts = try JSON(parsing: try ToolCheck.run("check-ktap.py", ktap.path).utf8)
    #expect(counts["0 not ok"] == 2 && counts["0 ok"] == nil)
    let junit = try campaign.write(.junit)
    #expect(try ToolCheck.run("check-junit.py", junit.path).contains("\"tests\": 8"))
    #expect(!junit.text.contains("]]>") && junit.text.contains("&amp;amp;]]&gt;"))
    let kcidb = try campaign.write(.kcidb)
    _ = try ToolCheck.run("check-json.py", kcidb.path, "kcidb")
  }

  /// The checks would find what they are for.
  @Test(
    arguments: [
      ("check-ktap.py", "KTAP version 1\n1..2\nok 1 a\n"),
      ("check-ktap.py", "KTAP version 1\n1..1\nok 1 a # ERROR b\n"),
      ("check-ktap.py", "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  not ok 1 b\nok 1 a\n"),
      ("check-ktap.py", "KTAP version 1\n1..1\nok 2 a\n"),
      ("check-junit.py", "<testsuites name='a' tests='0'/>"),
      ("check-junit.py", "<a>\u{1}</a>"),
      ("check-csv.py", "campaign,cell,trial,outcome,metric,unit,value\r\na,1\r\n"),
    ])
  func checksFindFaults(_ script: String, _ text: String) throws {
    let path = try directory.write("wrong", text)
    let answer = try ToolCheck.answer(script, [path])
    #expect(answer.status == 1, "\(answer.text)")
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressReport

struct PageReportTests {
  private func page(
    _ campaign: CampaignAnalysis, cell: Int? = nil, trial: Int? = nil, axis: String? = nil
  ) throws -> String {
    let choice = ReportFormat.Choice(cell: cell, trial: trial, comparison: .init(axis: axis))
    return String(decoding: try ReportFormat.html.render(campaign, choice), as: UTF8.self)
  }

  private static func data(_ page: String) throws -> JSON {
    let begin = try #require(page.split(separator: "id=\"data\">", maxSplits: 1).last)
    let end = try #require(begin.split(separator: "</script>", maxSplits: 1).first)
    return try JSON(parsing: end.utf8)
  }

  /// In a browser: charts, reading, zoom, keys, themes, narrow screens, paper, and that nothing is fetched.
  @Test func aBrowserReadsIt() throws {
    let directory = try RecordFixture()
    try PageFixture.check(try directory.write("page.html", try page(try PageFixture.campaign())))
  }

  /// Names that would be elements, end a script, or hide: in the label, axes, workers and messages.
  @Test func hostileNamesStayText() throws {
    let directory = try RecordFixture()
    let hostile = "</script><img src=x onerror='window.hostile=1'>\"&\u{2028}\u{202e}\n"
    let spelled = JSON.string(hostile).text.dropFirst().dropLast()
    // A plan's streams have the names that a profile allows; a record may have any.
    let plan = [("\"fs\":\"ext4\"", "\"fs\":"), ("\"profile\":\"oracle-backup\"", "\"profile\":")]
    let record = [("\"backup\"", ""), ("\"ext4\"", ""), ("\"debian:6.12\"", "")]
    for (name, bytes) in try PageFixture.files() {
      var text = String(decoding: bytes, as: UTF8.self)
      for (old, key) in name == "campaign.json" ? plan : record {
        text = text.split(separator: old, omittingEmptySubsequences: false)
          .joined(separator: "\(key)\"\(spelled)\"")
      }
      try directory.write(name, text)
    }
    let page = try page(try CampaignAnalysis(directory: directory.root))
    #expect(page.contains("onerror"))
    #expect(!page.contains("<img"))
    #expect(!page.unicodeScalars.contains("\u{202e}") && !page.unicodeScalars.contains("\u{2028}"))
    #expect(page.split(separator: "<script", omittingEmptySubsequences: false).count == 3)
    try PageFixture.check(try directory.write("page.html", page))
  }

  /// The colours of both grounds have come in, wherever page.css wants them.
  @Test func sheetHasItsColours() {
    #expect(!PageStyle.sheet.contains("/*"))
    for ground in ["#fff;", "#14171a;"] {
      #expect(PageStyle.sheet.split(separator: "--ground: " + ground).count == 3)
    }
  }

  /// What the script draws is what the analysis has.
  @Test func dataAreTheAnalysis() throws {
    let campaign = try PageFixture.campaign()
    let data = try Self.data(try page(campaign))
    let record = try campaign.record(cell: 1, trial: 1)
    let diagnosis = TrialDiagnosis(record, number: 1)
    let timeline = try #require(
      TrialTimeline(record, diagnosis, campaign.file.cells[1].profile, points: 300))
    let time = try #require(data["cells"]?.array?[1]["trials"]?.array?[0]["time"])
    for chart in TrialTimeline.Chart.allCases {
      let told = try #require(time["charts"]?[chart.rawValue]?.array)
      let wanted = try #require(timeline.series[chart])
      #expect(told.count == wanted.count)
      for (one, series) in zip(told, wanted) {
        var last: Int64 = 0
        let low = one["low"]?.array?.map { delta -> Int64? in
          guard let delta = delta.int else { return nil }
          last += delta
          return last
        }
        #expect(low == series.low)
        let heights = one["height"]?.array?.compactMap(\.int)
        let high = low?.enumerated().map { i, value in value.map { $0 + (heights?[i] ?? 0) } }
        #expect(high == series.high)
      }
    }
    #expect(time["kills"]?.array?.count == diagnosis.autopsies.count)
    #expect(time["stalls"]?["count"]?.int == Int64(diagnosis.ledger.operations.count))
  }

  /// The first trial with a kill, unless another is asked for.
  @Test func aTrialIsSelected() throws {
    let campaign = try PageFixture.campaign()
    #expect(try Self.data(try page(campaign))["selected"] == [1, 1])
    #expect(try Self.data(try page(campaign, cell: 0, trial: 2))["selected"] == [0, 2])
    #expect(throws: HarnessError.self) { try page(campaign, cell: 2) }
    #expect(throws: HarnessError.self) { try page(campaign, cell: 0, trial: 3) }
  }

  /// Without script: what failed, the verdict with its reasons, the table's figures.
  @Test func verdictsAreInTheMarkup() throws {
    let campaign = try PageFixture.campaign()
    let text = try page(campaign)
    #expect(text.contains("<b>expected oom_kill == 0</b>: missed in #2 (1:2)"))
    let report = CompareReport(try campaign.comparison(), style: .init(colour: false))
    let one = try #require(report.comparison.comparisons.first)
    let reasons: Markup = "\(report.reasons(one))"
    #expect(text.contains("<b>INCONCLUSIVE</b> \(report.name(one).split(separator: ">")[0])"))
    #expect(text.contains(reasons.text))
    #expect(text.contains(">1:2</td>"))
    #expect(throws: HarnessError.self) { try page(campaign, axis: "fs") }
  }

  /// The widths of the pieces of each bar below a heading, percent.
  private static func bars(_ page: String, below heading: String) throws -> [[Double]] {
    let rest = try #require(page.split(separator: "id=\"\(heading)\"", maxSplits: 1).last)
    let section = try #require(rest.split(separator: "</section>", maxSplits: 1).first)
    return section.split(separator: "class=\"bar\">").dropFirst().compactMap { bar in
      bar.split(separator: "</span>", maxSplits: 1).first?.split(separator: "width:").dropFirst()
        .compactMap { Double($0.prefix { $0 != "%" }) }
    }
  }

  /// All the time of stalls has a cause or is unexplained; all memory has a name or is unaccounted.
  @Test func barsSumToTheWhole() throws {
    let campaign = try PageFixture.campaign()
    let text = try page(campaign)
    let ledger = try Self.bars(text, below: "h-ledger")
    #expect(ledger.count >= 6)
    for bar in ledger { #expect(abs(bar.reduce(0, +) - 100) < 0.1) }
    let kills = try Self.bars(text, below: "h-kills")
    #expect(kills.count == 1)
    // It was at its limit.
    for bar in kills { #expect(abs(bar.reduce(0, +) - 100) < 0.1) }
    #expect(text.contains("; limit 65536 KiB; finding: "))
  }

  /// Counters before events: one line of the section's own for each cell, whether there were any or not.
  @Test func eachCellSaysWhatPrecededItsEvents() throws {
    let campaign = try PageFixture.campaign()
    let text = try page(campaign)
    for cell in 0...1 {
      for kind in EventKind.allCases {
        let study = CountersAround(kind, try campaign.diagnosis(cell: cell).around)
        let sentence: Markup =
          study.tally.events == 0
          ? "\(AroundSection.none([study]))" : "\(AroundSection.sentence(study))"
        #expect(text.contains("<p>\(sentence.text)</p>"))
      }
    }
  }

  /// One cell, one trial, nobody killed, and nothing to compare with: says why, and opens.
  @Test func theSmallestCampaign() throws {
    let directory = try RecordFixture()
    let campaign = CampaignFixture(directory)
    try campaign.plan([["fs": "xfs"]], trials: 1)
    try campaign.trial(1, 1, from: RecordFixture.completed)
    let text = try page(try CampaignAnalysis(directory: directory.root))
    #expect(text.contains("No verdict by comparison: "))
    #expect(text.contains("No OOM kill in #1."))
  }
}

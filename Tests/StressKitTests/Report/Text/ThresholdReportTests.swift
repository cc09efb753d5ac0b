// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord
@testable import StressReport

/// Where half of the trials die, in every report, from records.
struct ThresholdReportTests {
  private let directory: RecordFixture
  private let campaign: CampaignFixture
  private static let range = CampaignFile.Threshold.Range(
    from: 0, to: 64 << 20, within: 1_342_177, limit: 64 << 20)

  init() throws {
    directory = try RecordFixture()
    campaign = CampaignFixture(directory)
  }

  /// Two kernels, searched as far as `trials`; whether a cell's trial dies at a value in MiB.
  private func search(
    trials: Int = 40, _ dies: (Int, Double) -> Bool = { $1 > ($0 == 0 ? 58 : 50) }
  ) throws {
    try campaign.plan(
      [["kernel": "debian:6.1", "fs": "xfs"], ["kernel": "debian:6.12", "fs": "xfs"]],
      trials: trials)
    var file = try CampaignFile(directory: directory.root)
    file.threshold = .init(
      key: "pinned.db.size", quantity: .size, ranges: [Self.range, Self.range])
    for cell in 0..<2 { file.cells[cell].profile.expect = [] }
    try file.write(to: directory.root)
    for cell in 0..<2 {
      var search = CellThreshold(Self.range, .size)
      while search.stage == .open, search.trials.count < trials {
        let value = search.next(seed: UInt64(cell))
        let number = search.trials.count + 1
        let died = dies(cell, Double(value) / 1_048_576)
        search.add(.init(number: number, value: value, died: died))
        let text = ProfileQuantity.size.text(value)
        try campaign.trial(
          cell + 1, number, from: died ? RecordFixture.killed : RecordFixture.completed,
          replacing: [
            #""fs":"xfs","#: #""fs":"xfs","pinned.db.size":"\#(text)","#,
            #""size":56623104,"#: #""size":\#(value),"#,
          ])
      }
    }
  }

  private func text(_ format: ReportFormat) throws -> String {
    String(
      decoding: try format.render(try CampaignAnalysis(directory: directory.root), .init()),
      as: UTF8.self)
  }

  @Test func terminal() throws {
    try search()
    let text = try text(.terminal)
    let thresholds = try #require(
      ThresholdSummary(try CampaignSummary(directory: directory.root)))
    #expect(thresholds.cells.map(\.stage) == [.found, .found])
    try expectGolden(report: text.components(before: "#  kernel        OOM  "), "threshold.txt")
    #expect(text.contains("at most 40 trials each"))
    #expect(!text.contains("run so far"))
  }

  /// Each trial's own value stands among the axes.
  @Test func csv() throws {
    try search(trials: 3)
    let rows = try text(.csv).split(whereSeparator: \.isNewline).map { $0.split(separator: ",") }
    let column = try #require(rows[0].firstIndex(of: "pinned.db.size"))
    let killed = rows.filter { $0.contains("killed") }
    #expect(killed.count == 6)
    #expect(killed.allSatisfy { (try? ProfileQuantity.size.parse(String($0[column]))) != nil })
    #expect(Set(killed.map { $0[column] }).count > 2)
  }

  @Test(arguments: [
    ([1], "#1"), ([1, 2], "#1-2"), ([1, 3, 4, 5, 9], "#1, #3-5, #9"), ([], ""),
  ])
  func numbersOfCells(_ numbers: [Int], _ text: String) {
    #expect(ThresholdSection.numbers(numbers) == text)
  }

  /// An image of its own, with a mark for each cell.
  @Test func svg() throws {
    try search()
    let (path, text) = try campaign.write(.svg)
    let told = try JSON(parsing: try ToolCheck.run("check-svg.py", path).utf8)
    let texts = try #require(told["texts"]?.array).compactMap(\.string)
    #expect(texts.contains("debian:6.1") && texts.contains("debian:6.12"))
    #expect(texts.contains("64.0 MiB") && texts.contains("0.0 MiB"))
    let marks = try #require(told["marks"]?.array).compactMap(\.string)
    #expect(marks.count == 2 && marks[1].contains("half of the trials die"))
    #expect(text.components(separatedBy: "<path class=\"whisker\"").count == 3)
  }

  /// Where nothing dies there is no value, and one trial says nothing.
  @Test func svgOfNoThreshold() throws {
    try search { cell, _ in cell == 1 }
    let (path, text) = try campaign.write(.svg)
    let told = try JSON(parsing: try ToolCheck.run("check-svg.py", path).utf8)
    let marks = try #require(told["marks"]?.array).compactMap(\.string)
    #expect(marks[0].contains("nothing dies") && marks[1].contains("all die"))
    #expect(!text.contains("<circle"))
  }

  @Test func json() throws {
    try search()
    let (path, text) = try campaign.write(.json)
    _ = try ToolCheck.run("check-json.py", path, "docs/report.schema.json")
    let told = try #require(try JSON(parsing: text.utf8)["threshold"])
    #expect(told["cells"]?.array?.map { $0["stage"] } == ["found", "found"])
    #expect(told["cells"]?.array?[0]["rising"] == true)
    let change = told["differences"]?.array?[0]["change"]
    #expect(abs((change?["estimate"]?.double ?? 0) / 1_048_576 + 8) < 1.5)
    #expect(
      try JSON(parsing: text.utf8)["comparison"]?["refused"]?.string?.contains("chose") == true)
  }

  @Test func mail() throws {
    try search()
    let prose = ParsedMail(try text(.mail)).prose
    #expect(prose.contains("half of the trials die at pinned.db.size "))
    #expect(prose.contains("below memory.max, by an adaptive search of "))
    #expect(prose.contains("kernel debian:6.12 needs "))
    #expect(!prose.contains("Nothing was compared"))
  }

  /// The curve's points and its band, in markup: no script is needed.
  @Test func page() throws {
    try search()
    let page = try text(.html)
    #expect(page.contains("<h2 id=\"h-threshold\">"))
    #expect(page.split(separator: "class=\"mean\"").count == 3)
    let trials = try CampaignSummary(directory: directory.root).cells.flatMap(\.counted).count
    let marks = ["died", "lived"].map { page.split(separator: "<line class=\"\($0)\"").count - 1 }
    #expect(marks[0] + marks[1] == trials)
  }

  /// In a browser, beside the charts of a real trial.
  @Test func aBrowserReadsIt() throws {
    for (name, bytes) in try PageFixture.files() {
      let text = String(decoding: bytes, as: UTF8.self)
      let axes = #""fs":"ext4"}"#
      try directory.write(
        name,
        name == "campaign.json" ? text : text.replacing(axes, with: #""fs":"ext4","pin":"48MiB"}"#))
    }
    var file = try CampaignFile(directory: directory.root)
    file.threshold = .init(key: "pin", quantity: .size, ranges: [Self.range, Self.range])
    try file.write(to: directory.root)
    let page = try text(.html)
    #expect(page.split(separator: "<figure class=\"threshold\">").count == 3)
    #expect(page.contains("trial 1 at 48.0 MiB: "))
    try PageFixture.check(try directory.write("page.html", page))
  }

  /// What the script pins is what the trial had pinned, and not what the profile says.
  @Test func reproducer() throws {
    try search()
    let analysis = try CampaignAnalysis(directory: directory.root)
    let cell = try analysis.reportedCell(nil, .init()).index
    let trial = try #require(analysis.summary.cells[cell].typicalTrial)
    let value = try #require(trial.axes.first { $0.key == "pinned.db.size" }?.value)
    let record = try analysis.record(cell: cell, trial: trial.number)
    #expect(analysis.cell(cell, asRun: record).profile.pinned[0].size == (try Units.size(value)))
    #expect(try !text(.reproducer).contains("56623104"))
  }

  @Test func neverAndAlways() throws {
    try search { cell, _ in cell == 1 }
    let text = try text(.terminal)
    #expect(text.contains("never dies") && text.contains("always dies"))
    #expect(text.contains("#1: nothing dies from 0.0 MiB to 64.0 MiB: 0 of "))
    #expect(text.contains("#2: all die from 0.0 MiB to 64.0 MiB: "))
    #expect(!text.contains("needs"))
  }

  @Test func open() throws {
    try search(trials: 4)
    let text = try text(.terminal)
    #expect(text.contains("#1: open after 4 trials: "))
  }

  @Test func notMonotonic() throws {
    try campaign.plan([["kernel": "debian:6.1"]], trials: 40)
    var search = CellThreshold(Self.range, .size)
    for number in 1...21 {
      let value = UInt64([10, 30, 55][number % 3]) << 20
      search.add(.init(number: number, value: value, died: number % 3 == 1))
    }
    #expect(search.stage == .notMonotonic && !search.isTold)
    let found = try #require(search.contradiction)
    #expect(found.piece.inside == Proportion(7, of: 7))
    #expect(found.from < 30 * 1_048_576 && found.to > 30 * 1_048_576)
  }

  @Test func verdictsAreRefused() throws {
    try search(trials: 3)
    let summary = try CampaignSummary(directory: directory.root)
    let error = #expect(throws: HarnessError.self) { try CampaignComparison([summary]) }
    #expect(
      error?.description.hasSuffix(
        ": its trials ran at values that earlier ones chose: their rates cannot be compared;"
          + " 'wbstress report' compares the thresholds") == true)
  }
}

extension String {
  /// What comes before a text.
  fileprivate func components(before text: String) -> String {
    split(separator: text, maxSplits: 1).first.map(String.init) ?? self
  }
}

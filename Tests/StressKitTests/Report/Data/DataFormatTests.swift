// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressReport

/// JSON and CSV.
struct DataFormatTests {
  private let directory: RecordFixture
  private let campaign: CampaignFixture

  init() throws {
    directory = try RecordFixture()
    campaign = CampaignFixture(directory)
  }

  /// A cell with a trace, and one whose trials ended in every way; kernels to compare.
  private func traced() throws {
    try campaign.mixedResults()
    try campaign.trial(2, 1, from: CampaignFixture.traced)
  }

  // MARK: JSON

  /// Every member is in the schema, and nothing else is.
  @Test func schema() throws {
    try traced()
    let (path, text) = try campaign.write(.json)
    _ = try ToolCheck.run("check-json.py", path, "docs/report.schema.json")
    // The schema does find a member that it does not know.
    let wrong = text.replacing("\"kill_stamps\":", with: "\"kill_stamp\":")
    let wrongPath = try directory.write("wrong.json", wrong)
    let schema = "docs/report.schema.json"
    #expect(try ToolCheck.answer("check-json.py", [wrongPath, schema]).status == 1)
  }

  @Test func document() throws {
    try traced()
    let json = try JSON(parsing: try campaign.write(.json, cell: 1, trial: 1).text.utf8)
    try expectGolden(
      report: json.indentedText + "\n", "report.json")
  }

  /// One source of numbers: what the document says is what the analysis has.
  @Test func numbersAreTheAnalysiss() throws {
    try traced()
    let json = try JSON(parsing: try campaign.write(.json).text.utf8)
    let analysis = try campaign.analysis()
    let cells = try #require(json["cells"]?.array)
    for (cell, summary) in zip(cells, analysis.summary.cells) {
      #expect(cell["killed"]?["events"]?.count == summary.killed.events)
      #expect(cell["killed"]?["trials"]?.count == summary.killed.trials)
      #expect(cell["killed"]?["wilson95"]?["upper"]?.double == summary.killed.wilson().upper)
      #expect(cell["throughput"]?["median"]?.double == summary.sample(\.throughput).median)
      #expect(cell["longest_fsync"]?["max"]?.double == summary.sample(\.longestSync).max)
      for trial in summary.trials {
        let told = cell["trials"]?.array?.first { $0["trial"]?.count == trial.number }?["measured"]
        let measured = try #require(told)
        #expect(measured["throughput"]?.double == trial.throughput)
        #expect(measured["stall"]?["p99"]?.double == trial.stall?.p99)
        #expect(measured["vmstat"]?.members?.count == trial.vmstat.count)
        for (name, growth) in trial.vmstat { #expect(measured["vmstat"]?[name]?.int == growth) }
        for (name, one) in trial.latencies {
          let latency = measured["latencies"]?[name]
          #expect(latency?["p99.9"]?.double == one.percentile(0.999))
          #expect(latency?["max"]?.double == one.max && latency?["count"]?.count == one.count)
        }
      }
    }
    let killed = cells[1]["trials"]?.array?.first?["measured"]
    let autopsy = try #require(try analysis.diagnosis(cell: 1, trial: 1).trials[0].autopsies.first)
    let told = killed?["autopsies"]?.array?.first
    #expect(told?["finding"]?.string == autopsy.finding.name)
    #expect(told?["composition"]?["parts"]?["anon"]?.int == autopsy.memory?[.anon])
    #expect(told?["composition"]?["unaccounted"]?.int == autopsy.memory?.unaccounted)
  }

  @Test func verdictsAreTheAnalysiss() throws {
    try campaign.plan(
      [["kernel": "debian:6.1", "fs": "xfs"], ["kernel": "debian:6.12", "fs": "xfs"]], trials: 4)
    for number in 1...4 {
      try campaign.trial(1, number, from: RecordFixture.completed)
      try campaign.trial(
        2, number, from: RecordFixture.killed,
        replacing: ["\"lru_gen\":true": "\"lru_gen\":false"])
    }
    let json = try JSON(parsing: try campaign.write(.json).text.utf8)
    let pair = try #require(try campaign.analysis().comparison().comparisons.first)
    let verdict = try #require(pair.verdict)
    let told = try #require(json["comparison"]?["pairs"]?.array?.first)
    #expect(told["call"]?.string == verdict.call.rawValue)
    for (endpoint, result) in zip(try #require(told["endpoints"]?.array), verdict.results) {
      #expect(endpoint["endpoint"]?.string == result.measurement.endpoint.name)
      #expect(endpoint["finding"]?.string == result.finding.rawValue)
      #expect(endpoint["adjusted_p"]?.double == pair.adjusted(result))
      #expect(endpoint["change"]?["upper"]?.double == result.measurement.change?.interval.upper)
    }
    #expect(told["endpoints"]?.array?[0]["adjusted_p"]?.double ?? 1 < 0.1)
    #expect(told["counters"]?["tested"]?.count == pair.counters.tested)
    #expect(told["counters"]?["findings"]?.array?.count == pair.counters.findings.count)
    let written = try directory.write("verdicts.json", json.text)
    _ = try ToolCheck.run("check-json.py", written, "docs/report.schema.json")
  }

  @Test(
    arguments: [
      (0.1, "0.1"), (3, "3"), (-0.0, "0"), (1e300, "1e+300"), (0x1p53, "9007199254740992.0"),
      (0.1 + 0.2, "0.30000000000000004"), (.nan, "null"), (.infinity, "null"), (nil, "null"),
    ] as [(Double?, String)])
  func numbers(_ value: Double?, _ text: String) { #expect(JSON.number(value).text == text) }

  /// What shows all of a campaign says so, instead of showing it regardless of what was asked for.
  @Test(arguments: [ReportFormat.terminal, .full])
  func tablesAreOfAllCells(_ format: ReportFormat) throws {
    try campaign.plan([["fs": "xfs"]], trials: 1)
    try campaign.trial(1, 1, from: RecordFixture.completed)
    let analysis = try campaign.analysis()
    for choice in [ReportFormat.Choice(cell: 0), .init(trial: 1)] {
      let error = #expect(throws: HarnessError.self) { try format.render(analysis, choice) }
      #expect(error?.code == .usage)
      #expect(error?.operation == "format \(format.rawValue) is of all cells and trials")
    }
  }

  /// What cannot be compared is no error unless it was asked for.
  @Test func comparisons() throws {
    try campaign.plan([["fs": "xfs"]], trials: 1)
    try campaign.trial(1, 1, from: RecordFixture.completed)
    let json = try JSON(parsing: try campaign.write(.json).text.utf8)
    #expect(json["comparison"]?["refused"]?.string != nil)
    #expect(json["comparison"]?["pairs"] == [])
    let choice = ReportFormat.Choice(comparison: .init(axis: "fs"))
    #expect(throws: HarnessError.self) {
      try ReportFormat.json.render(try campaign.analysis(), choice)
    }
  }

  // MARK: fio

  @Test func fioJobs() throws {
    try traced()
    let json = try JSON(parsing: try campaign.write(.json, cell: 1, trial: 1).text.utf8)
    let fio = json["cells"]?.array?[0]["trials"]?.array?[0]["measured"]?["fio"]
    let job = try #require(fio?["jobs"]?.array?.first)
    let write = job["write"]
    let trial = try campaign.analysis().summary.cells[1].trials[0]
    let latencies = try #require(trial.workerLatencies["backup"]?["write"])
    #expect(job["jobname"]?.string == "backup")
    #expect(write?["io_bytes"]?.count == 25_165_824 && write?["total_ios"]?.count == 96)
    #expect(write?["clat_ns"]?["N"]?.count == latencies.count)
    #expect(write?["clat_ns"]?["percentile"]?["99.000000"]?.double == latencies.percentile(0.99))
    let bins = write?["clat_ns"]?["bins"]?.members ?? []
    #expect(bins.reduce(0) { $0 + ($1.value.count ?? 0) } == latencies.count)
    // An unused direction is as fio has it.
    #expect(job["trim"]?["clat_ns"] == ["min": 0, "max": 0, "mean": 0, "stddev": 0, "N": 0])
  }

  /// fio's scripts look no further than its last bin.
  @Test func fioBinsEnd() throws {
    try campaign.plan([["fs": "xfs"]], trials: 1)
    try campaign.trial(
      1, 1, from: RecordFixture.completed, without: ["latency"],
      adding: [
        "{\"type\":\"latency\",\"t\":9,\"from\":8,\"of\":\"write\",\"worker\":\"backup\",\"count\":4,"
          + "\"sum\":61000000010,\"max\":40000000000,"
          + "\"v\":[[10,1],[1000000000,1],[20000000000,1],[40000000000,1]]}"
      ])
    let json = try JSON(parsing: try campaign.write(.json).text.utf8)
    let fio = json["cells"]?.array?[0]["trials"]?.array?[0]["measured"]?["fio"]
    let clat = fio?["jobs"]?.array?[0]["write"]?["clat_ns"]
    #expect(clat?["bins"] == ["10": 1, "1000000000": 1, "17112760320": 2])
    #expect(clat?["max"] == 40_000_000_000 && clat?["min"] == 10)
    #expect(clat?["mean"]?.double == 15_250_000_002.5)
  }

  @Test func deviations() {
    let one = Distribution([(value: 2, count: 1), (value: 4, count: 3), (value: 9, count: 1)])
    // Mean 4.6; squares 6.76 + 3 * 0.36 + 19.36.
    #expect(abs((one.deviation ?? 0) - (27.2 / 5).squareRoot()) < 1e-12)
    #expect(one.mean == 4.6)
    #expect(Distribution([]).deviation == nil && Distribution([]).mean == nil)
  }

  // MARK: CSV

  @Test func table() throws {
    try traced()
    try expectGolden(
      report: try campaign.write(.csv, cell: 1, trial: 1).text.replacing("\r\n", with: "\n"),
      "report.csv")
  }

  /// The same numbers as the document's, trial by trial.
  @Test func tableIsTheDocuments() throws {
    try traced()
    let (table, document) = (try campaign.write(.csv).path, try campaign.write(.json).path)
    let found = try JSON(parsing: try ToolCheck.run("check-csv.py", table, document).utf8)
    #expect((found["compared"]?.int ?? 0) > 150)
  }

  @Test func hostileNames() throws {
    try campaign.mixedResults(label: CampaignFixture.hostile, fs: CampaignFixture.hostile)
    let (table, document) = (try campaign.write(.csv).path, try campaign.write(.json).path)
    _ = try ToolCheck.run("check-csv.py", table, document)
    _ = try ToolCheck.run("check-json.py", document, "docs/report.schema.json")
  }

  @Test(
    arguments: [
      ("plain", "plain"), ("", ""), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""),
      ("a\nb", "\"a\nb\""), ("a\r\nb", "\"a\r\nb\""), ("=1+1", "'=1+1"), ("@x", "'@x"),
      ("-1", "-1"), ("-1.5e-9", "-1.5e-9"), ("+x", "'+x"), ("-x,", "\"'-x,\""),
      ("a\0b", "a\u{fffd}b"), ("\tx", "'\tx"),
    ])
  func fields(_ text: String, _ field: String) { #expect(CSVReport.field(text) == field) }
}

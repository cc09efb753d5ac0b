// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord
import StressReport

/// /dev/kmsg: one record, and a whole log with its OOM reports; and logs saved in any form.
enum KernelLog {
  static func feedRecord(_ bytes: UnsafeRawBufferPointer) {
    guard let record = KernelLogRecord(parsing: bytes) else { return }
    require(record.level < 8, "a level of \(record.level)")
    require(record.text.utf8.count <= 3 * bytes.count, "the text has grown")
  }

  static func feedLog(_ bytes: UnsafeRawBufferPointer) {
    let records = KernelLogRecord.records(in: bytes)
    var parser = OOMReportParser()
    var kills = 0
    for record in records {
      switch parser.feed(record) {
      case .incident(let report):
        kills += 1
        require(report.victims.count == 1, "an incident with \(report.victims.count) victims")
      case .groupKill: kills += 1
      case .withoutKill(let report, _): require(report.victims.isEmpty, "a kill without a kill")
      case nil: break
      }
    }
    require(kills == parser.killLines, "\(kills) kills in \(parser.killLines) kill lines")
    for report in OOMReportParser.reports(in: records) {
      require(OOMReport(json: report.json) == report, "the record changes the report")
    }
  }

  static func feedSaved(_ bytes: UnsafeRawBufferPointer) {
    let whole = SavedLog.messages(Array(bytes))
    var widths = LineWidths()
    bytes.withMemoryRebound(to: UInt8.self) { widths.feed($0) }
    var log = SavedLog(cutWidth: widths.cut)
    var pieces: [SavedLog.Message] = []
    for at in stride(from: 0, to: bytes.count, by: 61) {
      let piece = UnsafeRawBufferPointer(rebasing: bytes[at..<min(bytes.count, at + 61)])
      piece.withMemoryRebound(to: UInt8.self) { log.feed($0) { pieces.append($0) } }
    }
    log.finish { pieces.append($0) }
    require(pieces == whole, "a log in pieces is another one")
    var builder = LogAutopsyBuilder()
    for message in whole { builder.feed(message) }
    let autopsy = builder.finish()
    for kill in autopsy.kills {
      require(kill.lines.upperBound <= autopsy.last?.line ?? 0, "a kill beyond the log's end")
    }
    _ = LogReport("log", autopsy, told: 5, style: .init(colour: false)).text
    _ = LogReport.json("log", autopsy).text
  }
}

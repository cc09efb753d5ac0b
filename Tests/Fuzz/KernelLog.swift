// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// /dev/kmsg: one record, and a whole log with its OOM reports.
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
}

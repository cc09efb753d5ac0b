// SPDX-License-Identifier: Apache-2.0
@testable import StressCore
@testable import StressRecord

/// Writes messages as tools print them and people mail them.
struct LogForm {
  enum Tool: String, CaseIterable {
    case dmesg, dmesgWithCallers, dmesgT, dmesgTJapanese, dmesgX, dmesgISO, dmesgReltime
    case journal, journalISO, journalPrecise, journalMonotonic, journalUnix, journalFull
    case json, export, syslog, rfc5424, kmsg, rawPriority
  }

  var tool: Tool

  static let host = "db-7"

  func bytes(_ records: [KernelLogRecord]) -> [UInt8] {
    tool == .export ? Self.export(records) : Array(text(records).utf8)
  }

  /// - Parameter records: their times are 1 ms apart, from boot.
  private func text(_ records: [KernelLogRecord]) -> String {
    records.enumerated().map { index, record in
      one(record, UInt64(index + 1) * 1_000_000)
    }.joined()
  }

  private func digits(_ value: UInt64, _ count: Int) -> String {
    let text = "\(value)"
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }

  private func uptime(_ time: UInt64) -> String {
    let seconds = "\(time / 1_000_000_000)"
    return String(repeating: " ", count: max(0, 5 - seconds.count)) + seconds + "."
      + digits(time / 1000 % 1_000_000, 6)
  }

  /// The trace of one record, with its end.
  private func one(_ record: KernelLogRecord, _ time: UInt64) -> String {
    let micros = digits(time / 1000 % 1_000_000, 6)
    let clock = "03:54:\(digits(time / 1_000_000_000 % 60, 2))"
    switch tool {
    case .dmesg: return each(record, "[\(uptime(time))] ")
    case .dmesgWithCallers:
      let caller = record.caller ?? "T1"
      let blanks = String(repeating: " ", count: max(0, 6 - caller.count))
      return each(record, "[\(uptime(time))][\(blanks)\(caller)] ")
    case .dmesgT: return each(record, "[Tue Aug 12 \(clock) 2025] ")
    case .dmesgTJapanese: return each(record, "[火  8月 12 \(clock) 2025] ")
    case .dmesgX: return each(record, "kern  :info  : [\(uptime(time))] ")
    case .dmesgISO: return each(record, "2025-08-12T\(clock),\(micros)+02:00 ")
    case .dmesgReltime: return each(record, "[  +0.001000] ")
    case .journal: return indented(record, "Aug 12 \(clock) \(Self.host) kernel: ")
    case .journalISO: return indented(record, "2025-08-12T\(clock)+0200 \(Self.host) kernel: ")
    case .journalPrecise: return indented(record, "Aug 12 \(clock).\(micros) \(Self.host) kernel: ")
    case .journalMonotonic: return indented(record, "[\(uptime(time))] \(Self.host) kernel: ")
    case .journalUnix: return indented(record, "1754963643.\(micros) \(Self.host) kernel: ")
    case .journalFull: return indented(record, "Tue 2025-08-12 \(clock) CEST \(Self.host) kernel: ")
    case .syslog:
      let text = record.text.split(separator: "\n").joined(separator: "#012")
      return "Aug 12 \(clock) \(Self.host) kernel: [\(uptime(time))] \(text)\n"
    case .rfc5424:
      return each(record, "<6>1 2025-08-12T\(clock).\(micros)Z \(Self.host) kernel - - - ")
    case .rawPriority: return each(record, "<6>[\(uptime(time))] ")
    case .json:
      return JSON.object([
        ("__REALTIME_TIMESTAMP", .string("\(1_754_963_643_000_000 + time / 1000)")),
        ("_SOURCE_MONOTONIC_TIMESTAMP", .string("\(time / 1000)")),
        ("_TRANSPORT", "kernel"), ("_HOSTNAME", .string(Self.host)),
        ("MESSAGE", .string(record.text)),
      ]).text + "\n"
    case .export: return ""
    case .kmsg:
      let text = record.text.replacing("\\", with: "\\x5c").replacing("\n", with: "\\x0a")
      return "6,\(record.sequence),\(time / 1000),-;\(text)\n"
    }
  }

  /// The journal's export format, whose fields of several lines are binary.
  static func export(_ records: [KernelLogRecord]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (index, record) in records.enumerated() {
      bytes +=
        "__CURSOR=s=1;i=\(index)\n__REALTIME_TIMESTAMP=1754963643000000\n_TRANSPORT=kernel\n".utf8
      if record.text.contains("\n") {
        let size = UInt64(record.text.utf8.count)
        bytes += "MESSAGE\n".utf8
        bytes += (0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) }
        bytes += "\(record.text)\n\n".utf8
      } else {
        bytes += "MESSAGE=\(record.text)\n\n".utf8
      }
    }
    return bytes
  }

  /// Consoles, and dmesg: each line of a message has the prefix.
  private func each(_ record: KernelLogRecord, _ prefix: String) -> String {
    record.text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { prefix + $0 + "\n" }.joined()
  }

  /// journalctl: further lines are indented.
  private func indented(_ record: KernelLogRecord, _ prefix: String) -> String {
    let blanks = String(repeating: " ", count: prefix.count)
    return record.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
      .map { ($0 == 0 ? prefix : blanks) + $1 + "\n" }.joined()
  }

  // MARK: What becomes of a log

  /// Broken at blanks, as a mail's editor does it, and quoted so many times.
  static func mailed(_ text: String, width: Int, quotes: Int) -> String {
    let quote = String(repeating: "> ", count: quotes)
    return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      var lines: [String] = []
      var current = ""
      for word in line.split(separator: " ", omittingEmptySubsequences: false) {
        if !current.allSatisfy({ $0 == " " }), current.count + 1 + word.count > width {
          lines.append(current)
          current = String(word)
        } else {
          current +=
            (current.isEmpty && lines.isEmpty && word.isEmpty ? " " : current.isEmpty ? "" : " ")
            + word
        }
      }
      lines.append(current)
      return lines.map { quote + $0 }.joined(separator: "\n")
    }.joined(separator: "\n")
  }

  /// Cut at the right edge of a terminal.
  static func narrow(_ text: String, width: Int) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { String(decoding: $0.utf8.prefix(width), as: UTF8.self) }.joined(separator: "\n")
  }
}

// SPDX-License-Identifier: Apache-2.0
@testable import StressCore
@testable import StressRecord

/// Kernel logs as people save and mail them, given back as /dev/kmsg has them.
enum SavedLog {
  /// Undoes what printk does for consoles (record_print_text: each line of a record gets the prefix), and what
  /// dmesg, dmesg -T, journalctl and rsyslog (#012 for a newline) do to a record.
  static func records(_ name: String) throws -> [KernelLogRecord] {
    var records: [(caller: String?, text: String)] = []
    var latest: Substring?
    for line in try File.text(Fixtures.path(name)).split(separator: "\n") {
      if line.hasPrefix("# ") { continue }
      let (prefix, caller, text) = parted(line)
      let isSameMoment = prefix != nil && prefix == latest
      // Every line has a prefix, or none has and a record's further lines are indented.
      let isMore =
        prefix == nil ? latest != nil || line.first == " " : isSameMoment && text.first == " "
      if isMore, !records.isEmpty {
        // dmesg and journalctl indent them.
        records[records.count - 1].text += "\n" + text.drop { $0 == " " }
      } else {
        records.append((caller, text.replacing("#012", with: "\n")))
      }
      latest = prefix ?? latest
    }
    return records.enumerated().compactMap { index, record in
      let text = record.text.replacing("\\", with: "\\x5c").replacing("\n", with: "\\x0a")
      let caller = record.caller.map { ",caller=" + $0 } ?? ""
      return KernelLogRecord(parsing: "4,\(index + 1),\(index + 1),-\(caller);\(text)".utf8)
    }
  }

  private static func parted(
    _ line: Substring
  ) -> (prefix: Substring?, caller: String?, text: String) {
    if let match = line.prefixMatch(of: #/\[ *\d+\.\d{6}\](?:\[ *([TC]\d+)\])? /#) {
      return (
        match.output.0, match.output.1.map(String.init), String(line[match.range.upperBound...])
      )
    }
    // dmesg -T in any language, or journalctl.
    let others = #/\[\p{L}{2,3} [^\]]*\d{4}\] | ?[A-Z][a-z]{2} +\d+ [\d:]{8} (?:\S+ )?kernel: /#
    if let match = line.prefixMatch(of: others) {
      return (match.output, nil, String(line[match.range.upperBound...]))
    }
    return (nil, nil, String(line))
  }

  /// The stacks of a hung-task report, innermost first, by the task's name and pid; guesses (`? f+0x1/0x2`) are
  /// none of the stack.
  static func stacks(_ name: String) throws -> [(task: String, frames: [String])] {
    var stacks: [(task: String, frames: [String])] = []
    var isInside = false
    for line in try File.text(Fixtures.path(name)).split(separator: "\n") {
      if let match = line.firstMatch(of: /INFO: task (.*) blocked for more than/) {
        stacks.append((String(match.output.1), []))
        isInside = true
      } else if line.contains("</TASK>") || line.contains("Call Trace:"), stacks.last?.frames != []
      {
        isInside = false
      } else if isInside,
        let match = line.firstMatch(
          of: #/(?:^|: |\] ) *(?:\[<[0-9a-f]+>\] )?([A-Za-z_][\w.]*)\+0x[0-9a-f]+/0x/#)
      {
        stacks[stacks.count - 1].frames.append(String(match.output.1))
      }
    }
    return stacks.filter { !$0.frames.isEmpty }
  }
}

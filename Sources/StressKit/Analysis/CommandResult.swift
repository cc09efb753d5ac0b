// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What became of one of a trial's commands, and what it used.
package struct CommandResult: Sendable, Equatable {
  package var name: String
  /// As in `exit status 0`, `signal 9`; nil: it has not ended.
  package var exit: String?
  package var ended: CommandEndLine.Ended?
  /// From its start until its first process was seen to have ended, ns; nil: it has not.
  package var time: Double?
  /// CPU time of its cgroup, user and system, ns.
  package var cpuTime: Double?
  /// Of its cgroup by io.stat, on all disks, bytes. Writeback is the cgroup's that dirtied the pages.
  package var readBytes: Int64?
  package var writtenBytes: Int64?
  /// What it said of itself: the profile's figures that its output has.
  package var figures: [String: Double]
  /// Names of the processes that outlived its first one.
  package var left: [String]

  /// In the order of the record; a command that was never started is not among them.
  static func all(in record: RecordReader, _ profile: JSON?) -> [CommandResult] {
    let lines = record.lines(CommandEndLine.self)
    if lines.isEmpty { return [] }
    let groups = Dictionary(
      record.lines(WorkerLine.self).filter { $0.event == .start }
        .compactMap { line in line.name.flatMap { name in line.cgroup.map { (name, $0) } } },
      uniquingKeysWith: { first, _ in first })
    let snapshots = record.lines(SnapshotLine.self).filter { $0.when == .after }
    return lines.compactMap { line in
      guard let name = line.command else { return nil }
      func values(_ file: String) -> JSON? {
        groups[name].flatMap { group in
          snapshots.first { $0.file?.hasSuffix("/\(group)/\(file)") == true }?.values
        }
      }
      let cpu = values("cpu.stat")
      let usage = cpu?["user_usec"]?.int.flatMap { user in
        cpu?["system_usec"]?.int.map { (Double(user) + Double($0)) * 1000 }
      }
      let io = values("io.stat")?.string
      let patterns = profile?["commands"]?.array?.first { $0["name"]?.string == name }?["figures"]
      let output = [line.output, line.outputEnd].compactMap(\.self).joined(separator: "\n")
      var figures: [String: Double] = [:]
      for (figure, pattern) in patterns?.members ?? [] {
        figures[figure] = pattern.string.flatMap {
          Profile.Command.Figure(figure, $0).value(in: output)
        }
      }
      return CommandResult(
        name: name, exit: line.exit, ended: line.ended,
        time: line.start.flatMap { start in line.end.map { Double($0) - Double(start) } },
        cpuTime: usage, readBytes: io.flatMap { sum("rbytes", in: $0) },
        writtenBytes: io.flatMap { sum("wbytes", in: $0) }, figures: figures,
        left: line.left ?? [])
    }
  }

  /// Of all disks: Documentation/admin-guide/cgroup-v2.rst, io.stat. An empty file is one of no I/O.
  private static func sum(_ key: String, in text: String) -> Int64? {
    var sum: Int64 = 0
    for word in text.split(whereSeparator: { " \n".contains($0) }) where word.hasPrefix(key + "=") {
      guard let value = Int64(word.dropFirst(key.count + 1)) else { return nil }
      let (next, isBeyond) = sum.addingReportingOverflow(value)
      if isBeyond { return nil }
      sum = next
    }
    return sum
  }
}

extension Profile.Command.Figure {
  /// The number in the last of a text's lines that have it; nil: none has.
  package func value(in text: String) -> Double? {
    guard let (before, after) = pattern[...].parted(by: "*") else { return nil }
    var value: Double?
    for line in text.utf8.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d }) {
      if let found = Self.number(in: Substring(line), String(before), String(after)) {
        value = found
      }
    }
    return value
  }

  private static func number(in line: Substring, _ before: String, _ after: String) -> Double? {
    var rest = line
    while true {
      if !before.isEmpty {
        guard let found = rest.parted(by: before) else { return nil }
        rest = found.after
      }
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }
      // `3e` of `3extents` is no number, and `3` is.
      var length = digits.count
      while length > 0 {
        let text = digits.prefix(length)
        if let value = Double(text), value.isFinite, text.first?.isLetter == false {
          let behind = rest.dropFirst(length)
          if behind.utf8.starts(with: after.utf8) { return value }
          break
        }
        length -= 1
      }
      if before.isEmpty { return nil }
    }
  }
}

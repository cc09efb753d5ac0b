// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// One record for people: header, then what its lines tell in the order of their times. Of types that come by the
/// hundred, and of single lines that are too short or too usual, only how many there are is said.
package struct RecordText {
  /// Of a stack: enough to tell one wait from another.
  private static let frames = 4

  private let record: RecordReader
  /// Names of the tasks, by pid.
  private let tasks: [Int64: String]
  /// Where a task slept, by the number of its stack.
  private let stacks: [Int64: String]

  package init(_ record: RecordReader) {
    self.record = record
    tasks = Dictionary(
      record.lines(TaskLine.self).compactMap { line in
        line.pid.map { ($0, line.comm ?? "\($0)") }
      }, uniquingKeysWith: { _, last in last })
    stacks = Dictionary(
      record.lines(StackLine.self).compactMap { line in
        guard let id = line.id, let frames = line.frames else { return nil }
        return (id, frames.prefix(Self.frames).joined(separator: " < "))
      }, uniquingKeysWith: { _, last in last })
  }

  package var text: String {
    let header = record.first(HeaderLine.self)
    let plan = header?.plan
    let axes = (plan?.axes?.members ?? []).map { "\($0.key)=\($0.value)" }
    var lines = [
      "\(plan?.label ?? "?") \(axes.joined(separator: " ")) "
        + "trial \(plan?.number ?? 0), seed \(UInt64(bitPattern: plan?.seed ?? 0))",
      "kernel \(header?.release ?? "?"), \(header?.accelerator ?? "?"), "
        + "disk cache \(header?.diskCache ?? "?"), \(header?.mkfs ?? "?")",
    ]
    let start = record.first(PhaseLine.self)?.t ?? 0
    var counts: [String: Int] = [:]
    // They are written as their sources are asked. Those without a time are the host's, at the end.
    record.forEachInTime { line, time in
      let type = line.type ?? "?"
      let what: String?
      switch Self.tellings[type] ?? .whole {
      case .above: return
      case .counted: what = nil
      case .text(let text): what = text(self, line)
      case .whole: what = Self.members(line, type)
      }
      guard let what else {
        counts[type, default: 0] += 1
        return
      }
      if let time {
        let text = Format.fixed(Double(time - start) / 1e9, 3)
        lines.append(String(repeating: " ", count: max(0, 9 - text.count)) + text + "  " + what)
      } else {
        lines.append("           " + what)
      }
    }
    counts[ReadingLine.typeName] = record.count(ReadingLine.self)
    let counted = record.types.compactMap { type in
      counts[type].flatMap { $0 > 0 ? "\(type) \($0)" : nil }
    }
    if !counted.isEmpty { lines.append("only counted: " + counted.joined(separator: ", ")) }
    for text in record.defects.texts { lines.append("record: " + text) }
    if record.ending == nil { lines.append("the record has no end: its harness was lost") }
    return lines.joined(separator: "\n")
  }

  /// Any line as it stands: each member and its value.
  static func members(_ line: RecordLine, _ type: String) -> String {
    let own = ["\(RecordLine.typeName)", "\(RecordLine.timeName)"]
    let members = (line.json.members ?? []).filter { !own.contains($0.key) }.map { member in
      let value = member.value.string ?? (member.value == .null ? "?" : member.value.text)
      return "\(member.key) \(value)"
    }
    return members.isEmpty ? type : "\(type): " + members.joined(separator: ", ")
  }

  /// The task of a pid.
  func task(_ pid: JSON?) -> String {
    guard let pid = pid?.int, pid > 0 else { return "" }
    return " in \(tasks[pid] ?? "task") (\(pid))"
  }

  /// Where a task was off its CPU.
  func place(_ state: JSON?, _ stack: JSON?) -> String {
    guard let state = state?.string else { return "" }
    return ", \(state)" + (stack?.int.flatMap { stacks[$0] }.map { ": " + $0 } ?? "")
  }
}

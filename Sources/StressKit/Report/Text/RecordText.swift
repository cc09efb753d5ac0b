import StressCore
import StressRecord

/// One record for people: header, then what its lines tell in the order of their times. Of types that come by the
/// hundred, and of single lines that are too short or too usual, only how many there are is said.
package struct RecordText {
  /// Intervals of the kernel's that are shorter are left to jq, ns.
  private static let shortest: Int64 = 10_000_000
  /// Of a stack: enough to tell one wait from another.
  private static let frames = 4
  /// include/linux/backing-dev-defs.h, enum wb_reason.
  private static let reasons = [
    "background", "vmscan", "sync", "periodic", "laptop_timer", "fs_free_space", "forker_thread",
    "foreign_flush",
  ]

  /// Types that are only counted: what is asked of them takes jq or a report's tables.
  private static let counted: Set<String> = [
    "sample", "kmsg", "latency", "progress", "snapshot", "columns", "clock", "task", "stack",
    "unlisted", "alive", "memcg-event", "cgroup-event", "psi", "environment", "trace-start",
  ]

  private let record: RecordReader
  /// Names of the tasks, by pid.
  private let tasks: [Int64: String]
  /// Where a task slept, by the number of its stack.
  private let stacks: [Int64: String]

  package init(_ record: RecordReader) {
    self.record = record
    tasks = Dictionary(
      record.lines("task").compactMap { line in
        line["pid"]?.int.map { ($0, line["comm"]?.string ?? "\($0)") }
      }, uniquingKeysWith: { _, last in last })
    stacks = Dictionary(
      record.lines("stack").compactMap { line in
        guard let id = line["id"]?.int, let frames = line["frames"]?.array else { return nil }
        return (id, frames.prefix(Self.frames).compactMap(\.string).joined(separator: " < "))
      }, uniquingKeysWith: { _, last in last })
  }

  package var text: String {
    let header = record.first("header")
    let plan = header?["plan"]
    let axes = (plan?["axes"]?.members ?? []).map { "\($0.key)=\($0.value.string ?? "")" }
    var lines = [
      "\(plan?["label"]?.string ?? "?") \(axes.joined(separator: " ")) "
        + "trial \(plan?["number"]?.int ?? 0), seed \(UInt64(bitPattern: plan?["seed"]?.int ?? 0))",
      "kernel \(header?["release"]?.string ?? "?"), \(header?["accelerator"]?.string ?? "?"), "
        + "disk cache \(header?["disk_cache"]?.string ?? "?"), \(header?["mkfs"]?.string ?? "?")",
    ]
    let start = record.first("phase").flatMap { $0["t"]?.int } ?? 0
    var counts: [String: Int] = [:]
    // They are written as their sources are asked. Those without a time are the host's, at the end.
    record.forEachInTime { line, time in
      let json = line.json
      let type = json["type"]?.string ?? "?"
      // It stands above.
      if type == "header" { return }
      guard let what = describe(json, type) else {
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
    counts["sample"] = record.count("sample")
    let counted = record.types.compactMap { type in
      counts[type].flatMap { $0 > 0 ? "\(type) \($0)" : nil }
    }
    if !counted.isEmpty { lines.append("only counted: " + counted.joined(separator: ", ")) }
    for text in record.defects.texts { lines.append("record: " + text) }
    if record.ending == nil { lines.append("the record has no end: its harness was lost") }
    return lines.joined(separator: "\n")
  }

  private func worker(_ line: JSON) -> String {
    (line["stream"] ?? line["pinned"] ?? line["task"])?.string ?? "?"
  }

  private func seconds(_ value: JSON?) -> String { Format.seconds(value?.double) + " s" }

  /// A line's text; nil for what is only counted.
  private func describe(_ line: JSON, _ type: String) -> String? {
    if Self.counted.contains(type) { return nil }
    switch type {
    case "phase":
      let delay = line["delay"].map { " of \(seconds($0))" } ?? ""
      return "phase \(line["name"]?.string ?? "?")\(delay)"
    case "worker":
      let more = line["message"]?.string ?? line["exit"]?.string ?? line["cgroup"]?.string ?? ""
      return "worker \(line["name"]?.string ?? "?"): \(line["event"]?.string ?? "?")"
        + (more.isEmpty ? "" : " " + more)
    case "cost":
      let overhead = Format.fixed((line["overhead"]?.double ?? 0) / 1024, 0)
      return "worker \(line["worker"]?.string ?? "?") costs its cgroup \(overhead) KiB"
    case "slow":
      return "\(worker(line)): \(line["kind"]?.string ?? "?") took "
        + seconds(line["latency"])
    case "in-flight":
      return "\(worker(line)): \(line["kind"]?.string ?? "?") in flight for "
        + seconds(line["age"])
    case "pin", "touches", "rounds", "state": return own(line)
    case "moment": return "at \(seconds(line["at"])): \(line["what"]?.string ?? "?")"
    case "device":
      let speed = line["bandwidth"]?.double.map { Format.mebibytes($0) + " MiB/s" }
      let iops = line["iops"]?.int.map { "\($0) IOPS" }
      let limits = [speed, iops].compactMap(\.self)
      return "device: " + (limits.isEmpty ? "unthrottled" : limits.joined(separator: ", "))
    case "oom":
      return line["report"].flatMap(OOMReport.init(json:)).map(describe) ?? members(line, type)
    case "oom-group-kill":
      return "OOM group kill: pid \(line["victim"]?["pid"]?.int ?? 0)"
    case "oom-without-kill": return "OOM without a kill: \(line["reason"]?.string ?? "?")"
    case "stream":
      let bytes = line["bytes"]?.double ?? 0
      let time = (line["last_end"]?.double ?? 0) - (line["first_start"]?.double ?? 0)
      let speed = time > 0 ? Format.mebibytes(bytes / (time / 1e9)) : "-"
      let (inline, punted) = (line["inline"]?.int ?? 0, line["punted"]?.int ?? 0)
      // Of io_uring's writes alone.
      let ways = inline + punted > 0 ? ", \(inline) inline, \(punted) punted" : ""
      return "stream \(line["stream"]?.string ?? "?"): \(Format.mebibytes(bytes)) MiB, "
        + "\(speed) MiB/s\(ways)"
    case "kills":
      let events = (line["memory.events"]?.members ?? [])
        .map { "\($0.key) \($0.value.int ?? 0)" }
      return "memory.events: \(events.joined(separator: ", ")); "
        + "\(line["kill_lines"]?.int ?? 0) kill lines in the kernel log"
    case "lane":
      return "lane \(line["lane"]?.string ?? "?"): \(line["samples"]?.int ?? 0) samples, "
        + "\(line["missed"]?.int ?? 0) ticks missed, \(line["dropped"]?.int ?? 0) dropped, "
        + "worst lateness \(seconds(line["lateness"]?["max"] ?? line["worst_lateness"]))"
    case "span":
      guard let ns = line["ns"]?.int, ns >= Self.shortest else { return nil }
      return "\(line["of"]?.string ?? "?") of \(seconds(line["ns"]))\(task(line))\(place(line))"
    case "event": return event(line)
    case "trace": return trace(line)
    case "end":
      let reason = line["reason"]?.string.map { " (\($0))" } ?? ""
      let message = line["message"]?.string.map { ": \($0)" } ?? ""
      return "end: \(line["outcome"]?.string ?? "?")\(reason)\(message)"
    case "note": return "note: \(line["message"]?.string ?? "?")"
    default: return members(line, type)
    }
  }

  /// Any line as it stands: each member and its value.
  private func members(_ line: JSON, _ type: String) -> String {
    let members = (line.members ?? []).filter { $0.key != "type" && $0.key != "t" }.map { member in
      let value = member.value.string ?? (member.value == .null ? "?" : member.value.text)
      return "\(member.key) \(value)"
    }
    return members.isEmpty ? type : "\(type): " + members.joined(separator: ", ")
  }

  /// What a pin or a task says of itself.
  private func own(_ line: JSON) -> String {
    func mebibytes(_ value: JSON?) -> String { Format.mebibytes(value?.double) + " MiB" }
    func count(_ key: String) -> String { line[key]?.int.map { "\($0)" } ?? "?" }
    let longest = line["touch_max"]?.double.map { ", the longest \(Format.seconds($0)) s" } ?? ""
    switch line["type"]?.string {
    case "pin":
      // Older records tell of the touches only.
      guard let reached = line["reached"] else {
        return "pin \(worker(line)): \(count("touches")) first touches\(longest)"
      }
      let all = reached == line["size"] ? "" : " of \(mebibytes(line["size"]))"
      let errno = line["errno"]?.string.map { " (\($0))" } ?? ""
      let touches =
        line["touches"] == nil ? "" : "; \(count("touches")) first touches\(longest)"
      return "pin \(worker(line)) has \(mebibytes(reached))\(all)\(errno)\(touches)"
    case "touches":
      let behind = line["behind"]?.int.map { ", \($0) behind" } ?? ""
      return "pin \(worker(line)): \(count("touches")) touches\(longest)\(behind)"
    case "rounds":
      return
        "task \(worker(line)): \(count("rounds")) rounds, ended by \(line["ended"]?.string ?? "?")"
    default:
      let pages = [("dirty", "dirty"), ("writeback", "under writeback")].compactMap { key, words in
        line["\(key)_pages"]?.int.map { "\($0) pages \(words)" }
      }
      let bytes = [("delalloc", "not allocated"), ("unwritten", "unwritten")].compactMap {
        key, words in line["\(key)_bytes"]?.double.map { "\(Format.mebibytes($0)) MiB \(words)" }
      }
      let extents = line["extents"]?.int.map { ["\($0) extents"] } ?? []
      return "\(worker(line)) round \(count("round")): "
        + (pages + bytes + extents).joined(separator: ", ")
    }
  }

  private func task(_ line: JSON) -> String {
    guard let pid = line["pid"]?.int, pid > 0 else { return "" }
    return " in \(tasks[pid] ?? "task") (\(pid))"
  }

  /// Where a task was off its CPU.
  private func place(_ line: JSON) -> String {
    guard let state = line["state"]?.string else { return "" }
    return ", \(state)" + (line["stack"]?.int.flatMap { stacks[$0] }.map { ": " + $0 } ?? "")
  }

  private func event(_ line: JSON) -> String? {
    switch line["of"]?.string {
    case "mark_victim":
      return "OOM victim marked: \(line["text"]?.string ?? "?") (\(line["victim"]?.int ?? 0))"
        + task(line)
    case "writeback_start":
      let reason = Int(line["reason"]?.int ?? -1)
      let name = Self.reasons.indices.contains(reason) ? Self.reasons[reason] : "\(reason)"
      return "writeback starts for reason \(name)\(task(line))"
    default: return nil
    }
  }

  private func trace(_ line: JSON) -> String {
    if let failed = line["failed"]?.string { return "no trace: \(failed)" }
    let lost = (line["lost"]?.array ?? []).flatMap { cpu in
      ["overrun", "commit_overrun", "dropped"].compactMap { cpu[$0]?.count }
    }.reduce(0, +)
    return "trace: \(line["decoded"]?.int ?? 0) records, \(lost) lost"
  }

  private func describe(_ report: OOMReport) -> String {
    func kib(_ value: UInt64?) -> String { value.map { "\($0 >> 10)" } ?? "?" }
    let victims = report.victims.map { "\($0.comm) (\($0.pid))" }.joined(separator: ", ")
    return "OOM kill of \(victims), invoked by \(report.invoker ?? "?") at the limit of "
      + "\(report.oomCgroup ?? "the machine"); KiB: file \(kib(report.file)), dirty "
      + "\(kib(report.fileDirty)), writeback \(kib(report.fileWriteback)), anon "
      + "\(kib(report.anon)), unevictable \(kib(report.unevictable))"
  }
}

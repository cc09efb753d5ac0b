import Glibc

/// A record on disk, as its host writes it before and after the guest does.
package enum RecordFile {
  /// Version of the lines' meaning; readers ignore types and members that they do not know.
  package static let schema: Int64 = 1
  package static let name = "record.jsonl"

  static let sample: StaticString = "sample"

  /// The types of lines that docs/record.md describes.
  package static let types: Set<String> = [
    "header", "guest", "phase", "modules", "environment", "columns", "sample", "worker", "cost",
    "snapshot", "progress", "pin", "state", "slow", "in-flight", "stream", "touches", "rounds",
    "latency", "moment", "moment-end", "device", "kmsg", "clock", "memcg-event", "cgroup-event",
    "psi", "exit", "oom", "oom-group-kill", "oom-without-kill", "kills", "note", "lane", "mirror",
    "supervisor", "trace-start", "span", "event", "task", "open", "trace", "alive", "stack",
    "unlisted", "written", "guest-end",
    "host", "end",
  ]

  /// Of these, those that the count of `written` leaves out: samples are counted by lane, the others come
  /// after it or from the host.
  static let uncounted: Set<String> = ["sample", "header", "host", "guest-end", "end"]

  /// Of these a record may have two lines that are the same: kinds of latency that come in jiffies are alike
  /// in two parts of a second, and two notices of one moment may tell of the same growth.
  static let repeatable: Set<String> = ["latency", "memcg-event", "alive"]

  /// Appends one line, ending a torn one first.
  package static func append(
    _ path: String, _ type: String, _ members: [(String, JSON)]
  ) throws(HarnessError) {
    let torn = try isTorn(path)
    var bytes: [UInt8] = torn ? [0x0a] : []
    JSON.object([("type", .string(type))] + members.map { (key: $0.0, value: $0.1) })
      .write(to: &bytes)
    bytes.append(0x0a)
    let fd = try Descriptor(open: path, O_WRONLY | O_CREAT | O_APPEND)
    try fd.writeAll(bytes, path)
  }

  /// The last line of a record, whole or torn; nil when there is none. Reads no more than it must.
  static func lastLine(_ path: String) -> [UInt8]? {
    guard let size = File.size(path), size > 0, let fd = try? Descriptor(open: path) else {
      return nil
    }
    var length = 4096
    while true {
      let start = max(0, Int(size) - length)
      var tail = [UInt8](repeating: 0, count: Int(size) - start)
      let got = attemptErrno(pread(fd.raw, &tail, tail.count, off_t(start)), path, "read")
      guard got == tail.count else { return nil }
      let lines = tail.split(separator: 0x0a)
      if start == 0 || lines.count > 1 || (tail.first == 0x0a && !lines.isEmpty) {
        return lines.last.map(Array.init)
      }
      length *= 16
    }
  }

  private static func isTorn(_ path: String) throws(HarnessError) -> Bool {
    guard let size = File.size(path), size > 0 else { return false }
    let fd = try Descriptor(open: path)
    var last: UInt8 = 0
    try checkErrno(pread(fd.raw, &last, 1, off_t(size) - 1), path, "read")
    return last != 0x0a
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine

/// What a kernel said before its machine restarted.
struct LastWords: Equatable, Sendable {
  var source: String
  var lines: [String]

  static let mostLines = 16
  private static let longestLine = 300
  private static let mostBytes = 1 << 20

  /// kernel/panic.c, and the oops of lib/bug.c and of an architecture's fault.c.
  static func tellsOfPanic(_ line: String) -> Bool {
    ["Kernel panic - not syncing", "Oops: ", "kernel BUG at ", "BUG: unable to handle"]
      .contains { line.contains($0) }
  }

  /// From a panic's first line on, as far as it goes, or else the last lines.
  static func choose(_ lines: [String], source: String) -> LastWords? {
    if lines.isEmpty { return nil }
    let first = lines.firstIndex(where: tellsOfPanic)
    let chosen = first.map { lines[$0...].prefix(mostLines) } ?? lines.suffix(mostLines)
    return LastWords(source: source, lines: chosen.map { RemoteText.short($0, longestLine) })
  }

  /// Of a boot that is over: what pstore kept (Documentation/admin-guide/ramoops.rst; systemd-pstore(8)), and the
  /// end of its journal.
  ///
  /// - Parameter time: s since 1970; what is older in pstore is of another crash.
  static func find(of bootID: String, since time: Int64) -> [LastWords] {
    let files = ["/sys/fs/pstore", "/var/lib/systemd/pstore"].flatMap { below($0, depth: 2) }
      .filter { File.modified($0) ?? 0 >= time }
    var found = files.compactMap { path in
      choose(lines((try? File.read(path, atMost: mostBytes)) ?? []), source: path)
    }
    let boot = bootID.filter { $0 != "-" }
    if let journal = try? Tool.run(
      "journalctl", ["--dmesg", "--boot=" + boot, "--lines=200", "--no-pager", "--output=cat"],
      package: "systemd", waiver: .unknown),
      let words = choose(lines(journal), source: "journalctl --dmesg --boot=" + boot)
    {
      found.append(words)
    }
    return found
  }

  private static func below(_ directory: String, depth: Int) -> [String] {
    if depth < 0 { return [] }
    return File.names(in: directory).flatMap { name -> [String] in
      let path = directory + "/" + name
      let inside = below(path, depth: depth - 1)
      return inside.isEmpty ? [path] : inside
    }
  }

  static func lines(_ bytes: [UInt8]) -> [String] {
    bytes.split { $0 == 0x0a || $0 == 0x0d }.map { String(decoding: $0, as: UTF8.self) }
      .filter { !$0.isEmpty }
  }
}

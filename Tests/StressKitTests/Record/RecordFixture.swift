// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore

/// Saved records, and a directory that goes away to put them in.
final class RecordFixture: TemporaryDirectory, @unchecked Sendable {
  /// Trials as the harness saved them, most samples, snapshots and kernel log lines left out: on 6.1 nobody
  /// was killed, on 6.12 the pinned memory was, and with memory.oom.group the stream too.
  static let completed = "completed-61-xfs.jsonl"
  static let killed = "oom-612-xfs.jsonl"
  static let groupKilled = "group-kill-612-ext4.jsonl"

  /// The text of a file in Fixtures/records.
  static func text(_ name: String) throws -> String {
    String(decoding: try KernelLogTests.fixture("records/" + name), as: UTF8.self)
  }

  static func lines(_ name: String) throws -> [String] {
    try text(name).split(separator: "\n").map(String.init)
  }

  /// Writes a saved record under another name and with changes.
  ///
  /// - Parameters:
  ///   - replacing: texts that the record has, and what stands there instead.
  ///   - without: types of lines that are left out.
  ///   - adding: lines put before the `end`.
  @discardableResult
  func record(
    _ name: String = "record.jsonl", from saved: String,
    replacing: KeyValuePairs<String, String> = [:], without: Set<String> = [],
    adding: [String] = []
  ) throws -> String {
    var text = try Self.text(saved)
    for (old, new) in replacing {
      try #require(text.contains(old), "the fixture has no \(old)")
      text = text.split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
    var lines = text.split(separator: "\n").map(String.init)
    let end = lines.last
    lines.removeAll { line in
      without.contains { line.hasPrefix("{\"type\":\"\($0)\"") }
    }
    lines.insert(contentsOf: adding, at: lines.last == end ? lines.count - 1 : lines.count)
    return try write(name, lines.joined(separator: "\n") + "\n")
  }
}

/// Waits until something has happened; false when it has not within 5 s.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  // Against a hang only: compacting a machine's memory took longer than 5 s beside compilers.
  let deadline = cl_boottime() + 60_000_000_000
  while cl_boottime() < deadline {
    if try condition() { return true }
    cl_sleep_until(cl_boottime() + 1_000_000)
  }
  return try condition()
}

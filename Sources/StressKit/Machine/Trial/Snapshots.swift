// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// The rstat-backed files, and what came to be counted in each cgroup, once before and once after: reading them in
/// between would cure the patient.
struct Snapshots {
  private static let events = ["memory.events", "memory.events.local"]
  private static let flushing = ["memory.stat", "cpu.stat"]
  private let record: RecordWriter
  private let flushes: Bool

  /// - Parameter flushes: whether files are read whose reading flushes rstat.
  init(_ record: RecordWriter, flushes: Bool = true) {
    self.record = record
    self.flushes = flushes
  }

  func take(_ when: SnapshotLine.When, _ limited: Cgroup?, _ children: [Cgroup]) {
    let groups = (limited.map { [$0] } ?? []) + children
    for group in groups {
      for file in (flushes ? Self.flushing : []) + Self.events {
        guard let text = try? File.text(group.file(file)) else { continue }
        emit(
          when, group.file(file),
          .object(CounterFile.snapshot(text).map { ($0.key, .int($0.value)) }))
      }
      if flushes, let text = try? File.text(group.file("io.stat")) {
        emit(when, group.file("io.stat"), .string(text))
      }
    }
    if let text = try? File.text("/proc/vmstat") {
      emit(
        when, "/proc/vmstat", .object(CounterFile.snapshot(text).map { ($0.key, .int($0.value)) }))
    }
  }

  private func emit(_ when: SnapshotLine.When, _ file: String, _ values: JSON) {
    record.emit(SnapshotLine.self) {
      $0.when = when
      $0.file = file
      $0.values = values
    }
  }
}

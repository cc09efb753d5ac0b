// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

/// A record with known answers, put together line by line. Times are in ms.
struct LedgerFixture {
  private static let ms: Int64 = 1_000_000
  private let directory: RecordFixture
  private var lines: [String] = []

  /// - Parameters:
  ///   - until: the trace's end; nil: the trial did not come to its own.
  ///   - lost: so many of the trace's records.
  init(from: Int64 = 0, traced until: Int64? = 1000, lost: Int = 0) throws {
    directory = try RecordFixture()
    guard let until else { return }
    add(
      "trace", until,
      [
        "from": Self.time(from), "until": Self.time(until),
        "lost": [["cpu": 0, "overrun": .int(Int64(lost)), "commit_overrun": 0, "dropped": 0]],
        "dropped_rows": 0, "table_overflow": 0,
        "events": ["io_uring:io_uring_queue_async_work": 0],
      ])
  }

  mutating func add(_ line: String) { lines.append(line) }

  private mutating func add(
    _ type: String, _ end: Int64?, _ members: KeyValuePairs<String, JSON?>
  ) {
    let all: [(key: String, value: JSON)] =
      [("type", .string(type))] + (end.map { [("t", .int($0 * Self.ms))] } ?? [])
      + members.compactMap { key, value in value.map { (key, $0) } }
    lines.append(JSON.object(all).text)
  }

  private static func time(_ value: Int64?) -> JSON? { value.map { .int($0 * ms) } }

  mutating func stack(_ id: Int64, _ frames: [String]) {
    add("stack", nil, ["id": .int(id), "frames": .array(frames.map { .string($0) })])
  }

  /// - Parameters:
  ///   - end: nil: it had not ended when the trace did.
  ///   - woken: after so many ms.
  mutating func wait(
    _ pid: Int64, _ start: Int64, _ end: Int64?, stack: Int64? = nil, woken: Int64? = nil,
    state: String = "D"
  ) {
    add(
      end == nil ? "open" : "span", end,
      [
        "of": "off-cpu", "start": Self.time(start), "ns": Self.time(end.map { $0 - start }),
        "pid": .int(pid), "cpu": 0, "state": .string(state),
        "woken": Self.time(woken) ?? .null, "stack": stack.map { .int($0) },
      ])
  }

  mutating func span(_ kind: String, _ pid: Int64, _ start: Int64, _ end: Int64) {
    add(
      "span", end,
      [
        "of": .string(kind), "start": Self.time(start), "ns": Self.time(end - start),
        "pid": .int(pid), "cpu": 0,
      ])
  }

  enum Stage: String { case queue, run }

  /// - Parameters:
  ///   - end: nil: it had not ended when the trace did.
  ///   - worker: nil: none has taken it.
  mutating func work(
    _ stage: Stage, _ operation: Int64, of owner: Int64, by worker: Int64?, _ start: Int64,
    _ end: Int64?
  ) {
    add(
      end == nil ? "open" : "span", end,
      [
        "of": .string("io-wq-" + stage.rawValue), "start": Self.time(start),
        "ns": Self.time(end.map { $0 - start }), "pid": worker.map { .int($0) },
        "owner": .int(owner), "op": .int(operation),
      ])
  }

  mutating func slow(
    _ pid: Int64?, _ start: Int64, _ end: Int64, kind: String = "write", op: Int64? = nil,
    inFlight: Bool = false, stream: String = "s"
  ) {
    add(
      inFlight ? "in-flight" : "slow", end,
      [
        "stream": .string(stream), "pid": pid.map { .int($0) }, "kind": .string(kind),
        "start": Self.time(start), (inFlight ? "age" : "latency"): Self.time(end - start),
        "op": op.map { .int($0) },
      ])
  }

  mutating func task(_ pid: Int64, in group: String) {
    add("task", 0, ["pid": .int(pid), "comm": "t", "cgroup": .string(group)])
  }

  mutating func exit(_ pid: Int64, at time: Int64) { add("exit", time, ["pid": .int(pid)]) }

  mutating func worker(_ name: String, _ pid: Int64) {
    add("worker", 0, ["name": .string(name), "event": "start", "pid": .int(pid)])
  }

  /// Waits without a line that ended in the second before `time`.
  mutating func unlisted(_ pid: Int64, before time: Int64, _ sum: Int64) {
    add("unlisted", time, ["pid": .int(pid), "off_cpu": Self.time(sum), "count": 9])
  }

  /// Readings of one resource's `full`, each a time and a total in ms; nil: missing. The streams run from 100 on.
  mutating func pressure(_ resource: String, _ readings: [(Int64, Int64?)]) {
    add("phase", 100, ["name": "stream"])
    add("phase", 900, ["name": "stop"])
    add(
      "columns", 0,
      ["lane": "fast", "names": ["x", .string("wbstress/\(resource).pressure:full")]])
    for (time, total) in readings {
      add("sample", time, ["lane": "fast", "v": [7, total.map { .int($0 * 1000) } ?? .null]])
    }
  }

  func ledger() throws -> StallLedger {
    try directory.write("made.jsonl", lines.joined(separator: "\n") + "\n")
    return StallLedger(try RecordReader(directory.root + "/made.jsonl"))
  }

  /// What the record's only operation is divided into, in ms.
  func parts(sourceLocation: SourceLocation = #_sourceLocation) throws -> [StallCause: Int64] {
    let operations = try ledger().operations
    #expect(operations.count == 1, sourceLocation: sourceLocation)
    return Self.parts(try #require(operations.first, sourceLocation: sourceLocation))
  }

  static func parts(_ stall: StallEpisode) -> [StallCause: Int64] {
    Dictionary(uniqueKeysWithValues: stall.parts.map { ($0.cause, $0.time / ms) })
  }
}

/// Stacks as 6.12 has them, innermost first.
enum Stacks {
  static let journal = ["jbd2_log_wait_commit", "ext4_sync_file", "__x64_sys_fsync"]
  static let writeback = [
    "io_schedule", "folio_wait_bit_common", "folio_wait_writeback", "__filemap_fdatawait_range",
  ]
  static let throttled = [
    "schedule_timeout", "reclaim_throttle", "shrink_lruvec", "try_to_free_mem_cgroup_pages",
  ]
  static let ring = ["schedule", "io_cqring_wait", "__do_sys_io_uring_enter"]
  static let idle = ["schedule_timeout", "io_wq_worker", "ret_from_fork"]
  static let unknown = ["schedule", "frobnicate", "do_syscall_64"]
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// Where the tasks of real trials were while they did not run.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct TaskTimesTests {
  private struct Span {
    var start: Int64
    var end: Int64
    var pid: Int64
    var stack: Int64?
    var request: [Int64?]

    init(_ line: JSON) {
      start = line["start"]?.int ?? .max
      end = line["t"]?.int ?? .min
      pid = line["pid"]?.int ?? -1
      stack = line["stack"]?.int
      request = [line["owner"]?.int ?? line["pid"]?.int, line["op"]?.int]
    }
  }

  /// An ext4 backup: each write is punted, and its fsync waits for the disk.
  @Test(arguments: ["debian:6.1", "debian:6.12"])
  func aSleepHasItsStackAndARequestItsWorker(_ kernel: String) throws {
    try GuestLab.withDirectory { directory in
      let profile = try GuestLab.profile(
        "oracle-backup", variant: "nothing-pinned", [("observe.slow", "1ms")])
      let trial = try GuestLab.trial(profile, kernel: kernel, in: directory, seed: 4)
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == .completed, "\(ending)")
      let record = try RecordReader(trial.recordPath)
      let health = try #require(TraceHealth(record))
      #expect(health.failure == nil && health.lostRecords == 0 && health.dropped == 0)
      for event in TraceEvent.scheduling { #expect((health.events[event.label] ?? 0) > 0) }
      // All that were queued were taken by a worker, which returned.
      let requests = [TraceEvent.queueAsyncWork, .ioWqBegin, .ioWqEnd]
      #expect(Set(requests.map { health.events[$0.label] }).count == 1)

      let spans = Dictionary(grouping: record.lines("span")) { $0["of"]?.string ?? "" }
        .mapValues { $0.map(Span.init) }
      let slow = Dictionary(grouping: record.lines("slow")) { $0["kind"]?.string ?? "" }
      try expectWhereItSlept(slow["fsync"] ?? [], spans["off-cpu"] ?? [], record)
      expectWorkers(slow["write"] ?? [], spans["io-wq-queue"] ?? [], spans["io-wq-run"] ?? [])
      let left = record.lines("open").compactMap { $0["of"]?.string }
      #expect(!left.contains { $0.hasPrefix("io-wq") })
    }
  }

  private func expectWhereItSlept(
    _ syncs: [JSON], _ sleeps: [Span], _ record: RecordReader
  ) throws {
    let names = Dictionary(
      record.lines("stack").compactMap { line in
        line["id"]?.int.flatMap { id in
          line["frames"]?.array.map { (id, $0.compactMap(\.string)) }
        }
      }, uniquingKeysWith: { $1 })
    #expect(!syncs.isEmpty)
    for sync in syncs {
      let own = Span(sync)
      let within = sleeps.filter { $0.pid == own.pid && $0.start >= own.start && $0.end <= own.end }
      // It does little but wait.
      let asleep = within.reduce(0) { $0 + $1.end - $1.start }
      #expect(asleep <= own.end - own.start && asleep > (own.end - own.start) / 2)
      let frames = Set(within.compactMap(\.stack).flatMap { names[$0] ?? [] })
      #expect(
        frames.contains("folio_wait_writeback") && frames.contains("ext4_sync_file"), "\(frames)")
      for sleep in within {
        let stack = try #require(sleep.stack.map { names[$0] } ?? [""])
        #expect(stack.first != "__schedule" && stack.first != "schedule")
      }
    }
  }

  /// Each was queued and begun while its operation was in flight. Its worker may return after the task has seen
  /// the completion.
  private func expectWorkers(_ writes: [JSON], _ queues: [Span], _ runs: [Span]) {
    let writes = writes.map(Span.init)
    #expect(writes.count > 50 && queues.count > 50 && runs.count > 50)
    var found = 0
    for (which, spans) in [queues, runs].enumerated() {
      for span in spans {
        let mine = writes.filter {
          $0.request == span.request && $0.start <= span.start && span.start <= $0.end
            && (which > 0 || span.end <= $0.end)
        }
        // Those shorter than observe.slow have no line.
        #expect(mine.count <= 1)
        found += mine.count
      }
    }
    #expect(found > (queues.count + runs.count) * 9 / 10)
    for run in runs {
      #expect(
        queues.filter { $0.end == run.start && $0.request == run.request && $0.pid == run.pid }
          .count <= 1)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Synchronization
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
@testable import StressRecord

struct OperationRecorderTests {
  private static let hour: UInt64 = 3_600_000_000_000

  private func operation(_ latency: UInt64, end: UInt64) -> SharedBlock.Operation {
    SharedBlock.Operation(
      start: end - latency, end: end, bytes: 4096, offset: 0,
      kind: SharedBlock.Kind.write.rawValue, file: 0, ahead: 0, inFlight: 1, bytesInFlight: 4096,
      slot: 0)
  }

  private func counts(_ pairs: JSON?) -> [(value: Int64, count: Int64)] {
    (pairs?.array ?? []).map { (value: $0.array?[0].int ?? -1, count: $0.array?[1].int ?? -1) }
  }

  /// Nothing is missing, whatever it took, and the seconds together are the whole.
  @Test func countsEveryOperation() throws {
    let directory = try RecordFixture()
    let path = directory.path("record.jsonl")
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    let writer = RecordWriter(Descriptor(owning: file))
    let latencies = OperationRecorder.Latencies(of: .write, worker: "backup", writer)
    #expect(latencies.max == nil && latencies.count == 0)
    var random = SplitMix64(seed: 3)
    let some = (0..<5000).map { _ in random.next() % 20_000_000 }
    let all = some + [0, 1, 999, 1000, 2 * Self.hour, 24 * Self.hour, 100 * Self.hour]
    for (i, value) in all.enumerated() {
      latencies.record(operation(value, end: 200 * Self.hour + UInt64(i) * 1_000_000))
    }
    latencies.series.flush()
    let whole = counts(latencies.pairs)
    #expect(latencies.count == all.count && latencies.max == 100 * Self.hour)
    #expect(whole.reduce(0) { $0 + $1.count } == all.count)
    // More than a day counts as a day, to three digits.
    let last = try #require(whole.last)
    #expect(last.count == 2 && abs(Double(last.value) / Double(24 * Self.hour) - 1) < 0.001)

    try writer.start()
    writer.finish()
    let lines = try RecordReader(path).lines("latency")
    #expect(lines.count == 6)
    #expect(lines.reduce(0) { $0 + ($1["count"]?.int ?? 0) } == all.count)
    #expect(lines.compactMap { $0["max"]?.int }.max() == Int64(100 * Self.hour))
    var merged: [Int64: Int64] = [:]
    for pair in lines.flatMap({ counts($0["v"]) }) { merged[pair.value, default: 0] += pair.count }
    var expected: [Int64: Int64] = [:]
    for value in all {
      expected[Int64(LatencyBucket.lowest(LatencyBucket.of(value))), default: 0] += 1
    }
    #expect(merged == expected)
  }
}

/// Operations about the moment at which a trial stops looking. The test takes the part of the worker, which waits for
/// its start, with the worker's own log: only so is it known what ends when.
@Suite(
  .serialized,
  .enabled(if: File.exists(Executable.path), "wbstress is not built beside the tests"))
struct CutOffTests {
  private let fixture: WorkerFixture
  private let recorder: OperationRecorder
  private var worker: WorkerProcess { recorder.worker }

  init() throws {
    fixture = try WorkerFixture()
    let task = Profile.Task(name: "it", action: .probe)
    recorder = try fixture.ready(
      WorkerProcess.task(
        task, at: fixture.path("it"), cgroup: nil, seed: 3, executable: Executable.path))
  }

  /// A trial's end, as Trial has it.
  private func end(at stop: UInt64, _ before: () -> Void = {}) throws -> RecordReader {
    recorder.recordInFlight(at: stop)
    before()
    WorkerProcess.kill([worker], timeout: 10_000_000_000)
    recorder.collect()
    recorder.finish()
    return try fixture.lines()
  }

  /// Whether it was seen in flight or had ended before anybody looked.
  @Test(arguments: [false, true]) func whatEndsAfterTheStopWasInFlight(_ isSeen: Bool) throws {
    var operations = OperationLog(worker.block)
    let start = cl_boottime()
    let stop = start + 1000
    operations.begin(0, .write, bytes: 4096, offset: 8192, due: start)
    if !isSeen { operations.finish(0, at: stop + 5) }
    let lines = try end(at: stop) { if isSeen { operations.finish(0, at: stop + 5) } }
    let inFlight = lines.lines("in-flight")
    #expect(inFlight.count == 1)
    #expect(inFlight.first?["age"] == 1000 && inFlight.first?["offset"] == 8192)
    #expect(inFlight.first?["start"] == .uint(start) && inFlight.first?["t"] == .uint(stop))
    let totals = try #require(lines.last("rounds"))
    #expect(totals["writes"] == nil && totals["bytes"] == 0 && totals["last_end"] == 0)
  }

  @Test func whatEndsAtTheStopHasEnded() throws {
    var operations = OperationLog(worker.block)
    let start = cl_boottime()
    operations.begin(0, .write, bytes: 4096, due: start)
    operations.finish(0, at: start + 1000)
    operations.begin(0, .write, bytes: 512, due: start + 1001)
    operations.finish(0, at: start + 1003)
    let lines = try end(at: start + 1000)
    #expect(lines.lines("in-flight").isEmpty)
    let totals = try #require(lines.last("rounds"))
    #expect(totals["writes"] == 1 && totals["bytes"] == 4096 && totals["write_max"] == 1000)
    #expect(totals["last_end"] == .uint(start + 1000))
    // The second is no part of the trial, and told to be none.
    #expect(totals["begun_later"] == 1)
  }

  @Test func whatBeginsLaterAndDoesNotEndIsCounted() throws {
    var operations = OperationLog(worker.block)
    let stop = cl_boottime()
    operations.begin(0, .write, bytes: 4096, due: stop + 1)
    let lines = try end(at: stop)
    #expect(lines.lines("in-flight").isEmpty)
    #expect(lines.last("rounds")?["begun_later"] == 1)
  }

  /// A worker dies between two stores: what it has logged is still in its slot.
  @Test func whatIsLoggedIsNotInFlight() throws {
    var operations = OperationLog(worker.block)
    let start = cl_boottime()
    operations.begin(1, .fsync, bytes: 0, due: start)
    operations.begin(0, .write, bytes: 4096, due: start)
    operations.finish(0, at: start + 1000)
    worker.block.slots[0].start = start
    WorkerProcess.kill([worker], timeout: 10_000_000_000)
    let lines = try end(at: cl_boottime())
    #expect(lines.lines("in-flight").map { $0["kind"] } == ["fsync"])
    #expect(lines.last("rounds")?["writes"] == 1)
  }

  /// Memory that another process writes may say anything; the harness says what it can.
  @Test func anOperationThatEndsBeforeItBeginsIsLost() throws {
    var operations = OperationLog(worker.block)
    let start = cl_boottime()
    operations.begin(0, .write, bytes: 4096, due: start)
    operations.finish(0, at: start - 1)
    recorder.collect()
    let totals = try #require(end(at: cl_boottime()).last("rounds"))
    #expect(totals["writes"] == nil && totals["log_lost"] == 1)
  }

  /// While the worker goes on, what is read of a slot is one operation's.
  @Test func aSlotIsReadWhole() throws {
    let isOver = Atomic<Bool>(false)
    nonisolated(unsafe) let worker = worker
    let began = cl_boottime()
    let thread = try Thread("subject") {
      var operations = OperationLog(worker.block)
      for number in UInt64(1)...2_000_000 {
        operations.begin(0, .write, bytes: number, offset: number, due: number)
        operations.finish(0, at: number)
      }
      isOver.store(true, ordering: .releasing)
    }
    var (looks, torn) = (0, 0)
    while !isOver.load(ordering: .acquiring), cl_boottime() - began < 60_000_000_000 {
      for operation in worker.inFlight() {
        looks += 1
        if operation.bytes != operation.start || operation.offset != operation.start { torn += 1 }
      }
    }
    thread.join()
    #expect(torn == 0, "of \(looks)")
  }
}

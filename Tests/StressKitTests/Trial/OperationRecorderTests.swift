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
      slot: 0, number: 1)
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
    let sequence = worker.block.slots[0].sequence
    operations.finish(0, at: start + 1000)
    worker.block.slots[0].sequence = sequence
    WorkerProcess.kill([worker], timeout: 10_000_000_000)
    let lines = try end(at: cl_boottime())
    #expect(lines.lines("in-flight").map { $0["kind"] } == ["fsync"])
    #expect(lines.last("rounds")?["writes"] == 1)
  }

  /// The touches of a burst are due together: when it was due does not tell one from the next in its slot.
  @Test func oneThatIsDueWithItsPredecessorIsAnother() throws {
    var operations = OperationLog(worker.block)
    let due = cl_boottime()
    operations.begin(0, .touch, bytes: 4096, offset: 0, due: due)
    operations.finish(0, at: due + 1000)
    operations.begin(0, .touch, bytes: 4096, offset: 8192, due: due)
    let lines = try end(at: due + 2000)
    #expect(lines.lines("in-flight").map { $0["offset"] } == [8192])
    #expect(lines.last("rounds")?["touches"] == 1)
  }

  /// A worker stamps an end before the stop and is kept from logging it until its slot has been looked at.
  @Test func whatIsToldAsInFlightIsNotCountedAgain() throws {
    var operations = OperationLog(worker.block)
    let start = cl_boottime()
    operations.begin(0, .write, bytes: 4096, due: start)
    let lines = try end(at: start + 1000) { operations.finish(0, at: start + 999) }
    #expect(lines.lines("in-flight").map { $0["age"] } == [1000])
    let totals = try #require(lines.last("rounds"))
    #expect(totals["writes"] == nil && totals["bytes"] == 0)
  }

  /// A rate wants a write before the stop; the worker comes to it later, and is killed.
  @Test func whatWasDueBeforeTheStopIsInFlight() throws {
    var operations = OperationLog(worker.block)
    let stop = cl_boottime()
    let lines = try end(at: stop) { operations.begin(0, .write, bytes: 4096, due: stop - 5) }
    #expect(lines.lines("in-flight").map { $0["age"] } == [5])
    let totals = try #require(lines.last("rounds"))
    #expect(totals["begun_later"] == 0)
  }

  /// A worker may be killed at any step; one that had not begun is none, and what cannot be is said to be unknown.
  @Test func aSlotThatIsLeftHalfWrittenIsSaidToBe() throws {
    let start = cl_boottime()
    var operations = OperationLog(worker.block)
    operations.begin(0, .write, bytes: 4096, due: start)
    worker.block.slots[0].sequence -= 1
    #expect(worker.inFlight().isEmpty && worker.takeUnread() == 0)
    worker.block.slots[0].sequence = 3
    operations.begin(1, .fsync, bytes: 0, due: start)
    let lines = try end(at: start + 1000)
    #expect(lines.lines("in-flight").map { $0["kind"] } == ["fsync"])
    #expect(
      lines.lines("note").map { $0["message"] }
        == ["worker it: 2 times an operation in flight could not be read"])
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
        // That they are due together tells none from the next.
        operations.begin(0, .write, bytes: number, offset: number, due: 1)
        operations.finish(0, at: number)
      }
      isOver.store(true, ordering: .releasing)
    }
    var (looks, torn) = (0, 0)
    while !isOver.load(ordering: .acquiring), cl_boottime() - began < 60_000_000_000 {
      for operation in worker.inFlight() {
        looks += 1
        if operation.bytes != operation.offset || operation.bytes != UInt64(operation.number) {
          torn += 1
        }
      }
    }
    thread.join()
    #expect(torn == 0, "of \(looks)")
  }
}

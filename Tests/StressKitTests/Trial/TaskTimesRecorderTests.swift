// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

struct TaskTimesRecorderTests {
  private static let second: UInt64 = 1_000_000_000
  private let digest = TraceDigest()
  private let directory: RecordFixture
  private let record: RecordWriter
  private let recorder: TaskTimesRecorder

  init() throws {
    directory = try RecordFixture()
    let file = open(directory.path("record.jsonl"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    record = RecordWriter(Descriptor(owning: file))
    recorder = TaskTimesRecorder(digest, record)
  }

  private func lines(_ type: String) throws -> [JSON] {
    try record.start()
    record.finish()
    return try RecordReader(directory.path("record.jsonl")).lines(type)
  }

  private func sleep(
    _ pid: Int64, from start: UInt64, to end: UInt64, state: Int64 = 2, stack: [UInt64] = []
  ) {
    leave(pid, start, state, stack)
    var back = TraceRecord(.schedSwitch, cpu: 1, time: end)
    back.values[0] = 0
    back.values[1] = 0
    back.values[2] = pid
    digest.take(back)
  }

  private func leave(_ pid: Int64, _ time: UInt64, _ state: Int64, _ stack: [UInt64]) {
    var out = TraceRecord(.schedSwitch, cpu: 0, pid: Int32(pid), time: time)
    out.values[0] = pid
    out.values[1] = state
    out.values[2] = 0
    for (i, byte) in "wb-stream".utf8.enumerated() { out.text[i] = byte }
    digest.take(out)
    if stack.isEmpty { return }
    stack.withUnsafeBytes { bytes in
      var record = TraceRecord(.kernelStack, cpu: 0, pid: Int32(pid), time: time + 1)
      record.values[0] = Int64(stack.count)
      record.words = bytes
      digest.take(record)
    }
  }

  private func drain() { digest.drain { _ = recorder.take($0) } }

  @Test func aLongIntervalHasALine() throws {
    sleep(5, from: Self.second, to: Self.second + 200_000, stack: [0xa, 0xb])
    sleep(5, from: Self.second + 300_000, to: Self.second + 400_000, state: 256)
    drain()
    let spans = try lines("span")
    #expect(spans.count == 2)
    let first = try #require(spans.first)
    #expect(first["of"]?.string == "off-cpu" && first["t"]?.int == Int64(Self.second) + 200_000)
    #expect(first["start"]?.int == Int64(Self.second) && first["ns"]?.int == 200_000)
    #expect(first["pid"]?.int == 5 && first["cpu"]?.int == 1 && first["state"]?.string == "D")
    #expect(first["woken"] == .null && first["stack"]?.int == 0)
    #expect(spans[1]["state"]?.string == "R" && spans[1]["stack"] == nil)
  }

  /// Nothing is lost: what has no line is in the sums of its task and second.
  @Test func shortOnesAreSummed() throws {
    for i in 0..<10 as Range<UInt64> {
      let start = Self.second + i * 300_000_000
      sleep(Int64(i % 2) + 5, from: start, to: start + 99_999)
    }
    drain()
    recorder.tellSums()
    let sums = try lines("unlisted")
    #expect(try RecordReader(directory.path("record.jsonl")).lines("span").isEmpty)
    let told = sums.map { [$0["t"]?.int, $0["pid"]?.int, $0["off_cpu"]?.int, $0["count"]?.int] }
    let second = Int64(Self.second)
    #expect(
      told == [
        [2 * second, 5, 199_998, 2], [2 * second, 6, 199_998, 2],
        [3 * second, 5, 199_998, 2], [3 * second, 6, 99_999, 1],
        [4 * second, 5, 99_999, 1], [4 * second, 6, 199_998, 2],
      ])
  }

  @Test func whatIsBeyondTheCapIsSummed() throws {
    let most = UInt64(TaskTimesRecorder.mostLines)
    for i in 0..<most + 7 {
      sleep(5, from: Self.second + i * 150_000, to: Self.second + i * 150_000 + 100_000)
      drain()
    }
    recorder.tellSums()
    let sums = try lines("unlisted")
    #expect(sums.map { $0["count"]?.int } == [7] && sums.map { $0["off_cpu"]?.int } == [700_000])
    let spans = try RecordReader(directory.path("record.jsonl")).lines("span")
    #expect(spans.count == most)
  }

  @Test func aStackIsToldAtFirstSightAndWithItsNames() throws {
    for i in 0..<3 as Range<UInt64> {
      let start = Self.second * (i + 1)
      sleep(5, from: start, to: start + 200_000, stack: [0x1011, 0x1021, 0x1031, 0x1041])
    }
    drain()
    try File.write(
      directory.path("kallsyms"),
      Array(
        """
        0000000000001010 T trace_event_raw_event_sched_switch
        0000000000001020 T __schedule
        0000000000001030 T schedule
        0000000000001040 T io_schedule

        """.utf8))
    try recorder.resolve(directory.path("kallsyms"))
    let stacks = try lines("stack")
    #expect(stacks.count == 2)
    let addresses: JSON = ["0x1011", "0x1021", "0x1031", "0x1041"]
    #expect(stacks.allSatisfy { $0["id"]?.int == 0 && $0["addresses"] == addresses })
    #expect(stacks[0]["frames"] == nil && stacks[1]["frames"] == ["io_schedule"])
  }

  @Test func withoutStacksNoNamesAreLookedFor() throws {
    #expect(throws: Never.self) { try recorder.resolve(directory.path("there-is-none")) }
  }

  @Test func whatHasNotEndedIsTold() throws {
    leave(5, Self.second, 2, [0xa])
    digest.tasks.submitters = [5]
    digest.tasks.followsRequests = true
    var request = TraceRecord(.queueAsyncWork, pid: 5, time: Self.second + 1)
    for (i, value) in [23, 6, 0x77].enumerated() { request.values[i] = Int64(value) }
    digest.take(request)
    recorder.tellOpen()
    let open = try lines("open")
    #expect(open.map { $0["of"]?.string } == ["off-cpu", "io-wq-queue"])
    #expect(open[0]["pid"]?.int == 5 && open[0]["state"]?.string == "D")
    #expect(open[0]["start"]?.int == Int64(Self.second) && open[0]["stack"]?.int == 0)
    #expect(open[1]["owner"]?.int == 5 && open[1]["op"]?.int == 6)
  }

  @Test(
    arguments: [
      (0, "R"), (1, "S"), (2, "D"), (4, "T"), (8, "t"), (0x80, "I"), (0x100, "R"), (0x102, "D"),
    ] as [(Int64, String)])
  func letters(_ state: Int64, _ letter: String) {
    #expect(TaskTimesRecorder.letter(state) == letter)
  }

  @Test func framesBeginWhereTheTaskCalledTheScheduler() {
    func asleep(_ text: String) -> String {
      TaskTimesRecorder.asleep(text.split(separator: " ").map(String.init)).joined(separator: " ")
    }
    #expect(asleep("__traceiter __schedule schedule io_schedule f") == "io_schedule f")
    #expect(asleep("__schedule schedule_idle f") == "schedule_idle f")
    #expect(asleep("f schedule g") == "f schedule g")
    #expect(asleep("") == "")
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// Tells the record where the trial's tasks were while they did not run: the longer intervals one by one, the
/// others as sums, and the kernel stacks that they slept in.
final class TaskTimesRecorder {
  /// Lines of intervals in a second; what is beyond is in the sums.
  static let mostLines = 5000

  private struct Sum {
    var time: UInt64 = 0
    var count = 0
  }
  private let digest: TraceDigest
  private let record: RecordWriter
  /// That the sums are of.
  private var second: UInt64 = 0
  private var lines = 0
  private var sums: [Int32: Sum] = [:]
  /// Those that have a line.
  private var stacks: Set<Int32> = []

  init(_ digest: TraceDigest, _ record: RecordWriter) {
    self.digest = digest
    self.record = record
  }

  /// Takes an interval off the CPU. Returns whether it has a line of its own.
  func take(_ row: borrowing TraceRow) -> Bool {
    if row.end / 1_000_000_000 != second {
      tellSums()
      second = row.end / 1_000_000_000
    }
    let time = row.end - row.start
    guard time >= TraceRecorder.shortestStall, lines < Self.mostLines else {
      sums[row.pid, default: Sum()].time += time
      sums[row.pid, default: Sum()].count += 1
      return false
    }
    lines += 1
    var line = SpanLine()
    line.of = TraceSpan.offCPU.label
    line.start = Int64(clamping: row.start)
    line.length = Int64(clamping: time)
    line.pid = Int64(row.pid)
    line.cpu = Int64(row.cpu)
    line.state = Self.letter(row.values[0])
    line.woken = row.values[1] == SampleLine.unknown ? nil : row.values[1]
    line.stack = stack(Int32(exactly: row.values[2]) ?? -1)
    record.emit(line, at: row.end)
    return true
  }

  /// Tells what found no line in the second that is over.
  func tellSums() {
    for (pid, sum) in sums.sorted(by: { $0.key < $1.key }) {
      record.emit(UnlistedLine.self, at: (second + 1) * 1_000_000_000) {
        $0.pid = Int64(pid)
        $0.offCPU = Int64(clamping: sum.time)
        $0.count = Int64(sum.count)
      }
    }
    sums = [:]
    lines = 0
  }

  /// As ps(1) and the kernel's own text of sched_switch have it: the lowest bit's (fs/proc/array.c).
  static func letter(_ state: Int64) -> String {
    let letters = ["S", "D", "T", "t", "X", "Z", "P", "I"]
    return letters.indices.first { state >> $0 & 1 == 1 }.map { letters[$0] } ?? "R"
  }

  // MARK: Stacks

  /// The number of a stack, which has its line before it is named; nil: none was told.
  private func stack(_ number: Int32) -> Int64? {
    if number < 0 { return nil }
    if stacks.insert(number).inserted { tell(number) }
    return Int64(number)
  }

  private func tell(_ number: Int32, frames: [String]? = nil) {
    record.emit(StackLine.self) {
      $0.id = Int64(number)
      $0.addresses = digest.stacks.addresses(number).map(Self.text)
      $0.frames = frames
    }
  }

  private static func text(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }

  // MARK: The end

  /// Tells what has not ended when the trace has.
  func tellOpen() {
    digest.tasks.visitTasks { pid, start, off in
      let stack = stack(off.stack)
      record.emit(OpenLine.self) {
        $0.of = TraceSpan.offCPU.label
        $0.start = Int64(clamping: start)
        $0.key = [pid, 0]
        $0.pid = pid
        $0.state = Self.letter(off.state)
        $0.stack = stack
      }
    }
    digest.tasks.visitRequests { span, key, start, request in
      record.emit(OpenLine.self) {
        $0.of = span.label
        $0.start = Int64(clamping: start)
        $0.key = [key, 0]
        $0.owner = Int64(request.owner)
        $0.op = request.op
      }
    }
  }

  /// Tells the stacks once more, with the names of their functions.
  func resolve(_ path: String = "/proc/kallsyms") throws(HarnessError) {
    if stacks.isEmpty { return }
    let numbers = stacks.sorted()
    let names = try KernelSymbols.names(
      of: numbers.flatMap { digest.stacks.addresses($0) }, path)
    for number in numbers {
      let frames = digest.stacks.addresses(number).map { names[$0] ?? Self.text($0) }
      tell(number, frames: Array(Self.asleep(frames)))
    }
  }

  /// Without the frames of the tracer and of the switch itself, which every stack begins with.
  static func asleep(_ frames: [String]) -> ArraySlice<String> {
    guard let own = frames.firstIndex(of: "__schedule") else { return frames[...] }
    return frames[(own + 1)...].drop { $0 == "schedule" }
  }
}

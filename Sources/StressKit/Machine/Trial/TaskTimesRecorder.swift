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
    record.emit(
      "span", at: row.end,
      [
        ("of", .string(TraceSpan.offCPU.label)), ("start", .uint(row.start)), ("ns", .uint(time)),
        ("pid", .int(Int64(row.pid))), ("cpu", .int(Int64(row.cpu))),
        ("state", .string(Self.letter(row.values[0]))),
        ("woken", row.values[1] == SampleLine.unknown ? .null : .int(row.values[1])),
      ] + stack(Int32(exactly: row.values[2]) ?? -1))
    return true
  }

  /// Tells what found no line in the second that is over.
  func tellSums() {
    for (pid, sum) in sums.sorted(by: { $0.key < $1.key }) {
      record.emit(
        "unlisted", at: (second + 1) * 1_000_000_000,
        [
          ("pid", .int(Int64(pid))), ("off_cpu", .uint(sum.time)),
          ("count", .int(Int64(sum.count))),
        ])
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

  /// The member that names a stack, which has its line before that.
  private func stack(_ number: Int32) -> [(String, JSON)] {
    if number < 0 { return [] }
    if stacks.insert(number).inserted { tell(number) }
    return [("stack", .int(Int64(number)))]
  }

  private func tell(_ number: Int32, _ more: [(String, JSON)] = []) {
    let addresses = digest.stacks.addresses(number)
    record.emit(
      "stack",
      [
        ("id", .int(Int64(number))),
        ("addresses", .array(addresses.map { .string(Self.text($0)) })),
      ]
        + more)
  }

  private static func text(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }

  // MARK: The end

  /// Tells what has not ended when the trace has.
  func tellOpen() {
    digest.tasks.visitTasks { pid, start, off in
      record.emit(
        "open",
        [
          ("of", .string(TraceSpan.offCPU.label)), ("start", .uint(start)),
          ("key", [.int(pid), 0]),
          ("pid", .int(pid)), ("state", .string(Self.letter(off.state))),
        ] + stack(off.stack))
    }
    digest.tasks.visitRequests { span, key, start, request in
      record.emit(
        "open",
        [
          ("of", .string(span.label)), ("start", .uint(start)), ("key", [.int(key), 0]),
          ("owner", .int(Int64(request.owner))), ("op", .int(request.op)),
        ])
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
      tell(number, [("frames", .array(Self.asleep(frames).map { .string($0) }))])
    }
  }

  /// Without the frames of the tracer and of the switch itself, which every stack begins with.
  static func asleep(_ frames: [String]) -> ArraySlice<String> {
    guard let own = frames.firstIndex(of: "__schedule") else { return frames[...] }
    return frames[(own + 1)...].drop { $0 == "schedule" }
  }
}

/// Tells the record where the trial's tasks were while they did not run: the longer intervals one by one, the
/// others as sums, and the kernel stacks that they slept in.
final class OffCPURecorder {
  /// Lines in a second; what is beyond is in the sums.
  static let mostLines = 5000

  private struct Sum {
    var time: UInt64 = 0
    var count = 0
  }
  private let digest: TraceDigest
  private let record: RecordWriter
  private var second: UInt64 = 0
  private var lines = 0
  private var sums: [Int32: Sum] = [:]
  private var stacks: Set<Int32> = []

  init(_ digest: TraceDigest, _ record: RecordWriter) {
    self.digest = digest
    self.record = record
  }

  /// - Returns: whether it was told by itself.
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
    var members: [(String, JSON)] = [
      ("of", .string(TraceSpan.offCPU.label)), ("start", .uint(row.start)), ("ns", .uint(time)),
      ("pid", .int(Int64(row.pid))), ("cpu", .int(Int64(row.cpu))),
      ("state", .string(Self.letter(row.values[0]))),
      ("woken", row.values[1] == CounterFile.unknown ? .null : .int(row.values[1])),
    ]
    if let stack = Int32(exactly: row.values[2]) {
      introduce(stack)
      members.append(("stack", .int(Int64(stack))))
    }
    record.emit("span", at: row.end, members)
    return true
  }

  private func introduce(_ stack: Int32) {
    guard stacks.insert(stack).inserted else { return }
    tell(stack, [])
  }

  private func tell(_ stack: Int32, _ more: [(String, JSON)]) {
    let addresses = digest.tasks.stacks.addresses(stack)
    record.emit(
      "stack",
      [
        ("id", .int(Int64(stack))),
        ("addresses", .array(addresses.map { .string("0x" + String($0, radix: 16)) })),
      ] + more)
  }

  /// Of the second that is over.
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
    return (0..<letters.count).first { state >> $0 & 1 == 1 }.map { letters[$0] } ?? "R"
  }

  /// Tells the stacks once more, with the names of their functions.
  func resolve() throws(HarnessError) {
    let numbers = stacks.sorted()
    let names = try KernelSymbols.names(
      of: numbers.flatMap { digest.tasks.stacks.addresses($0) })
    for number in numbers {
      let frames = digest.tasks.stacks.addresses(number).map { address in
        names[address] ?? "0x" + String(address, radix: 16)
      }
      tell(number, [("frames", .array(Self.waiting(frames).map { .string($0) }))])
    }
  }

  /// Without the frames of the tracer and of the switch itself, which every stack begins with.
  static func waiting(_ frames: [String]) -> ArraySlice<String> {
    guard let own = frames.firstIndex(of: "__schedule") else { return frames[...] }
    return frames[(own + 1)...].drop { $0 == "schedule" }
  }
}

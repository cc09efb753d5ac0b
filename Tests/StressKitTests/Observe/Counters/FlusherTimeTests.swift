// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

struct FlusherTimeTests {
  /// A /proc with these threads, numbered from 100, that have run and waited so many ns.
  static func workers(
    in directory: RecordFixture, _ threads: KeyValuePairs<String, Int>, slots: Int = 8
  ) throws -> FlusherTime {
    try directory.write("self/schedstat", "1000 2 3\n")
    for (i, thread) in threads.enumerated() {
      try add(100 + i, thread.key, thread.value, to: directory)
    }
    return try #require(FlusherTime(proc: directory.root, slots: slots))
  }

  private static func add(
    _ process: Int, _ name: String, _ time: Int, to directory: RecordFixture
  ) throws {
    try directory.write("\(process)/comm", name + "\n")
    try directory.write("\(process)/schedstat", "\(time) \(10 * time) 1\n")
  }

  private func sample(_ source: FlusherTime) -> [Int64] {
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    defer { scratch.deallocate() }
    var values: [Int64] = [-7, -7]
    values.withUnsafeMutableBufferPointer { source.sample(into: $0, scratch: scratch) }
    return values
  }

  @Test func addsUpThoseThatFlush() throws {
    let directory = try RecordFixture()
    let time = try Self.workers(
      in: directory,
      [
        "kworker/u8:1-flush-254:0": 5, "kworker/0:1-events": 100, "bash": 200, "kworker/u9:0": 7,
        "kworker/R-writeback": 11, "writeback": 13, "kswapd0": 300,
      ])
    defer { time.close() }
    #expect(time.names == ["kworker/u:run", "kworker/u:wait"])
    #expect(sample(time) == [36, 360])
    try directory.write("100/schedstat", "6 70 2\n")
    #expect(sample(time) == [37, 380])
  }

  /// The sums only grow: the dead stay counted, and their slots serve the next.
  @Test func workersComeAndGo() throws {
    let directory = try RecordFixture()
    let time = try Self.workers(in: directory, ["kworker/u8:0": 5, "kworker/u8:1": 7], slots: 2)
    defer { time.close() }
    #expect(sample(time) == [12, 120])
    // A process that has ended gives an error; an empty file stands for it here.
    try directory.write("100/schedstat", "")
    #expect(sample(time) == [12, 120])
    #expect(sample(time) == [12, 120])
    File.remove(directory.path("100"))
    try Self.add(102, "kworker/u8:2", 100, to: directory)
    #expect(sample(time) == [12, 120], "not looked for yet")
    time.refresh()
    #expect(sample(time) == [112, 1120])
    // What cannot be read as numbers is no progress, and no step back either.
    try directory.write("102/schedstat", "x\n")
    #expect(sample(time) == [112, 1120])
  }

  /// Where the kernel lists its threads, only those are looked at: they come in one read.
  @Test func onlyTheKernelsOwnThreadsWhereThereIsAList() throws {
    let directory = try RecordFixture()
    try directory.write("2/comm", "kthreadd\n")
    try directory.write("2/task/2/children", "101 ")
    let time = try Self.workers(in: directory, ["kworker/u8:0": 5, "kworker/u8:1": 7])
    defer { time.close() }
    #expect(sample(time) == [7, 70])
    try directory.write("2/task/2/children", "100 101 ")
    time.refresh()
    #expect(sample(time) == [12, 120])
    // Process 2 of a PID namespace may be anything.
    #expect(KernelThreads.candidates(directory.root) == [100, 101])
    try directory.write("2/comm", "bash\n")
    #expect(KernelThreads.candidates(directory.root) == [100, 101, 2])
  }

  /// A sum that leaves somebody out is none.
  @Test func unknownWhenTheTableIsFull() throws {
    let directory = try RecordFixture()
    let time = try Self.workers(in: directory, ["kworker/u8:0": 5, "kworker/u8:1": 7], slots: 1)
    defer { time.close() }
    #expect(sample(time) == [SampleLine.unknown, SampleLine.unknown])
    try directory.write("100/schedstat", "")
    _ = sample(time)
    File.remove(directory.path("100"))
    time.refresh()
    #expect(sample(time)[0] >= 7)
  }

  @Test func descriptorsOfTheDeadAreClosed() throws {
    let directory = try RecordFixture()
    let time = try Self.workers(in: directory, ["kworker/u8:0": 5])
    defer { time.close() }
    for round in 0..<20 {
      _ = sample(time)
      try directory.write("\(100 + round)/schedstat", "")
      _ = sample(time)
      File.remove(directory.path("\(100 + round)"))
      try Self.add(101 + round, "kworker/u8:0", 5, to: directory)
      time.refresh()
    }
    #expect(sample(time) == [21 * 5, 21 * 50], "one slot after another is free again")
  }

  /// Neither a file nor a count: no columns, rather than a time of 0.
  @Test(arguments: ["", "0 0 0\n"])
  func aKernelThatDoesNotCount(_ text: String) throws {
    let directory = try RecordFixture()
    _ = try Self.workers(in: directory, [:])
    try directory.write("self/schedstat", text)
    #expect(FlusherTime(proc: directory.root) == nil)
    #expect(KernelThreads.kswapd(proc: directory.root).isEmpty)
  }

  @Test func kswapd() throws {
    let directory = try RecordFixture()
    try Self.workers(in: directory, ["kswapd0": 5, "kworker/u8:0": 9, "kswapd1": 6]).close()
    let files = KernelThreads.kswapd(proc: directory.root)
    defer { for file in files { file.close() } }
    #expect(
      files.flatMap(\.names) == [
        "kswapd0:run", "kswapd0:wait", "kswapd0:slices", "kswapd1:run", "kswapd1:wait",
        "kswapd1:slices",
      ])
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressRecord

struct KernelLogClockTests {
  private let directory: RecordFixture
  private let path: String

  init() throws {
    directory = try RecordFixture()
    path = try directory.write("kmsg", "")
  }

  /// The marks that were written, as the log would show them at `time`, us.
  private func marks(at time: UInt64) throws -> [KernelLogRecord] {
    try File.text(path).split(separator: "\n").enumerated().map { i, line in
      #expect(line.hasPrefix("<7>"))
      return try #require(
        KernelLogRecord(
          parsing: Array("15,\(i),\(time + UInt64(i)),-;\(line.dropFirst(3))\n".utf8)))
    }
  }

  @Test func marksAreCompleteLines() throws {
    var clock = KernelLogClock()
    clock.mark(at: 1, in: path)
    #expect(try File.text(path).hasSuffix("\n"))
    #expect(try marks(at: 0).count == KernelLogClock.burst)
  }

  @Test func tightestOfABurst() throws {
    var clock = KernelLogClock()
    #expect(clock.boottime(5000) == 5000)
    clock.mark(at: 1, in: path)
    let lines = try marks(at: 7_000_000)
    var answers: [KernelLogClock.Answer] = []
    for line in lines { answers.append(clock.take(line)) }
    #expect(answers.dropLast().allSatisfy { $0 == .mark })
    guard case .pair(let pair) = try #require(answers.last) else {
      Issue.record("\(answers)")
      return
    }
    #expect(clock.latest == pair && pair.before <= pair.after)
    #expect(lines.contains { $0.time == pair.log })
    // The middle of the two readings is where the log's time belongs.
    #expect(clock.boottime(pair.log) == pair.before + (pair.after - pair.before) / 2)
    #expect(clock.boottime(pair.log + 1000) == clock.boottime(pair.log) + 1000)
    // Each mark counts once, and another's is none.
    #expect(clock.take(lines[0]) == .other)
  }

  @Test func onlyOwnMarks() throws {
    var clock = KernelLogClock()
    clock.mark(at: 1, in: path)
    var line = try #require(try marks(at: 1).first)
    line.facility = 0
    #expect(clock.take(line) == .other, "the kernel does not write our marks")
    line.facility = 1
    line.text = "wbstress: clock 1000"
    #expect(clock.take(line) == .other)
    line.text = "wbstress: clock 1 and more"
    #expect(clock.take(line) == .other)
  }

  /// What was lost of a burst must not keep the rest from counting.
  @Test func lostMarks() throws {
    var clock = KernelLogClock()
    clock.mark(at: 1, in: path)
    let lines = try marks(at: 1)
    guard case .pair = clock.take(try #require(lines.last)) else {
      Issue.record("no pair")
      return
    }
  }

  @Test func burstsComeAtTheirInterval() throws {
    var clock = KernelLogClock()
    clock.mark(at: 1, in: path)
    clock.mark(at: 2, in: path)
    clock.mark(at: KernelLogClock.interval, in: path)
    // A file is written from its start again.
    #expect(try marks(at: 0).last?.text == "wbstress: clock \(KernelLogClock.burst)")
    clock.mark(at: KernelLogClock.interval + 1, in: path)
    #expect(try marks(at: 0).last?.text == "wbstress: clock \(2 * KernelLogClock.burst)")
    // The last one always.
    clock.mark(at: nil, in: path)
    #expect(try marks(at: 0).last?.text == "wbstress: clock \(3 * KernelLogClock.burst)")
  }

  @Test func noLog() {
    var clock = KernelLogClock()
    clock.mark(at: 1, in: directory.path("nothing"))
    #expect(clock.latest == nil && clock.boottime(7) == 7)
  }
}

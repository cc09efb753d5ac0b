// SPDX-License-Identifier: Apache-2.0
import CLinux
import Testing

@testable import StressCore
@testable import StressRecord

struct FlightRingTests {
  private static let second: UInt64 = 1_000_000_000

  /// A ring whose records are files.
  private final class Flight: @unchecked Sendable {
    let directory: RecordFixture
    private(set) var triggers: [FlightRing.Trigger] = []
    private(set) var endings: [Ending] = []
    var refuses = false
    private var made: FlightRing?

    init(
      keep: UInt64 = 10, after: UInt64 = 5, memory: Int = 1 << 16, stall: UInt64? = nil,
      oom: Bool = true
    ) throws {
      directory = try RecordFixture()
      let limits = FlightRing.Limits(
        before: keep * FlightRingTests.second, after: after * FlightRingTests.second,
        memory: memory, stall: stall, oom: oom)
      made = FlightRing(limits) { [unowned self] trigger in
        if refuses { return nil }
        triggers.append(trigger)
        return try? RecordSink(path(triggers.count))
      } closed: { [unowned self] ending, _ in
        endings.append(ending)
      }
    }

    var ring: FlightRing { made! }

    func path(_ number: Int) -> String { directory.path("record-\(number).jsonl") }

    func write(_ line: some Line, at time: UInt64) {
      var line = line
      line.t = Int64(clamping: time)
      line.bytes.withUnsafeBytes { ring.write($0) }
    }

    func sample(_ time: UInt64, _ value: Int = 1) {
      let text = #"{"type":"sample","t":\#(time),"lane":"fast","v":[\#(value)]}"# + "\n"
      var line = text
      line.withUTF8 { ring.write(UnsafeRawBufferPointer($0)) }
    }

    func columns() {
      var line = ColumnsLine()
      line.lane = "fast"
      line.interval = 100
      line.names = ["a"]
      write(line, at: 1)
    }

    func record(_ number: Int = 1) throws -> RecordReader { try RecordReader(path(number)) }
  }

  private func span(_ of: String, _ length: UInt64, state: String? = nil) -> SpanLine {
    var line = SpanLine()
    line.of = of
    line.start = 0
    line.length = Int64(length)
    line.pid = 7
    line.state = state
    return line
  }

  /// A record has what was before the kill, what its readers need, and what came after.
  @Test func aKillMakesARecord() throws {
    let flight = try Flight()
    let now = cl_boottime()
    flight.columns()
    var task = TaskLine()
    task.pid = 7
    task.comm = "victim"
    flight.write(task, at: 2)
    var phase = PhaseLine()
    phase.name = .stream
    flight.write(phase, at: 3)
    for i: UInt64 in 0..<60 { flight.sample(now - (60 - i) * Self.second, Int(i)) }
    flight.ring.retry(at: now)
    #expect(flight.ring.deadline == nil && flight.triggers.isEmpty)
    flight.write(OOMLine(), at: now)
    #expect(flight.triggers.map(\.reason) == ["oom"])
    let deadline = try #require(flight.ring.deadline)
    #expect(deadline >= now + 5 * Self.second)
    flight.sample(now + Self.second, 60)
    phase.name = .stop
    flight.write(phase, at: now + 2 * Self.second)
    flight.write(KillsLine(), at: now + 2 * Self.second)
    #expect(flight.ring.deadline == nil)
    #expect(
      flight.endings == [Ending(.oom, reason: "oom", message: "the kernel's OOM killer ran")])

    let record = try flight.record()
    #expect(record.defects.isEmpty, "\(record.defects.texts)")
    #expect(record.ending?.outcome == .oom)
    // Ten seconds before, and the one after.
    #expect(record.lane("fast")?.column("a")?.values == (50...60).map { Int64($0) })
    #expect(record.lines(TaskLine.self).map(\.comm) == ["victim"])
    #expect(record.count(ColumnsLine.self) == 1)
    let phases = record.lines(PhaseLine.self)
    #expect(phases.map(\.name) == [.stream, .stop])
    #expect(phases[0].t == Int64(now - 10 * Self.second))
    #expect(record.count(OOMLine.self) == 1)
  }

  /// The next one has its own time, and the same columns.
  @Test func recordsFollowEachOther() throws {
    let flight = try Flight(keep: 1000)
    flight.columns()
    for number in 1...2 {
      flight.sample(UInt64(number), number)
      flight.ring.ask(.init("psi", "asked for"))
      flight.ring.ask(.init("psi", "too late"))
      flight.ring.retry(at: cl_boottime())
      flight.write(KillsLine(), at: cl_boottime())
    }
    #expect(flight.triggers.map(\.message) == ["asked for", "asked for"])
    #expect(flight.endings.map(\.outcome) == [.completed, .completed])
    for number in 1...2 {
      #expect(
        try flight.record(number).lane("fast")?.column("a")?.values == [Int64(number)])
    }
  }

  /// While one is refused the ring goes on.
  @Test func aRefusedRecordIsPassedOver() throws {
    let flight = try Flight()
    flight.columns()
    flight.refuses = true
    flight.sample(cl_boottime(), 1)
    flight.write(OOMLine(), at: cl_boottime())
    flight.ring.ask(.init("psi", ""))
    flight.ring.retry(at: cl_boottime())
    #expect(flight.ring.deadline == nil && flight.endings.isEmpty)
    flight.refuses = false
    flight.write(OOMLine(), at: cl_boottime())
    flight.ring.finish()
    #expect(try flight.record().count(OOMLine.self) == 2)
    #expect(flight.endings.map(\.outcome) == [.oom])
  }

  /// Held up is who cannot be woken by a signal, or is in a part of the kernel that says so; idle is nobody's stall.
  @Test func stallsAreToldFromSleep() throws {
    let limit = 2 * Self.second
    let cases: [(SpanLine, String?)] = [
      (span("off-cpu", limit, state: "S"), nil), (span("off-cpu", limit - 1, state: "D"), nil),
      (span("off-cpu", limit, state: "D"), "off-cpu of pid 7 took 2s"),
      (span("inode-dirty-age", 20 * limit), nil),
      (span("dirty-throttle", limit + 134_000_001), "dirty-throttle of pid 7 took 2134ms"),
    ]
    for (line, message) in cases {
      let flight = try Flight(stall: limit)
      flight.write(line, at: 1)
      #expect(flight.triggers.map(\.message) == [message].compactMap(\.self))
      flight.ring.finish()
    }
    let deaf = try Flight(stall: nil, oom: false)
    deaf.write(span("off-cpu", limit, state: "D"), at: 1)
    deaf.write(OOMLine(), at: 1)
    #expect(deaf.triggers.isEmpty)
  }

  /// What did not fit is told.
  @Test func aSmallMemoryKeepsLess() throws {
    let flight = try Flight(keep: 1000, memory: 1024)
    flight.columns()
    let now = cl_boottime()
    for i: UInt64 in 0..<100 { flight.sample(now - (100 - i) * Self.second) }
    flight.ring.ask(.init("psi", ""))
    flight.ring.retry(at: now)
    flight.ring.finish()
    let notes = try flight.record().lines(NoteLine.self).compactMap(\.message)
    // How many fit is a matter of how long the machine has been up: of the digits of a time.
    let note = try #require(notes.first)
    #expect(notes.count == 1 && note.hasPrefix("no more than 1"), "\(notes)")
    #expect(note.hasSuffix("s before the trigger fit into 1KiB"), "\(notes)")
  }
}

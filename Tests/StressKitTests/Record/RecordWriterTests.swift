// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

struct RecordWriterTests {
  /// A writer whose every write(2) arrives as a packet of its own.
  private struct Wire: ~Copyable {
    let reader: Descriptor
    let writer: RecordWriter

    init() throws {
      var ends: [Int32] = [0, 0]
      try checkErrno(
        Int(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends)), "wire", "socketpair")
      reader = Descriptor(owning: ends[0])
      writer = RecordWriter(Descriptor(owning: ends[1]))
    }

    /// The next line, waited for: exactly what one write(2) wrote.
    borrowing func next() throws -> JSON {
      var bytes = [UInt8](repeating: 0, count: 65_536)
      let got = try checkErrno(Glibc.recv(reader.raw, &bytes, bytes.count, 0), "wire", "recv")
      return try Self.line(bytes[..<got])
    }

    /// Ends the writer; all that it has written.
    borrowing func finish() throws -> [JSON] {
      writer.finish()
      var lines: [JSON] = []
      var bytes = [UInt8](repeating: 0, count: 65_536)
      while true {
        let got = Glibc.recv(reader.raw, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        if got <= 0 { return lines }
        lines.append(try Self.line(bytes[..<got]))
      }
    }

    private static func line(_ bytes: ArraySlice<UInt8>) throws -> JSON {
      #expect(bytes.firstIndex(of: 0x0a) == bytes.endIndex - 1)
      return try JSON(parsing: bytes)
    }
  }

  @Test func writesEventsInTheirOrder() throws {
    let wire = try Wire()
    for i in 0..<100 { wire.writer.emit(NoteLine("\"\n\(i)"), at: UInt64(i)) }
    try wire.writer.start()
    wire.writer.emit(DeviceLine.self)
    let lines = try wire.finish()
    #expect(lines.count == 101)
    for (i, line) in lines.prefix(100).enumerated() {
      let expected: JSON = ["type": "note", "t": .int(Int64(i)), "message": .string("\"\n\(i)")]
      #expect(line == expected)
    }
    let last = try #require(lines.last)
    #expect(last["iops"] == .null)
    let age = Int64(cl_boottime()) - (try #require(last["t"]?.int))
    #expect((0..<5_000_000_000).contains(age))
  }

  /// Without samples, and with itself.
  @Test func tellsHowManyLinesThereAre() throws {
    let wire = try Wire()
    for name in ["a", "b"] { wire.writer.emit(NoteLine(name)) }
    try wire.writer.start()
    wire.writer.emitCount()
    wire.writer.emit(GuestEndLine.self)
    let lines = try wire.finish()
    #expect(lines.map { $0["lines"]?.int } == [nil, nil, 3, nil])
    #expect(lines[2]["type"] == "written")
  }

  @Test func writesALanesSamples() throws {
    let directory = try RecordFixture()
    let current = try directory.write("memory.current", "4096\n")
    let events = try directory.write("memory.events", "low 1\noom_kill 0\n")
    let files = [
      try #require(CounterFile(current, .single, prefix: "wb/memory.current")),
      try #require(CounterFile(events, .keyed, prefix: "wb/memory.events:")),
    ]
    // From here on the second file has one line less: unknown, not 0.
    try directory.write("memory.events", "low 2\n")
    let wire = try Wire()
    let lane = Sampler(lane: "main", interval: 5_000_000, files: files)
    try wire.writer.start()
    wire.writer.add(lane)
    try lane.start()
    #expect(eventually { lane.health.samples >= 3 })
    lane.stop()
    wire.writer.emit(EndLine.self)
    let lines = try wire.finish()
    let columns = try #require(lines.first)
    #expect(columns["type"] == "columns" && columns["lane"] == "main")
    #expect(columns["interval"] == 5_000_000)
    #expect(
      columns["names"] == [
        "wb/memory.current", "wb/memory.events:low", "wb/memory.events:oom_kill",
      ])
    let samples = lines.filter { $0["type"] == "sample" }
    #expect(samples.count == lane.health.samples && lane.health.dropped == 0)
    for sample in samples {
      #expect(sample["lane"] == "main" && sample["v"] == [4096, 2, .null])
    }
    let times = samples.compactMap { $0["t"]?.int }
    #expect(times.count == samples.count && times == times.sorted())
    #expect(lines.count == samples.count + 2)
  }

  @Test func saysThatItLivesWhenThereIsNothingElse() throws {
    let wire = try Wire()
    let started = cl_boottime()
    try wire.writer.start()
    let line = try wire.next()
    let waited = cl_boottime() - started
    wire.writer.finish()
    #expect(line["type"] == "alive" && line["t"]?.int != nil)
    #expect(waited >= RecordWriter.heartbeat)
  }

  /// The writer looks for samples ten times a second, but an event wakes it: of several in a silence the
  /// quickest must not have waited for such a look. (Each may have been unlucky with the machine.)
  @Test func anEventDoesNotWaitForThePause() throws {
    let wire = try Wire()
    try wire.writer.start()
    var quickest = UInt64.max
    for _ in 0..<10 {
      cl_sleep_until(cl_boottime() + 33_000_000)
      let start = cl_boottime()
      wire.writer.emit(PhaseLine.self)
      _ = try wire.next()
      quickest = min(quickest, cl_boottime() - start)
    }
    wire.writer.finish()
    #expect(quickest < 15_000_000)
  }

  /// A trial goes on without its record: neither SIGPIPE nor an endless loop.
  @Test func survivesItsReader() throws {
    var ends: [Int32] = [0, 0]
    try checkErrno(Int(pipe(&ends)), "pipe", "pipe")
    close(ends[0])
    let writer = RecordWriter(Descriptor(owning: ends[1]))
    try writer.start()
    writer.emit(PhaseLine.self)
    writer.finish()
  }
}

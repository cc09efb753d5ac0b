// SPDX-License-Identifier: Apache-2.0
import CAllocationCount
import Glibc
import Testing

@testable import StressCore
@testable import StressRecord

struct LatencySeriesTests {
  private static let second: UInt64 = 1_000_000_000

  /// Carries `body` out and returns the record's lines.
  private func lines(_ body: (RecordWriter) throws -> Void) throws -> [JSON] {
    let directory = try RecordFixture()
    let path = directory.path("record.jsonl")
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    let writer = RecordWriter(Descriptor(owning: file))
    try body(writer)
    try writer.start()
    writer.finish()
    return try RecordReader(path).lines("latency")
  }

  private func histogram(_ lines: [JSON]) -> [Int64: Int64] {
    var all: [Int64: Int64] = [:]
    for pair in lines.flatMap({ $0["v"]?.array ?? [] }) {
      guard let value = pair.array?[0].int, let count = pair.array?[1].int else { continue }
      all[value, default: 0] += count
    }
    return all
  }

  private func quantised(_ value: UInt64) -> UInt64 {
    LatencyBucket.lowest(LatencyBucket.of(value))
  }

  private func total(_ lines: [JSON], _ key: String) -> Int64 {
    lines.reduce(0) { $0 + ($1[key]?.int ?? 0) }
  }

  @Test func tellsASecond() throws {
    let lines = try lines { record in
      var series = LatencySeries(of: "write", worker: "backup", record)
      for value: UInt64 in [3000, 5, 3000, 4097, 5] {
        series.record(value, at: 7 * Self.second + value)
      }
      // Not over yet.
      series.tell(before: 8 * Self.second - 1)
      series.tell(before: 8 * Self.second)
      // Nothing is left to tell.
      series.tell(before: 9 * Self.second)
      series.flush()
    }
    #expect(
      lines == [
        [
          "type": "latency", "t": 8_000_000_000, "from": 7_000_000_000, "of": "write",
          "worker": "backup", "count": 5, "sum": 10_107, "max": 4097,
          "v": [[5, 2], [3000, 2], [4096, 1]],
        ]
      ])
  }

  @Test func ofTheWholeMachineItNamesNoStream() throws {
    let lines = try lines { record in
      var series = LatencySeries(of: "block-read", record)
      series.record(1, at: 0)
      series.flush()
    }
    #expect(lines.count == 1 && lines[0]["of"] == "block-read" && lines[0]["worker"] == nil)
  }

  /// An operation that is heard of late belongs to its own second all the same.
  @Test func eachToItsSecond() throws {
    let ends: [UInt64] = [5, 6, 5, 5, 9].map { $0 * Self.second + 1 }
    let lines = try lines { record in
      var series = LatencySeries(of: "write", record)
      for end in ends { series.record(100, at: end) }
      series.flush()
    }
    #expect(lines.map { ($0["from"]?.int ?? 0) / 1_000_000_000 } == [5, 6, 5, 9])
    #expect(lines.map { $0["count"]?.int } == [1, 1, 2, 1])
  }

  /// From 1 ns to 24 h, more values than there is room for: what the lines say together is what was measured.
  @Test(arguments: [16, 100, 8192])
  func merges(_ capacity: Int) throws {
    var random = SplitMix64(seed: 1)
    let day: UInt64 = 86_400 * Self.second
    var values = (0..<20_000).map { _ in random.next() >> (random.next() % 64) % day }
    values += [0, 1, 2047, 2048, 2049, day, .max >> 20]
    var expected: [Int64: Int64] = [:]
    for value in values { expected[Int64(quantised(value)), default: 0] += 1 }
    let lines = try lines { record in
      var series = LatencySeries(of: "write", capacity: capacity, record)
      for (i, value) in values.enumerated() {
        series.record(value, at: UInt64(i) * Self.second / 5000)
      }
      series.flush()
    }
    #expect(histogram(lines) == expected)
    #expect(total(lines, "count") == values.count)
    #expect(total(lines, "sum") == values.reduce(0) { $0 + Int64($1) })
    #expect(lines.compactMap { $0["max"]?.int }.max() == Int64(values.max()!))
    for line in lines {
      let pairs = (line["v"]?.array ?? []).compactMap(\.array)
      #expect(pairs.count <= capacity)
      #expect(pairs.reduce(0) { $0 + ($1[1].int ?? 0) } == line["count"]?.int)
      let keys = pairs.compactMap { $0[0].int }
      #expect(keys == Set(keys).sorted())
      let top = UInt64(line["max"]?.int ?? 0)
      #expect(keys.last == Int64(quantised(top)))
    }
  }

  /// A busy second of few different values is one line.
  @Test func manyAlikeAreOneLine() throws {
    let lines = try lines { record in
      var series = LatencySeries(of: "write", capacity: 1000, record)
      for i in 0..<1_000_000 as Range<UInt64> { series.record(2000 + i % 400, at: 1) }
      series.flush()
    }
    // 2000 ... 2047 one by one, 2048 ... 2399 in twos.
    #expect(lines.count == 1 && lines[0]["count"] == 1_000_000)
    #expect(lines[0]["v"]?.array?.count == 48 + 176)
  }

  @Test func recordingAllocatesNothing() throws {
    let directory = try RecordFixture()
    let file = open(directory.path("r"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    var series = LatencySeries(
      of: "write", capacity: 1000, RecordWriter(Descriptor(owning: file)))
    let before = ac_allocations()
    // Iterating over a range of UInt64 does, in a debug build.
    for i in 0..<1000 { series.record(UInt64(i * i * 1000), at: 1) }
    #expect(ac_allocations() == before)
  }
}

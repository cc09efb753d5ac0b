// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressRecord

/// Totals of PSI that cannot be.
struct PressureTotalTests {
  private let directory = try! RecordFixture()
  private static let second: Int64 = 1_000_000_000

  /// The values of a column of PSI, sampled once a second from a time on, and what is said of them.
  private func column(
    _ name: String, from start: Int64, _ totals: [Int64?]
  ) throws -> (values: [Int64?], texts: [String]) {
    var lines = [
      #"{"type":"columns","t":1,"lane":"fast","interval":1000000000,"names":["\#(name)"]}"#
    ]
    for (i, total) in totals.enumerated() {
      let time = (start + Int64(i)) * Self.second
      let value = total.map { "\($0)" } ?? "null"
      lines.append(#"{"type":"sample","t":\#(time),"lane":"fast","v":[\#(value)]}"#)
    }
    let record = try RecordReader(
      try directory.write("record.jsonl", lines.joined(separator: "\n") + "\n"))
    return (try #require(record.lane("fast")?.column(name)).values, record.defects.texts)
  }

  private static let columns = [
    "wbstress/memory.pressure:some", "wbstress/io.pressure:full", "wbstress/db/cpu.pressure:some",
    "pressure/memory:some", "pressure/cpu:full",
  ]

  /// As Linux 6.0-rc1 gave them, 8367757640799118 us after a few days.
  @Test(arguments: columns)
  func stallOfCenturies(_ name: String) throws {
    let (values, texts) = try column(
      name, from: 60, [8_367_757_640_799_118, 8_367_757_640_799_118, 8_367_757_641_799_118])
    #expect(values == [nil, nil, nil])
    #expect(
      texts == [
        "3 impossible readings of PSI (more stall than time, or less than before) and all later ones"
          + " unknown"
      ])
  }

  @Test func aJumpAndAFallEndIt() throws {
    let name = Self.columns[0]
    let jump = try column(
      name, from: 60, [100, 1_000_100, 9_000_000_001, 9_000_000_001, 1_000_200])
    #expect(jump.values == [100, 1_000_100, nil, nil, nil] && jump.texts.count == 1)
    let fall = try column(name, from: 60, [100, 1_000_100, nil, 1_000_099, 1_000_200])
    #expect(fall.values == [100, 1_000_100, nil, nil, nil])
    let negative = try column(name, from: 60, [-1, 5])
    #expect(negative.values == [nil, nil])
    let largest = try column(name, from: 60, [.max, 5])
    #expect(largest.values == [nil, nil])
  }

  /// Stalled all the time, by a clock that runs a little fast, read now late and now in time.
  @Test func whatCanBeIsKept() throws {
    let late: [Int64] = [700_000, 400_000, 800_000]
    let totals: [Int64] = (0..<600).map { (i: Int) -> Int64 in
      Int64(60 + i) * 1_010_000 + late[i % 3]
    }
    let (values, texts) = try column(Self.columns[0], from: 60, totals)
    #expect(values == totals && texts.isEmpty)
  }

  /// Of other counters nothing is thought: only of these it is known that they are times.
  @Test func otherColumnsStay() throws {
    let totals: [Int64?] = [8_367_757_640_799_118, 5, 7]
    #expect(try column("vmstat:pgfault", from: 1, totals).values == totals)
  }

  /// Samples that were put in order afterwards.
  @Test func outOfOrder() throws {
    let name = Self.columns[0]
    func sample(_ second: Int64, _ value: Int64) -> String {
      #"{"type":"sample","t":\#(second * Self.second),"lane":"fast","v":[\#(value)]}"#
    }
    let columns =
      #"{"type":"columns","t":1,"lane":"fast","interval":1000000000,"names":["\#(name)"]}"#
    let lines = [columns, sample(62, 9_000_000_001), sample(60, 1), sample(61, 2), sample(63, 3)]
    let record = try RecordReader(
      try directory.write("record.jsonl", lines.joined(separator: "\n") + "\n"))
    #expect(record.lane("fast")?.column(name)?.values == [1, 2, nil, nil])
  }
}

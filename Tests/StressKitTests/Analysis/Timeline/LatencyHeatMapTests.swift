// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressRecord

struct LatencyHeatMapTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private func maps(_ lines: [String], most: Int = 300) throws -> [LatencyHeatMap] {
    let path = try directory.write("r.jsonl", lines.joined(separator: "\n") + "\n")
    return LatencyHeatMap.all(
      in: try RecordReader(path), 2_500_000_000...12_000_000_000, most: most)
  }

  private static func line(_ of: String, _ second: Int, _ pairs: String) -> String {
    "{\"type\":\"latency\",\"t\":\(second + 1)000000000,\"from\":\(second)000000000,\"of\":\"\(of)\","
      + "\"count\":1,\"v\":[\(pairs)]}"
  }

  /// Values on both sides of a power of two; a second that is told twice; one before the window.
  @Test func rowsArePowersOfTwo() throws {
    let maps = try maps([
      Self.line("write", 1, "[1024,100]"), Self.line("write", 2, "[1023,1],[1024,2],[2047,3]"),
      Self.line("write", 2, "[1024,5]"), Self.line("fsync", 4, "[0,1],[1,1],[2,1]"),
      Self.line("write", 12, "[1099511627776,1]"), Self.line("write", 13, "[1,1]"),
    ])
    #expect(maps.map(\.of) == ["write", "fsync"])
    #expect(maps[0].start == 2_000_000_000)
    #expect(maps[0].width == 1_000_000_000)
    #expect(
      maps[0].tiles == [
        .init(column: 0, exponent: 9, count: 1), .init(column: 0, exponent: 10, count: 10),
        .init(column: 10, exponent: 40, count: 1),
      ])
    #expect(
      maps[1].tiles == [
        .init(column: 2, exponent: 0, count: 2), .init(column: 2, exponent: 1, count: 1),
      ])
  }

  /// Eleven seconds in three columns are four seconds each.
  @Test func longTrialsShareColumns() throws {
    let lines = (2...12).map { Self.line("write", $0, "[4096,1]") }
    let maps = try maps(lines, most: 3)
    #expect(maps[0].width == 4_000_000_000)
    #expect(maps[0].tiles.map(\.count) == [4, 4, 3])
  }
}

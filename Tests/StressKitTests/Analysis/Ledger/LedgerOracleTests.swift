// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

/// The ledger against an account of every single ms, over random traces.
struct LedgerOracleTests {
  private static let stacks: [([String], StallCause?)] = [
    (Stacks.journal, .journal), (Stacks.writeback, .folioWriteback), (Stacks.unknown, nil),
    (Stacks.ring, .completion),
  ]
  private static let sections: [(String, StallCause)] = [
    ("jbd2-lock-buffer", .journal), ("dirty-throttle", .dirtyThrottle),
    ("compaction", .compaction), ("memcg-reclaim", .memcgReclaim),
    ("direct-reclaim", .directReclaim),
  ]

  private struct Wait {
    var start: Int64
    var awake: Int64
    var end: Int64
    var stack: Int
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func everyInstantHasOneCause(_ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    func below(_ bound: Int64) -> Int64 { Int64.random(in: 0..<bound, using: &random) }
    let isWhole = below(4) > 0
    var record = try LedgerFixture(traced: 250, lost: isWhole ? 0 : 1)
    for (i, stack) in Self.stacks.enumerated() { record.stack(Int64(i), stack.0) }
    var waits: [Wait] = []
    var cursor = below(20)
    while cursor < 240 {
      let start = cursor + below(30)
      let end = start + 1 + below(40)
      let wait = Wait(
        start: start, awake: start + below(end - start + 1), end: end,
        stack: Int(below(Int64(Self.stacks.count))))
      waits.append(wait)
      cursor = end
    }
    for wait in waits.shuffled(using: &random) {
      record.wait(
        5, wait.start, wait.end, stack: Int64(wait.stack), woken: wait.awake - wait.start)
    }
    var sections: [(start: Int64, end: Int64, kind: Int)] = []
    for _ in 0..<below(12) {
      let start = below(240)
      sections.append((start, start + 1 + below(60), Int(below(Int64(Self.sections.count)))))
    }
    for section in sections {
      record.span(Self.sections[section.kind].0, 5, section.start, section.end)
    }
    var expected: [[StallCause: Int64]] = []
    for i in 0..<4 as Range<Int64> {
      let (start, length) = (20 * i + below(10), 10 + below(200))
      record.slow(5, start, start + length)
      var parts: [StallCause: Int64] = [:]
      for time in start..<start + length {
        parts[cause(at: time, waits, sections, isWhole), default: 0] += 1
      }
      expected.append(parts)
    }
    let stalls = try record.ledger().operations
    #expect(stalls.map(LedgerFixture.parts) == expected)
    #expect(stalls.allSatisfy { $0.parts.reduce(0) { $0 + $1.time } == $0.time })
  }

  private func cause(
    at time: Int64, _ waits: [Wait], _ sections: [(start: Int64, end: Int64, kind: Int)],
    _ isWhole: Bool
  ) -> StallCause {
    if time >= 250 { return .untraced }
    // In the order of how specific they are.
    let inside = sections.filter { $0.start <= time && time < $0.end }.map(\.kind).min()
    guard let wait = waits.first(where: { $0.start <= time && time < $0.end }) else {
      // Those that are no pauses.
      let working = sections.filter { $0.start <= time && time < $0.end && $0.kind >= 2 }
      let kind = working.map(\.kind).min()
      return kind.map { Self.sections[$0].1 } ?? (isWhole ? .running : .lostRecords)
    }
    if time >= wait.awake { return .cpuWait }
    return Self.stacks[wait.stack].1 ?? inside.map { Self.sections[$0].1 } ?? .unknownWait
  }
}

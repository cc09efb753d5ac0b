// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressReport

struct AroundSectionTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private static let ms: Int64 = 1_000_000

  private func lines(_ trials: [MadeTrial]) throws -> [String] {
    var around = AroundEvents()
    for trial in trials { around.add(try trial.record(in: directory)) }
    return AroundSection(EventKind.allCases.map { CountersAround($0, around) })
      .lines(width: 80) { $0.uppercased() }
  }

  /// Stalls of half a second at 10 s and 20 s, each with as many pages scanned as told in the 500 ms before.
  private func trial(scanned: Int64, seed: UInt64 = 0) -> MadeTrial {
    var random = SplitMix64(seed: seed)
    var trial = MadeTrial()
    trial.stalls = [10_000, 20_000].map { $0 * Self.ms..<($0 + 500) * Self.ms }
    var total: Int64 = 0
    trial.counters = [
      (
        "vmstat:pgscan_file",
        { t in
          let phase = t % (10_000 * Self.ms)
          total += phase >= 9500 * Self.ms && t > 0 ? scanned : 1
          return total
        }
      ),
      ("wbstress/backup/memory.current", { _ in Int64.random(in: 0...9_000_000, using: &random) }),
      ("vmstat:nr_still", { _ in 3 }),
    ]
    return trial
  }

  @Test func whatMovesBeforeStalls() throws {
    let text = try lines((0..<6).map { trial(scanned: 400 + Int64($0), seed: UInt64($0)) })
    #expect(text.allSatisfy { $0.count <= 80 })
    try expectGolden(text.joined(separator: "\n"), "around.txt")
  }

  /// Nothing to be seen is said in words, and never as an empty table.
  @Test func whatCannotBeSaid() throws {
    #expect(try lines([]).isEmpty)
    #expect(
      try lines(
        [trial(scanned: 1)].map { trial in
          var trial = trial
          trial.stalls = []
          return trial
        }) == ["no OOM kills, no stalls that stand out in 1 trial"])
    var stalled = trial(scanned: 1)
    stalled.stalls = [700 * Self.ms..<30_000 * Self.ms]
    #expect(
      try lines([stalled, stalled]) == [
        "counters before stalls (2 in 2 of 2 trials): no comparison, as no second of",
        "    these trials was quiet", "no OOM kills in 2 trials",
      ])
    var killed = trial(scanned: 1)
    killed.stalls = []
    killed.kills = [100 * Self.ms]
    #expect(
      try lines([killed, killed]) == [
        "counters before OOM kills (2 in 2 of 2 trials, 2 too early to compare): no",
        "    comparison, as no second of these trials was quiet",
        "no stalls that stand out in 2 trials",
      ])
  }

  @Test func threeSignificantDigits() {
    let values: [(Double, String)] = [
      (0, "0"), (0.00123, "0.0012"), (0.0123, "0.01"), (1.234, "1.23"), (12.34, "12.3"),
      (123.4, "123"), (999.4, "999"), (999.6, "1.00k"), (-1234, "-1.23k"), (2.5e9, "2.50G"),
    ]
    for (value, text) in values { #expect(Format.significant(value) == text) }
  }
}

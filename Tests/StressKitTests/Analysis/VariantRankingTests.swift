// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord
@testable import StressReport

/// Which variants come first.
struct VariantRankingTests: ProfileSuite {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  /// A trial whose victims are these workers, with a task that waited so long (s).
  private func trial(
    _ victims: [String?], wait: Double?, speed: Double?, _ outcome: Outcome? = nil
  ) throws -> TrialSummary {
    var trial = try TrialSummary(try directory.record(from: RecordFixture.completed))
    trial.ending = Ending(outcome ?? (victims.isEmpty ? .completed : .oom))
    trial.kills = .init(
      kernelLog: victims.count, memoryEvents: victims.count, console: victims.count)
    trial.killStamps = victims.enumerated().map {
      KillStamps(pid: Int64($0.offset), worker: $0.element, stamps: [])
    }
    trial.workerLatencies = [
      "log": wait.map { ["fsync": Distribution([(value: $0 * 1e9, count: 1)])] } ?? [:],
      "db": ["touch": Distribution([(value: 99_000_000_000, count: 1)])],
    ]
    trial.throughput = speed
    return trial
  }

  private func cell(
    _ variant: String, kernel: String = "6.12", fs: String = "ext4", _ trials: [TrialSummary]
  ) throws -> CellSummary {
    CellSummary(
      axes: [
        .init("kernel", kernel), .init("fs", fs), .init("variant", variant),
      ],
      profile: try profile(
        """
        pinned: [{name: db, size: 1MiB}]
        streams: [{name: backup, size: 1MiB}]
        tasks: [{name: log, do: probe}]
        """), trials: trials)
  }

  /// A killed pin is worse than a killed stream, that is worse than waiting, and waiting than being slow.
  @Test func killsThenWaitsThenSpeed() throws {
    let cells = [
      try cell("dead", [try trial(["db"], wait: 0.1, speed: 9e6)]),
      try cell("quick", [try trial([], wait: 2, speed: 4e6)]),
      try cell("slow", [try trial([], wait: 2, speed: 1e6)]),
      try cell("soft", [try trial([], wait: 0.5, speed: 1e6)]),
      try cell("backup-dead", [try trial(["backup"], wait: 0.1, speed: nil)]),
      // Half of its trials, on two file systems.
      try cell("half", [try trial(["db", "backup"], wait: 0.1, speed: 9e6)]),
      try cell("half", fs: "xfs", [try trial([], wait: 0.1, speed: 9e6)]),
      try cell("unknown", [try trial([], wait: nil, speed: nil)]),
      // No trial of it counts.
      try cell("none", [try trial([], wait: 0, speed: 9e9, .invalid)]),
    ]
    let ranking = try #require(VariantRanking.all(cells).first)
    #expect(ranking.kernel == nil)
    #expect(
      ranking.rows.map(\.variant) == [
        "soft", "quick", "slow", "unknown", "backup-dead", "half", "dead",
      ])
    let half = try #require(ranking.rows.first { $0.variant == "half" })
    #expect(half.pinsKilled == Proportion(1, of: 2) && half.othersKilled == Proportion(1, of: 2))
    #expect(ranking.rows.first?.wait == 0.5e9)
    #expect(ranking.rows[3].wait == nil && ranking.rows[3].throughput == nil)
  }

  /// A victim that the record cannot name is no pin's.
  @Test func aKillOfNobodyKnownIsAnothers() throws {
    var lost = try trial([], wait: 1, speed: 1)
    lost.kills = .init(kernelLog: 0, memoryEvents: 1, console: 1)
    let cells = [
      try cell("a", [try trial([nil], wait: 1, speed: 1)]), try cell("b", [lost]),
      try cell("c", [try trial([], wait: 1, speed: 1)]),
    ]
    let rows = try #require(VariantRanking.all(cells).first).rows
    #expect(rows.map(\.variant).first == "c")
    #expect(rows.allSatisfy { $0.pinsKilled.events == 0 })
    #expect(rows.map(\.othersKilled.events) == [0, 1, 1])
  }

  /// Each kernel has an order of its own, and a campaign of two variants, or of none, has none.
  @Test func oneForEachKernel() throws {
    func cells(_ variants: [String]) throws -> [CellSummary] {
      try ["6.12", "7.3"].flatMap { kernel in
        try variants.map { variant in
          try cell(
            variant, kernel: kernel,
            [
              try trial(
                (variant == "a") == (kernel == "7.3") ? ["db"] : [], wait: 1, speed: 4_194_304)
            ])
        }
      }
    }
    let rankings = VariantRanking.all(try cells(["a", "b", "c"]))
    #expect(rankings.map(\.kernel) == ["6.12", "7.3"])
    #expect(rankings.map { $0.rows.first?.variant } == ["a", "b"])
    #expect(VariantRanking.all(try cells(["a", "b"])).isEmpty)
    #expect(
      VariantRanking.all([try CellSummary(axes: [], profile: profile(minimal), trials: [])]).isEmpty
    )
    try CampaignFixture(directory).plan([["kernel": "6.12"]], trials: 1)
    var summary = try CampaignSummary(directory: directory.root)
    summary.cells = try cells(["a", "b", "c"])
    let text = TerminalReport(summary, style: .init(colour: false)).ranking.joined(separator: "\n")
    #expect(
      text.hasPrefix(
        """
        rank  kernel  variant  pins killed  others killed  tasks' p99  MiB/s
           1  6.12    a                0:1            0:1        1.00    4.0
           2  6.12    b                1:1            0:1        1.00    4.0
           3  6.12    c                1:1            0:1        1.00    4.0
           1  7.3     b                0:1            0:1        1.00    4.0
        """))
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

/// Campaigns in memory, made of one saved trial with other figures.
struct ComparisonFixture {
  /// What a made-up trial did.
  struct Figures {
    var throughput = 4.0
    var stall = 1.0
    /// Seconds after the streams' start; nil: nobody was killed.
    var killed: Double?
    var outcome: Outcome?
    var vmstat: [String: Int64] = [:]
  }

  private let saved: TrialSummary
  private let empty: CampaignSummary

  init(_ directory: RecordFixture) throws {
    saved = try TrialSummary(try directory.record(from: RecordFixture.completed))
    try CampaignFixture(directory).plan([["kernel": "debian:6.1"]], trials: 1)
    empty = try CampaignSummary(directory: directory.root)
  }

  func trial(_ number: Int, _ figures: Figures = Figures()) -> TrialSummary {
    var trial = saved
    trial.number = number
    trial.throughput = figures.throughput * 1_048_576
    trial.stall = .init(
      p50: figures.stall * 5e8, p99: figures.stall * 1e9, max: figures.stall * 2e9, count: 100)
    trial.longestWrite = figures.stall * 2e9
    trial.longestSync = 5e8
    trial.bytes = 1 << 30
    trial.cpuTime = 3e9
    trial.memoryStat = ["pgscan": 1000, "pgsteal": 900]
    trial.vmstat = figures.vmstat
    trial.streaming = 1_000_000_000...11_000_000_000
    trial.memoryPressure = .init(some: 2e9, full: 1e9)
    trial.ioPressure = .init(some: 4e9, full: 3e9)
    trial.ending = Ending(figures.outcome ?? (figures.killed == nil ? .completed : .oom))
    trial.kills = .init(
      kernelLog: figures.killed == nil ? 0 : 1, memoryEvents: nil, console: nil)
    trial.killStamps =
      figures.killed.map { seconds in
        let time = 1_000_000_000 + Int64(seconds * 1e9)
        return [KillStamps(pid: 1, stamps: [.init(source: .kernelLog, time: time)])]
      } ?? []
    return trial
  }

  /// An arm's trials, numbered from 1.
  func trials(_ count: Int, _ figures: (Int) -> Figures = { _ in Figures() }) -> [TrialSummary] {
    (0..<count).map { trial($0 + 1, figures($0)) }
  }

  func campaign(
    _ cells: [(axes: KeyValuePairs<String, String>, trials: [TrialSummary])],
    _ directory: String = "base", control: [Int: Profile.Control] = [:]
  ) -> CampaignSummary {
    var campaign = empty
    campaign.directory = directory
    campaign.planned = cells.map(\.trials.count).min() ?? 0
    campaign.cells = cells.enumerated().map { index, cell in
      var profile = empty.cells[0].profile
      profile.control = control[index]
      return CellSummary(
        axes: cell.axes.map { Profile.Setting($0.key, $0.value) }, profile: profile,
        trials: cell.trials)
    }
    return campaign
  }

  /// Two cells, one with each kernel.
  func kernels(_ base: [TrialSummary], _ new: [TrialSummary]) -> CampaignSummary {
    campaign([(["kernel": "6.1"], base), (["kernel": "6.12"], new)])
  }
}

/// Values that differ from trial to trial, and are the same in every run.
func scatter(_ index: Int, around centre: Double, by spread: Double) -> Double {
  centre * (1 + spread * (Double((index * 37) % 11) / 5 - 1))
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

struct CampaignProgressTests {
  private static let second: UInt64 = 1_000_000_000

  private func campaign(jobs: Int = 1) -> CampaignProgress {
    CampaignProgress("p", cells: ["a", "b"], trials: 3, jobs: jobs, started: 0)
  }

  @Test func timeLeftIsUnknownUntilATrialHasEnded() {
    var campaign = campaign()
    #expect(campaign.secondsLeft(at: 0) == nil)
    campaign.start(cell: 0, number: 1, at: 0)
    #expect(campaign.secondsLeft(at: Self.second) == nil)
  }

  /// Of each cell its own median, of one without any that of all.
  @Test func timeLeftIsOfMedians() {
    var campaign = campaign()
    for (number, seconds) in [(1, 10.0), (2, 30)] {
      campaign.start(cell: 0, number: number, at: 0)
      campaign.end(cell: 0, number: number, .completed, seconds: seconds)
    }
    #expect(campaign.done == 2 && campaign.total == 6)
    #expect(campaign.secondsLeft(at: 0) == 20.0 + 3 * 20)
    campaign.start(cell: 1, number: 1, at: 0)
    campaign.end(cell: 1, number: 1, .oom, seconds: 8)
    #expect(campaign.secondsLeft(at: 0) == 20.0 + 2 * 8)
    // Of a running one the rest; one that takes longer than expected may end at any time.
    campaign.start(cell: 0, number: 3, at: 100 * Self.second)
    #expect(campaign.secondsLeft(at: 105 * Self.second) == 15.0 + 2 * 8)
    #expect(campaign.secondsLeft(at: 900 * Self.second) == 2.0 * 8)
  }

  @Test func trialsAtATimeDivideTheTime() {
    var campaign = campaign(jobs: 2)
    campaign.start(cell: 0, number: 1, at: 0)
    campaign.end(cell: 0, number: 1, .completed, seconds: 10)
    #expect(campaign.secondsLeft(at: 0) == 25)
  }

  @Test func aTrialThatIsRunAgainIsOpenMeanwhile() {
    var campaign = CampaignProgress(
      "p", cells: ["a"], trials: 2, jobs: 1, started: 0, done: [(0, 1, .oom)])
    #expect(campaign.outcomes == [[.oom, nil]] && campaign.done == 1)
    campaign.start(cell: 0, number: 2, at: 0)
    campaign.update(cell: 0, number: 2) { $0.phase = "boot" }
    campaign.update(cell: 0, number: 1) { $0.phase = "never" }
    #expect(campaign.running.map(\.phase) == ["boot"])
    #expect(campaign.isRunning(cell: 0, number: 2) && !campaign.isRunning(cell: 0, number: 1))
    campaign.end(cell: 0, number: 2, .panic, seconds: 1)
    #expect(campaign.outcomes == [[.oom, .panic]] && campaign.running.isEmpty)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis
@testable import StressCore

struct CalibrationTests {
  private typealias Figures = ComparisonFixture.Figures
  private let fixture: ComparisonFixture

  init() throws { fixture = try ComparisonFixture(try RecordFixture()) }

  private func campaign(_ figures: (Int) -> Figures, trials: Int = 12) -> CampaignSummary {
    fixture.campaign(
      [
        (["kernel": "6.12", "calibrate": "A"], fixture.trials(trials, figures)),
        (["kernel": "6.12", "calibrate": "B"], fixture.trials(trials) { figures($0 + trials) }),
        (["kernel": "6.1", "fs": "xfs"], fixture.trials(trials, figures)),
      ])
  }

  private func noise(_ campaign: CampaignSummary) -> CellNoise? {
    CalibratedCell.all(in: campaign).first?.noise(draws: 300)
  }

  /// Of random draws of the same trials the verdict calls no more changes than its level allows.
  @Test func falsePositives() throws {
    var random = SplitMix64(seed: 1)
    let values = (0..<24).map { _ in
      (Double.random(in: 0..<1, using: &random), Double.random(in: 0..<1, using: &random))
    }
    let campaign = campaign { index in
      let (a, b) = values[index % 24]
      return Figures(throughput: exp(a), stall: exp(3 * b), killed: index % 3 == 0 ? 1 : nil)
    }
    let noise = try #require(self.noise(campaign))
    #expect(noise.axes == [.init("kernel", "6.12")] && noise.trials == 24 && noise.draws == 300)
    #expect(noise.base == 12 && noise.new == 12 && Double(noise.changed) <= 0.055 * 300)
    // A rate of a third among twelve is not the same in every division.
    let floor = try #require(noise.floors[.failed])
    #expect(floor >= 1.0 / 6 && floor < 0.6)
    for measure in [Measure.throughput, .stallP99] { #expect(noise.floors[measure] ?? 0 > 1.05) }
    #expect(noise.floors[.cpuPerGiB] == nil)
    // The seed is the campaign's.
    #expect(self.noise(campaign) == noise)
    var other = campaign
    other.seed += 1
    #expect(self.noise(other) != noise)
  }

  /// More trials draw closer together, and more than there are can be drawn.
  @Test func armsOfOtherSizes() throws {
    let campaign = campaign { Figures(throughput: scatter($0, around: 4, by: 0.5)) }
    let cell = try #require(CalibratedCell.all(in: campaign).first)
    let floors = try [(4, 4), (12, 12), (40, 40)].map { sizes in
      let noise = cell.noise(sizes, draws: 60)
      #expect(noise.base == sizes.0 && noise.trials == 24)
      return try #require(noise.floors[.throughput])
    }
    #expect(floors[0] > floors[1] && floors[1] > floors[2])
    #expect(cell.noise((0, 3), draws: 5).floors == [:])
  }

  /// Only cells with two arms and trials in both have noise to tell of.
  @Test func cellsWithoutArms() {
    let campaign = campaign({ _ in Figures() }, trials: 3)
    #expect(CalibratedCell.all(in: campaign).map(\.axes) == [[.init("kernel", "6.12")]])
    var half = campaign
    half.cells[1].trials = []
    #expect(CalibratedCell.all(in: half).isEmpty)
  }

  /// Where every trial is killed there is no speed, and no floor for it.
  @Test func nothingToMeasure() throws {
    let noise = try #require(self.noise(campaign { _ in Figures(killed: 1) }))
    #expect(noise.floors[.throughput] == nil)
    // Nothing between the trials, no noise.
    #expect(noise.floors[.failed] == 0 && noise.changed == 0)
  }

  @Test func pooledArms() {
    let pooled = CalibratedCell.pooled(campaign { _ in Figures() }.cells)
    #expect(pooled.map(\.trials.count) == [24, 12])
    #expect(pooled.map { $0.axes.map(\.key) } == [["kernel"], ["kernel", "fs"]])
  }
}

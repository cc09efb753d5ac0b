import Glibc
import Testing

@testable import StressKit

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

  /// Of random divisions of the same trials the verdict calls no more changes than its level allows.
  @Test func falsePositives() throws {
    var random = SplitMix64(seed: 1)
    let values = (0..<24).map { _ in
      (Double.random(in: 0..<1, using: &random), Double.random(in: 0..<1, using: &random))
    }
    let campaign = campaign { index in
      let (a, b) = values[index % 24]
      return Figures(throughput: exp(a), stall: exp(3 * b), killed: index % 3 == 0 ? 1 : nil)
    }
    let noise = try #require(Calibration.noise(of: campaign, splits: 300).first)
    #expect(noise.axes == [.init("kernel", "6.12")] && noise.trials == 24 && noise.splits == 300)
    let rate = try #require(noise.falsePositives.rate)
    #expect(rate <= 0.055)
    // A rate of a third among twelve is not the same in every division.
    let floor = try #require(noise.floors[.failed])
    #expect(floor >= 1.0 / 6 && floor < 0.6)
    for measure in [Measure.throughput, .stallP99] { #expect(noise.floors[measure] ?? 0 > 1.05) }
    #expect(noise.floors[.cpuPerGiB] == nil)
    // The seed is the campaign's.
    #expect(Calibration.noise(of: campaign, splits: 300).first == noise)
    var other = campaign
    other.seed += 1
    #expect(Calibration.noise(of: other, splits: 300).first != noise)
  }

  /// Only cells with two arms and trials in both have noise to tell of.
  @Test func cellsWithoutArms() {
    let campaign = campaign({ _ in Figures() }, trials: 3)
    #expect(Calibration.noise(of: campaign, splits: 10).map(\.axes) == [[.init("kernel", "6.12")]])
    var half = campaign
    half.cells[1].trials = []
    #expect(Calibration.noise(of: half, splits: 10) == [])
  }

  /// Where every trial is killed there is no speed, and no floor for it.
  @Test func nothingToMeasure() throws {
    let noise = try #require(
      Calibration.noise(of: campaign { _ in Figures(killed: 1) }, splits: 20).first)
    #expect(noise.floors[.throughput] == nil)
    // Nothing between the trials, no noise.
    #expect(noise.floors[.failed] == 0 && noise.changed == 0)
  }

  @Test func pooledArms() {
    let pooled = Calibration.pooled(campaign { _ in Figures() }.cells)
    #expect(pooled.map(\.trials.count) == [24, 12])
    #expect(pooled.map { $0.axes.map(\.key) } == [["kernel"], ["kernel", "fs"]])
  }
}

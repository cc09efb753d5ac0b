// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis

/// Searches over simulated kernels. As unit tests a few; with WBSTRESS_FIGURES as many as docs/statistics.md tells of.
struct ThresholdSimulationTests {
  private static let isWhole = getenv("WBSTRESS_FIGURES") != nil

  private struct Result {
    var half: Double
    var search: CellThreshold

    var covers: Bool {
      let interval = search.interval
      return (interval.lower...interval.upper).contains(half * SimulatedCurve.mebibyte)
    }
  }

  /// Curves of every form, thresholds from 10 to 60 MiB, from 10 to 90 % within `spread`, and up to 5 % of guesses and
  /// of lapses in half of them.
  private func results(_ seed: UInt64, _ spread: ClosedRange<Double>, _ count: Int) -> [Result] {
    var trials = SimulatedTrials(seed: seed)
    return (0..<count).map { index in
      let half = 10 + 50 * trials.uniform()
      let width = spread.lowerBound * pow(spread.upperBound / spread.lowerBound, trials.uniform())
      let errors = [trials.uniform(), trials.uniform()].map { max(0, 0.1 * $0 - 0.05) }
      let forms = SimulatedCurve.Form.allCases
      let curve = SimulatedCurve.rising(
        half, spread: width, form: forms[index % forms.count], guess: errors[0], lapse: errors[1])
      return Result(half: half, search: curve.search(&trials))
    }
  }

  private func median(_ results: [Result]) -> Int {
    results.map(\.search.trials.count).sorted()[results.count / 2]
  }

  private func tell(_ name: String, _ results: [Result]) {
    let found = results.filter { $0.search.stage == .found }
    let count = Double(results.count)
    figure(
      "\(name): covered; of those found; found; called not monotonic",
      Double(results.count(where: \.covers)) / count,
      Double(found.count(where: \.covers)) / Double(max(1, found.count)),
      Double(found.count) / count,
      Double(results.count { $0.search.stage == .notMonotonic }) / count)
    if Self.isWhole { print("figure: \(name): median trials \(median(results))") }
  }

  /// 2,000 curves between a step and a slope over a fifth of the limit: intervals of 95 % cover in at least 93 %, and
  /// the median search takes at most 25 trials.
  @Test func intervalsCover() {
    // Flat curves need most trials: as a unit test steeper ones.
    let all = Self.isWhole ? results(18, 0.2...13, 2000) : results(18, 0.2...3, 8)
    tell("thresholds", all)
    #expect(median(all) <= 25)
    let covered = all.count(where: \.covers)
    // Of eight at 93 % fewer than six come twice in a thousand times.
    #expect(Self.isWhole ? covered >= 1860 : covered >= 6)
    #expect(all.allSatisfy { $0.search.posterior.direction == .rising })
  }

  /// By how steep they are.
  @Test(
    .enabled(if: ThresholdSimulationTests.isWhole),
    arguments: [0.2, 0.5, 1.5, 4, 8, 13])
  func intervalsCoverAtEachSlope(_ spread: Double) {
    let all = results(UInt64(spread * 10), spread...spread, 1000)
    tell("thresholds, 10 to 90 % within \(spread) MiB", all)
    #expect(all.count(where: \.covers) >= 900)
  }

  /// What never dies is not given a threshold, nor what always does, nor a curve that rises and falls again, nor one
  /// that has a dip.
  @Test func curvesWithoutAThreshold() {
    var trials = SimulatedTrials(seed: 19)
    func searches(_ count: Int, _ chance: @escaping (Double) -> Double) -> [CellThreshold] {
      (0..<count).map { _ in SimulatedCurve(chance: chance).search(&trials) }
    }
    for (chance, stage) in [(0.0, CellThreshold.Stage.never), (1, .always)] {
      let all = searches(Self.isWhole ? 100 : 2) { _ in chance }
      #expect(all.allSatisfy { $0.stage == stage && $0.trials.count <= 25 && !$0.isTold })
      if Self.isWhole {
        print("figure: \(stage): trials \(all.map(\.trials.count).max() ?? 0) at most")
      }
      let bounds = all.flatMap { [$0.ends.from, $0.ends.to] }.map(\.exactBounds)
      #expect(bounds.allSatisfy { stage == .never ? $0.upper < 0.5 : $0.lower > 0.5 })
    }
    let bump = searches(Self.isWhole ? 200 : 2) { (20...40).contains($0) ? 1 : 0 }
    let dip = searches(Self.isWhole ? 200 : 1) { (30...45).contains($0) || $0 < 15 ? 0 : 1 }
    for (name, all) in [("bump", bump), ("dip", dip)] {
      for stage in CellThreshold.Stage.allCases {
        figure("\(name): \(stage)", Double(all.count { $0.stage == stage }) / Double(all.count))
      }
      #expect(all.allSatisfy { [.notMonotonic, .open].contains($0.stage) })
    }
    #expect(bump.allSatisfy { $0.stage == .notMonotonic })
  }

  /// A falling curve: the direction is learned.
  @Test func fallingCurves() {
    var trials = SimulatedTrials(seed: 21)
    let rising = SimulatedCurve.rising(40, spread: 1)
    let found = SimulatedCurve { 1 - rising.chance($0) }.search(&trials)
    #expect(found.stage == .found && found.posterior.direction == .falling)
    let interval = found.interval
    #expect(
      (interval.lower...interval.upper).contains(40 * SimulatedCurve.mebibyte))
  }
}

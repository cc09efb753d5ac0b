// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore

struct CountersAroundTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private static let ms: Int64 = 1_000_000
  private static let leading = "vmstat:pgscan_file"

  /// A trial of 40 s with four stalls of half a second at random times, a counter that grows a hundred times
  /// faster from 300 ms before each until 300 ms before its end, and counters that know nothing of them.
  private func trial(noise: Int, _ random: inout SplitMix64) -> MadeTrial {
    let ms = Self.ms
    var trial = MadeTrial(length: 40_000 * ms)
    trial.interval = 20 * ms
    trial.stalls = (0..<4).map { quarter in
      let start = (Int64(quarter) * 10_000 + Int64.random(in: 2000...8000, using: &random)) * ms
      return start..<start + 500 * ms
    }
    let stalls = trial.stalls
    var total: Int64 = 0
    trial.counters = [
      (
        Self.leading,
        { t in
          // What was counted in the 20 ms until now.
          let isUnderWay = stalls.contains {
            $0.lowerBound - 300 * ms < t && t <= $0.upperBound - 300 * ms
          }
          total += isUnderWay ? 200 : 2
          return total
        }
      )
    ]
    for i in 0..<noise {
      var own = SplitMix64(seed: random.next())
      var level: Int64 = 1000
      let isGauge = i % 2 == 0
      trial.counters.append(
        (
          isGauge ? "vmstat:nr_noise_\(i)" : "vmstat:noise_\(i)",
          { _ in
            // A walk that returns, as much memory does, or a total with random steps.
            level =
              isGauge
              ? 1000 + (level - 1000) * 9 / 10 + Int64.random(in: -50...50, using: &own)
              : level + Int64.random(in: 0...100, using: &own)
            return level
          }
        ))
    }
    return trial
  }

  private func around(_ trials: [MadeTrial]) throws -> AroundEvents {
    var around = AroundEvents()
    for trial in trials { around.add(try trial.record(in: directory)) }
    return around
  }

  @Test func findsTheCounterThatMovesFirst() throws {
    var random = SplitMix64(seed: 1)
    let trials = (0..<12).map { _ in trial(noise: 40, &random) }
    let study = CountersAround(.stall, try around(trials))
    #expect(study.tally.trials == 12 && study.tally.compared == 12 && study.tally.events == 48)
    #expect(study.counters.count == 41)
    let first = try #require(study.counters.first)
    #expect(first.name == Self.leading && first.kind == .cumulative && first.trials == 12)
    // 12 of a sign: 2 in 4096; and the smallest of 41.
    #expect(first.p == 2.0 / 4096 && first.q == 41 * first.p && first.isFinding)
    // Until the bin that the event lies in, 200 to 300 ms of 1000 at 10,000 a second, the others at 100.
    #expect(abs(first.quiet - 100) < 1 && abs(first.before - 2575) < 150)
    #expect((first.ratio ?? 0) > 24 && (first.deviations ?? .infinity) > 10)
    let lag = try #require(first.lag)
    #expect(abs(lag.seconds - 0.3) < 1e-9 && lag.r > 0.85)
    #expect(study.counters.dropFirst().allSatisfy { !$0.isFinding })
    // The path: 300 ms before the event, and not earlier.
    let path = try first.path.map { try #require($0) }
    #expect(path[..<46].allSatisfy { $0 < 1000 } && path[48..<52].allSatisfy { $0 > 8000 })
    #expect(study.trials.max() == 12)
  }

  /// In cells where nothing is to be found, hardly one in twenty may claim anything.
  @Test func falseDiscoveriesAreRare() throws {
    var claims = 0
    for seed in 0..<20 {
      var random = SplitMix64(seed: UInt64(seed) + 100)
      let trials = (0..<12).map { _ in
        var trial = trial(noise: 10, &random)
        trial.counters.removeFirst()
        trial.length = 20_000 * Self.ms
        trial.interval = 100 * Self.ms
        return trial
      }
      let study = CountersAround(.stall, try around(trials))
      #expect(study.counters.count == 10)
      claims += study.counters.contains(where: \.isFinding) ? 1 : 0
    }
    #expect(claims <= 2)
  }

  /// The same record gives the same figures.
  @Test func isDeterministic() throws {
    func study() throws -> CountersAround {
      var random = SplitMix64(seed: 7)
      return CountersAround(.stall, try around((0..<3).map { _ in trial(noise: 4, &random) }))
    }
    #expect(try study().counters == study().counters)
  }

  /// What happens only from the event on is not before it, though it lies in the same interval.
  @Test func whatFollowsIsNotBefore() throws {
    let ms = Self.ms
    var trial = MadeTrial()
    trial.kills = [15_010 * ms]
    trial.counters = [
      ("vmstat:after", { $0 <= 15_000 * ms ? 0 : 5000 }),
      ("vmstat:before", { $0 < 14_900 * ms ? 0 : 70 }),
    ]
    let study = CountersAround(.kill, try around([trial]))
    let after = try #require(study.counters.first { $0.name == "vmstat:after" })
    let before = try #require(study.counters.first { $0.name == "vmstat:before" })
    #expect(after.before == 0 && after.quiet == 0 && after.p == 1 && after.ratio == nil)
    #expect(abs(before.before - 70) < 0.01 && before.quiet == 0 && before.ratio == nil)
    #expect(before.deviations == nil)
  }

  // MARK: Where there is little to compare

  private func made(_ change: (inout MadeTrial) -> Void) throws -> CountersAround {
    var trial = MadeTrial()
    trial.counters = [("vmstat:nr_dirty", { $0 / 1_000_000_000 })]
    change(&trial)
    return CountersAround(.stall, try around([trial]))
  }

  @Test func withoutEvents() throws {
    let study = try made { _ in }
    #expect(study.tally.trials == 1 && study.tally.events == 0 && study.counters.isEmpty)
    #expect(study.smallestP == nil && study.trials.allSatisfy { $0 == 0 })
    #expect(CountersAround(.kill, AroundEvents()).counters.isEmpty)
  }

  /// One trial proves nothing, however many events it has.
  @Test func oneEvent() throws {
    let study = try made { $0.stalls = [12_000 * Self.ms..<13_000 * Self.ms] }
    #expect(study.tally.compared == 1 && study.smallestP == 1)
    #expect(study.counters.map(\.p) == [1] && !study.counters[0].isFinding)
    // It ends 18 s after the event, and the grid is whole on both sides.
    #expect(study.trials.allSatisfy { $0 == 1 })
  }

  @Test func oneEventOfAShortTrial() throws {
    let study = try made { trial in
      trial.length = 4000 * Self.ms
      trial.stalls = [2500 * Self.ms..<2700 * Self.ms]
    }
    #expect(study.tally.compared == 1 && study.tally.quietWindows == 1)
    // 2.5 s before it, 1.5 s after it, and no more.
    #expect(study.trials.firstIndex(of: 1) == 25 && study.trials.lastIndex(of: 1) == 64)
  }

  @Test func eventsInTheFirstHalfSecond() throws {
    let study = try made { $0.stalls = [400 * Self.ms..<900 * Self.ms] }
    #expect(study.tally.events == 1 && study.tally.early == 1 && study.tally.compared == 0)
    #expect(study.counters.isEmpty)
  }

  @Test func stalledAllTheTime() throws {
    let study = try made { $0.stalls = [600 * Self.ms..<30_000 * Self.ms] }
    #expect(study.tally.events == 1 && study.tally.neverQuiet == 1 && study.tally.compared == 0)
    #expect(study.counters.isEmpty)
  }

  /// Counters that never moved are not tested, and do not make it harder for the others.
  @Test func countersThatStandStill() throws {
    let study = try made { trial in
      trial.stalls = [12_000 * Self.ms..<13_000 * Self.ms]
      trial.counters += [("vmstat:still", { _ in 5 }), ("vmstat:unknown", { _ in nil })]
    }
    #expect(study.counters.map(\.name) == ["vmstat:nr_dirty"])
  }

  @Test func howManyTrialsItTakes() throws {
    var random = SplitMix64(seed: 3)
    let five = CountersAround(
      .stall, try around((0..<5).map { _ in trial(noise: 3, &random) }))
    #expect(five.smallestP == 0.0625)
    // 4 counters: 4 * 2 / 2^8 is the first below 0.05.
    #expect(five.counters.count == 4 && five.trialsForOne == 8)
    #expect(five.counters.allSatisfy { $0.p >= 0.0625 && !$0.isFinding })
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore

struct MeasureTests {
  private typealias Figures = ComparisonFixture.Figures
  private let directory: RecordFixture
  private let fixture: ComparisonFixture

  init() throws {
    directory = try RecordFixture()
    fixture = try ComparisonFixture(directory)
  }

  @Test func valuesOfATrial() {
    let trial = fixture.trial(1, Figures(throughput: 3, stall: 2))
    for (measure, value) in [
      (.failed, 0), (.throughput, 3 * 1_048_576), (.stallP99, 2e9), (.stallMax, 4e9),
      (.fsyncMax, 5e8), (.cpuPerGiB, 3e9), (.reclaimEfficiency, 0.9), (.memoryFull, 0.1),
      (.ioFull, 0.3),
    ] as [(Measure, Double)] {
      #expect(measure.value(of: trial) == value, "\(measure)")
    }
  }

  /// What is not known is no value, and what was killed has no speed.
  @Test func valuesThatATrialLacks() {
    var trial = fixture.trial(1)
    trial.throughput = nil
    trial.stall = nil
    trial.longestWrite = nil
    trial.longestSync = nil
    trial.bytes = 0
    trial.memoryStat = ["pgscan": 0, "pgsteal": 0]
    trial.streaming = nil
    for measure in Measure.allCases where measure != .failed {
      #expect(measure.value(of: trial) == nil, "\(measure)")
    }
    let killed = fixture.trial(1, Figures(killed: 1))
    #expect(Measure.failed.value(of: killed) == 1)
    #expect(
      Measure.throughput.value(of: killed) == nil && Measure.stallP99.value(of: killed) == nil)
    #expect(Measure.stallMax.value(of: killed) != nil)
  }

  private static func snapshot(_ file: String, _ when: String, _ values: String) -> String {
    "{\"type\":\"snapshot\",\"t\":1,\"file\":\"\(file)\",\"when\":\"\(when)\",\"values\":{\(values)}}"
  }

  /// Of the limited cgroup, not of those in it; events, not gauges.
  @Test func snapshotsOfTheLimitedCgroup() throws {
    let limited = "/sys/fs/cgroup/wbstress/"
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.completed,
        adding: [
          Self.snapshot(
            limited + "memory.stat", "before", "\"anon\":5,\"pgscan\":10,\"pgsteal\":7"),
          Self.snapshot(
            limited + "memory.stat", "after", "\"anon\":9,\"pgscan\":110,\"pgsteal\":7"),
          Self.snapshot(limited + "db/memory.stat", "before", "\"pgscan\":0"),
          Self.snapshot(limited + "db/memory.stat", "after", "\"pgscan\":1000000"),
          Self.snapshot(
            limited + "cpu.stat", "before", "\"usage_usec\":9,\"user_usec\":3,\"system_usec\":6"),
          Self.snapshot(
            limited + "cpu.stat", "after", "\"usage_usec\":99,\"user_usec\":5,\"system_usec\":16"),
        ]))
    #expect(trial.memoryStat == ["pgscan": 100, "pgsteal": 0])
    #expect(trial.cpuTime == 12_000)
    let without = try TrialSummary(try directory.record(from: RecordFixture.completed))
    #expect(without.memoryStat == [:] && without.cpuTime == nil)
  }

  // MARK: Survival

  @Test func timeToAKill() throws {
    #expect(fixture.trial(1, Figures(killed: 2.5)).survival?.time == 2.5e9)
    #expect(fixture.trial(1, Figures(killed: 2.5)).survival?.isKill == true)
    let alive = try #require(fixture.trial(1).survival)
    #expect(alive == (1e10, false))
    // Killed while memory was pinned: at once.
    #expect(fixture.trial(1, Figures(killed: -1)).survival?.time == 0)
    var unborn = fixture.trial(1)
    unborn.streaming = nil
    #expect(unborn.survival == nil)
  }

  @Test func survivalOfTwoArms() throws {
    let base = fixture.trials(6) { Figures(killed: $0 == 0 ? 8 : nil) }
    let new = fixture.trials(6) { Figures(killed: Double($0 + 1)) }
    let figures = SurvivalFigures(base, new)
    #expect(figures.base.median == .notReached(1e10) && figures.new.median == .reached(3e9))
    #expect(figures.p ?? 1 < 0.05)
    // Both curves are known until the base's end.
    #expect(figures.means?.base.horizon == 1e10 && figures.means?.new.mean == 3.5e9)
    let none = SurvivalFigures(fixture.trials(3), [])
    #expect(none.p == nil && none.means == nil && none.new.median == nil)
    let alive = SurvivalFigures(fixture.trials(3), fixture.trials(3))
    #expect(alive.p == nil && alive.means?.new.mean == 1e10)
  }

  // MARK: Counters

  private func counted(_ count: Int, _ values: (Int) -> [String: Int64]) -> [TrialSummary] {
    fixture.trials(count) { Figures(vmstat: values($0)) }
  }

  /// The counter that moves otherwise is found among many that do not.
  @Test func countersThatDiffer() {
    var random = SplitMix64(seed: 7)
    var noise: [[String: Int64]] = []
    for _ in 0..<24 {
      var values: [String: Int64] = [:]
      for i in 0..<200 { values["noise\(i)"] = Int64.random(in: 0...100_000, using: &random) }
      noise.append(values)
    }
    let base = counted(12) { index in
      noise[index].merging(["pgscan": Int64(index), "same": 5, "pgfault": 9, "old": 1]) { $1 }
    }
    let new = counted(12) { index in
      noise[index + 12].merging(["pgscan": Int64(1000 + index), "same": 5, "pgfault": 900]) { $1 }
    }
    let sweep = CounterSweep(base, new)
    #expect(sweep.findings.first?.counter == TrialCounter(source: .vmstat, name: "pgscan"))
    #expect(sweep.findings.first?.base == 5.5 && sweep.findings.first?.new == 1005.5)
    // pgfault is bookkeeping; pgscan and pgsteal of memory.stat never change here.
    #expect(!sweep.findings.contains { $0.counter.name == "pgfault" })
    #expect(sweep.tested == 201 && sweep.constant == 3 && sweep.oneSided == 1)
    #expect(sweep.findings.count { $0.q <= CounterSweep.level } == 1)
  }

  /// pgscan_direct of a kernel that counts a memcg's own reclaim is another counter than that of one that does not.
  @Test func countersThatMeanSomethingElse() {
    func arm(_ reclaim: VmstatReclaim?, _ first: Int64) -> [TrialSummary] {
      counted(12) { ["pgscan_direct": first + Int64($0), "pgscan_file": first + Int64($0)] }.map {
        var trial = $0
        trial.vmstatReclaim = reclaim
        return trial
      }
    }
    let sweep = CounterSweep(arm(.global, 0), arm(.all, 1000))
    #expect(sweep.redefined.map(\.name) == ["pgscan_direct"])
    #expect(sweep.findings.map(\.counter.name) == ["pgscan_file"])
    for both in [VmstatReclaim.all, .global] {
      let same = CounterSweep(arm(both, 0), arm(both, 1000))
      #expect(same.redefined.isEmpty && same.findings.count == 2)
    }
    #expect(CounterSweep(arm(nil, 0), arm(.all, 1000)).redefined.isEmpty)
  }

  @Test func countersOfTooFewTrials() {
    let sweep = CounterSweep(
      counted(3) { ["pgscan": Int64($0)] }, counted(3) { ["pgscan": Int64($0 + 1000)] })
    #expect(sweep.tested == 1 && sweep.findings[0].q > CounterSweep.level)
    let none = CounterSweep([], counted(3) { ["pgscan": Int64($0)] })
    #expect(none.tested == 0 && none.oneSided == 3)
  }

  /// No ratio to or from what did not move.
  @Test func ratiosOfCounters() {
    let counter = TrialCounter(source: .vmstat, name: "a")
    #expect(CounterSweep.Finding(counter: counter, base: 0, new: 5, p: 1, q: 1).ratio == nil)
    #expect(CounterSweep.Finding(counter: counter, base: 5, new: 0, p: 1, q: 1).ratio == nil)
    #expect(CounterSweep.Finding(counter: counter, base: 2, new: 5, p: 1, q: 1).ratio == 2.5)
  }
}

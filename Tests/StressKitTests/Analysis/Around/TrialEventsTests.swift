// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

struct TrialEventsTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private let ms: Int64 = 1_000_000

  private func events(_ change: (inout MadeTrial) -> Void) throws -> TrialEvents? {
    var trial = MadeTrial()
    change(&trial)
    return TrialEvents(try trial.record(in: directory))
  }

  private func slow(_ start: Int64, _ length: Int64, _ type: String, _ key: String) -> String {
    "{\"type\":\"\(type)\",\"t\":1,\"start\":\(MadeTrial.start + start),\"\(key)\":\(length)}"
  }

  @Test func stallsThatFollowEachOtherAreOne() throws {
    let events = try #require(
      try events { trial in
        trial.stalls = [
          2000 * ms..<2500 * ms, 2400 * ms..<3000 * ms,  // overlap
          3900 * ms..<4100 * ms,  // within a second
          5100 * ms..<5350 * ms,  // a whole second of quiet before it
          8000 * ms..<8099 * ms,  // no stall yet
        ]
      })
    #expect(events.bins == 300 && events.events[.stall] == [20, 51])
    #expect(events.events[.kill] == [])
    #expect(events.stalled[20..<30].allSatisfy { $0 == 1 } && events.stalled[30] == 0)
    #expect(abs(events.stalled[53] - 0.5) < 1e-6)
    #expect(events.stalled.reduce(0, +) > 14.49 && events.stalled.reduce(0, +) < 14.51)
  }

  /// What began before the streams is under way, and no event; what has not ended counts with its age.
  @Test func stallsAtTheEdges() throws {
    let events = try #require(
      try events { trial in
        trial.stalls = [-300 * ms..<250 * ms]
        trial.more = [
          slow(29_000 * ms, 5000 * ms, "in-flight", "age"),
          slow(31_000 * ms, 500 * ms, "slow", "latency"),
        ]
      })
    #expect(events.events[.stall] == [290])
    #expect(events.stalled[0] == 1 && abs(events.stalled[2] - 0.5) < 1e-6)
    #expect(events.stalled[290...].allSatisfy { $0 == 1 })
    // A second before a stall, the stall, and half a second after it are not quiet.
    let quiet = try #require(events.quiet[.stall])
    #expect(quiet.indices.filter { !quiet[$0] } == Array(0...7) + Array(280..<300))
  }

  @Test func quietWindowsLieSideBySide() throws {
    let events = try #require(
      try events { trial in
        trial.length = 10_050 * ms
        trial.kills = [5500 * ms]
      })
    #expect(events.bins == 100 && events.events[.kill] == [55])
    // From a second before the first kill on there is no other second like those before it.
    #expect(events.quietWindows(.kill) == [0, 10, 20, 30])
    #expect(events.quietWindows(.stall) == [0, 10, 20, 30, 40])
  }

  /// The tracer's account of a kill is the nearest.
  @Test func killsByTheirBestAccount() throws {
    let events = try #require(
      try events { trial in
        trial.kills = [5500 * ms]
        trial.more = [
          "{\"type\":\"event\",\"t\":\(MadeTrial.start + 5350 * ms),\"of\":\"mark_victim\",\"victim\":9}"
        ]
      })
    #expect(events.events[.kill] == [53])
  }

  @Test func trialsWithoutStreams() throws {
    #expect(try events { $0.hasEnd = false } == nil)
    #expect(try events { $0.length = 99 * ms } == nil)
    // A damaged time is not to become a grid of billions of bins.
    #expect(try events { $0.more = ["{\"type\":\"phase\",\"t\":2,\"name\":\"stop\"}"] } != nil)
    let long = "{\"type\":\"phase\",\"t\":2000000000000000000,\"name\":\"stop\"}"
    #expect(
      try events { trial in
        trial.hasEnd = false
        trial.more = [long]
      } == nil)
  }

  // MARK: Counters on the grid

  private func binned(
    _ name: String, interval: Int64 = 100, _ value: @escaping (Int64) -> Int64?
  ) throws -> BinnedColumn {
    var trial = MadeTrial()
    trial.length = 1000 * ms
    trial.interval = interval * ms
    trial.counters = [(name, value)]
    let record = try trial.record(in: directory)
    let lane = try #require(record.lane("slow"))
    let events = try #require(TrialEvents(record))
    let column = try #require(lane.column(name))
    return BinnedColumn(column, CounterKind(column: name), LaneGrid(lane, events))
  }

  @Test func gaugesAreMeans() throws {
    let series = try binned("vmstat:nr_dirty", interval: 50) { $0 < 250_000_000 ? 4 : 8 }
    #expect(series.values == [4, 4, 6, 8, 8, 8, 8, 8, 8, 8] && series.moves)
    #expect(try !binned("vmstat:nr_dirty") { _ in 7 }.moves)
  }

  /// 3 each 50 ms are 60 a second; all of 12 at 500 ms are in the interval that ends there.
  @Test func totalsAreRates() throws {
    let series = try binned("vmstat:pgscan_file", interval: 50) { $0 / 50_000_000 * 3 }
    #expect(series.values.allSatisfy { abs($0 - 60) < 1e-3 } && !series.moves)
    let jump = try binned("vmstat:pgscan_file") { $0 < 500_000_000 ? 0 : 12 }
    #expect(jump.values == [0, 0, 0, 0, 0, 120, 0, 0, 0, 0] && jump.moves)
  }

  /// Unknown, and what was counted since; a total that falls; bins without a sample.
  @Test func whatIsNotKnown() throws {
    let unknown = try binned("vmstat:pgscan_file") { t in
      t == 300_000_000 ? nil : t / 100_000_000
    }
    #expect(unknown.values.map(\.isNaN).enumerated().filter(\.element).map(\.offset) == [3, 4])
    let fallen = try binned("vmstat:pgscan_file") { $0 < 500_000_000 ? 100 : 5 }
    #expect(fallen.values[5].isNaN && fallen.values[6] == 0)
    let sparse = try binned("vmstat:nr_dirty", interval: 200) { $0 / 1_000_000 }
    #expect(sparse.values[0] == 0 && sparse.values[1].isNaN && sparse.values[2] == 200)
  }

  @Test func kindsByName() {
    let gauges = [
      "vmstat:nr_dirty", "vmstat:workingset_nodes", "wbstress/memory.current", "disk:in_flight",
      "bdi:BdiWriteback", "wbstress/db/wb_stats:WbReclaimable", "wb_stats:state",
      "wbstress/memory.stat:file_dirty", "wbstress/memory.stat:pagetables",
      "vmstat:nr_dirty_threshold",
    ]
    let totals = [
      "vmstat:nr_dirtied", "vmstat:pgscan_file", "vmstat:allocstall_normal", "pressure/io:full",
      "wbstress/memory.pressure:some", "wbstress/memory.events:max", "disk:io_ticks",
      "wbstress/memory.events.local:oom_kill", "wb_stats:WbWritten", "bdi:BdiDirtied", "cpu:iowait",
      "kswapd0:run", "kworker/u:wait", "wbstress/memory.stat:pgscan", "vmstat:nr_foll_pin_acquired",
    ]
    for name in gauges { #expect(CounterKind(column: name) == .gauge, "\(name)") }
    for name in totals { #expect(CounterKind(column: name) == .cumulative, "\(name)") }
  }
}

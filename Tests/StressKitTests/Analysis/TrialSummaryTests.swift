// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

/// What is expected of the saved records was computed from them with another program.
struct TrialSummaryTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  @Test func completedTrial() throws {
    let path = try directory.record(from: RecordFixture.completed)
    let trial = try TrialSummary(path)
    #expect(trial.path == path && trial.number == 1 && trial.defects.isEmpty)
    #expect(
      trial.axes == [
        .init("kernel", "debian:6.1"), .init("fs", "xfs"), .init("engine", "io_uring"),
        .init("lru_gen", "off"),
      ])
    #expect(trial.ending == Ending(.completed))
    #expect(trial.kernel == "debian:6.1" && trial.release == "6.1.0-56-cloud-amd64")
    #expect(trial.accelerator == "tcg" && trial.lruGen == "0x0000")
    #expect(trial.incidents.isEmpty && !trial.hasKill)
    #expect(trial.kills == .init(kernelLog: 0, memoryEvents: 0, console: 0))
    #expect(trial.bytes == 25_165_824)
    #expect(abs(try #require(trial.throughput) - 4_216_910.746058667) < 0.001)
    // 96 writes: the 48th and, of rank 95.04 rounded up, the 96th.
    #expect(
      trial.stall
        == .init(p50: 394_526_719, p99: 1_137_704_959, max: 1_137_704_959, count: 96))
    #expect(trial.longestSync == 649_068_543)
    #expect(trial.memoryPressure == .init(some: 19_174_000, full: 19_174_000))
    #expect(trial.ioPressure == .init(some: 5_155_754_000, full: 5_076_696_000))
    #expect(trial.bootTime == 1_865_461_682 && trial.setUpTime == 1_867_001_588)
    #expect(trial.gaps.missed.isEmpty && trial.droppedSamples == 0)
  }

  @Test func killedTrial() throws {
    let trial = try TrialSummary(try directory.record(from: RecordFixture.killed))
    #expect(trial.ending == Ending(.oom))
    #expect(trial.kernel == "debian:6.12" && trial.lruGen == "0x0007")
    #expect(trial.incidents == [OOMIncident(.writebackBound)] && trial.hasKill)
    #expect(trial.kills == .init(kernelLog: 1, memoryEvents: 1, console: 1))
    #expect(trial.kills.agree)
    #expect(abs(try #require(trial.throughput) - 4_180_279.380748829) < 0.001)
    #expect(
      trial.stall
        == .init(p50: 22_233_087, p99: 150_863_871, max: 150_863_871, count: 96))
    #expect(trial.longestSync == 5_528_092_671)
    #expect(trial.memoryPressure == .init(some: 79_892_000, full: 79_892_000))
    #expect(trial.ioPressure == .init(some: 5_720_234_000, full: 5_614_761_000))
    #expect(trial.bootTime == 2_287_772_968 && trial.setUpTime == 2_189_831_163)
  }

  /// The stream was killed as well, with eight writes in flight: 36 had ended.
  @Test func groupKilledTrial() throws {
    let trial = try TrialSummary(try directory.record(from: RecordFixture.groupKilled))
    #expect(trial.ending == Ending(.oom) && trial.incidents == [OOMIncident(.writebackBound)])
    // The first victim is counted twice, by the kernel as well.
    #expect(trial.kills == .init(kernelLog: 3, memoryEvents: 3, console: 3))
    #expect(trial.bytes == 9_437_184)
    // Killed half-way, it says nothing of its speed.
    #expect(trial.throughput == nil && trial.longestSync == nil)
    // Rank 43.56 rounded up is the last: the oldest write in flight.
    #expect(
      trial.stall == .init(p50: 105_578_495, p99: 336_074_115, max: 336_074_115, count: 44))
    #expect(trial.memoryPressure == .init(some: 102_439_000, full: 97_617_000))
    #expect(trial.ioPressure == .init(some: 358_800_000, full: 229_468_000))
    #expect(trial.bootTime == 1_995_800_487 && trial.setUpTime == 894_903_246)
  }

  /// Counters only: what can also fall has no place in "growth".
  @Test func vmstat() throws {
    let first = try TrialSummary(try directory.record("a", from: RecordFixture.completed)).vmstat
    #expect(first.count == 130)
    #expect(first["pgpgout"] == 24_578 && first["pgfault"] == 41)
    #expect(first["nr_dirtied"] == 6144 && first["nr_written"] == 6144)
    #expect(first["nr_vmscan_immediate_reclaim"] == 0 && first["nr_throttled_written"] == 0)
    #expect(first["nr_dirty"] == nil && first["nr_free_pages"] == nil)
    #expect(first["workingset_nodes"] == nil)
    let second = try TrialSummary(try directory.record("b", from: RecordFixture.killed)).vmstat
    #expect(second.count == 137)
    #expect(second["pgpgout"] == 24_579 && second["pgfault"] == 59 && second["oom_kill"] == 1)
    #expect(second["nr_vmscan_immediate_reclaim"] == 22_592)
    #expect(first.values.allSatisfy { $0 >= 0 } && second.values.allSatisfy { $0 >= 0 })
  }

  /// Told by where the counters stand: among the nodes' they count a memcg's own reclaim, too.
  @Test func whoseReclaimVmstatCounts() throws {
    let saved = RecordFixture.completed
    func reclaim(_ replacing: KeyValuePairs<String, String>) throws -> VmstatReclaim? {
      try TrialSummary(try directory.record(from: saved, replacing: replacing)).vmstatReclaim
    }
    #expect(try reclaim([:]) == .global)
    #expect(
      try reclaim(["\"nr_free_pages\":": "\"pgscan_direct\":0,\"nr_free_pages\":"]) == .all)
    #expect(try reclaim(["\"pgpgin\":": "\"other\":"]) == nil)
  }

  // MARK: Stalls

  private func write(age: UInt64, _ kind: String = "write") -> String {
    "{\"type\":\"in-flight\",\"t\":1,\"stream\":\"backup\",\"kind\":\"\(kind)\",\"start\":1,"
      + "\"age\":\(age),\"bytes\":262144}"
  }

  /// 98 writes: rank 97.02 rounded up is the last, rank 49 the next after the 48th of the saved ones,
  /// since the two in flight are both the longest.
  @Test func writesInFlightCountWithTheirAge() throws {
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed,
        adding: [
          write(age: 9_000_000_001), write(age: 20_000_000_000),
          write(age: 30_000_000_000, "fsync"),
        ]))
    #expect(
      trial.stall
        == .init(p50: 22_446_079, p99: 20_000_000_000, max: 20_000_000_000, count: 98))
    #expect(trial.longestWrite == 20_000_000_000 && trial.longestSync == 30_000_000_000)
  }

  @Test func onlyWritesInFlight() throws {
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed, without: ["stream", "slow"],
        adding: [write(age: 3), write(age: 1), write(age: 2)]))
    #expect(trial.stall == .init(p50: 2, p99: 3, max: 3, count: 3))
    #expect(trial.longestWrite == 3 && trial.longestSync == nil)
    #expect(trial.bytes == 0 && trial.throughput == nil && trial.setUpTime == nil)
  }

  /// Of a guest that died there is only what it had said until then.
  @Test func longestWriteOfATrialWithoutEnd() throws {
    func progress(_ oldest: String) -> String {
      "{\"type\":\"progress\",\"t\":1,\"stream\":\"backup\",\"bytes\":1,\"oldest\":\(oldest)}"
    }
    let lines = [progress("null"), progress("7000000000"), progress("8000000000")]
    let died = try TrialSummary(
      try directory.record(from: RecordFixture.killed, without: ["stream"], adding: lines))
    #expect(died.longestWrite == 8_000_000_000 && died.stall == nil)
    // Whose totals are there needs no lower bound.
    let whole = try TrialSummary(
      try directory.record(from: RecordFixture.killed, adding: lines))
    #expect(whole.longestWrite == 150_863_871)
  }

  /// Of what pins and tasks time as well.
  @Test func latenciesOfAllWorkersAreMissed() throws {
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed,
        adding: ["touches", "rounds"].map { "{\"type\":\"\($0)\",\"t\":1,\"log_lost\":2}" }))
    #expect(trial.lostLatencies == 4)
  }

  @Test func latenciesThatAreMissingAreCounted() throws {
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed,
        replacing: ["\"log_lost\":0,\"beyond_range\":0": "\"log_lost\":3,\"beyond_range\":4"]))
    #expect(trial.lostLatencies == 7)
  }

  /// A stream without a size wrote until it was told to stop, and its last write may never have ended.
  @Test func throughputOfATimedStream() throws {
    let stop = try #require(
      try RecordFixture.lines(RecordFixture.killed).lazy.map { try JSON(parsing: $0.utf8) }
        .first { $0["type"] == "phase" && $0["name"] == "stop" }?["t"]?.int)
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed, without: ["stream"],
        adding: [
          "{\"type\":\"stream\",\"ended\":\"time\",\"bytes\":1000,"
            + "\"first_start\":\(stop - 2_000_000_000),\"last_end\":\(stop - 1_900_000_000),"
            + "\"write_latency\":[]}"
        ]))
    #expect(trial.throughput == 500)
  }

  @Test func throughputOfAFailedStream() throws {
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed, replacing: ["\"ended\":\"size\"": "\"ended\":\"failed\""]))
    #expect(trial.throughput == nil && trial.stall != nil)
  }

  /// Two streams are one: from the first start to the last end, over all writes.
  @Test func streamsAreTakenTogether() throws {
    func stream(_ name: String, _ start: Int, _ end: Int, _ pairs: String) -> String {
      "{\"type\":\"stream\",\"t\":1,\"stream\":\"\(name)\",\"bytes\":1000,\"first_start\":\(start),"
        + "\"last_end\":\(end),\"ended\":\"size\",\"write_latency\":\(pairs),\"fsync_latency\":[]}"
    }
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.completed, without: ["stream", "slow"],
        adding: [
          stream("a", 5_000_000_000, 6_000_000_000, "[[10,50],[30,1]]"),
          stream("b", 6_000_000_000, 9_000_000_000, "[[20,49],[40,1]]"),
          // Had nothing to write.
          "{\"type\":\"stream\",\"ended\":\"size\",\"bytes\":0,\"first_start\":0,\"last_end\":0,\"write_latency\":[]}",
        ]))
    #expect(trial.bytes == 2000 && trial.throughput == 500)
    // 101 writes: ranks 51 and 100.
    #expect(trial.stall == .init(p50: 20, p99: 30, max: 40, count: 101))
    #expect(trial.longestSync == nil)
  }

  /// What a task or a pin waits for is none of the streams' figures.
  @Test func longestIsOfTheStreams() throws {
    func line(_ type: String, _ whose: String, _ kind: String) -> String {
      "{\"type\":\"\(type)\",\"t\":1,\"\(whose)\":\"x\",\"kind\":\"\(kind)\","
        + "\"latency\":70000000000,\"age\":70000000000}"
    }
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed,
        adding: ["slow", "in-flight"].flatMap { type in
          [line(type, "task", "write"), line(type, "task", "fsync"), line(type, "pinned", "touch")]
        }))
    #expect(trial.stall?.count == 96 && trial.longestWrite == 150_863_871)
    #expect(trial.longestSync == 5_528_092_671)
  }

  @Test func latenciesByWorker() throws {
    func latency(_ worker: String, _ value: Int) -> String {
      "{\"type\":\"latency\",\"t\":1,\"of\":\"fsync\",\(worker),\"max\":\(value),"
        + "\"sum\":\(value),\"v\":[[\(value),1]]}"
    }
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed,
        replacing: ["\"fsync\":\"end\"": "\"jobs\":2,\"fsync\":\"end\""],
        adding: [
          // Older records say `stream`.
          latency("\"stream\":\"backup-0\"", 3), latency("\"worker\":\"backup-1\"", 5),
          latency("\"worker\":\"backup-2\"", 7),
        ]))
    #expect(trial.latency(of: "fsync", worker: nil)?.max == 7)
    // A stream has what its jobs have.
    #expect(trial.latency(of: "fsync", worker: "backup")?.max == 5)
    #expect(trial.latency(of: "fsync", worker: "backup")?.count == 2)
    #expect(trial.latency(of: "fsync", worker: "backup-0")?.max == 3)
    #expect(trial.latency(of: "fsync", worker: "db") == nil)
    #expect(trial.latency(of: "write", worker: "backup") == nil)
  }

  // MARK: Pins

  @Test func pinsThatFellShort() throws {
    func pin(_ members: String) -> String {
      "{\"type\":\"pin\",\"t\":1,\"pinned\":\"db\",\(members)}"
    }
    func shortfalls(_ lines: [String], growth: Bool = false) throws -> [TrialSummary.Shortfall] {
      try TrialSummary(
        try directory.record(
          from: RecordFixture.killed,
          replacing: growth ? ["\"mode\":\"locked\"": "\"growth\":\"1B/s\""] : [:],
          adding: lines)
      ).shortfalls
    }
    let refused = pin("\"size\":60,\"reached\":41,\"errno\":\"ENOMEM\"")
    let late = pin("\"size\":60,\"reached\":40,\"errno\":null")
    let whole = pin("\"size\":60,\"reached\":60,\"errno\":null")
    let old = pin("\"touches\":9,\"touch_max\":9")
    let both: [TrialSummary.Shortfall] = [
      .init(worker: "db", size: 60, reached: 41, errno: "ENOMEM"),
      .init(worker: "db", size: 60, reached: 40, errno: nil),
    ]
    #expect(try shortfalls([refused, late, whole, old]) == both)
    // One that grows is not refused when the streams end before it.
    #expect(try shortfalls([refused, late, whole, old], growth: true) == [both[0]])
  }

  // MARK: Pressure

  @Test func pressureNeedsItsWindow() throws {
    let trial = try TrialSummary(
      try directory.record(from: RecordFixture.killed, without: ["phase"]))
    #expect(trial.memoryPressure == nil && trial.ioPressure == nil)
    #expect(trial.stall != nil)
  }

  @Test func pressureNeedsSamples() throws {
    let trial = try TrialSummary(
      try directory.record(from: RecordFixture.killed, without: ["sample"]))
    #expect(trial.memoryPressure == nil)
  }

  /// From the sample before the start to the one after the stop, whatever is outside and in other lanes.
  /// Old records have one lane, `main`.
  @Test(arguments: ["fast", "main"])
  func pressureGrowsOverTheStreamsTime(_ lane: String) throws {
    func sample(_ time: Int, _ values: String) -> String {
      "{\"type\":\"sample\",\"t\":\(time),\"lane\":\"\(lane)\",\"v\":[\(values)]}"
    }
    let others = [
      "{\"type\":\"columns\",\"lane\":\"slow\",\"names\":[\"vmstat:nr_dirty\"]}",
      "{\"type\":\"sample\",\"t\":199,\"lane\":\"slow\",\"v\":[7]}",
      "{\"type\":\"sample\",\"t\":405,\"lane\":\"slow\",\"v\":[8]}",
    ]
    let columns =
      "{\"type\":\"columns\",\"lane\":\"\(lane)\",\"names\":[\"wbstress/memory.pressure:some\","
      + "\"x\",\"wbstress/memory.pressure:full\",\"wbstress/io.pressure:some\","
      + "\"wbstress/io.pressure:full\"]}"
    let phases = [
      "{\"type\":\"phase\",\"t\":200,\"name\":\"stream\"}",
      "{\"type\":\"phase\",\"t\":400,\"name\":\"stop\"}",
    ]
    let samples = [
      sample(100, "1,0,1,null,0"), sample(200, "5,0,2,1,0"), sample(300, "50,0,20,2,0"),
      sample(410, "65,0,22,3,7"), sample(500, "1000,0,1000,4,1000"),
    ]
    func summary(_ lines: [String]) throws -> TrialSummary {
      try TrialSummary(
        try directory.record(
          from: RecordFixture.killed, without: ["sample", "columns", "phase"],
          adding: others + lines))
    }
    let all = try summary([columns] + phases + samples)
    #expect(all.memoryPressure == .init(some: 60_000, full: 20_000))
    #expect(all.ioPressure == .init(some: 2_000, full: 7_000))
    // Without one after the stop the last there is must do; with none before the start nothing does.
    let cut = try summary([columns] + phases + samples.prefix(3))
    #expect(cut.memoryPressure == .init(some: 45_000, full: 18_000))
    #expect(try summary([columns] + phases + samples.dropFirst(2)).memoryPressure == nil)
    // An unknown value is no 0.
    let unknown = try summary([columns] + phases + [samples[0], samples[3]])
    #expect(unknown.memoryPressure == .init(some: 64_000, full: 21_000))
    #expect(unknown.ioPressure == nil)
  }

  // MARK: Kills

  @Test func killsThatDisagree() throws {
    func kills(_ replacing: KeyValuePairs<String, String>) throws -> TrialSummary {
      try TrialSummary(try directory.record(from: RecordFixture.killed, replacing: replacing))
    }
    let log = try kills(["\"kill_lines\":1": "\"kill_lines\":0"])
    #expect(log.kills == .init(kernelLog: 0, memoryEvents: 1, console: 1))
    // Lines that were lost do not make a killed process live.
    #expect(!log.kills.agree && log.hasKill)
    let events = try kills(["\"oom_kill\":1,\"oom_group": "\"oom_kill\":2,\"oom_group"])
    #expect(events.kills == .init(kernelLog: 1, memoryEvents: 2, console: 1))
    #expect(!events.kills.agree)
    let console = try kills(["\"console_kill_lines\":1": "\"console_kill_lines\":3"])
    #expect(console.kills == .init(kernelLog: 1, memoryEvents: 1, console: 3))
    #expect(!console.kills.agree)
  }

  /// A guest that panicked says less: what is missing does not disagree, and incidents are counted.
  @Test func killsOfWhatThereIs() throws {
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed, without: ["kills", "host"],
        adding: ["{\"type\":\"oom-group-kill\",\"victim\":{\"pid\":158},\"incident\":1}"]))
    #expect(trial.kills == .init(kernelLog: 2, memoryEvents: nil, console: nil))
    #expect(trial.kills.agree && trial.hasKill)
  }

  /// jbd2 hides dirty data: a third of the cache is enough for the finding then.
  @Test func findingKnowsDataJournal() throws {
    func findings(_ mount: String) throws -> [OOMFinding] {
      try TrialSummary(
        try directory.record(
          from: RecordFixture.killed,
          replacing: [
            "\"mount\":[]": mount, "\"file_writeback\":9699328": "\"file_writeback\":3000000",
          ]
        )
      ).incidents.map(\.finding)
    }
    #expect(try findings("\"mount\":[]") == [.premature])
    #expect(try findings("\"mount\":[\"noatime\",\"data=journal\"]") == [.writebackBound])
    #expect(try findings("\"mount\":\"data=journal\"") == [.writebackBound])
  }

  // MARK: Damaged records

  @Test func recordWithoutEnd() throws {
    let trial = try TrialSummary(
      try directory.record(from: RecordFixture.killed, without: ["end"]))
    #expect(trial.ending.outcome == .harnessLost && trial.ending.reason == "no-end")
    #expect(!trial.ending.outcome.counts && trial.hasKill)
  }

  @Test func headerOnly() throws {
    let path = try directory.write(
      "record.jsonl", try RecordFixture.lines(RecordFixture.killed)[0] + "\n{\"type\":\"gue")
    let trial = try TrialSummary(path)
    #expect(trial.defects[.torn] == 1 && trial.ending.outcome == .harnessLost)
    #expect(trial.lruGen == nil && trial.vmstat.isEmpty)
    #expect(trial.stall == nil && trial.bootTime == nil && trial.kills.console == nil)
  }

  /// A kernel without the file is not one that did not tell.
  @Test func kernelWithoutMGLRU() throws {
    let file = "\"/sys/kernel/mm/lru_gen/enabled\":"
    let trial = try TrialSummary(
      try directory.record(
        from: RecordFixture.killed, replacing: [file + "\"0x0007\"": file + "null"]))
    #expect(trial.lruGen == "absent")
  }

  /// A reading that came late is there; what is counted are whole intervals of the streams' time without one.
  @Test func readingsMissedWhileTheStreamsRan() throws {
    func sample(_ t: Int, _ lane: String) -> String {
      "{\"type\":\"sample\",\"t\":\(t),\"lane\":\"\(lane)\",\"v\":[]}"
    }
    try directory.write(
      "made.jsonl",
      ([
        #"{"type":"columns","lane":"fast","interval":10,"names":[]}"#,
        #"{"type":"columns","lane":"slow","interval":100,"names":[]}"#,
      ] + [10, 60, 100, 114, 120, 150, 300].map { sample($0, "fast") }
        + [0, 100, 200].map { sample($0, "slow") }).joined(separator: "\n"))
    let record = try RecordReader(directory.root + "/made.jsonl")
    let gaps = LaneGaps(record, 100...200)
    #expect(gaps.missed == ["fast": 2, "slow": 0] && gaps.taken == ["fast": 4, "slow": 2])
    #expect(LaneGaps(record, nil) == LaneGaps(record, nil) && LaneGaps(record, nil).missed.isEmpty)
  }

  @Test func refusesWhatIsNoRecord() throws {
    let path = try directory.write("record.jsonl", "{\"type\":\"end\",\"outcome\":\"oom\"}\n")
    let error = #expect(throws: HarnessError.self) { try TrialSummary(path) }
    #expect(error?.code == .usage && error?.object == path)
  }
}

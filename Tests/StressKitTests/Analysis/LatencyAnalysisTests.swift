// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

struct LatencyAnalysisTests {
  private let directory = try? RecordFixture()

  private func record(_ lines: [String]) throws -> RecordReader {
    let directory = try #require(directory)
    try directory.write("made.jsonl", lines.joined(separator: "\n") + "\n")
    return try RecordReader(directory.root + "/made.jsonl")
  }

  private func made(
    _ pairs: [(value: Double, count: Int)], max: Double? = nil, sum: Double? = nil
  ) -> Distribution { Distribution(pairs, max: max, sum: sum) }

  @Test func percentilesByNearestRank() {
    let values = made([(30, 1), (10, 2), (20, 1), (10, 96)])
    #expect(values.count == 100 && values.max == 30 && values.sum == 1030)
    #expect(values.percentile(0.5) == 10 && values.percentile(0.98) == 10)
    #expect(values.percentile(0.99) == 20 && values.percentile(1) == 30)
    #expect(values.buckets.map(\.count) == [98, 1, 1])
    #expect(made([]).percentile(0.5) == nil)
  }

  @Test func secondsAndStreamsAreMerged() throws {
    let record = try record([
      #"{"type":"latency","t":2,"of":"write","stream":"a","count":2,"sum":31,"max":21,"v":[[10,1],[20,1]]}"#,
      #"{"type":"latency","t":3,"of":"write","stream":"b","count":1,"sum":10,"max":10,"v":[[10,1]]}"#,
      #"{"type":"latency","t":3,"of":"fsync","stream":"b","count":1,"sum":5,"max":5,"v":[[5,1]]}"#,
    ])
    let all = Latencies(record).all
    #expect(all.keys.sorted() == ["fsync", "write"])
    // The maximum is exact, the buckets are not.
    #expect(all["write"] == made([(10, 2), (20, 1)], max: 21, sum: 41))
  }

  /// A stream has what its jobs have, and each of them its own.
  @Test func jobsAreTheirStreamsToo() throws {
    let told = Latencies(
      try record([
        #"{"type":"latency","t":2,"of":"write","worker":"s-0","count":1,"sum":10,"max":10,"v":[[10,1]]}"#,
        #"{"type":"latency","t":2,"of":"write","worker":"s-1","count":1,"sum":30,"max":31,"v":[[30,1]]}"#,
        #"{"type":"latency","t":2,"of":"block-write","count":1,"sum":7,"max":7,"v":[[7,1]]}"#,
        #"{"type":"latency","t":3,"count":1,"sum":8,"max":null,"v":[[8,1]]}"#,
      ]), streams: ["s-0": "s", "s-1": "s"])
    #expect(told.all.keys.sorted() == ["?", "block-write", "write"])
    #expect(told.all["write"] == made([(10, 1), (30, 1)], max: 31, sum: 40))
    #expect(told.workers.keys.sorted() == ["s", "s-0", "s-1"])
    #expect(told.workers["s"]?["write"] == told.all["write"])
    #expect(told.workers["s-0"]?["write"] == made([(10, 1)], max: 10, sum: 10))
    #expect(told.all["?"]?.max == 8)
  }

  /// What a command's calls went to tells them apart.
  @Test func callsAreByMount() throws {
    let record = try record([
      #"{"type":"latency","t":2,"of":"write-call","worker":"work","mount":"scratch","count":1,"sum":10,"max":10,"v":[[10,1]]}"#,
      #"{"type":"latency","t":2,"of":"write-call","worker":"other","mount":"scratch","count":1,"sum":5,"max":5,"v":[[5,1]]}"#,
      #"{"type":"latency","t":2,"of":"write-call","worker":"work","mount":"/var/lib","count":1,"sum":7,"max":7,"v":[[7,1]]}"#,
      #"{"type":"latency","t":2,"of":"write-call","mount":"unknown","count":1,"sum":8,"max":8,"v":[[8,1]]}"#,
    ])
    let told = Latencies(record)
    #expect(
      told.all.keys.sorted() == ["write-call:/var/lib", "write-call:scratch", "write-call:unknown"])
    #expect(told.all["write-call:scratch"] == made([(5, 1), (10, 1)], max: 10, sum: 15))
    #expect(
      told.workers["work"]?.keys.sorted() == ["write-call:/var/lib", "write-call:scratch"])
    #expect(told.workers.keys.sorted() == ["other", "work"])
  }

  /// Read where they stand, pairs are those of the JSON value; what is damaged is left out.
  @Test(arguments: [
    "[[10,1],[20,2]]", "[ [ 10 , 1 ] , [20.5,2] ]", "[[10,1.0],[10,1]]", "[[-1,1],[1,-1],[2,0]]",
    "[[1,2,3],[1],[],5,\"x\",null,[3,4]]", "[[[1,2],3],[4,5]]", "[[2305843009213693953,1],[1,1]]",
    "[[123456789012345678901,1],[1,281474976710657],[6,7]]", "[]", "{}", "5", "null",
  ])
  func pairsWhereTheyStand(_ text: String) throws {
    let bytes = Array("{\"v\":\(text),\"w\":1}".utf8)
    var found: [(value: Double, count: Int)] = []
    bytes.withUnsafeBufferPointer { bytes in
      RecordLine(bytes).read("v") { list in
        Distribution.forEachPair(&list) { found.append(($0, $1)) }
      }
    }
    let expected = Distribution.pairs(try JSON(parsing: Array(text.utf8)))
    #expect(found.elementsEqual(expected) { $0 == $1 }, "\(found)")
  }

  /// A cgroup of 1000 bytes of which 200 are taken when the streams start: the room is 800, the threshold
  /// 15 % of it, 120.
  private func reaction(_ more: [String], without: String? = nil) throws -> ThrottleReaction? {
    let lines =
      [
        #"{"type":"header","plan":{"profile":{"limits":{"memory.max":"1000"}}}}"#,
        #"{"type":"environment","t":0,"settings":{"/proc/sys/vm/dirty_ratio":"20","/proc/sys/vm/dirty_background_ratio":"10"}}"#,
        #"{"type":"columns","t":0,"lane":"fast","names":["x","wbstress/memory.current"]}"#,
        #"{"type":"trace-start","t":1}"#,
        #"{"type":"sample","t":90,"lane":"fast","v":[0,200]}"#,
        #"{"type":"phase","t":100,"name":"stream"}"#,
        #"{"type":"sample","t":110,"lane":"fast","v":[0,319]}"#,
        #"{"type":"sample","t":120,"lane":"fast","v":[0,320]}"#,
        #"{"type":"sample","t":130,"lane":"slow","v":[0,999]}"#,
      ] + more
    return ThrottleReaction.of(
      try record(lines.filter { line in without.map { !line.contains($0) } ?? true }))
  }
  private let pause = #"{"type":"span","t":150,"of":"dirty-throttle","start":150,"ns":8}"#
  private let kill = #"{"type":"event","t":160,"of":"mark_victim","pid":5}"#

  @Test func reactionOfDirtyThrottling() throws {
    #expect(try reaction([pause]) == .after(30))
    #expect(try reaction([kill, pause]) == .after(30))
    #expect(try reaction([kill]) == .neverBeforeKill(40))
    #expect(try reaction([]) == .never)
    #expect(try reaction([pause.replacing("150", with: "170"), kill]) == .neverBeforeKill(40))
    // Paused before it had to be.
    #expect(try reaction([pause.replacing("150", with: "105")]) == .after(0))
    #expect(try reaction([pause], without: "320") == .notCrossed)
  }

  @Test(arguments: ["trace-start", "environment", "columns", "\"stream\"", "header"])
  func reactionIsUnknownWithout(_ line: String) throws {
    #expect(try reaction([pause], without: line) == nil)
  }

  @Test func whatATraceMissed() throws {
    let record = try record([
      #"{"type":"trace-start","t":1,"missing":["xfs:xfs_log_force"]}"#,
      #"{"type":"trace","t":9,"events":{"oom:mark_victim":1},"lost":[{"cpu":0,"overrun":3,"commit_overrun":0,"dropped":1},{"cpu":1,"overrun":0,"commit_overrun":0,"dropped":0}],"dropped_rows":2,"table_overflow":1,"punted":{"backup":96},"cpu_time":5}"#,
    ])
    let health = try #require(TraceHealth(record))
    #expect(health.lost == [0: 4, 1: 0] && health.lostRecords == 4 && health.dropped == 3)
    #expect(health.events == ["oom:mark_victim": 1] && health.missing == ["xfs:xfs_log_force"])
    #expect(health.punted == ["backup": 96] && health.failure == nil)
    #expect(TraceHealth(try self.record([#"{"type":"end"}"#])) == nil)
  }

  @Test func theHarnessInItsMirror() throws {
    let mirror = try #require(
      HarnessMirror(
        try record([
          #"{"type":"environment","t":0,"cpus":2}"#,
          #"{"type":"mirror","t":3000000000,"from":1000000000,"cpu":60000000,"steal":6,"balloon":0,"resident":1000,"record_bytes":5,"agents":[]}"#,
          #"{"type":"lane","lane":"slow","lateness":{"p99":1,"max":2}}"#,
          #"{"type":"lane","lane":"fast","lateness":{"p99":7,"max":9}}"#,
          #"{"type":"host","guest_memory":{"size":1000,"resident_ready":940,"resident_end":990},"streams":{"interval":4000000000,"processors":[{"cpu":0,"ran":0.5,"waited":0.5,"state":"R"},{"cpu":1,"ran":0.9,"waited":0.1,"state":"S"}]}}"#,
        ])))
    #expect(mirror.hostWait == 0.3)
    #expect(mirror.cpuShare == 0.03 && mirror.touched == 0.94)
    #expect(mirror.latenessP99 == 7 && mirror.latenessMax == 9)
    // 60 ms of the 4 s that two CPUs had.
    #expect(abs(try #require(mirror.stealShare) - 0.015) < 1e-9)
    #expect(
      mirror.warnings(accelerator: "tcg").filter {
        $0.contains("waited for the host's more than 20 %")
      }
      .count == 1)
    #expect(mirror.warnings(accelerator: "tcg").count == 3)
    #expect(HarnessMirror(try record([#"{"type":"end"}"#])) == nil)
  }

  @Test func cpuIsFeltSoonerWhereItIsReal() throws {
    let mirror = try #require(
      HarnessMirror(
        try record([
          #"{"type":"mirror","t":2000,"from":1000,"cpu":100,"steal":null,"balloon":null,"agents":["below"]}"#
        ])))
    #expect(mirror.hostWait == nil)
    #expect(mirror.stealShare == nil && mirror.touched == nil && !mirror.balloonMoved)
    #expect(mirror.warnings(accelerator: "kvm").count == 2)
    #expect(mirror.warnings(accelerator: "tcg") == ["alive, and may flush statistics: below"])
  }
}

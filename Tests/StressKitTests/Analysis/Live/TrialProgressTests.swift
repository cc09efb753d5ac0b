// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressRecord

struct TrialProgressTests {
  private func progress(_ lines: [String]) -> TrialProgress {
    var progress = TrialProgress()
    progress.take(lines.map { Array($0.utf8) })
    return progress
  }

  private static let columns =
    #"{"type":"columns","t":1,"lane":"fast","interval":10000000,"names":["wbstress/memory.current","#
    + #""wbstress/memory.events:max","wbstress/memory.events:oom_kill","#
    + #""wbstress/memory.pressure:some","wbstress/io.pressure:some"]}"#

  private func sample(_ time: Int64, _ values: String) -> String {
    "{\"type\":\"sample\",\"t\":\(time),\"lane\":\"fast\",\"v\":[\(values)]}"
  }

  @Test func readsASavedRecord() throws {
    let progress = progress(try RecordFixture.lines(RecordFixture.killed))
    let directory = try RecordFixture()
    let record = try RecordReader(try directory.record(from: RecordFixture.killed))
    #expect(progress.memory.limit == 67_108_864 && !progress.memory.isMachine)
    let stream = try #require(progress.streams.first)
    #expect(progress.streams.count == 1 && stream.name == "backup" && stream.hasEnded)
    #expect(stream.bytes == record.first("stream")?["bytes"]?.int)
    #expect(stream.size == 25_165_824)
    let kill = try #require(progress.lastKill)
    let victim = record.first("oom")?["report"]?["victims"]?.array?.first
    #expect(kill.pid == victim?["pid"]?.int && kill.victim == "db")
    #expect(kill.invoker == record.first("oom")?["report"]?["invoker"]?.string)
  }

  /// Of a pin that was killed nothing is pinned any more, even before its worker is told dead.
  @Test func pinsEndWithTheirWorker() {
    let start = [
      #"{"type":"worker","t":1,"name":"db","event":"start","pid":7}"#,
      #"{"type":"pin","t":2,"pinned":"db","reached":512}"#,
    ]
    #expect(progress(start).memory.pinned == 512)
    let kill = #"{"type":"oom","t":3,"report":{"victims":[{"pid":7,"comm":"wb-pinned"}]}}"#
    #expect(progress(start + [kill]).memory.pinned == 0)
    let end = #"{"type":"worker","t":3,"name":"db","event":"stopped"}"#
    #expect(progress(start + [end]).memory.pinned == 0)
  }

  @Test func takesTheLatestSample() {
    let progress = progress([
      Self.columns, sample(10, "1000,1,0,0,0"), sample(20, "3000,5,1,null,0"),
    ])
    #expect(progress.memory.current == 3000)
    #expect(progress.limitMet == 5 && progress.oomKills == 1 && progress.time == 20)
  }

  /// Totals are microseconds: 250 ms in half a second is a half.
  @Test func pressureIsOfTheLastSecond() {
    var progress = TrialProgress()
    func take(_ lines: String...) { progress.take(lines.map { Array($0.utf8) }) }
    take(Self.columns, sample(1_000_000_000, "1,0,0,1000000,0"))
    #expect(progress.memoryPressure == nil)
    take(sample(1_500_000_000, "1,0,0,1250000,0"))
    #expect(progress.memoryPressure == 0.5 && progress.ioPressure == 0)
    take(sample(2_000_000_000, "1,0,0,1250000,500000"))
    take(sample(3_000_000_000, "1,0,0,1250000,1500000"))
    #expect(progress.memoryPressure == 0 && progress.ioPressure == 1)
  }

  /// More stall than time: unknown from there on, and nowhere 100 %.
  @Test func pressureThatCannotBe() {
    var progress = TrialProgress()
    func take(_ lines: String...) { progress.take(lines.map { Array($0.utf8) }) }
    take(Self.columns, sample(1_000_000_000, "1,0,0,1000000,0"))
    take(sample(1_500_000_000, "1,0,0,8367757640799118,250000"))
    #expect(progress.memoryPressure == nil && progress.ioPressure == 0.5)
    take(sample(2_000_000_000, "1,0,0,8367757640799118,250000"))
    take(sample(3_000_000_000, "1,0,0,8367757640799119,250000"))
    #expect(progress.memoryPressure == nil && progress.ioPressure == 0)
  }

  @Test func rateIsBetweenTwoProgressLines() {
    let progress = progress([
      #"{"type":"progress","t":1000000000,"stream":"s","bytes":1048576,"oldest":5}"#,
      #"{"type":"progress","t":3000000000,"stream":"s","bytes":5242880,"oldest":0}"#,
    ])
    #expect(progress.streams.map(\.rate) == [2_097_152])
    #expect(progress.streams.first?.oldest == 0)
  }

  /// The jobs of a stream are told one by one, instead of it.
  @Test func jobsReplaceTheirStream() {
    let progress = progress([
      #"{"type":"header","plan":{"profile":{"limits":{},"machine":{"memory":512},"#
        + #""streams":[{"name":"s","size":7}]}}}"#,
      #"{"type":"progress","t":1,"stream":"s-0","bytes":1}"#,
      #"{"type":"progress","t":1,"stream":"s-1","bytes":2}"#,
    ])
    #expect(progress.streams.map(\.name) == ["s-0", "s-1"])
    #expect(progress.memory.limit == 512 && progress.memory.isMachine)
  }

  /// Damage changes nothing: what cannot be is not shown.
  @Test(arguments: [
    "", "{", "[]", "null", #"{"type":"progress"}"#, #"{"type":7,"t":1}"#,
    #"{"type":"progress","t":1,"stream":"s","bytes":-5}"#,
    #"{"type":"progress","t":1,"stream":"s","bytes":5"#,
    #"{"type":"oom","t":5,"report":{"victims":[{"pid":7}]}"#,
    #"{"type":"progress","t":1,"stream":"s","bytes":9223372036854775807}"#,
    #"{"type":"sample","t":-1,"lane":"fast","v":[1,2,3,4,5]}"#,
    #"{"type":"sample","t":9223372036854775807,"lane":"fast","v":[1,2,3,4,5]}"#,
    #"{"type":"sample","t":5,"lane":"fast","v":[1,2]}"#,
    #"{"type":"sample","t":5,"lane":"slow","v":[1,2,3,4,5]}"#,
    #"{"type":"oom","t":5}"#, #"{"type":"oom","t":5,"report":{"victims":[]}}"#,
    #"{"type":"pin","pinned":"db","reached":-1}"#, "\u{0}\u{1}",
  ])
  func damagedLinesAreLeftOut(_ line: String) {
    let before = [Self.columns, sample(3, "1000,1,0,7,8")]
    var damaged = progress(before + [line])
    let whole = progress(before)
    #expect(damaged.memory == whole.memory && damaged.streams == whole.streams)
    #expect(damaged.lastKill == nil && damaged.memoryPressure == nil)
    // Later lines count as ever.
    damaged.take([Array(sample(9, "2000,2,0,8,9").utf8)])
    #expect(damaged.memory.current == 2000)
  }

  @Test func sumsOfHostileCountersStayInRange() {
    let progress = progress([
      #"{"type":"columns","t":1,"lane":"slow","names":["vmstat:nr_dirty","vmstat:nr_writeback"]}"#,
      #"{"type":"sample","t":5,"lane":"slow","v":[999999999999999999,4]}"#,
    ])
    #expect(progress.memory.dirty == nil && progress.memory.writeback == 16384)
  }

  @Test func pagesAreAsLargeAsTheRecordSays() {
    let columns = #"{"type":"columns","t":1,"lane":"slow","names":["vmstat:nr_dirty"]}"#
    let sample = #"{"type":"sample","t":5,"lane":"slow","v":[3]}"#
    func dirty(_ size: String) -> Int64? {
      progress([#"{"type":"environment","t":1,"page_size":\#(size)}"#, columns, sample]).memory
        .dirty
    }
    #expect(dirty("65536") == 3 << 16)
    for unknown in ["null", "0", "-4096", "9223372036854775807"] {
      #expect(dirty(unknown) == 3 << 12)
    }
    #expect(progress([columns, sample]).memory.dirty == 3 << 12)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

struct TrialTimelineTests {
  /// A trial of the real campaign in Fixtures.
  private func timeline(cell: Int, trial: Int) throws -> (TrialTimeline, TrialDiagnosis) {
    let campaign = try PageFixture.campaign()
    let record = try campaign.record(cell: cell, trial: trial)
    let diagnosis = TrialDiagnosis(record, number: trial)
    let profile = campaign.file.cells[cell].profile
    return (try #require(TrialTimeline(record, diagnosis, profile)), diagnosis)
  }

  /// From the start delay until all is written: three parts, one after the other, and the kill in the second.
  @Test func aKilledTrial() throws {
    let (timeline, diagnosis) = try timeline(cell: 1, trial: 1)
    #expect(timeline.bands.map(\.name) == ["start delay", "streams", "final fsync"])
    for (band, next) in zip(timeline.bands, timeline.bands.dropFirst()) {
      #expect(band.end == next.start)
    }
    #expect(timeline.window.lowerBound == timeline.bands[0].start)
    #expect(timeline.window.upperBound >= timeline.bands[2].end)
    #expect(timeline.origin == timeline.bands[1].start)
    let kill = try #require(diagnosis.autopsies.first)
    #expect(timeline.origin + (kill.sinceStart ?? 0) == kill.time)
    #expect((timeline.bands[1].start...timeline.bands[1].end).contains(kill.time))
    #expect(
      timeline.limits
        == [.init(group: "wbstress", from: timeline.window.lowerBound, bytes: 64 << 20)])
  }

  /// What the charts have is what the record has, to the KiB.
  @Test func chartsShowTheRecordsLanes() throws {
    let (timeline, _) = try timeline(cell: 1, trial: 1)
    let names = timeline.series.mapValues { $0.map(\.name) }
    #expect(names[.memory] == ["wbstress", "wbstress/db", "wbstress/backup"])
    #expect(
      names[.dirty] == [
        "dirty, machine", "writeback, machine", "dirty, wbstress/backup",
        "writeback, wbstress/backup",
      ])
    #expect(names[.pressure] == ["memory some", "memory full", "io some", "io full"])
    #expect(names[.throughput] == ["backup", "disk writes"])
    let record = try PageFixture.campaign().record(cell: 1, trial: 1)
    let lane = try #require(record.lane("fast"))
    let values = try #require(lane.column("wbstress/memory.current")).values
    let shown = zip(lane.times, values).filter { timeline.window.contains($0.0) }
      .compactMap { $0.1 }
    let memory = try #require(timeline.series[.memory]?.first)
    #expect(memory.high.compactMap(\.self).max() == (shown.max() ?? 0) >> 10)
    #expect(memory.low.compactMap(\.self).min() == (shown.min() ?? 0) >> 10)
    #expect(memory.high.count <= 300)
    #expect(
      (timeline.series[.pressure] ?? []).allSatisfy { $0.high.allSatisfy { $0 ?? 0 <= 1010 } })
    #expect(
      timeline.heatMaps.contains { $0.of == "write" && $0.tiles.reduce(0) { $0 + $1.count } == 96 })
  }

  /// On 6.1 a cgroup's own writeback is not told; the machine's is.
  @Test func olderKernelsHaveTheMachinesDirtyPages() throws {
    let (timeline, diagnosis) = try timeline(cell: 0, trial: 1)
    #expect(timeline.series[.dirty]?.map(\.name) == ["dirty, machine", "writeback, machine"])
    #expect(diagnosis.autopsies.isEmpty)
  }

  @Test func pagesAreAsLargeAsTheRecordSays() throws {
    let directory = try RecordFixture()
    func dirty(_ environment: String) throws -> Int64? {
      let path = try directory.write(
        "record.jsonl",
        environment
          + #"{"type":"columns","t":1,"lane":"slow","interval":1,"names":["vmstat:nr_dirty"]}"#
          + "\n" + #"{"type":"sample","t":5,"lane":"slow","v":[3]}"# + "\n")
      let source = TimelineSource(try RecordReader(path), 0...20, points: 10)
      return source.dirty.first?.high.compactMap(\.self).max()
    }
    #expect(try dirty(#"{"type":"environment","t":1,"page_size":65536}"# + "\n") == 3 * 64)
    #expect(try dirty("") == 3 * 4)
  }

  private func made(_ trial: MadeTrial, _ profile: Profile = Profile(name: "p")) throws
    -> TrialTimeline?
  {
    let directory = try RecordFixture()
    let record = try trial.record(in: directory)
    return TrialTimeline(record, TrialDiagnosis(record, number: 1), profile)
  }

  @Test func aTrialThatDidNotGetAsFarHasNone() throws {
    let directory = try RecordFixture()
    let path = try directory.write("r.jsonl", "{\"type\":\"phase\",\"t\":1,\"name\":\"pin\"}\n")
    let record = try RecordReader(path)
    #expect(TrialTimeline(record, TrialDiagnosis(record, number: 1), Profile(name: "p")) == nil)
  }

  /// It hung: shown until its lanes end, with what was in flight.
  @Test func aTrialWithoutAnEnd() throws {
    var trial = MadeTrial()
    trial.hasEnd = false
    trial.counters = [("vmstat:nr_dirty", { _ in 25 })]
    trial.more = [
      #"{"type":"in-flight","t":34000000000,"stream":"a","kind":"write","start":30000000000,"#
        + #""age":4000000000}"#
    ]
    let timeline = try #require(try made(trial))
    #expect(timeline.window.upperBound > MadeTrial.start + 30_000_000_000)
    #expect(timeline.series[.dirty]?.first?.high.compactMap(\.self).max() == 100)
    #expect(
      timeline.unfinished
        == [.init(kind: "write", worker: "a", time: 34_000_000_000, age: 4_000_000_000)])
  }

  /// A moment of the profile's timeline halves the limit.
  @Test func limitsChangeWithMoments() throws {
    var profile = Profile(name: "p")
    profile.limits = [.init("memory.max", "1048576")]
    var moment = Profile.Moment(at: 3_000_000_000)
    moment.limits = [.init("memory.max", "524288")]
    profile.timeline = [moment]
    var trial = MadeTrial()
    trial.more = [#"{"type":"moment","t":8000000100,"at":3000000000,"what":"memory.max 512KiB"}"#]
    let timeline = try #require(try made(trial, profile))
    #expect(timeline.limits.map(\.bytes) == [1 << 20, 1 << 19])
    #expect(timeline.limits.map(\.from) == [MadeTrial.start, 8_000_000_100])
    #expect(timeline.moments.map(\.what) == ["memory.max 512KiB"])
  }
}

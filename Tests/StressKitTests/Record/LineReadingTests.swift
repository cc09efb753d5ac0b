// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressRecord

struct LineReadingTests {
  private func read<L: Line>(_ text: String) -> L {
    Array(text.utf8).withUnsafeBufferPointer { L(RecordLine($0)) }
  }

  private func names(_ text: String) -> OOMNames {
    Array(text.utf8).withUnsafeBufferPointer { OOMNames(RecordLine($0)) }
  }

  @Test func ofTwoMembersOfOneNameTheFirstCounts() {
    let line: PhaseLine = read(#"{"type":"phase","t":"x","t":5,"name":7,"name":"stop"}"#)
    #expect(line.t == nil && line.name == nil)
    let whole: PhaseLine = read(#"{"t":5,"name":"stop","name":"delay","t":6}"#)
    #expect(whole.t == 5 && whole.name == .stop)
  }

  /// Lines of one worker share members by a protocol, whose paths are not the structure's own.
  @Test func sharedMembersHaveTheirNames() {
    let stream = [
      ProgressLine.name(\.stream), SlowLine.name(\.stream), InFlightLine.name(\.stream),
    ]
    #expect(stream.map { "\($0)" } == ["stream", "stream", "stream"])
    #expect("\(SlowLine.name(\.task)) \(InFlightLine.name(\.pinned))" == "task pinned")
  }

  @Test func aFileThatTheKernelLacksStaysInItsPlace() throws {
    let line: EnvironmentLine = read(#"{"settings":{"/a":"1","/b":null},"bdi":null,"queue":[]}"#)
    let settings = try #require(line.settings)
    #expect(settings.members.map(\.key) == ["/a", "/b"] && settings["/b"] == .null)
    #expect(line.bdi == nil && line.queue == nil)
  }

  @Test func whomAKillNamesStandsAlsoInADamagedReport() {
    let damaged = names(
      #"{"type":"oom","report":{"invoker":"a","memory":{"anon":"x"},"victims":[{"pid":7}]}}"#)
    #expect(damaged.invoker == "a" && damaged.victims?.map(\.pid) == [7])
    let line: OOMLine = read(#"{"report":{"memory":{"anon":"x"},"victims":[{"pid":7}]}}"#)
    #expect(line.report == nil)
    let group = names(#"{"type":"oom-group-kill","victim":{"pid":8,"comm":"b","uid":"x"}}"#)
    #expect(group.victims?.map(\.comm) == ["b"] && group.victims?.map(\.pid) == [8])
    #expect(names(#"{"type":"oom","t":5}"#).victims == nil)
  }

  @Test func totalsOfOlderRecords() throws {
    let line: StreamLine = read(
      #"{"log_lost":1,"beyond_range":4,"writes":3,"write_max":9,"write_latency":[[9,3]],"fsync_max":2}"#
    )
    #expect(line.logLost == 1 && line.beyondRange == 4)
    let writes = try #require(line.operations(of: "write"))
    #expect(writes.count == 3 && writes.max == 9 && writes.latency == [[9, 3]])
    #expect(line.operations(of: "fsync")?.max == 2 && line.operations(of: "read") == nil)
  }

  @Test(arguments: [
    (#"{"type":"oom"}"#, true), (#"{"type":"oom""#, false), (#"{"type":"oom"} x"#, false),
    (#"{"type":"pin"}"#, true), (#"{"type":"pin","size":1e}"#, false),
  ])
  func whatIsNoLineToItsEnd(_ text: String, _ isWhole: Bool) {
    Array(text.utf8).withUnsafeBufferPointer { bytes in
      let line = RecordLine(bytes)
      #expect(line.isWhole == isWhole && line.isOf(OOMLine.self) == text.contains("oom"))
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Synchronization
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

struct TimelineTests {
  private static let second: UInt64 = 1_000_000_000

  /// What was done, in order, and the record of it.
  private func run(
    _ moments: [Profile.Moment], to times: [UInt64]
  ) throws -> (done: [[String]], record: RecordReader) {
    let directory = try RecordFixture()
    let path = directory.path("record.jsonl")
    let record = RecordWriter(try Descriptor(open: path, O_WRONLY | O_CREAT))
    try record.start()
    var profile = Profile(name: "p")
    profile.device.bandwidth = 4 << 20
    profile.timeline = moments
    var done: [String] = []
    let timeline = try TimelineRunner(
      profile, begin: 1000, limited: .init(path: "no-such-group"), delayed: nil, record: record,
      .init(
        start: { done.append("start \($0)") }, stop: { done.append("stop \($0)") },
        throttle: {
          done.append("throttle")
          record.emit($0.line)
        }))
    #expect(timeline.next == moments.first.map { $0.at + 1000 })
    var all: [[String]] = []
    for time in times {
      done = []
      try timeline.advance(to: 1000 + time)
      all.append(done)
    }
    try timeline.finish()
    record.finish()
    return (all, try RecordReader(path))
  }

  @Test func momentsComeWhenTheyAreDue() throws {
    var first = Profile.Moment(at: Self.second)
    first.stop = ["a"]
    first.start = ["b", "c"]
    first.bandwidth = .some(nil)
    var second = Profile.Moment(at: 2 * Self.second)
    second.iops = 100
    var third = second
    third.at += 1
    third.iops = nil
    third.bandwidth = 1 << 20
    let (done, record) = try run(
      [first, second, third], to: [0, Self.second - 1, Self.second, Self.second, 5 * Self.second])
    #expect(
      done == [
        [], [], ["stop a", "throttle", "start b", "start c"], [], ["throttle", "throttle"],
      ])
    #expect(
      record.lines("moment").map { $0["what"]?.string } == [
        "stop a, bandwidth=unlimited, start b, start c", "iops=100", "bandwidth=1048576",
      ])
    #expect(
      record.lines(MomentLine.self).map(\.at) == [1_000_000_000, 2_000_000_000, 2_000_000_001])
    // What a moment does not name stays as it was.
    let throttles = try record.lines(DeviceLine.self).map { try Throttle($0) }
    #expect(throttles.map(\.bandwidth) == [nil, nil, 1 << 20])
    #expect(throttles.map(\.iops) == [nil, 100, 100])
    #expect(record.lines("moment-end").isEmpty)
  }

  /// A guest whose memory is damaged may say anything.
  @Test(arguments: [-1, Int64.min])
  func noThrottleIsNegative(_ value: Int64) async throws {
    await #expect(processExitsWith: .success) { [value = value as Int64] in
      for key in ["bandwidth", "iops"] {
        let text = "{\"type\":\"device\",\"\(key)\":\(value)}"
        #expect(throws: HarnessError.self) {
          try Throttle(try #require(DeviceLine(parsing: Array(text.utf8))))
        }
      }
    }
  }

  @Test func othersLinesAreNoThrottle() throws {
    #expect(DeviceLine(parsing: Array(#"{"type":"phase","bandwidth":1,"iops":1}"#.utf8)) == nil)
    #expect(DeviceLine(parsing: Array(#"{"type":"device","bandwidth":1"#.utf8)) == nil)
    let line = DeviceLine(parsing: Array(#"{"type":"device","bandwidth":null,"iops":7}"#.utf8))
    let throttle = try Throttle(try #require(line))
    #expect(throttle.bandwidth == nil && throttle.iops == 7)
  }

  /// A timeline that has begun a moment that the kernel will refuse, and the record that it writes.
  private func refused(
    _ moment: Profile.Moment, _ path: String
  ) throws -> (TimelineRunner, RecordWriter) {
    let record = RecordWriter(try Descriptor(open: path, O_WRONLY | O_CREAT))
    try record.start()
    var profile = Profile(name: "p")
    profile.timeline = [moment]
    let timeline = try TimelineRunner(
      profile, begin: 0, limited: .init(path: "no-such-group"), delayed: nil, record: record,
      .init(start: { _ in }, stop: { _ in }, throttle: { _ in }))
    try timeline.advance(to: 0)
    return (timeline, record)
  }

  /// A file that the kernel does not take is the trial's end, at the next look.
  @Test func aRefusedLimitIsToldAtTheNextLook() throws {
    var moment = Profile.Moment(at: 0)
    moment.cgroup = "a"
    moment.limits = [.init("memory.max", "1048576")]
    moment.delay = 5_000_000
    let directory = try RecordFixture()
    let path = directory.path("record.jsonl")
    let (timeline, record) = try refused(moment, path)
    #expect(timeline.next == nil)
    #expect(throws: HarnessError.self) { try timeline.finish() }
    let error = #expect(throws: HarnessError.self) { try timeline.advance(to: 1) }
    #expect(error?.object == "cgroup no-such-group/a")
    #expect(error?.operation == "write memory.max=1048576")
    record.finish()
    let lines = try RecordReader(path)
    #expect(lines.first("moment")?["what"] == "delay=5000000, a memory.max=1048576")
    // Nor is there a disk to hold back.
    #expect(lines.lines("moment-end").isEmpty)
  }

  /// A group that has a group below it: the deepest goes first. What the kernel refuses for a process that is left is
  /// no failure; that it is not there is one.
  @Test func groupsAreRemovedFromBelow() throws {
    let directory = try TemporaryDirectory()
    let group = Cgroup(path: "none/such", base: directory.root)
    var told: [String] = []
    let error = #expect(throws: HarnessError.self) {
      try CgroupTree.removeAll(group) { told.append($0) }
    }
    #expect(error?.errno == .noSuchFileOrDirectory && told.isEmpty)
    var moment = Profile.Moment(at: 0)
    moment.removed = "a"
    moment.reclaim = 4096
    let path = directory.path("record.jsonl")
    let (timeline, record) = try refused(moment, path)
    #expect(throws: HarnessError.self) { try timeline.finish() }
    record.finish()
    #expect(try RecordReader(path).first("moment")?["what"] == "memory.reclaim=4096, rmdir a")
  }

  @Test func kernelWritesKeepTheirOrder() throws {
    let writes = KernelWrites()
    try writes.start()
    final class Seen: Sendable { let all = Mutex<[Int]>([]) }
    let seen = Seen()
    for i in 0..<100 {
      writes.add { () throws(HarnessError) in seen.all.withLock { $0.append(i) } }
    }
    writes.add { () throws(HarnessError) in throw HarnessError(.harness, "x", "y") }
    writes.add { () throws(HarnessError) in seen.all.withLock { $0.append(-1) } }
    writes.finish()
    #expect(seen.all.withLock { $0 } == Array(0..<100))
    #expect(writes.failure?.object == "x")
  }
}

/// A timeline with workers, as a trial has it.
@Suite(.enabled(if: File.exists(Executable.path), "wbstress is not built beside the tests"))
struct TimelineOfWorkersTests {
  /// A stream's name means all of its jobs, and another worker's that worker.
  @Test func workersGoByTheirNames() throws {
    let fixture = try WorkerFixture()
    var profile = Profile(name: "p")
    var stream = Profile.Stream(name: "s")
    stream.jobs = 2
    profile.streams = [stream]
    let workers = try ["s-0", "it", "s-1"].map { name in
      try WorkerProcess.task(
        Profile.Task(name: name, action: .probe), at: fixture.path(name), cgroup: nil, seed: 1,
        executable: Executable.path)
    }
    #expect(stream.each.map(\.name) == ["s-0", "s-1"])
    #expect(workers.called("s", in: profile).map(\.name) == ["s-0", "s-1"])
    #expect(workers.called("it", in: profile).map(\.name) == ["it"])
    #expect(workers.called("no", in: profile).isEmpty)
  }

  /// The timeline holds the workers that it starts, and none of them the timeline: with its owner all of them go.
  @Test func startsAndStopsWorkersAndGoesWithItsOwner() throws {
    let fixture = try WorkerFixture()
    weak var timeline: TimelineRunner?
    weak var worker: WorkerProcess?
    func run() throws {
      let recorder = try fixture.ready(
        WorkerProcess.task(
          Profile.Task(name: "it", action: .probe), at: fixture.path("it"), cgroup: nil, seed: 3,
          executable: Executable.path))
      var start = Profile.Moment(at: 0)
      start.start = ["it"]
      var stop = Profile.Moment(at: 1)
      stop.stop = ["it"]
      var profile = Profile(name: "p")
      profile.timeline = [start, stop]
      let made = try TimelineRunner(
        profile, begin: 0, limited: .init(path: "no-such-group"), delayed: nil,
        record: RecordWriter(try Descriptor(open: "/dev/null", O_WRONLY)),
        .init(on: [recorder.worker], nil, of: profile, throttle: { _ in }))
      (timeline, worker) = (made, recorder.worker)
      try made.advance(to: 0)
      #expect(eventually { recorder.worker.state == .running })
      try made.advance(to: 1)
      #expect(eventually { recorder.worker.hasEnded() } && recorder.worker.isDone)
      try made.finish()
    }
    try run()
    #expect(timeline == nil && worker == nil)
  }

  /// One that was killed while it waited is not started, and that is no failure of the timeline.
  @Test func leavesOutWhoWasKilledBefore() throws {
    let fixture = try WorkerFixture()
    let recorder = try fixture.ready(
      WorkerProcess.task(
        Profile.Task(name: "it", action: .probe), at: fixture.path("it"), cgroup: nil, seed: 3,
        executable: Executable.path))
    // As the command line does (Interrupt).
    signal(SIGPIPE, SIG_IGN)
    WorkerProcess.kill([recorder.worker], timeout: 10_000_000_000)
    let actions = TimelineRunner.Actions(
      on: [recorder.worker], nil, of: Profile(name: "p"), throttle: { _ in })
    try actions.start("it")
    #expect(recorder.worker.exit == .signal(SIGKILL))
  }
}

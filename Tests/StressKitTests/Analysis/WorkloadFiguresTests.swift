// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
@testable import StressRecord
@testable import StressReport

/// A minute of a service that writes 100 MiB in the last ten of every twenty seconds.
struct WorkloadFiguresTests {
  private static let second: Int64 = 1_000_000_000
  private static let group = "system.slice/backup.service"
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private func profile(limit: String = "268435456") throws -> Profile {
    var profile = try Watch.profile(
      [Cgroup(path: Self.group)], [.unit("backup")], observe: [], duration: "1h")
    profile.limits = [.init("memory.min", "0"), .init("memory.max", limit)]
    return profile
  }

  private func record(_ profile: Profile, processes: Bool = true) throws -> RecordReader {
    let path = directory.path("record.jsonl")
    let sink = try RecordSink(path)
    func emit<L: Line>(_ line: L, at second: Double = 0) {
      var line = line
      line.t = Int64(second * 1e9)
      sink.emit(line)
    }
    var header = HeaderLine()
    header.plan = TrialPlan(profile: profile, label: "watch", axes: [], number: 1, seed: 0).line
    header.release = "6.12.43+deb13-amd64"
    header.accelerator = "none"
    emit(header)
    var environment = EnvironmentLine()
    environment.settings = Keyed([("/proc/sys/vm/dirty_ratio", "20")])
    environment.pageSize = 4096
    emit(environment)
    var columns = ColumnsLine()
    columns.lane = "slow"
    columns.interval = Self.second
    columns.names = ["vmstat:nr_dirty", "vmstat:nr_writeback", "vmstat:pgpgout"]
    emit(columns)
    var task = TaskLine()
    task.pid = 7
    task.comm = "backup"
    task.cgroup = Self.group
    emit(task)
    var phase = PhaseLine()
    phase.name = .stream
    emit(phase)
    var start = TraceStartLine()
    start.events = ["sched:sched_switch", "ext4:ext4_sync_file_enter"]
    emit(start)
    for second in 0...60 {
      // 40 MiB a second reach the disks while it writes.
      let out = (second / 20 * 10 + max(0, second % 20 - 10)) * 40 << 10
      sink.emit(
        "sample",
        [
          ("t", .int(Int64(second) * Self.second)), ("lane", "slow"),
          ("v", [.int(256), .int(512), .int(Int64(out))]),
        ])
      if second.isMultiple(of: 5), processes {
        var line = ProcessesLine()
        line.cgroup = Self.group
        line.anon = 100 << 20
        line.swap = 20 << 20
        line.locked = 0
        line.shmem = 1 << 10
        line.written = Int64(second / 20 * 100 + max(0, second % 20 - 10) * 10) << 20
        line.read = 0
        emit(line, at: Double(second))
      }
    }
    for (i, length) in [1, 2, 3].enumerated() {
      var span = SpanLine()
      span.of = "off-cpu"
      span.start = Int64(i) * Self.second
      span.length = Int64(length) * Self.second
      span.pid = 7
      span.state = "D"
      emit(span, at: Double(i + length))
      span.of = "ext4-sync-file"
      emit(span, at: Double(i + length))
      // Another's.
      span.pid = 8
      emit(span, at: Double(i + length))
    }
    phase.name = .stop
    emit(phase, at: 60)
    var trace = TraceLine()
    trace.events = Keyed([("sched:sched_switch", 3), ("ext4:ext4_sync_file_enter", 6)])
    emit(trace, at: 60)
    sink.emit(EndLine(Ending(.completed)))
    try sink.finish()
    return try RecordReader(path)
  }

  private func figures(_ record: RecordReader) throws -> WorkloadFigures {
    try WorkloadFigures.of(record, try TrialSummary(directory.path("record.jsonl")), name: "x")
  }

  @Test func figuresAreThoseOfTheGroup() throws {
    let figures = try figures(try record(try profile()))
    #expect(figures.time == 60 && figures.anon == Double(120 << 20) && figures.locked == 0)
    #expect(figures.written == Double(300 << 20) / 60 && figures.read == 0)
    #expect(
      figures.bursts
        == WorkloadFigures.Bursts(share: 0.5, length: 10, count: 3, rate: Double(10 << 20)))
    #expect(figures.dirty == Double(768 * 4096) && figures.diskPeak == Double(40 << 20))
    #expect(figures.syncs == 3.0 / 60)
    #expect(figures.waits?.values == [1, 2, 3])
    #expect(figures.memorySome == nil && figures.ioFull == nil)
  }

  /// The profile runs as it is printed, and each value says where it is from.
  @Test func anImitationIsAProfile() throws {
    let profile = try profile()
    let record = try record(profile)
    let text = try ImitationProfile.of("DIR", record, profile, try figures(record)).text
    try expectGolden(report: text, "imitation.yaml")
    let made = try ProfileFile(text: text, name: "imitation.yaml").profile()
    #expect(made.pinned.map(\.size) == [120 << 20] && made.streams.count == 3)
    #expect(made.streams.allSatisfy { $0.size == 100 << 20 && $0.rate == 10 << 20 })
    #expect(made.timeline.map(\.at) == [20_000_000_000, 40_000_000_000])
    #expect(made.device.size == 900 << 20)
  }

  /// What is larger than a guest is divided, rates too.
  @Test func aLargeOneIsScaled() throws {
    let profile = try profile(limit: "\(4 << 30)")
    let record = try record(profile)
    let text = try ImitationProfile.of("DIR", record, profile, try figures(record)).text
    let made = try ProfileFile(text: text, name: "imitation.yaml").profile()
    #expect(made.memoryMax == 256 << 20)
    #expect(made.pinned.map(\.size) == [7_680 << 10])
    #expect(made.streams.allSatisfy { $0.rate == 640 << 10 })
    #expect(text.contains("divided by 16.0, so that they fit a guest"))
  }

  @Test func whatCannotBeImitatedIsRefused() throws {
    func text(_ profile: Profile, _ record: RecordReader) throws -> String? {
      let figures = try figures(record)
      return #expect(throws: HarnessError.self) {
        try ImitationProfile.of("DIR", record, profile, figures)
      }?.description
    }
    let profile = try profile()
    #expect(
      try text(profile, try record(profile, processes: false))
        == "DIR: does not tell what its processes had and wrote: it is too short; watch for longer than"
        + " 10 s, while processes are there")
    var trial = profile
    trial.watched = []
    #expect(
      try text(trial, try record(profile))
        == "DIR: is of a trial, which has its profile; name a directory of 'wbstress watch'")
  }

  /// Both sides of the table come from the same code.
  @Test func aWatchAgreesWithItself() throws {
    let figures = try figures(try record(try profile()))
    let text = AgreementReport(figures, [figures, figures], style: .init(colour: false)).text
    try expectGolden(text, "agreement.txt")
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

struct LanesTests {
  /// On this very machine, whose cgroups, devices and debugfs are not a guest's: what is missing has no
  /// columns, and keeps nothing from the rest.
  @Test func recordsWhatThereIs() throws {
    let directory = try RecordFixture()
    let path = directory.path("record.jsonl")
    let record = RecordWriter(try Descriptor(open: path, O_WRONLY | O_CREAT))
    var observe = Profile.Observe()
    observe.fast = 2_000_000
    observe.interval = 5_000_000
    observe.rstat = 5_000_000
    var lanes = Lanes(observe, record)
    try record.start()
    let group = Cgroup(path: "no-such-group")
    try lanes.startFast([group])
    try lanes.startSlow(disk: "/dev/no-such-device", backing: nil, [group])
    try lanes.startRstat(group)
    #expect(eventually { lanes.health.allSatisfy { $0.samples >= 10 } })
    lanes.finish()
    record.finish()

    let lines = try RecordReader(path)
    // There is no memory.stat to read, and so no lane for it.
    #expect(lines.lines("columns").compactMap { $0["lane"]?.string } == ["fast", "slow"])
    let names = (lines.last("columns")?["names"]?.array ?? []).compactMap(\.string)
    #expect(names.contains("vmstat:nr_dirty") && names.contains("cpu:steal"))
    #expect(!names.contains { $0.hasPrefix("disk:") || $0.contains("wb_stats") })
    let width = names.count
    let samples = lines.lines("sample").filter { $0["lane"] == "slow" }
    #expect(samples.count >= 10)
    #expect(samples.allSatisfy { $0["v"]?.array?.count == width })

    let reports = lines.lines("lane")
    #expect(reports.compactMap { $0["lane"]?.string } == ["fast", "slow"])
    for report in reports {
      #expect(
        report.members?.map(\.key) == [
          "type", "t", "lane", "samples", "late", "missed", "dropped", "lateness", "cpu",
        ])
      #expect(
        report["lateness"]?.members?.map(\.key) == ["p50", "p99", "p99.9", "max"])
      #expect((report["samples"]?.int ?? 0) >= 10 && (report["cpu"]?.int ?? 0) > 0)
    }
  }

  /// The room for the lanes is known before their columns are.
  @Test func columnsAreNotMoreThanIsReckonedWith() {
    // Of this machine; the disk's and its backing device's are less than a hundred.
    let machine = Lanes.slowFiles(disk: "/dev/no-such-device", backing: nil, [])
    let columns = machine.reduce(0) { $0 + $1.names.count }
    #expect(columns > 100 && columns <= Lanes.slowColumns.machine - 100, "\(columns)")
    let fast = Lanes.fastFiles([]).reduce(0) { $0 + $1.names.count }
    #expect(fast > 0 && fast <= Lanes.fastColumns.machine, "\(fast)")
  }
}

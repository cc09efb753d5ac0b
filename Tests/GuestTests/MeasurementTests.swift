// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressMachine
@testable import StressRecord

/// The figures of real trials against accounts that are independent of the harness.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct MeasurementTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var kernel: String
    var variant: String?
    var overrides: [(String, String)] = []
    var testDescription: String {
      ([kernel, variant ?? "base"] + overrides.map { "\($0.0)=\($0.1)" }).joined(separator: " ")
    }
  }

  /// The positive control is killed on every kernel, so that there are kills to count; oom.group doubles
  /// one of them; xfs and btrfs are there for reading back.
  static let cases = [
    Case(kernel: "debian:6.1", variant: "data-journal"),
    Case(kernel: "debian:6.12", variant: "data-journal"),
    Case(kernel: "debian:6.12", variant: "data-journal", overrides: [("memory.oom.group", "1")]),
    Case(kernel: "debian:6.12", overrides: [("fs", "xfs")]),
    Case(kernel: "debian:6.12", overrides: [("fs", "btrfs"), ("engine", "pwrite")]),
    Case(kernel: "debian:6.1", overrides: [("fs", "ext3"), ("engine", "mmap")]),
  ]

  @Test func recordsAgreeWithKernelConsoleAndDisk() throws {
    var kills = 0
    for (i, example) in Self.cases.enumerated() {
      try GuestLab.withDirectory { directory in
        let profile = try GuestLab.profile(
          "oracle-backup", variant: example.variant, example.overrides)
        var trial = try GuestLab.trial(
          profile, kernel: example.kernel, in: directory, seed: UInt64(i))
        trial.keepDisk = true
        let ending = try trial.run(Interrupt())
        let name = Comment(rawValue: example.testDescription)
        let summary = try TrialSummary(trial.recordPath)
        #expect([.completed, .oom].contains(ending.outcome), "\(name): \(ending)")
        #expect((ending.outcome == .oom) == (summary.kills.kernelLog > 0), name)

        // Three accounts of the kills.
        #expect(summary.kills.agree, name)
        #expect(summary.kills.memoryEvents != nil && summary.kills.console != nil, name)
        if example.variant == "data-journal" {
          #expect(summary.kills.kernelLog > 0, name)
          #expect(summary.incidents.allSatisfy { !$0.isGlobal }, name)
        }
        if example.overrides.contains(where: { $0.0 == "memory.oom.group" }) {
          #expect(summary.kills.kernelLog > summary.incidents.count, "a group kill counts double")
        } else {
          // With oom.group the writer dies too, and its file is of any length.
          let onDisk = try GuestLab.size(
            of: "backup.0", on: directory + "/scratch.img", profile.filesystem.kind)
          #expect(onDisk == summary.bytes, name)
          #expect(summary.bytes == 24 << 20, name)
        }
        kills += summary.kills.kernelLog
        expectStamped(summary, name)
        let record = try RecordReader(trial.recordPath)
        try expectObserverKeptAway(record, name)
        if summary.kills.kernelLog > 0 { expectSigns(record, name) }
        GuestLab.expectNothingLeft(of: directory, disk: true)
      }
    }
    #expect(kills >= 6)
  }

  /// Every kill has several stamps, two of them of different sources within 10 ms of each other, and one of the
  /// trace's.
  private func expectStamped(_ summary: TrialSummary, _ name: Comment) {
    #expect(summary.killStamps.isEmpty == (summary.kills.kernelLog == 0), name)
    for kill in summary.killStamps {
      let stamps = kill.stamps.map { "\($0.source.rawValue) \($0.time)" }
      // mark_victim tells only the first of a group.
      #expect(kill.stamps.count >= KillStamps.Source.allCases.count - 1, "\(name): \(stamps)")
      #expect(kill.closest.map { $0 < 10_000_000 } == true, "\(name): \(stamps)")
    }
    if let first = summary.killStamps.first {
      #expect(first.stamps.map(\.source).contains(.trace), name)
    }
  }

  /// What the kernel notifies of on the way to a kill.
  private func expectSigns(_ record: RecordReader, _ name: Comment) {
    let events = record.lines("memcg-event")
    #expect(events.contains { ($0["deltas"]?["max"]?.int ?? 0) > 0 }, name)
    #expect(!record.lines("psi").isEmpty, name)
  }

  /// The kernel log's clock is held against ours from start to end.
  private func expectCalibrated(_ record: RecordReader, _ name: Comment) {
    let pairs = record.lines("clock").compactMap { line -> KernelLogClock.Pair? in
      guard let before = line["before"]?.int, let after = line["after"]?.int,
        let log = line["log"]?.int
      else { return nil }
      return KernelLogClock.Pair(before: UInt64(before), after: UInt64(after), log: UInt64(log))
    }
    #expect(pairs.count >= 3, name)
    // Two readings agree as well as they are known.
    for (one, next) in zip(pairs, pairs.dropFirst()) {
      let known = Int64(one.uncertainty(at: next.after) + next.width / 2)
      #expect(abs(next.offset - one.offset) <= known, "\(name): \(one) \(next)")
    }
    #expect(!record.lines("kmsg").contains { $0["text"]?.string?.contains("wbstress: ") == true })
  }

  /// What every record must show of the harness itself.
  private func expectObserverKeptAway(_ record: RecordReader, _ name: Comment) throws {
    let columns = record.lines("columns").flatMap { $0["names"]?.array ?? [] }
      .compactMap(\.string)
    #expect(columns.contains("wbstress/memory.current"), name)
    for file in ["memory.stat", "memory.numa_stat", "io.stat", "cpu.stat"] {
      #expect(!columns.contains { $0.contains(file) }, "rstat is off: \(file)")
    }
    expectCalibrated(record, name)
    #expect(record.lines("sample").count > 20, name)
    let costs = record.lines("cost")
    #expect(costs.count == 2, name)
    for cost in costs {
      let overhead = try #require(cost["overhead"]?.int)
      #expect((0...(1 << 20)).contains(overhead), "a worker's own cost, bytes")
    }
    // Every file that flushes rstat was read before and after, never between.
    for file in ["memory.stat", "cpu.stat", "io.stat"] {
      let reads = record.lines("snapshot").filter {
        $0["file"]?.string == "/sys/fs/cgroup/wbstress/\(file)"
      }
      #expect(reads.compactMap { $0["when"]?.string } == ["before", "after"], name)
    }
    let lanes = record.lines("lane")
    #expect(lanes.compactMap { $0["lane"]?.string } == ["fast", "slow"], name)
    for lane in lanes {
      #expect((lane["dropped"]?.int ?? 1) == 0, name)
      #expect((lane["lateness"]?["max"]?.int ?? -1) >= 0 && (lane["cpu"]?.int ?? 0) > 0, name)
    }
    // What every kernel here has of the device, its writeback and the threads that do it.
    for column in ["cpu:steal", "disk:write_ios", "bdi:BdiWritten", "kswapd0:run", "kworker/u:run"]
    {
      #expect(columns.contains(column), "\(name): \(column)")
    }
  }

  @Test func rstatLaneIsThereWhenAskedFor() throws {
    try GuestLab.withDirectory { directory in
      let profile = try GuestLab.profile(
        "smoke", [("observe.rstat", "10ms"), ("cache", "64MiB"), ("machine.swap", "64MiB")])
      let trial = try GuestLab.trial(profile, kernel: "debian:6.12", in: directory)
      #expect(try trial.run(Interrupt()).outcome == .completed)
      let record = try RecordReader(trial.recordPath)
      let samples = record.lines("sample").filter { $0["lane"]?.string == "rstat" }
      #expect(samples.count > 10)
      // The clean page cache that was asked for is there.
      let names =
        record.lines("columns")
        .first { $0["lane"]?.string == "slow" }?["names"]?.array ?? []
      let at = try #require(names.firstIndex(of: "vmstat:nr_file_pages"))
      let last = try #require(record.lines("sample").last { $0["lane"]?.string == "slow" })
      #expect((last["v"]?.array?[at].int ?? 0) * 4096 > 64 << 20)
      #expect(record.first("environment")?["meminfo"]?.string != nil)
    }
  }
}

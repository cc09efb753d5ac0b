// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// The trace against trace-cmd, which records the same trial in the same guest.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct TraceTests {
  /// Reclaim, throttling, writeback, the block layer below it, and OOM.
  private static let compared: [TraceEvent] = [
    .throttled, .memcgReclaimBegin, .memcgReclaimEnd, .directReclaimBegin, .directReclaimEnd,
    .shrinkInactive, .writeFolio, .balanceDirtyPages, .dirtyRatelimit, .workQueue, .workExec,
    .workStart, .workWritten, .wakeBackground, .pagesWritten, .singleInodeStart, .singleInode,
    .markInode, .clearInode, .folioWait, .markVictim, .blockIssue, .blockComplete, .jbd2Start,
    .jbd2End, .ext4Writepages, .ext4WritepagesResult, .queueAsyncWork, .schedSwitch, .schedWakeup,
  ]

  @Test(arguments: ["debian:6.1", "debian:6.12"])
  func countsAreThoseOfTraceCmd(_ kernel: String) throws {
    try GuestLab.withDirectory { directory in
      // The positive control is killed on either.
      let profile = try GuestLab.profile(
        "oracle-backup", variant: "data-journal", [("duration", "60s")])
      var trial = try GuestLab.trial(profile, kernel: kernel, in: directory, seed: 3)
      trial.plan.peer = .init(
        start: ["/usr/bin/trace-cmd", "start", "-B", "peer", "-C", "boot", "-b", "32768"]
          + Self.compared.flatMap { event -> [String] in
            // /dev/vda's superblock; else inodes of block devices are counted, which are no trial's.
            if case .superblock = event.definition.scope {
              return ["-e", event.label, "-f", "dev == \(254 << 20)"]
            }
            let target = TraceInstance.Target(devices: [], superblock: "", backing: "")
            if case .tasks = event.definition.scope,
              let filter = TraceInstance.filter(event.definition.scope, target)
            {
              return ["-e", event.label, "-f", filter]
            }
            return ["-e", event.label]
          },
        finish: ["/usr/bin/trace-cmd", "show", "-B", "peer"])
      trial.hooks.peerFiles = try GuestLab.files(of: "trace-cmd")
      let ending = try trial.run(Interrupt())
      #expect([.completed, .oom].contains(ending.outcome), "\(ending)")
      let record = try RecordReader(trial.recordPath)
      let line = try #require(record.last("trace"))
      let health = try #require(TraceHealth(record))
      #expect(health.failure == nil && health.lostRecords == 0 && health.dropped == 0)
      let from = UInt64(try #require(line["from"]?.int))
      let until = UInt64(try #require(line["until"]?.int))

      let report = try File.text(trial.peerPath)
      let entries = try #require(report.firstMatch(of: #/entries-written: (\d+)/(\d+)/#))
      #expect(entries.1 == entries.2, "trace-cmd lost some: nothing to compare with")
      let pattern = #/ (\d+)\.(\d{6}): ([a-z0-9_]+): /#
      var theirs: [String: Int] = [:]
      for text in report.split(separator: "\n") {
        guard let match = text.firstMatch(of: pattern), let seconds = UInt64(match.1),
          let rest = UInt64(match.2)
        else { continue }
        let time = seconds * 1_000_000_000 + rest * 1000
        if (from...until).contains(time) { theirs[String(match.3), default: 0] += 1 }
      }
      var total = 0
      for event in Self.compared {
        let ours = health.events[event.label]
        #expect(ours == theirs[event.definition.name] ?? 0, "\(kernel) \(event.label)")
        total += ours ?? 0
      }
      print("\(kernel): \(total) records of \(Self.compared.count) events, the same by trace-cmd")
      #expect(total > 1000)
      #expect(
        (theirs["mark_victim"] ?? 0) > 0 && (theirs["mm_vmscan_memcg_reclaim_begin"] ?? 0) > 0)
    }
  }
}

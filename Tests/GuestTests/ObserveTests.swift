// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressMachine
@testable import StressRecord
@testable import StressReport

/// What is watched while a guest is under pressure.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct ObserveTests {
  private func run(
    _ kernel: String, variant: String? = nil, _ overrides: [(String, String)]
  ) throws -> (RecordReader, TrialSummary) {
    try GuestLab.withDirectory { directory in
      let profile = try GuestLab.profile("oracle-backup", variant: variant, overrides)
      let trial = try GuestLab.trial(profile, kernel: kernel, in: directory, seed: 4)
      let ending = try trial.run(Interrupt())
      #expect([.completed, .oom].contains(ending.outcome), "\(ending)")
      return (try RecordReader(trial.recordPath), try TrialSummary(trial.recordPath))
    }
  }

  /// A minute of full pressure: the backup never ends, and on 6.1 nobody is killed.
  @Test func theSlowLaneMissesNothingInAMinute() throws {
    let (record, summary) = try run(
      "debian:6.1", [("streams.backup.size", "unlimited"), ("duration", "60s")])
    let taken = try #require(summary.gaps.taken["slow"])
    let missed = try #require(summary.gaps.missed["slow"])
    // None on a machine that has nothing else to do; the emulator's own stalls are not the harness's.
    #expect(taken > 550 && missed <= 30 && summary.droppedSamples == 0)
    let mirror = try #require(summary.mirror)
    #expect(try #require(summary.trace).lostRecords == 0)
    print(
      "60 s: slow lane \(taken) readings, \(missed) missed; fast "
        + "\(summary.gaps.taken["fast"] ?? 0), \(summary.gaps.missed["fast"] ?? -1) missed, late by "
        + "p99 \(Format.fixed((mirror.latenessP99 ?? 0) / 1e6, 2)) ms, max "
        + "\(Format.fixed((mirror.latenessMax ?? 0) / 1e6, 2)) ms; CPU "
        + "\(Format.fixed(100 * mirror.cpuShare, 1)) %")
    // Every buffered write of ext4 goes to a worker, and the histogram has every operation.
    let writes = try #require(summary.latencies["write"]?.count)
    let unfinished = record.lines("in-flight").count { $0["kind"] == "write" }
    // Only what begins between the end of the time and the word to stop may be extra, and is counted; the last of it
    // may have been killed between its stamp and its submission.
    let later = try #require(record.last("stream")?["begun_later"]?.count)
    let punted = try #require(summary.trace?.punted["backup"])
    #expect(
      (max(0, later - 1)...later).contains(punted - writes - unfinished),
      "\(punted), \(writes), \(unfinished), \(later)")
    #expect(record.last("stream")?["log_lost"] == 0)
    #expect(mirror.touched ?? 0 > 0.99, "QEMU touches the guest's memory before it boots")
  }

  /// A bare trial reads nothing while the streams run, and still knows of its kill.
  @Test func aBareTrialReadsNothing() throws {
    let (record, summary) = try run(
      "debian:6.12", variant: "tmpfs", [("observe.level", "bare")])
    #expect(summary.ending.outcome == .oom && summary.kills.agree)
    for type in ["sample", "columns", "span", "trace", "psi", "memcg-event", "progress"] {
      #expect(record.lines(type).isEmpty, "\(type)")
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// Programs as the workload, in a user land of their own: what they do wrong is told in its own words, and nothing is
/// left of any.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct ProgramTests {
  /// A directory that is a user land: busybox and nothing else.
  private func userLand(in directory: String) throws -> String {
    let root = directory + "/root"
    try File.makeDirectory(root + "/bin")
    let shell = try #require(Tool.path("busybox"), "ci/install test installs busybox-static")
    try File.write(root + "/bin/busybox", try File.read(shell))
    #expect(chmod(root + "/bin/busybox", 0o755) == 0)
    for name in ["sh", "dd", "sleep", "cat", "head", "yes", "true", "test", "touch"] {
      #expect(symlink("busybox", root + "/bin/" + name) == 0)
    }
    return root
  }

  private func run(
    _ text: String, kernel: String = "debian:6.12", keepDisk: Bool = false
  ) throws -> (ending: Ending, record: RecordReader, summary: TrialSummary, image: [UInt8]) {
    try GuestLab.withDirectory { directory in
      let root = try userLand(in: directory)
      let profile = try ProfileFile(text: text, name: "test.yaml").profile(overrides: [
        (key: "machine.root", value: root, origin: "test"),
        (key: "device.size", value: "64MiB", origin: "test"),
      ])
      let store = try KernelStore(root: directory + "/store")
      var trial = try GuestLab.trial(
        profile, kernel: kernel, in: directory + "/trial")
      trial.root = try RootImage.find(for: profile, store: store)
      trial.keepDisk = keepDisk
      let ending = try trial.run(Interrupt())
      let record = try RecordReader(trial.recordPath)
      let image = keepDisk ? try File.read(directory + "/trial/scratch.img") : []
      // Whatever a command did: the file system was unmounted, and every cgroup could be removed.
      #expect(record.lines("phase").contains { $0["name"] == "unmounted" }, "\(ending)")
      return (ending, record, try TrialSummary(trial.recordPath), image)
    }
  }

  private func message(_ text: String) throws -> String {
    let (ending, _, _, _) = try run(text)
    #expect(ending.outcome == .invalid && ending.reason == "command", "\(ending)")
    return ending.message ?? ""
  }

  /// All four times at which a command runs, its figures, its use of the disk, and its end.
  @Test(arguments: ["debian:6.1", "debian:6.12"])
  func eachRunsWhenItIsTo(_ kernel: String) throws {
    let (ending, record, summary, image) = try run(
      """
      limits: {memory.max: 64MiB}
      cgroups: [{name: servers, memory.max: 32MiB}]
      commands:
        - name: server
          when: service
          cgroup: servers
          run: "trap 'exit 0' TERM; sleep 1; touch /run/up; while :; do sleep 0.1; done"
          ready: [test, -e, /run/up]
        - {name: made, when: before, run: "yes marked | head -c 4194304 > /mnt/wbstress/made"}
        - name: work
          run: [dd, if=/mnt/wbstress/made, of=/mnt/wbstress/copy, bs=1M, conv=fsync]
          environment: {LEVEL: "9"}
          figures: {records: "*+0 records out", bytes: "* bytes"}
        - {name: late, run: "echo level $LEVEL; exit 3", environment: {LEVEL: "9"}, exit: [0, 3]}
        - {name: beside, when: beside, outside: on, run: "trap '' TERM; while :; do sleep 0.1; done", grace: 300ms}
      timeline: [{at: 1s, start: late}]
      """, kernel: kernel, keepDisk: true)
    #expect(ending.outcome == .completed, "\(ending)")
    #expect(
      record.lines("worker").filter { $0["event"] == "start" }.map { $0["cgroup"]?.string } == [
        "wbstress/servers/server", "wbstress/made", "wbstress/work", "wbstress-beside",
        "wbstress/late",
      ])
    func time(_ name: String, _ key: String) -> Int64 {
      record.lines("command").first { $0["command"]?.string == name }?[key]?.int ?? 0
    }
    let streams = try #require(record.streamTime)
    // The server was ready before what comes next began, which had ended before the streams.
    #expect(time("made", "start") - time("server", "start") > 1_000_000_000)
    #expect(time("made", "end") < streams.lowerBound)
    #expect(time("late", "start") - streams.lowerBound >= 1_000_000_000)
    #expect(time("server", "end") > streams.upperBound)
    let ends = record.lines("command").map {
      [$0["command"]?.string, $0["exit"]?.string, $0["ended"]?.string]
    }
    #expect(
      ends == [
        ["server", "exit status 0", "stopped"], ["made", "exit status 0", "itself"],
        ["work", "exit status 0", "itself"], ["late", "exit status 3", "itself"],
        ["beside", "signal 9", "killed"],
      ])
    #expect(record.lines("command")[3]["output"] == "level 9\n")
    let work = try #require(summary.command("work"))
    // What it does not print has no figure: busybox tells no bytes.
    #expect(work.figures == ["records": 4])
    let written = try #require(work.writtenBytes)
    #expect((4_194_304...6_000_000).contains(written), "\(written)")
    // And it is there: a page of the copy as it was made.
    let page = Array(String(repeating: "marked\n", count: 586).utf8.prefix(4096))
    let pages = stride(from: 0, to: image.count, by: 4096).count {
      image[$0..<$0 + 4096].elementsEqual(page)
    }
    // 4096 is no multiple of 7: every seventh page begins with the word.
    #expect((292...294).contains(pages), "\(pages)")
  }

  /// Each call counts once, for the command that made it and for what it went to: a file of the scratch file system, a
  /// pipe, and by another command's thread of the same name. Each dd waits for its input in between, so that it can be
  /// asked.
  @Test(arguments: ["debian:6.1", "debian:6.12"])
  func callsAreCountedByMount(_ kernel: String) throws {
    func input(_ count: Int) -> String {
      "(head -c \(count) /dev/zero; sleep 2; head -c \(count) /dev/zero)"
    }
    let (ending, record, summary, _) = try run(
      """
      observe: {syscalls: on}
      commands:
        - name: disk
          threads: dd
          run: "\(input(409_600)) | /bin/dd of=/mnt/wbstress/file bs=4096 iflag=fullblock conv=fsync 2>/dev/null"
        - name: pipes
          threads: dd
          run: "\(input(25_600)) | /bin/dd bs=512 iflag=fullblock 2>/dev/null | cat >/dev/null"
        - {name: none, run: "sleep 1; echo x >/mnt/wbstress/other"}
      """, kernel: kernel)
    #expect(ending.outcome == .completed, "\(ending)")
    let counts = summary.workerLatencies.mapValues { kinds in
      kinds.filter { $0.key.contains("-call:") && !$0.key.hasSuffix("/dev") }.mapValues(\.count)
    }.filter { !$0.value.isEmpty }
    #expect(
      counts == [
        "disk": ["write-call:scratch": 200, "sync-call:scratch": 1],
        "pipes": ["write-call:pipe": 100],
      ], "\(record.lines("latency").filter { $0["mount"] != nil })")
    let trace = try #require(summary.trace)
    #expect(trace.failures.isEmpty && trace.lostRecords + trace.dropped == 0)
    // Those of nobody else are even recorded: each call is two records.
    let calls = summary.latencies.filter { $0.key.contains("-call:") }.values.map(\.count)
    #expect(trace.count(.sysEnter) == calls.reduce(0, +))
    #expect(trace.count(.sysExit) == trace.count(.sysEnter))
  }

  @Test func oneThatDoesNotExistIsNamed() throws {
    let text = try run("commands: [{name: work, run: [pg_basebackup, -D, /tmp]}]").ending
    #expect(text.outcome == .invalid)
    #expect(
      text.message
        == "command work: start pg_basebackup: ENOENT (no such file or directory); machine.root has no such "
        + "program; is its package named there?", "\(text)")
  }

  @Test func oneThatFailsIsToldWithItsLastWords() throws {
    let text = try message("commands: [{name: work, run: \"echo no such table; exit 3\"}]")
    #expect(
      text
        == "command work: exit status 3: no such table; if that is no failure, say so with 'exit'")
  }

  @Test func oneThatGoesOnInTheBackgroundIsNoEnd() throws {
    let text = try message("commands: [{name: work, run: \"sleep 1000 & sleep 1001 &\"}]")
    #expect(
      text
        == "command work: ended with 2 processes left in its cgroup (sleep, sleep); have it stay in the foreground "
        + "until its work is done, or give it 'when: service'")
  }

  /// A service may; and what it has left goes with the trial.
  @Test func aServiceMayDetach() throws {
    let (ending, record, _, _) = try run(
      """
      commands:
        - {name: daemon, when: service, run: "sleep 1000 & sleep 1001 & exit 0"}
        - {name: work, run: [sleep, "3"]}
      """)
    #expect(ending.outcome == .completed, "\(ending)")
    let daemon = try #require(record.lines("command").first)
    #expect(daemon["exit"] == "exit status 0" && daemon["left"]?.array?.count == 2, "\(daemon)")
  }

  @Test func aServiceThatEndsEndsTheTrial() throws {
    let text = try message(
      """
      commands:
        - {name: server, when: service, run: "sleep 1; echo out of files"}
        - {name: work, run: [sleep, "1000"]}
      """)
    #expect(
      text
        == "command server: exit status 0 before the trial was over: out of files; a service must run until it is "
        + "stopped")
  }

  @Test func aServiceThatIsNeverReadyIsWaitedForWithin() throws {
    let (ending, _, _, _) = try run(
      """
      commands:
        - {name: server, when: service, run: "echo starting; sleep 1000", ready: ["false"], within: 2s}
        - {name: work, run: [sleep, "1"]}
      """.replacing("\"false\"", with: "test, -e, /nowhere"))
    #expect(ending.outcome == .invalid)
    #expect(
      ending.message == "command server: was not ready after 2s: starting; raise its 'within'",
      "\(ending)")
  }

  /// Much output: neither does the command wait for us, nor does the record grow by more than what is kept.
  /// WBSTRESS_REPEAT is how many GiB; 10 take minutes under emulation.
  @Test func outputIsKeptInPart() throws {
    let count = ProcessInfo.processInfo.environment["WBSTRESS_REPEAT"].flatMap { Int64($0) } ?? 1
    let (ending, record, _, _) = try run(
      """
      duration: 1000s
      commands: [{name: work, run: "echo first; dd if=/dev/zero bs=1M count=\(count << 10); echo last"}]
      """)
    #expect(ending.outcome == .completed, "\(ending)")
    let line = try #require(record.lines("command").first)
    #expect(line["printed"]?.int ?? 0 > count << 30)
    #expect(line["output"]?.string?.utf8.count == 8 << 10)
    #expect(line["output"]?.string?.hasPrefix("first\n\0\0") == true)
    #expect(line["output_end"]?.string?.utf8.count == 24 << 10)
    #expect(line["output_end"]?.string?.hasSuffix("last\n") == true)
  }

  /// The OOM killer's victim is the command's child: a kill is a kill, and it is told by the command's name.
  @Test func oneThatTheKernelKillsIsAKill() throws {
    let (ending, record, summary, _) = try run(
      """
      limits: {memory.max: 32MiB, memory.swap.max: 0}
      commands: [{name: eater, run: [dd, if=/dev/zero, of=/dev/null, bs=64M, count=1]}]
      """)
    #expect(ending.outcome == .oom, "\(ending)")
    #expect(summary.kills.kernelLog == 1 && summary.kills.agree)
    let line = try #require(record.lines("command").first)
    #expect(line["ended"] == "killed-by-others" && line["exit"] == "signal 9")
    let autopsy = try #require(OOMAutopsy.all(in: record).first)
    #expect(autopsy.victims.first?.task.worker == "eater")
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord
@testable import StressReport

struct LogReportTests {
  private static func autopsy(_ text: String) -> LogAutopsy { autopsy(Array(text.utf8)) }

  private static func autopsy(_ bytes: [UInt8]) -> LogAutopsy {
    var builder = LogAutopsyBuilder()
    for message in SavedLog.messages(bytes) { builder.feed(message) }
    return builder.finish()
  }

  private static func autopsy(case name: String) throws -> LogAutopsy {
    autopsy(try File.read(Fixtures.path("cases/\(name).txt")))
  }

  /// One of each: a kill of a memcg, one of the machine, blocked tasks with times and without.
  private static let whole = [
    "oom/mglru-rsync-6.7", "oom/lxc-v1-false-global-5.15", "oom/k8s-oom-group-already-exiting-2025",
    "hung/btrfs-backup-nfsd-6.14", "hung/cloudflare-wb-wait-6.12", "hung/blk-get-tag-wbt-2026",
  ]

  @Test(arguments: whole)
  func theWholeText(_ name: String) throws {
    let report = LogReport(
      name, try Self.autopsy(case: name), told: 2, style: .init(colour: false))
    let file = name.split(separator: "/").last.map(String.init) ?? name
    try expectGolden(report.text, "autopsy-\(file).txt")
  }

  @Test func theSameAsJSON() throws {
    let name = "oom/mglru-rsync-6.7"
    let json = LogReport.json(name, try Self.autopsy(case: name))
    try expectGolden(report: json.indentedText + "\n", "autopsy-mglru-rsync-6.7.json")
  }

  @Test func nothingIsSaidToBeNothing() {
    let report = LogReport(
      "log", Self.autopsy("[    1.000000] a\n[    2.000000] b\n"), told: 5,
      style: .init(colour: false))
    #expect(
      report.text == """
        log: no OOM kill, no blocked task, no failed allocation
        2 kernel messages; from [1.000000] to [2.000000]
        """)
  }

  @Test func aFailedAllocationIsToldWithItsStack() {
    let log = """
      [   10.000000] kworker/0:1: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL|__GFP_ZERO), nodemask=(null)
      [   10.000001] CPU: 0 UID: 0 PID: 9 Comm: kworker/0:1 Not tainted 6.12.43+deb12-amd64 #1 Debian 6.12.43-1
      [   10.000002] Workqueue: events do_work
      [   10.000003] Call Trace:
      [   10.000004]  <TASK>
      [   10.000005]  dump_stack_lvl+0x5d/0x80
      [   10.000006]  warn_alloc+0x165/0x1e0
      [   10.000007]  ? guess+0x1/0x2
      [   10.000008]  </TASK>

      """
    let failures = Self.autopsy(log).failures
    #expect(failures.count == 1)
    #expect(
      failures.first?.report.kind
        == .failedAllocation(order: 4, flags: "GFP_KERNEL|__GFP_ZERO"))
    #expect(failures.first?.report.pid == 9)
    #expect(failures.first?.report.frames == ["dump_stack_lvl", "warn_alloc"])
    #expect(failures.first?.report.release == "6.12.43+deb12-amd64")
    #expect(failures.first?.report.workqueue == "events do_work")
  }

  @Test func theOwnerOfALockIsNamed() {
    let log = """
      [  200.000000] INFO: task cp:9636 blocked for more than 122 seconds.
      [  200.000001]       Not tainted 6.16.0 #1
      [  200.000002] task:cp state:D stack:0 pid:9636 tgid:9636 ppid:1
      [  200.000003] Call Trace:
      [  200.000004]  <TASK>
      [  200.000005]  __schedule+0x1/0x2
      [  200.000006]  __mutex_lock+0x1/0x2
      [  200.000007]  </TASK>
      [  200.000008] INFO: task cp:9636 is blocked on a mutex likely owned by task rsync:77.

      """
    #expect(Self.autopsy(log).blocked.first?.report.frames == ["__schedule", "__mutex_lock"])
    #expect(Self.autopsy(log).blocked.first?.holders == ["rsync:77"])
  }

  @Test func theExcerptLeavesNamesOut() {
    let log = """
      Jul 17 16:47:09 db-7 systemd[1]: Started something.
      Jul 17 16:47:09 db-7 kernel: cc1 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
      Jul 17 16:47:09 db-7 kernel: Memory cgroup out of memory: Killed process 12 (cc1) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0
      Jul 17 16:47:10 db-7 kernel: eth0: link up
      Jul 17 16:47:11 db-7 kernel: Out of memory: Killed process 13 (x) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB

      """
    var excerpt = LogExcerpt(Self.autopsy(log), names: [])
    let lines = log.split(separator: "\n").enumerated().flatMap {
      excerpt.lines(String($0.element), number: $0.offset + 1)
    }
    #expect(lines.count == 4 && lines[2] == "[...]")
    #expect(lines[0].hasPrefix("Jul 17 16:47:09 <name-1> kernel: cc1 invoked oom-killer"))
    #expect(lines.allSatisfy { !$0.contains("db-7") })
  }

  // MARK: Profiles

  @Test(arguments: [
    "oom/mglru-rsync-6.7", "oom/proxmox-lxc-dmesgT-german-5.15", "oom/i386-next-5.7-highmem",
    "oom/arm64-min-low-line-6.19", "oom/swapcache-6.5", "oom/nonuma-caller-5.3",
  ])
  func theProfileIsOne(_ name: String) throws {
    let text = try LogProfile(name, try Self.autopsy(case: name)).text
    let profile = try ProfileFile(text: text, name: "profile")
    _ = try profile.profile()
    // What its head says to vary can be.
    let words = text.split { " \n#".contains($0) }
    for (option, value) in zip(words, words.dropFirst()) where option == "--vary" {
      let parts = value.split(separator: "=")
      for choice in try #require(parts.last).split(separator: ",") {
        _ = try profile.profile(overrides: [
          (key: String(parts[0]), value: String(choice), origin: "head")
        ])
      }
    }
    let file = name.split(separator: "/").last.map(String.init) ?? name
    try expectGolden(String(text.dropLast()), "autopsy-\(file).yaml")
  }

  @Test func aLogThatDoesNotTellEnoughHasNoProfile() throws {
    let autopsy = try Self.autopsy(case: "oom/k8s-oom-group-already-exiting-2025")
    #expect(
      throws: HarnessError(
        .usage, "log", "does not tell what the memory of any kill consisted of",
        remedy:
          "take a log that has the whole report, from 'invoked oom-killer' to 'Killed process'")
    ) { try LogProfile("log", autopsy) }
    #expect(
      throws: HarnessError(
        .usage, "log", "has no kill 7: it has 1",
        remedy: "see 'wbstress autopsy log' for their numbers")
    ) { try LogProfile("log", autopsy, kill: 7) }
  }
}

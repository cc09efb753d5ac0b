// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

struct OOMAccountTests {
  private func account(
    _ owner: OOMAccount.Owner, _ logs: [[KernelLogRecord]]
  ) -> (account: OOMAccount, lines: [String], victims: [Int64]) {
    var account = OOMAccount()
    account.owner = owner
    var lines: [String] = []
    var victims: [Int64] = []
    for log in logs {
      for record in log {
        let victim: OOMReport.Victim?
        switch account.take(record) {
        case .report(let line):
          lines.append(OOMLine.typeName)
          victim = line.report?.victims.first
        case .groupKill(let line):
          lines.append(OOMGroupKillLine.typeName)
          victim = line.victim
        case .withoutKill:
          lines.append(OOMWithoutKillLine.typeName)
          victim = nil
        case nil: continue
        }
        if let victim { victims.append(Int64(victim.pid)) }
      }
    }
    return (account, lines, victims)
  }

  private func log(_ name: String) throws -> [KernelLogRecord] {
    try SavedLog.records("cases/oom/\(name).txt")
  }

  private func own612() throws -> [KernelLogRecord] {
    KernelLogRecord.records(in: try KernelLogTests.fixture("kmsg-memcg-oom-612.txt"))
  }

  private static let pods = "eks-memoryqos-oom-group-6.12"
  private static let container =
    "cri-containerd-46b3e0a4df44b752b841aecca454e6e78995d567912a84950390bae6f6777a63.scope"

  @Test func inAGuestEveryKillIsTheTrials() throws {
    let (account, lines, victims) = account(
      .init(), [try log(Self.pods), try log("mglru-rsync-6.7"), try log("i386-next-5.7-highmem")])
    #expect(lines == ["oom", "oom-group-kill", "oom", "oom", "oom"])
    #expect(victims == [22609, 22609, 128_824, 128_825, 350])
    #expect(account.killLines == 5 && account.incidents == 4)
    #expect(account.otherKillLines == 0 && account.note == nil)
  }

  @Test func othersKillsAreNoneOfTheTrials() throws {
    let owner = OOMAccount.Owner(cgroups: ["system.slice/wbstress-1.service"], workers: [213])
    let logs = try [Self.pods, "k8s-oom-group-already-exiting-2025", "mglru-rsync-6.7"].map(log)
    let (account, lines, victims) = account(owner, logs + [try own612()])
    // The last is a worker's.
    #expect(lines == ["oom"] && victims == [213])
    #expect(account.killLines == 1 && account.incidents == 1)
    // 2, 11 and 2 lines, a group's among them.
    #expect(account.otherKillLines == 15)
    let note = try #require(account.note)
    #expect(note.otherKillLines == 15)
    let message = try #require(note.message)
    #expect(
      message.hasPrefix("15 OOM kills in cgroups that are none of the trial's, not counted: "))
    #expect(message.contains("node (pid 22609) in /kubepods.slice/"))
    #expect(message.contains("rsync (pid 128824), in a cgroup that the log does not name; "))
    #expect(message.hasSuffix("/app.slice/run-u640.service"))
  }

  @Test func manyOthersAreNotAllNamed() throws {
    let owner = OOMAccount.Owner(cgroups: ["wbstress"])
    let logs = Array(repeating: try log("swapcache-6.5"), count: 6)
    let (account, lines, _) = account(owner, logs)
    #expect(lines.isEmpty && account.otherKillLines == 6)
    let message = account.note?.message
    #expect(message?.hasSuffix("; 2 more") == true)
  }

  /// The machine's memory is everybody's, and what its nodes lack is.
  @Test(arguments: [
    "i386-next-5.7-highmem", "nonuma-caller-5.3", "rhel7-3.10", "x32-next-5.18",
    "xfs-531-alloc-tags-6.10-journal",
  ])
  func aGlobalKillIsTheTrials(_ name: String) throws {
    let (account, lines, _) = account(.init(cgroups: ["wbstress"]), [try log(name)])
    #expect(lines == ["oom"] && account.killLines == 1 && account.note == nil)
    let constrained = try log(name).map { record in
      var record = record
      record.text = record.text.replacing("CONSTRAINT_NONE", with: "CONSTRAINT_CPUSET")
      return record
    }
    #expect(self.account(.init(cgroups: ["wbstress"]), [constrained]).lines == ["oom"])
  }

  /// `KU` is not below `K`, nor below what is below it.
  @Test(arguments: [
    ("KU", true), ("K", false), ("KU/pin", false), ("wbstress", false), ("U", false),
  ])
  func aCgroupIsTheTrialsAtOrBelowItsOwn(_ base: String, _ isOwn: Bool) throws {
    let (account, lines, _) = account(.init(cgroups: [base]), [try own612()])
    #expect(lines == (isOwn ? ["oom"] : []))
    #expect(account.killLines == (isOwn ? 1 : 0) && account.otherKillLines == (isOwn ? 0 : 1))
  }

  /// A limit above the trial's cgroups, but a victim in them.
  @Test func theVictimsCgroupDecidesToo() throws {
    let dump = try log("proxmox-lxc-dmesgT-german-5.15")
    #expect(account(.init(cgroups: ["lxc/39004/ns/system.slice"]), [dump]).lines == ["oom"])
    #expect(account(.init(cgroups: ["lxc/39004/ns/user.slice"]), [dump]).lines == [])
    #expect(account(.init(cgroups: ["lxc/39004"]), [dump]).lines == ["oom"])
  }

  /// In a namespace of cgroups, the log's paths begin above what the trial can see.
  @Test func aNamespaceSeesTheEndOfAPathOnly() throws {
    let dump = try log(Self.pods)
    let inside = OOMAccount.Owner(cgroups: [Self.container], isNamespaced: true)
    #expect(account(inside, [dump]).lines == ["oom", "oom-group-kill"])
    #expect(account(.init(cgroups: [Self.container]), [dump]).lines == [])
    let other = OOMAccount.Owner(cgroups: ["containerd-46b3.scope"], isNamespaced: true)
    #expect(account(other, [dump]).lines == [])
  }

  @Test func ofAKillWithoutADumpTheVictimTells() throws {
    let dump = try log("mglru-rsync-6.7")
    let (account, _, victims) = account(.init(cgroups: ["wbstress"], workers: [128_824]), [dump])
    #expect(victims == [128_824] && account.killLines == 1 && account.otherKillLines == 1)
  }

  @Test func aDumpWithoutAKillIsToldUnlessItIsOthers() throws {
    let owner = OOMAccount.Owner(cgroups: ["wbstress"])
    // A memcg's kill, and then the whole machine's panic.
    #expect(account(owner, [try log("lxc-v1-false-global-5.15")]).lines == ["oom-without-kill"])
    let exiting = try log("memcg-5.3-rc3").map { record in
      var record = record
      if record.text.contains("Killed process") {
        record.text = "Memory cgroup out of memory: OOM victim 6736 (leaker) is already exiting."
      }
      return record
    }
    #expect(account(owner, [exiting]).lines == [])
    #expect(account(.init(cgroups: ["leaker"]), [exiting]).lines == ["oom-without-kill"])
    #expect(account(.init(), [exiting]).lines == ["oom-without-kill"])
  }
}

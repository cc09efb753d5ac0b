// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct CgroupPlaceTests {
  /// The record's name for a group does not tell where the tree is; the kernel's does.
  @Test func groupsAreNamedBelowTheBase() {
    let unit = Cgroup(path: "wbstress/db", base: "wbstress-7.service")
    #expect(unit.path == "wbstress/db")
    #expect(unit.location == "wbstress-7.service/wbstress/db")
    #expect(unit.file("memory.max") == "/sys/fs/cgroup/wbstress-7.service/wbstress/db/memory.max")
    #expect(Cgroup(path: "wbstress").directory == "/sys/fs/cgroup/wbstress")
    #expect(Cgroup(path: "", base: "a/b").directory == "/sys/fs/cgroup/a/b")
  }

  @Test(arguments: [
    "/sys/fs/cgroup/a.slice/b", "a.slice/b", "/a.slice/b/", "//a.slice//b",
  ])
  func aDelegatedCgroup(_ path: String) throws {
    #expect(try CgroupPlace(path) == .delegated("a.slice/b"))
  }

  @Test(arguments: ["", "/", "/sys/fs/cgroup/", "..", "a/../../proc", "/sys/fs/cgroup/../x"])
  func noCgroup(_ path: String) {
    #expect(throws: HarnessError.self) { try CgroupPlace(path) }
  }

  @Test func whatIsWrongWithOne() throws {
    let problems = CgroupPlace.delegated("no-such-cgroup").problems(["memory"])
    #expect(problems.map(\.code) == [.refused])
    #expect(
      problems.first?.description.contains("/sys/fs/cgroup/no-such-cgroup: is no cgroup: ENOENT")
        == true)
  }
}

struct DelegatedUnitTests {
  @Test func whatSystemdIsAskedFor() {
    let words = DelegatedUnit.arguments(
      "wbstress-7.service", ["memory", "io"], .init(min: 5, low: 0), supervisor: 7)
    #expect(words.contains("--unit=wbstress-7.service") && words.contains("--slice=-.slice"))
    #expect(words.contains("Delegate=memory io") && words.contains("OOMPolicy=continue"))
    #expect(words.contains("MemoryMin=5") && !words.contains { $0.hasPrefix("MemoryLow") })
    #expect(words.suffix(4) == ["tail", "--pid=7", "--follow", "/dev/null"])
  }

  private func protection(_ limits: String, _ more: String = "") throws -> DelegatedUnit.Protection
  {
    Supervisor.protection(
      try ProfileFile(
        text: "limits: {\(limits)}\npinned: [{size: 1MiB}]\n\(more)", name: "test"
      ).profile(variant: nil, overrides: []))
  }

  /// The supervisor's share and what the profile asks for; where all memory is under pressure not the supervisor's.
  @Test func protects() throws {
    let own: UInt64 = 64 << 20
    #expect(try protection("memory.max: 64MiB") == .init(min: own, low: 0))
    #expect(
      try protection("memory.max: 64MiB, memory.min: 8MiB, memory.low: 4MiB")
        == .init(min: own + 8 << 20, low: 4 << 20))
    #expect(try protection("memory.low: 4MiB") == .init(min: 0, low: 4 << 20))
    #expect(try protection("memory.max: 64MiB, memory.min: max").min == UInt64(Int64.max))
  }
}

struct MemoryDaemonTests {
  private func profile(_ limits: String) throws -> Profile {
    try ProfileFile(text: "limits: {\(limits)}\npinned: [{size: 1MiB}]\n", name: "test")
      .profile(variant: nil, overrides: [])
  }

  @Test func byTheirName() throws {
    let proc = try TemporaryDirectory()
    for (pid, name) in [
      ("20", "systemd-oomd"), ("3", "earlyoom"), ("21", "bash"), ("x", "earlyoom"),
    ] {
      try proc.write(pid + "/comm", name + "\n")
    }
    #expect(
      try MemoryDaemon.alive(in: proc.root)
        == [.init(name: "earlyoom", pid: 3), .init(name: "systemd-oomd", pid: 20)])
  }

  @Test func whoIsRefused() throws {
    let early = MemoryDaemon(name: "earlyoom", pid: 3)
    #expect(early.refusal(try profile("memory.max: 64MiB")) == nil)
    #expect(early.refusal(try profile("memory.max: max"))?.code == .refused)
    #expect(
      MemoryDaemon(name: "systemd-oomd", pid: 3).refusal(try profile("memory.high: 1MiB")) == nil)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct MachineGuardTests {
  private func layout(_ lines: String...) throws -> String? {
    let mounts = try lines.map { try #require(MountEntry($0[...])) }
    return MachineGuard.legacyLayout(mounts, "/sys/fs/cgroup")
  }

  /// The three ways systemd has mounted cgroups, and none.
  @Test func tellsLayoutsOfCgroups() throws {
    let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw"
    let below = "31 24 0:27 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw"
    let memory = "34 24 0:30 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory"
    #expect(try layout(unified) == nil)
    #expect(
      try layout(below, memory)
        == "is hybrid: cgroup2 at /sys/fs/cgroup/unified, the memory controller at /sys/fs/cgroup/memory is v1"
    )
    #expect(
      try layout(memory) == "is cgroup v1, the memory controller at /sys/fs/cgroup/memory")
    #expect(try layout(below) == "cgroup2 is mounted at /sys/fs/cgroup/unified only")
    // What is not there at all, the check of the controllers tells.
    #expect(try layout() == nil)
  }

  /// The capabilities of a container without --privileged, as Docker has them, and of root.
  @Test func namesWhatIsLacking() {
    #expect(MachineGuard.lacking(in: "CapPrm:\t0\nCapEff:\t000001ffffffffff\n") == [])
    #expect(
      MachineGuard.lacking(in: "CapEff:\t00000000a80425fb\n")
        == ["ipc_lock", "sys_admin", "sys_nice", "sys_resource", "syslog"])
    #expect(MachineGuard.lacking(in: "").count == 7)
    #expect(MachineGuard.isFirstNamespace("         0          0 4294967295\n"))
    #expect(!MachineGuard.isFirstNamespace("         0       1000          1\n"))
  }

  @Test func refusalsDecideTheExitCode() {
    var findings = GuardFindings()
    findings.add(Tool.missing("blkid", package: "util-linux"), as: .tools)
    findings.warn(.swap, "swap", "holds 1 MiB", nil)
    #expect(findings.errors?.errors.map(\.code) == [.environment])
    findings.refuse(.memory, "p", "takes 2 MiB", nil)
    findings.refuse(.memory, "p", "takes 2 MiB", nil)
    #expect(findings.errors?.errors.map(\.code) == [.refused, .environment])
    #expect(!findings.isClear(.memory) && findings.isClear(.swap))
    var failed = GuardFindings()
    failed.add(HarnessError(.refused, "/x", "stat", errno: .noSuchFileOrDirectory), as: .node)
    #expect(failed.errors?.description == "/x: stat: ENOENT (no such file or directory)")
  }
}

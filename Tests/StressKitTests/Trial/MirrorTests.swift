// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressMachine

struct MirrorTests {
  @Test func agentsByTheirName() throws {
    let directory = try TemporaryDirectory()
    for (pid, comm) in [
      ("1", "systemd"), ("20", "systemd-oomd"), ("21", "kubelet"), ("x", "below"),
    ] {
      try directory.write("\(pid)/comm", comm + "\n")
    }
    #expect(Mirror.agents(in: directory.root) == ["kubelet", "systemd-oomd"])
  }

  /// /proc/PID/comm has no more.
  @Test func namesFitIntoAComm() { #expect(Mirror.agents.allSatisfy { $0.utf8.count <= 15 }) }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

/// What is written to the kernel's server; that it serves is for guests to show.
struct NFSServerTests {
  @Test func isToldWhatToExport() {
    #expect(
      NFSServer.files.map { "\($0.0): \($0.1)" } == [
        "versions: -2 -3 +4 +4.1 +4.2", "nfsv4gracetime: 10", "portlist: tcp 2049",
      ])
    #expect(
      NFSServer.entries("/mnt/x").map { "\($0.cache): \($0.entry)" } == [
        "auth.unix.ip: nfsd 127.0.0.1 2147483647 wbstress",
        "nfsd.export: wbstress /mnt/x 2147483647 9218 65534 65534 0",
        "nfsd.fh: wbstress 1 \\x00000000 2147483647 /mnt/x",
      ])
    #expect(
      NFSServer.clientOptions == ["vers=4.2", "addr=127.0.0.1", "clientaddr=127.0.0.1", "sec=sys"])
  }
}

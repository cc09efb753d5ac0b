// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct MountTests {
  /// proc(5), /proc/pid/mountinfo: optional fields before the hyphen, none or more.
  @Test func theUppermostMountAtAPath() throws {
    let directory = try TemporaryDirectory()
    let mountinfo = try directory.write(
      "mountinfo",
      """
      22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
      30 22 7:0 / /mnt/wbstress rw - ext4 /dev/loop0 rw
      31 30 0:44 / /mnt/wbstress rw,noatime master:3 shared:5 - btrfs /dev/dm-0 rw,ssd
      40 22 7:1 / /mnt/wbstress-mine rw - ext4 /dev/loop1 rw

      """)
    let entry = try #require(try Mount.entry(at: "/mnt/wbstress", mountinfo: mountinfo))
    #expect(entry.id == "31" && entry.superblock == "0:44" && entry.source == "/dev/dm-0")
    #expect(try Mount.entry(at: "/mnt", mountinfo: mountinfo) == nil)
    #expect(throws: HarnessError.self) {
      try Mount.entry(at: "/mnt/wbstress", mountinfo: directory.path("none"))
    }
  }
}

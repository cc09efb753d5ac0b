// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct MountTableTests {
  private static let text = #"""
    22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
    30 22 0:28 / /srv rw shared:7 master:2 - btrfs /dev/vdb rw,subvol=/
    31 30 0:44 / /srv/my\040data rw - tmpfs none rw
    32 22 254:17 / /srv ro,noexec - xfs /dev/vdc1 ro
    torn line
    """#

  private func entries() throws -> [MountEntry] {
    let directory = try TemporaryDirectory()
    return MountTable.entries(try directory.write("mountinfo", Self.text))
  }

  /// As proc(5) has them, with optional fields and without.
  @Test func readsMountinfo() throws {
    let entries = try entries()
    #expect(entries.map(\.point) == ["/", "/srv", "/srv/my data", "/srv"])
    #expect(entries.map(\.superblock) == ["254:1", "0:28", "0:44", "254:17"])
    #expect(entries.map(\.source) == ["/dev/vda1", "/dev/vdb", "none", "/dev/vdc1"])
    #expect(entries[3].options == ["ro", "noexec"] && entries[3].type == "xfs")
  }

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
    let entry = try #require(try MountTable.entry(at: "/mnt/wbstress", mountinfo: mountinfo))
    #expect(entry.id == "31" && entry.superblock == "0:44" && entry.source == "/dev/dm-0")
    #expect(try MountTable.entry(at: "/mnt", mountinfo: mountinfo) == nil)
    #expect(throws: HarnessError.self) {
      try MountTable.entry(at: "/mnt/wbstress", mountinfo: directory.path("none"))
    }
  }

  /// What is mounted over another hides it, and a path that is not there lies where it would be made.
  @Test func findsTheMountOfAPath() throws {
    let directory = try TemporaryDirectory()
    func entry(_ line: String) throws -> MountEntry { try #require(MountEntry(line[...])) }
    let root = try #require(MountTable.realPath(directory.root))
    let entries = [
      try entry("1 1 1:1 / / rw - ext4 /dev/a rw"),
      try entry("2 1 1:2 / \(root) rw - ext4 /dev/b rw"),
      try entry("3 1 1:3 / \(root) rw - ext4 /dev/c rw"),
      try entry("4 1 1:4 / \(root)x rw - ext4 /dev/d rw"),
    ]
    func source(_ path: String) -> String? {
      MountTable.entry(holding: path, among: entries)?.source
    }
    #expect(source(root) == "/dev/c")
    #expect(source(root + "/new/deeper") == "/dev/c")
    #expect(source("/") == "/dev/a")
    #expect(source("/none/../none") == "/dev/a")
  }

  /// The machine's own: what the C library makes of its device numbers is what the kernel prints.
  @Test(.enabled(if: File.exists("/dev/null")))
  func numbersAreTheKernels() {
    #expect(DeviceNumber(0x0103).description == "1:3")
    // makedev(259, 70000): a minor of more than eight bits.
    #expect(DeviceNumber(0x1111_0370).description == "259:70000")
    #expect(DeviceNumber(block: "/dev/null") == nil)
    for name in File.names(in: "/sys/class/block") {
      let node = BlockNode(name: name)
      guard let number = DeviceNumber(block: node.path) else { continue }
      #expect(number.description == node.number)
      #expect(BlockNode(number: number.description) == node)
      #expect(node.below.contains(node.disk) && node.disk.above.contains(node))
    }
  }
}

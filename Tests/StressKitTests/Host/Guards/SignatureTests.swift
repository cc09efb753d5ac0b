// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

/// Against blkid itself, on images that the file systems' own tools make.
struct SignatureTests {
  private func signature(_ program: String, _ arguments: [String]) throws -> Signature? {
    let directory = try TemporaryDirectory()
    let image = try directory.write("image", [])
    #expect(truncate(image, 128 << 20) == 0)
    if !program.isEmpty { try Tool.run(program, arguments + [image], package: program) }
    return try Signature(of: image)
  }

  @Test func nothingIsNothing() throws {
    #expect(try signature("", []) == nil)
  }

  @Test(arguments: [
    ("mkfs.ext4", ["-q", "-L", "wbstress"], true), ("mkfs.ext4", ["-q", "-L", "wbstress2"], false),
    ("mkfs.btrfs", ["-q", "-L", "wbstress"], true), ("mkfs.ext4", ["-q"], false),
    ("mkswap", ["-L", "wbstress"], false),
  ])
  func ownIsToldByItsLabel(_ program: String, _ arguments: [String], _ isOurs: Bool) throws {
    #expect(try signature(program, arguments)?.isOurs == isOurs)
  }

  @Test func saysWhatItIs() throws {
    #expect(
      try signature("mkfs.ext4", ["-q", "-L", "a b'=c"])?.text
        == "has data on it (ext4, label 'a b'=c')")
    #expect(try signature("mkswap", [])?.text == "is swap space (swap)")
    #expect(Signature(parsing: "PTTYPE=gpt\n").text == "has a partition table (gpt)")
    #expect(Signature(parsing: "TYPE=ext4\nLABEL=\u{1b}[31m\n").label == "?[31m")
  }

  /// A partition table over what is otherwise ours is somebody's.
  @Test func ownHasNoPartitions() {
    #expect(Signature(parsing: "TYPE=ext4\nLABEL=wbstress").isOurs)
    #expect(!Signature(parsing: "TYPE=ext4\nLABEL=wbstress\nPTTYPE=dos").isOurs)
    #expect(!Signature(parsing: "TYPE=crypto_LUKS\nLABEL=wbstress").isOurs)
  }

  /// An empty partition has an entry, and nothing on it.
  @Test func entryInATableIsNoSignature() {
    #expect(!Signature.tellsOfContents("DEVNAME=/dev/vdb1\nPART_ENTRY_SCHEME=gpt\n"))
    #expect(Signature.tellsOfContents("DEVNAME=/dev/vdb1\nPART_ENTRY_SCHEME=gpt\nTYPE=ext4\n"))
  }

  @Test func countsTheDevicesOfABtrfs() throws {
    let directory = try TemporaryDirectory()
    let images = try ["a", "b"].map { try directory.write($0, []) }
    for image in images { #expect(truncate(image, 128 << 20) == 0) }
    try Tool.run(
      "mkfs.btrfs", ["-q", "-d", "single", "-m", "single"] + images, package: "btrfs-progs")
    let opened = try Descriptor(open: images[1])
    #expect(try BtrfsSuperblock.devices(on: opened, images[1]) == 2)
    #expect(BtrfsSuperblock.devices([UInt8](repeating: 0, count: 4096)) == nil)
    #expect(BtrfsSuperblock.devices([]) == nil)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

struct MakeFilesystemTests {
  /// The program's version and the superblock's features, as each one's own tool has them.
  @Test(arguments: [
    (Profile.Filesystem.Kind.ext4, "mke2fs ", "metadata_csum"), (.ext3, "mke2fs ", "has_journal"),
    (.xfs, "mkfs.xfs version ", "V5,"), (.btrfs, "mkfs.btrfs, ", "SKINNY_METADATA"),
    (.ext2, "mke2fs ", "sparse_super"), (.f2fs, "mkfs.f2fs ", "none"),
    (.gfs2, "mkfs.gfs2 ", "format "),
  ])
  func tellsWhatItMade(
    _ kind: Profile.Filesystem.Kind, _ version: String, _ feature: String
  ) throws {
    let directory = try RecordFixture()
    let image = directory.path("image")
    try Scratch.sparse(image, size: 320 << 20)
    var filesystem = Profile.Filesystem()
    filesystem.kind = kind
    let made = try MakeFilesystem.run(filesystem, on: image)
    #expect(made.command.hasPrefix("mkfs.\(kind.rawValue) "))
    #expect(made.version?.hasPrefix(version) == true, "\(made)")
    #expect(made.features?.contains(feature) == true, "\(made)")
    #expect(made.features?.contains { $0 == "(" || $0 == "\t" } == false, "\(made)")
  }

  /// As on a device that is longer: none of what is behind the size is written, and it is known again.
  @Test(arguments: Profile.Filesystem.Kind.onDisk.filter { $0.traits.mkfs?.length != nil })
  func takesAPart(_ kind: Profile.Filesystem.Kind) throws {
    let directory = try RecordFixture()
    let image = directory.path("image")
    try Scratch.sparse(image, size: 512 << 20)
    let opened = try Descriptor(open: image, O_RDWR)
    var filesystem = Profile.Filesystem()
    filesystem.kind = kind
    let made = try MakeFilesystem.run(filesystem, on: image, opened: opened.raw, size: 320 << 20)
    #expect(made.features != nil)
    let signature = try #require(try Signature(of: image))
    #expect(signature.isOurs, "\(signature)")
    // mkfs.xfs clears the very end of a device. SEEK_DATA (linux/fs.h), which Swift's Glibc module lacks.
    let seekData: Int32 = 3
    if kind != .xfs { #expect(lseek(opened.raw, 320 << 20, seekData) == -1) }
  }

  /// Where the program takes the whole device whatever it is told, or has no label that we could know.
  @Test(arguments: [Profile.Filesystem.Kind.nilfs2, .gfs2])
  func refusesAPart(_ kind: Profile.Filesystem.Kind) throws {
    let directory = try RecordFixture()
    let image = directory.path("image")
    try Scratch.sparse(image, size: 320 << 20)
    let opened = try Descriptor(open: image, O_RDWR)
    var filesystem = Profile.Filesystem()
    filesystem.kind = kind
    let error = #expect(throws: HarnessError.self) {
      try MakeFilesystem.run(filesystem, on: image, opened: opened.raw, size: 300 << 20)
    }
    #expect(
      error?.operation
        == "mkfs.\(kind.rawValue) cannot make and label a file system of 300MiB there")
    #expect(try Signature(of: image) == nil)
    let made = try MakeFilesystem.run(filesystem, on: image)
    #expect(made.version?.contains("mkfs.\(kind.rawValue)") == true, "\(made)")
    #expect(try Signature(of: image)?.type == kind.rawValue)
  }

  @Test func thereIsNothingToMakeOfTmpfs() throws {
    var filesystem = Profile.Filesystem()
    filesystem.kind = .tmpfs
    let made = try MakeFilesystem.run(filesystem, on: "/nonexistent")
    #expect(made.command.isEmpty && made.version == nil && made.features == nil)
  }
}

import Testing

@testable import StressCore
@testable import StressLab

struct MakeFilesystemTests {
  /// The program's version and the superblock's features, as each one's own tool has them.
  @Test(arguments: [
    (Profile.Filesystem.Kind.ext4, "mke2fs ", "metadata_csum"), (.ext3, "mke2fs ", "has_journal"),
    (.xfs, "mkfs.xfs version ", "V5,"), (.btrfs, "mkfs.btrfs, ", "SKINNY_METADATA"),
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

  @Test func thereIsNothingToMakeOfTmpfs() throws {
    var filesystem = Profile.Filesystem()
    filesystem.kind = .tmpfs
    let made = try MakeFilesystem.run(filesystem, on: "/nonexistent")
    #expect(made.command.isEmpty && made.version == nil && made.features == nil)
  }
}

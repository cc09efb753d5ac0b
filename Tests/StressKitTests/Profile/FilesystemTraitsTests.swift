// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct FilesystemTraitsTests: ProfileSuite {
  private var root: String { shipped + "/.." }

  @Test(arguments: Profile.Filesystem.Kind.onDisk)
  func everythingIsTold(_ kind: Profile.Filesystem.Kind) throws {
    let traits = kind.traits
    let mkfs = try #require(traits.mkfs)
    let texts = [
      mkfs.program, mkfs.package, mkfs.label, mkfs.version, mkfs.dump.program, traits.list ?? "",
    ]
    #expect(!texts.contains(""))
    #expect(traits.list?.contains("@") == true)
    #expect(!traits.modules.isEmpty && !traits.modules.contains(""))
    #expect(traits.backing != nil)
    #expect(traits.signatures.contains(kind.rawValue))
    if let length = mkfs.length?(512 << 20) {
      #expect(!(length.options + length.last).isEmpty)
    }
  }

  @Test func memoryHasNothingOfADisk() {
    let traits = Profile.Filesystem.Kind.tmpfs.traits
    #expect(traits.mkfs == nil && traits.least == nil && traits.backing == nil)
    #expect(traits.modules.isEmpty && traits.signatures.isEmpty && traits.list == nil)
    #expect(!Profile.Filesystem.Kind.onDisk.contains(.tmpfs))
  }

  /// One that stands above another is made of that, on its device, and has its pages or the client's.
  @Test(arguments: [Profile.Filesystem.Kind.overlay, .nfs])
  func layersStandAboveAnother(_ kind: Profile.Filesystem.Kind) {
    let traits = kind.traits
    #expect(traits.mkfs == nil && traits.least == nil && traits.signatures.isEmpty)
    #expect(traits.list?.contains("@") == true && traits.modules.contains(kind.rawValue))
    var filesystem = Profile.Filesystem()
    filesystem.kind = kind
    #expect(filesystem.base == .ext4 && filesystem.layerWords == "\(kind.rawValue) above ext4")
    filesystem.below = .xfs
    #expect(filesystem.base == .xfs)
    #expect(filesystem.holder == (kind == .overlay ? .xfs : .nfs))
    filesystem.kind = .btrfs
    #expect(filesystem.base == .btrfs && filesystem.holder == .btrfs)
    #expect(filesystem.layerWords == nil)
  }

  @Test func pagesNameEach() throws {
    let readme = try File.text(root + "/README.md")
    // Its second paragraph says what is written onto.
    let opening = try #require(readme.split(separator: "\n\n").dropFirst(2).first)
    let rows = try File.text(root + "/docs/profiles.md").split(separator: "\n")
    let size = try #require(rows.first { $0.hasPrefix("| `size` | size from 16MiB on") })
    let type = try #require(rows.first { $0.hasPrefix("| `type` |") })
    for kind in Profile.Filesystem.Kind.allCases {
      #expect(type.contains("`\(kind.rawValue)`"), "\(kind)")
      if kind.isOnDisk { #expect(opening.contains(kind.rawValue), "\(kind)") }
      guard let least = kind.traits.least else { continue }
      #expect(size.contains("\(kind.rawValue) needs \(Units.sizeText(least))"), "\(kind)")
    }
  }
}

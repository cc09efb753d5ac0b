// SPDX-License-Identifier: Apache-2.0

extension Profile {
  package struct Filesystem: Equatable, Sendable {
    package var kind: Kind = .ext4
    /// What a layered one stands above.
    package var below: Kind = .ext4
    package var mount: [String] = []
    package var mkfs: [String] = []
    package init() {}

    /// How it stands above the one on the device; nil: it does not.
    package var layer: FilesystemTraits.Layer? { kind.traits.layer }
    /// The one that is made on the scratch device; tmpfs is not.
    package var base: Kind { layer == nil ? kind : below }
    /// The one whose inodes have the pages that are written.
    package var holder: Kind { layer == .overlay ? below : kind }

    /// As in "nfs above xfs"; a kind alone is in the report's rows.
    package var layerWords: String? {
      layer.map { _ in "\(kind.rawValue) above \(below.rawValue)" }
    }
  }
}

extension Profile.Filesystem: ProfilePart {
  static let usual = Self()

  static let fields: [ProfileField<Self>] = [
    ProfileField(
      "type", \.kind, .choice(),
      "with tmpfs there is no writeback, and the device is idle; gfs2 is made with lock_nolock; "
        + "Debian's cloud kernels have no f2fs, nilfs2 and gfs2: `--kernel debian:X.Y-amd64`. overlay "
        + "and nfs stand [above another](#layers)"),
    ProfileField(
      "below", \.below, ProfileType<Kind>.choice().formed("any of the others but tmpfs"),
      "the file system on the device"
    ).where("type is overlay or nfs") { $0.layer != nil },
    ProfileField("mount", \.mount, .words(commas: true), "mount options"),
    ProfileField(
      "mkfs", \.mkfs, .words(), "additional arguments of mkfs, for the one on the device"),
  ]

  mutating func check(_ section: ProfileSection) {
    if layer != nil, !below.isOnDisk {
      section["below"]?.fail(
        "\(below.rawValue) does not lie on the device; one of "
          + Kind.onDisk.map(\.rawValue).joined(separator: ", ") + " does")
    }
  }
}

// SPDX-License-Identifier: Apache-2.0

extension Profile {
  package struct Filesystem: Equatable, Sendable {
    package var kind: Kind = .ext4
    package var mount: [String] = []
    package var mkfs: [String] = []
    package init() {}
  }
}

extension Profile.Filesystem: ProfilePart {
  static let usual = Self()

  static let fields: [ProfileField<Self>] = [
    ProfileField(
      "type", \.kind, .choice(),
      "with tmpfs there is no writeback, and the device is idle; gfs2 is made with lock_nolock; "
        + "Debian's cloud kernels have no f2fs, nilfs2 and gfs2: `--kernel debian:X.Y-amd64`"),
    ProfileField("mount", \.mount, .words(commas: true), "mount options"),
    ProfileField("mkfs", \.mkfs, .words(), "additional arguments of mkfs"),
  ]
}

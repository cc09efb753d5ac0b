// SPDX-License-Identifier: Apache-2.0
extension Profile.Filesystem {
  package enum Kind: String, CaseIterable, Sendable {
    case ext4, ext3, ext2, xfs, btrfs, f2fs, nilfs2, gfs2
    /// Memory itself, which nothing is written back from; the scratch device lies idle.
    case tmpfs
    /// These stand above another, which lies on the device.
    case overlay, nfs
  }
}

/// What a file system has of its own, for all that makes, mounts, checks or names one. Another one is a case of
/// `Profile.Filesystem.Kind` and a value here.
package struct FilesystemTraits: Sendable {
  /// How one is made; nil: the kernel makes it at each mount, and it lies on no device.
  package var mkfs: Mkfs?
  /// Of the device that one is made on, bytes; nil: any device of a profile will do.
  package var least: UInt64?
  /// Modules of a kernel that mounts it, where they are not built in.
  package var modules: [String] = []
  /// nil: there is none, or the one below it has it.
  package var backing: Backing?
  /// How it stands above another that lies on the device; nil: it does not.
  package var layer: Layer?
  /// What blkid(8) calls one that `mkfs` has made.
  package var signatures: [String] = []
  /// Its mailing list (MAINTAINERS of 6.18); nil: there is none but those of memory management.
  package var list: String?
  /// Whether every distribution's kernel has it: then a mail says that it was not tested, and `check` asks for its
  /// mkfs, whatever the profile.
  package var isCommon = false

  /// The backing device (bdi) that dirty pages are accounted to.
  package enum Backing: Equatable, Sendable {
    /// That of the disk.
    case disk
    /// One for each file system, with a name that begins so.
    case own(prefix: String)
    /// One for each file system, which is called as its superblock: MAJ:MIN.
    case superblock
  }

  /// How one file system stands above another.
  package enum Layer: Sendable {
    /// overlayfs whose upper layer is a directory of it (Documentation/filesystems/overlayfs.rst).
    case overlay
    /// Mounted over the loopback interface of the kernel's own server, which exports it.
    case nfs
  }

  /// The program that makes one, and the one that tells what was made.
  package struct Mkfs: Sendable {
    package var program: String
    /// Debian's, which has both.
    package var package: String
    /// Those before the profile's own.
    package var arguments: [String]
    /// The option that a label follows.
    package var label = "-L"
    /// For a file system of so many bytes on a longer device, labelled as ours: options, and what stands behind the
    /// device. nil: the program cannot.
    package var length: (@Sendable (_ size: UInt64) -> (options: [String], last: [String]))?
    /// The option that has it print its version.
    package var version = "-V"
    /// What prints the superblock: a program, and its arguments before the device.
    package var dump: (program: String, arguments: [String])
    /// The features in what that printed; nil: they are not told.
    package var features: @Sendable (_ lines: [Substring]) -> String?
  }
}

extension Profile.Filesystem.Kind {
  package var traits: FilesystemTraits {
    switch self {
    case .ext4: .ext4
    case .ext3: .ext3
    case .ext2: .ext2
    case .xfs: .xfs
    case .btrfs: .btrfs
    case .f2fs: .f2fs
    case .nilfs2: .nilfs2
    case .gfs2: .gfs2
    case .tmpfs: .tmpfs
    case .overlay: .overlay
    case .nfs: .nfs
    }
  }

  /// Whether it lies on the scratch device itself.
  package var isOnDisk: Bool { traits.mkfs != nil }

  package static var onDisk: [Self] { allCases.filter(\.isOnDisk) }
  package static var common: [Self] { allCases.filter(\.traits.isCommon) }
}

// MARK: The file systems

extension FilesystemTraits {
  fileprivate static let ext4 = FilesystemTraits(
    mkfs: e2fsprogs("mkfs.ext4"), modules: ["ext4"], backing: .disk, signatures: ["ext4"],
    list: "linux-ext4@vger.kernel.org", isCommon: true)

  /// The ext3 driver was removed in 4.3; ext4 mounts both. Without a journal (`-O ^has_journal`) it is an ext2.
  fileprivate static let ext3 = FilesystemTraits(
    mkfs: e2fsprogs("mkfs.ext3"), modules: ["ext4"], backing: .disk, signatures: ["ext3", "ext2"],
    list: "linux-ext4@vger.kernel.org")

  /// By the ext4 driver too, where the kernel lacks one for ext2, as Debian's do.
  fileprivate static let ext2 = FilesystemTraits(
    mkfs: e2fsprogs("mkfs.ext2", journal: false), modules: ["ext4"], backing: .disk,
    signatures: ["ext2"], list: "linux-ext4@vger.kernel.org")

  fileprivate static let xfs = FilesystemTraits(
    mkfs: Mkfs(
      program: "mkfs.xfs", package: "xfsprogs", arguments: ["-q", "-f"],
      length: { (["-d", "size=\($0)"], []) },
      dump: ("xfs_db", ["-r", "-c", "version"]), features: { value(in: $0, of: "=", behind: "=") }),
    least: 300 << 20, modules: ["xfs"], backing: .disk, signatures: ["xfs"],
    list: "linux-xfs@vger.kernel.org", isCommon: true)

  fileprivate static let btrfs = FilesystemTraits(
    mkfs: Mkfs(
      program: "mkfs.btrfs", package: "btrfs-progs", arguments: ["-q", "-f"],
      length: { (["-b", "\($0)"], []) }, version: "--version",
      dump: ("btrfs", ["inspect-internal", "dump-super"]),
      features: { lines in
        // The flags' names follow, one a line, in parentheses.
        let names = lines.drop { !$0.hasPrefix("incompat_flags") }.dropFirst()
          .prefix { $0.hasPrefix("\t\t\t") }
        let words = names.flatMap { $0.split { " \t()|".contains($0) } }
        return words.isEmpty ? nil : words.joined(separator: " ")
      }),
    least: 128 << 20, modules: ["btrfs"], backing: .own(prefix: "btrfs-"), signatures: ["btrfs"],
    list: "linux-btrfs@vger.kernel.org", isCommon: true)

  /// On 56 MiB mkfs (1.15) makes one with room for 9, since the rest is its cleaner's; on 100 MiB there is room for 39.
  fileprivate static let f2fs = FilesystemTraits(
    mkfs: Mkfs(
      program: "mkfs.f2fs", package: "f2fs-tools", arguments: ["-q", "-f"], label: "-l",
      // Counted in sectors: the device's own, unless it is told how long one is.
      length: { (["-w", "4096"], ["\($0 >> 12)"]) },
      dump: ("dump.f2fs", []),
      features: { lines in
        // "28 : extra_attr inode_checksum", and "0 :" of none, which is what mkfs makes by itself.
        value(in: lines, of: "superblock features", behind: "=").map { text in
          let names = text.split(separator: " ").drop { $0 != ":" }.dropFirst()
          return names.isEmpty ? "none" : names.joined(separator: " ")
        }
      }),
    least: 100 << 20, modules: ["f2fs"], backing: .disk, signatures: ["f2fs"],
    list: "linux-f2fs-devel@lists.sourceforge.net")

  /// It takes at least 16 segments of 8 MiB. The second superblock is at the end of the device, whatever size it is
  /// given (mkfs.nilfs2 2.2.9). Nobody cleans segments here: what is written beyond the device's size is ENOSPC.
  fileprivate static let nilfs2 = FilesystemTraits(
    mkfs: Mkfs(
      program: "mkfs.nilfs2", package: "nilfs-tools", arguments: ["-q", "-f"], length: nil,
      dump: ("nilfs-tune", ["-l"]), features: { value(in: $0, of: "Features", behind: ":") }),
    least: 129 << 20, modules: ["nilfs2"], backing: .disk, signatures: ["nilfs2"],
    list: "linux-nilfs@vger.kernel.org")

  /// Without a cluster: no lock manager, and a single journal. What it has for a label is a cluster's lock table.
  fileprivate static let gfs2 = FilesystemTraits(
    mkfs: Mkfs(
      program: "mkfs.gfs2", package: "gfs2-utils",
      arguments: ["-q", "-O", "-p", "lock_nolock", "-j", "1"], length: nil,
      dump: ("tunegfs2", ["-l"]),
      features: { value(in: $0, of: "format version", behind: ":").map { "format \($0)" } }),
    least: 32 << 20, modules: ["gfs2"], backing: .disk, signatures: ["gfs2"],
    list: "gfs2@lists.linux.dev")

  /// Part of every kernel that has shared memory.
  fileprivate static let tmpfs = FilesystemTraits()

  /// Files are opened in the layer that has them: their pages, their superblock and their bdi are those of the file
  /// system below.
  fileprivate static let overlay = FilesystemTraits(
    modules: ["overlay"], layer: .overlay, list: "linux-unionfs@vger.kernel.org")

  /// The client's pages are its own, and the server's beside them. It has no writeback by cgroup (SB_I_CGROUPWB):
  /// all is accounted to the root's. Source: fs/nfs/super.c (`nfs_get_tree_common`).
  fileprivate static let nfs = FilesystemTraits(
    modules: ["nfs", "nfsv4", "nfsd"], backing: .superblock, layer: .nfs,
    list: "linux-nfs@vger.kernel.org")

  /// The inode tables are written now: ext4lazyinit would write them during the trial.
  private static func e2fsprogs(_ program: String, journal: Bool = true) -> Mkfs {
    Mkfs(
      program: program, package: "e2fsprogs",
      arguments: [
        "-q", "-F", "-E", "lazy_itable_init=0" + (journal ? ",lazy_journal_init=0" : ""),
      ],
      length: { ([], ["\($0 >> 10)K"]) },
      dump: ("dumpe2fs", ["-h"]),
      features: { value(in: $0, of: "Filesystem features", behind: ":") })
  }

  /// What stands behind a mark in the first line that has a text, with one blank between its words.
  private static func value(
    in lines: [Substring], of text: String, behind mark: Character
  ) -> String? {
    lines.first { $0.holds(text) }?.split(separator: mark, maxSplits: 1).last
      .map { $0.split(separator: " ").joined(separator: " ") }
  }
}

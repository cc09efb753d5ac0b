// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What lies on a block device, by what blkid(8) knows.
package struct Signature: Equatable, Sendable {
  /// As in `ext4`, `LVM2_member`, `crypto_LUKS`.
  package var type: String?
  package var label: String?
  /// As in `gpt`, `dos`.
  package var partitionTable: String?

  /// A device's signature, read from the device itself and not from a cache; nil: it has none.
  package init?(of path: String) throws(HarnessError) {
    let program = "blkid"
    let (exit, output) = try Tool.output(
      program, ["-p", "-o", "export", path], package: "util-linux")
    let text = String(decoding: output, as: UTF8.self)
    switch exit {
    case .status(0):
      if !Self.tellsOfContents(text) { return nil }
      self.init(parsing: text)
    // Nothing was found; and so does a busybox of that name answer, which knows no -p, with a usage.
    case .status(2) where output.isEmpty: return nil
    case .status(8):
      self.init(type: "several contradicting signatures", label: nil, partitionTable: nil)
    default:
      throw HarnessError(
        .refused, path,
        "what lies on it cannot be told: \(program): \(exit.description)",
        remedy: "apt-get install util-linux, whose blkid knows -p")
    }
  }

  init(type: String?, label: String?, partitionTable: String?) {
    self.type = type
    self.label = label
    self.partitionTable = partitionTable
  }

  /// - Parameter text: lines of `KEY=VALUE`, in which a backslash stands before what a shell would read.
  init(parsing text: String) {
    func value(_ key: String) -> String? {
      let line = text.split(separator: "\n").first { $0.hasPrefix(key + "=") }
      return line.map { line in
        // A label may hold anything, and is printed.
        String(
          line.dropFirst(key.count + 1).filter { $0 != "\\" }.map { Self.isPlain($0) ? $0 : "?" })
      }
    }
    self.init(type: value("TYPE"), label: value("LABEL"), partitionTable: value("PTTYPE"))
  }

  /// Of a partition blkid tells its entry in the table, too, whatever lies on it.
  static func tellsOfContents(_ text: String) -> Bool {
    text.split(separator: "\n").contains {
      !$0.hasPrefix("DEVNAME=") && !$0.hasPrefix("PART_ENTRY_")
    }
  }

  private static func isPlain(_ character: Character) -> Bool {
    character.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) }
  }

  /// Whether it is what a trial left.
  package var isOurs: Bool {
    let made = Profile.Filesystem.Kind.allCases.flatMap(\.traits.signatures)
    return partitionTable == nil && label == Self.label && made.contains { $0 == type }
  }

  /// The label of a file system that a trial makes on a device that the user named.
  package static let label = "wbstress"

  private static let kinds = [
    "LVM2_member": "is an LVM physical volume", "linux_raid_member": "is a member of an md RAID",
    "crypto_LUKS": "is encrypted", "bcache": "is a bcache device", "swap": "is swap space",
    "jbd": "is the external journal of an ext4", "zfs_member": "is a member of a ZFS pool",
  ]

  /// What it is, in words.
  package var text: String {
    if let partitionTable { return "has a partition table (\(partitionTable))" }
    guard let type else { return "has a signature that says no type" }
    let label = label.map { ", label '\($0)'" } ?? ""
    return Self.kinds[type].map { "\($0) (\(type)\(label))" } ?? "has data on it (\(type)\(label))"
  }
}

/// The superblock of btrfs, as far as blkid does not tell: fs/btrfs, struct btrfs_super_block.
enum BtrfsSuperblock {
  private static let offset = 64 << 10
  private static let magic = Array("_BHRfS_M".utf8)

  /// How many devices the file system has; nil: there is none of the kind.
  static func devices(_ bytes: [UInt8]) -> UInt64? {
    guard bytes.count >= 0x90, Array(bytes[0x40..<0x48]) == magic else { return nil }
    return bytes[0x88..<0x90].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  static func devices(on device: borrowing Descriptor, _ path: String) throws(HarnessError)
    -> UInt64?
  {
    devices(try device.read(4096, at: offset, path))
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// A device number, written `MAJ:MIN`.
package struct DeviceNumber: Equatable, Hashable, Sendable, CustomStringConvertible {
  package var description: String

  /// - Parameter raw: as in st_rdev; makedev(3), gnu_dev_makedev.
  package init(_ raw: UInt64) {
    let major = (raw >> 8 & 0xfff) | (raw >> 32 & ~0xfff)
    let minor = (raw & 0xff) | (raw >> 12 & 0xffff_ff00)
    description = "\(major):\(minor)"
  }

  /// That of a block device's node, links followed; nil: it is none.
  package init?(block path: String) {
    var info = stat()
    guard attemptErrno(Int(stat(path, &info)), path, "stat", .takenToBeThere) == 0,
      info.st_mode & S_IFMT == S_IFBLK
    else { return nil }
    self.init(UInt64(info.st_rdev))
  }
}

/// A block device by the kernel's name, and what sysfs says of its place among the others:
/// Documentation/ABI/stable/sysfs-block, /sys/class/block/NAME.
package struct BlockNode: Hashable, Sendable {
  /// A slash in a device's name is `!` here.
  package let name: String
  package init(name: String) { self.name = name }

  /// nil: there is no such device.
  package init?(number: String) {
    guard let directory = MountTable.realPath("/sys/dev/block/\(number)"),
      let slash = directory.lastIndex(of: "/")
    else { return nil }
    name = String(directory[directory.index(after: slash)...])
  }

  private var directory: String { "/sys/class/block/" + name }
  package func attribute(_ file: String) -> String? { File.line("\(directory)/\(file)") }

  /// Its node as devtmpfs has it.
  package var path: String { "/dev/" + name.map { $0 == "!" ? "/" : String($0) }.joined() }
  package var number: String? { attribute("dev") }
  package var isPartition: Bool { File.exists(directory + "/partition") }
  /// A disk's partitions.
  package var partitions: [BlockNode] {
    File.names(in: directory).filter { File.exists("\(directory)/\($0)/partition") }
      .map(BlockNode.init)
  }
  /// The disk that a partition is of; any other device itself.
  package var disk: BlockNode {
    guard isPartition, let own = MountTable.realPath(directory) else { return self }
    let parts = own.split(separator: "/")
    return parts.count > 1 ? BlockNode(name: String(parts[parts.count - 2])) : self
  }
  /// Devices that are made of this one: dm, md, bcache.
  package var holders: [BlockNode] { File.names(in: directory + "/holders").map(BlockNode.init) }
  private var slaves: [BlockNode] { File.names(in: directory + "/slaves").map(BlockNode.init) }
  /// A loop device's file.
  package var backingFile: String? { attribute("loop/backing_file") }

  /// This device and all that is made of it: partitions, and what holds it or them.
  package var above: Set<BlockNode> { closure { $0.partitions + $0.holders } }

  /// This device and all that it is made of, whole disks among it.
  package var below: Set<BlockNode> { closure { $0.slaves + [$0.disk] } }

  /// As `below`, and on through loop devices' files to the disks that they lie on.
  package var belowFiles: Set<BlockNode> {
    closure { node in
      let file = node.backingFile.flatMap { MountTable.entry(holding: $0)?.nodes } ?? []
      return node.slaves + [node.disk] + file
    }
  }

  private func closure(_ next: (BlockNode) -> [BlockNode]) -> Set<BlockNode> {
    var found: Set<BlockNode> = []
    var rest = [self]
    while let node = rest.popLast() {
      if found.insert(node).inserted { rest += next(node) }
    }
    return found
  }

  /// As people know it: a mapped device by its own name, too.
  package var label: String { attribute("dm/name").map { "\(path) (\($0))" } ?? path }

  /// What the device is told by, whatever it is called today; of a partition, its disk's.
  package var serials: [String] {
    let files = ["serial", "device/serial", "wwid", "device/wwid", "dm/uuid"]
    let texts = files.compactMap { disk.attribute($0) } + [disk.unitSerial].compactMap(\.self)
    return texts.map { $0.split(separator: " ").joined(separator: " ") }.filter { !$0.isEmpty }
  }

  /// SCSI: the vital product data's page 0x80, of which four bytes are a heading (SPC-4, 7.8.15).
  private var unitSerial: String? {
    guard let page = try? File.read(directory + "/device/vpd_pg80"), page.count > 4 else {
      return nil
    }
    return String(decoding: page.dropFirst(4).prefix { $0 != 0 }, as: UTF8.self)
  }
}

extension MountEntry {
  /// The devices that its file system is on: btrfs may have several (/sys/fs/btrfs/UUID/devices).
  var nodes: [BlockNode] {
    guard let first = device.flatMap({ BlockNode(number: $0) }) else { return [] }
    let families = File.names(in: "/sys/fs/btrfs").map {
      File.names(in: "/sys/fs/btrfs/\($0)/devices")
    }
    let family = type == "btrfs" ? families.first { $0.contains(first.name) } : nil
    return family?.map(BlockNode.init) ?? [first]
  }
}

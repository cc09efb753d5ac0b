// SPDX-License-Identifier: Apache-2.0

/// A cpio archive as the kernel unpacks it at boot: "newc" of
/// Documentation/driver-api/early-userspace/buffer-format.rst.
///
/// The same entries give the same bytes: times are 0, owners root, inodes numbered in order.
package struct CPIOArchive: Sendable {
  private var bytes: [UInt8] = []
  private var inode: UInt32 = 0

  package init() {}

  /// Adds a directory; those above it must have been added.
  package mutating func add(directory path: String, mode: UInt32 = 0o755) {
    add(path, mode: 0o040000 | mode, links: 2)
  }

  /// Adds a regular file.
  package mutating func add(file path: String, mode: UInt32 = 0o644, _ contents: [UInt8]) {
    add(path, mode: 0o100000 | mode, contents)
  }

  /// Adds a character device node.
  package mutating func add(
    characterDevice path: String, mode: UInt32 = 0o600, major: UInt32, minor: UInt32
  ) {
    add(path, mode: 0o020000 | mode, device: (major, minor))
  }

  /// The whole archive with its trailer; another archive may follow it.
  package consuming func finish() -> [UInt8] {
    inode = 0
    write("TRAILER!!!", inode: 0, mode: 0, links: 1, [], device: (0, 0))
    return bytes
  }

  private mutating func add(
    _ path: String, mode: UInt32, links: UInt32 = 1, _ contents: [UInt8] = [],
    device: (UInt32, UInt32) = (0, 0)
  ) {
    inode += 1
    let name = path.drop { $0 == "/" }
    write(String(name), inode: inode, mode: mode, links: links, contents, device: device)
  }

  private mutating func write(
    _ name: String, inode: UInt32, mode: UInt32, links: UInt32, _ contents: [UInt8],
    device: (UInt32, UInt32)
  ) {
    precondition(contents.count <= UInt32.max, "newc has 32 bits for a file's size")
    bytes.append(contentsOf: "070701".utf8)
    let (owner, group, time): (UInt32, UInt32, UInt32) = (0, 0, 0)
    let (filesystemMajor, filesystemMinor, checksum): (UInt32, UInt32, UInt32) = (0, 0, 0)
    for field in [
      inode, mode, owner, group, links, time, UInt32(contents.count), filesystemMajor,
      filesystemMinor, device.0, device.1, UInt32(name.utf8.count + 1), checksum,
    ] {
      let digits = String(field, radix: 16)
      bytes.append(contentsOf: repeatElement(0x30, count: 8 - digits.utf8.count))
      bytes.append(contentsOf: digits.utf8)
    }
    bytes.append(contentsOf: name.utf8)
    bytes.append(0)
    pad()
    bytes.append(contentsOf: contents)
    pad()
  }

  private mutating func pad() {
    bytes.append(contentsOf: repeatElement(0, count: -bytes.count & 3))
  }
}

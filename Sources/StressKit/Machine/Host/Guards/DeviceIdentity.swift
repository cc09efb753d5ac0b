// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// What tells a disk from another that comes to have its name.
package struct DeviceIdentity: Equatable, Sendable {
  package var number: String
  /// A number that no two disks since boot have: Documentation/ABI/stable/sysfs-block, diskseq. 0: a kernel before
  /// 5.15 has none.
  package var sequence: UInt64
  /// Bytes.
  package var size: UInt64
  package var serials: [String]

  /// As the kernel has it for an open descriptor, which pins the disk: its number goes to no other until it is
  /// closed.
  package init(_ device: borrowing Descriptor, _ path: String) throws(HarnessError) {
    var raw = cl_disk()
    try check(cl_disk_identity(device.raw, &raw), path, "read its identity", code: .refused)
    number = DeviceNumber(raw.number).description
    sequence = raw.sequence
    size = raw.size
    serials = BlockNode(number: number)?.serials ?? []
  }

  /// What differs, in words; nil: nothing does.
  package func difference(from checked: DeviceIdentity) -> String? {
    if self == checked { return nil }
    func text(_ identity: DeviceIdentity) -> String {
      "\(identity.number), diskseq \(identity.sequence), \(identity.size) bytes"
        + (identity.serials.first.map { ", serial \($0)" } ?? "")
    }
    return "is another disk than the one that was checked: \(text(self)), was \(text(checked))"
  }
}

/// A block device that the user named, and that was checked.
package struct NamedDevice: Equatable, Sendable {
  /// By the kernel's name.
  package var path: String
  package var identity: DeviceIdentity
  package var model: String?

  /// Opens it to be held as long as it is used, so that it stays the one that was checked. For reading: a kernel
  /// without CONFIG_BLK_DEV_WRITE_MOUNTED mounts nothing that another has open for writing.
  package func open() throws(HarnessError) -> Descriptor {
    let descriptor = try Descriptor(open: path, O_RDONLY | O_NONBLOCK, code: .refused)
    if let difference = try DeviceIdentity(descriptor, path).difference(from: identity) {
      throw HarnessError(
        .refused, path, difference, remedy: "look at it: wbstress check --device \(path)")
    }
    return descriptor
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// A file as a block device, as loop(4) makes it. It goes with its last user: its owner, or whoever has
/// mounted it, also when the harness is killed.
package final class LoopDevice {
  package let path: String
  /// Past the page cache: what is written to the device is on its way to the disk, and takes no memory twice.
  package let isDirect: Bool
  private var descriptor: Int32

  /// - Parameter file: a path; a file system that knows no O_DIRECT is written to through the page cache.
  package init(_ file: String) throws(HarnessError) {
    let made = try Self.attach(file)
    descriptor = made.descriptor
    path = "/dev/loop\(made.number)"
    isDirect = made.isDirect
  }

  deinit { letGo() }

  /// Ends the owner's use of it.
  package func letGo() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }

  private static let sysfs = "/sys/class/block"

  /// The devices that have a file, and which: device and inode as stat(2) tells them.
  static func all() throws(HarnessError) -> [(path: String, dev: UInt64, inode: UInt64)] {
    var all: [(path: String, dev: UInt64, inode: UInt64)] = []
    for name in try File.list(sysfs) {
      let path = "/dev/" + name
      do throws(HarnessError) {
        guard try backing(of: path) != nil else { continue }
        let device = try Descriptor(open: path)
        var (dev, inode): (UInt64, UInt64) = (0, 0)
        try check(cl_loop_backing(device.raw, &dev, &inode), path, "LOOP_GET_STATUS64")
        all.append((path, dev, inode))
      } catch {
        // It went meanwhile.
        if error.errno?.isAbsence != true { throw error }
      }
    }
    return all
  }

  /// Path of the file behind a device; nil: it has none, or is no loop device.
  static func backing(of path: String) throws(HarnessError) -> String? {
    guard let name = FilePath(path).lastComponent?.string else { return nil }
    guard let text = try File.lineIfThere("\(sysfs)/\(name)/loop/backing_file") else { return nil }
    // As d_path() has it of a file that was unlinked meanwhile.
    return text.hasSuffix(removed) ? String(text.dropLast(removed.count)) : text
  }

  private static let removed = " (deleted)"

  /// Lets a device's file go: with its last user, where there are any.
  static func detach(_ path: String) throws(HarnessError) {
    let device = try Descriptor(open: path)
    let result = attempt(cl_loop_detach(device.raw), path, "LOOP_CLR_FD", .busy)
    // It went meanwhile.
    if result != -ENXIO { try accept(Int(result), path, "LOOP_CLR_FD") }
  }

  private static func attach(
    _ file: String
  ) throws(HarnessError) -> (descriptor: Int32, number: Int32, isDirect: Bool) {
    let backing = try Descriptor(open: file, O_RDWR, code: .environment)
    var number: Int32 = -1
    let operation = "attach a loop device"
    var attached = attempt(cl_loop_attach(backing.raw, 1, &number), file, operation)
    let isDirect = attached >= 0
    if attached == -EINVAL {
      attached = attempt(cl_loop_attach(backing.raw, 0, &number), file, operation)
    }
    try accept(
      Int(attached), file, operation,
      remedy: "the module loop must be loaded: modprobe loop", code: .environment)
    return (attached, number, isDirect)
  }
}

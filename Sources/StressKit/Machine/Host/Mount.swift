// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// A mounted file system.
package struct Mount {
  /// Where tracefs belongs.
  package static let tracefs = "/sys/kernel/tracing"
  /// Where debugfs belongs.
  package static let debugfs = "/sys/kernel/debug"

  package let path: String

  /// Options that are flags of mount(2); all others go to the file system.
  private static let flags: [String: UInt] = [
    "ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "sync": 16, "dirsync": 128, "noatime": 1024,
    "nodiratime": 2048, "bind": 4096, "relatime": 1 << 21, "strictatime": 1 << 24,
    "lazytime": 1 << 25,
  ]

  /// The corresponding C function is `mount`.
  package init(
    _ source: String, at path: String, type: String, options: [String] = []
  ) throws(HarnessError) {
    try File.makeDirectory(path)
    let flags = options.compactMap { Self.flags[$0] }.reduce(0, |)
    let data = options.filter { Self.flags[$0] == nil && $0 != "defaults" && $0 != "rw" }
      .joined(separator: ",")
    try checkErrno(
      Int(Glibc.mount(source, path, type, flags, data)), "mount \(source)",
      "as \(type)\(data.isEmpty ? "" : " -o \(data)")",
      remedy: "the kernel log says more; check mount and mkfs options against this kernel",
      code: .environment)
    self.path = path
  }

  /// `MAJ:MIN` of the superblock mounted at a path.
  package static func superblock(at path: String) -> String? {
    (try? MountTable.entry(at: path))?.superblock
  }

  /// The corresponding C function is `umount2`. Blocks until dirty data is on the device.
  ///
  /// - Parameter time: ns for which EBUSY is waited out.
  package static func unmount(
    _ path: String, _ patience: Patience = Patience(), atMost time: UInt64
  ) throws(HarnessError) {
    var result = 0
    _ = try patience.wait(atMost: time) { () throws(HarnessError) in
      result = attemptErrno(Int(umount2(path, 0)), path, "umount", .busy)
      return result != -Int(EBUSY)
    }
    if result == -Int(EBUSY) {
      throw HarnessError(
        .harness, path, "umount", errno: .resourceBusy,
        remedy: "a process has a file of it open: when it has ended, wbstress clean")
    }
    try accept(result, path, "umount")
  }
}

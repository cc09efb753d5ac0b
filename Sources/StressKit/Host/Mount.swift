import CLinux
import Glibc
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
    "nodiratime": 2048, "relatime": 1 << 21, "strictatime": 1 << 24, "lazytime": 1 << 25,
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

  /// `MAJ:MIN` of the superblock mounted at a path, which for btrfs is no block device's: proc(5),
  /// /proc/pid/mountinfo.
  package static func superblock(
    at path: String, mountinfo: String = "/proc/self/mountinfo"
  ) -> String? {
    let lines = ((try? File.text(mountinfo)) ?? "").split(separator: "\n")
    return lines.lazy.map { $0.split(separator: " ") }
      .last { $0.count > 4 && $0[4] == path }.map { String($0[2]) }
  }

  /// The corresponding C function is `umount2`. Blocks until dirty data is on the device.
  ///
  /// - Parameter deadline: CLOCK_BOOTTIME, ns. Until then EBUSY is waited out: the files of a killed
  ///   io_uring process are closed some time after it is gone.
  package func unmount(deadline: UInt64) throws(HarnessError) {
    while true {
      let result = attemptErrno(Int(umount2(path, 0)), path, "umount")
      if result != -Int(EBUSY) || cl_boottime() > deadline {
        try accept(result, path, "umount")
        return
      }
      cl_sleep_until(cl_boottime() + 20_000_000)
    }
  }
}

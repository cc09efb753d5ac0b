import Glibc
import SystemPackage

/// The files of one guest that its trial does not keep: disks and the initramfs.
struct Scratch: ~Copyable {
  let directory: String
  /// Keeps the file system under test for reading it back.
  let keepDisk: Bool

  init(_ directory: String, keepDisk: Bool) throws(HarnessError) {
    try File.makeDirectory(directory)
    self.directory = directory
    self.keepDisk = keepDisk
  }

  private static let diskName = "scratch.img"
  private static let otherNames = ["cache.img", "swap.img", "initramfs.cpio"]

  var disk: String { "\(directory)/\(Self.diskName)" }
  var cache: String { "\(directory)/\(Self.otherNames[0])" }
  var swap: String { "\(directory)/\(Self.otherNames[1])" }
  var initramfs: String { "\(directory)/\(Self.otherNames[2])" }

  /// Makes the images that a profile needs.
  ///
  /// - Returns: how the file system was made.
  borrowing func make(_ profile: Profile) throws(HarnessError) -> MadeFilesystem {
    try Self.sparse(disk, size: profile.device.size)
    if profile.cache > 0 { try Self.sparse(cache, size: profile.cache) }
    if profile.machine.swap > 0 {
      try Self.sparse(swap, size: profile.machine.swap)
      try Tool.run("mkswap", [swap], package: "util-linux")
    }
    return try MakeFilesystem.run(profile.filesystem, on: disk)
  }

  deinit {
    Self.clear(directory, keepDisk: keepDisk)
    // Unless a record is in it.
    attemptErrno(Int(rmdir(directory)), directory, "rmdir")
  }

  /// Removes a trial's scratch files, also those that a killed harness left.
  static func clear(_ directory: String, keepDisk: Bool = false) {
    for name in otherNames + (keepDisk ? [] : [diskName]) { File.remove("\(directory)/\(name)") }
  }

  /// Makes a sparse file.
  static func sparse(_ path: String, size: UInt64) throws(HarnessError) {
    let fd = try Descriptor(open: path, O_RDWR | O_CREAT | O_TRUNC, code: .environment)
    try checkErrno(Int(ftruncate(fd.raw, off_t(size))), path, "ftruncate", code: .environment)
  }
}

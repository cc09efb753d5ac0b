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
  /// - Returns: the command that made the file system.
  borrowing func make(_ profile: Profile) throws(HarnessError) -> String {
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
    rmdir(directory)
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

/// Makes file systems on the host's side, on a raw file.
package enum MakeFilesystem {
  /// mkfs program, its Debian package and the arguments that come before the profile's own.
  private static func command(
    _ kind: Profile.Filesystem.Kind
  ) -> (program: String, package: String, arguments: [String])? {
    switch kind {
    // Nothing to make: the kernel makes one at each mount.
    case .tmpfs: nil
    // The inode tables are written now: ext4lazyinit would write them during the trial.
    case .ext4, .ext3:
      (
        "mkfs.\(kind.rawValue)", "e2fsprogs",
        ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
      )
    case .xfs: ("mkfs.xfs", "xfsprogs", ["-q", "-f"])
    case .btrfs: ("mkfs.btrfs", "btrfs-progs", ["-q", "-f"])
    }
  }

  /// The error for a mkfs that is not installed; nil when it is.
  package static func missing(_ kind: Profile.Filesystem.Kind) -> HarnessError? {
    guard let command = command(kind) else { return nil }
    return Tool.path(command.program) == nil
      ? Tool.missing(command.program, package: command.package) : nil
  }

  /// Formats a file. Returns the command line, for the record; empty where there is nothing to make.
  static func run(
    _ filesystem: Profile.Filesystem, on path: String
  ) throws(HarnessError) -> String {
    guard let command = command(filesystem.kind) else { return "" }
    let arguments = command.arguments + filesystem.mkfs
    try Tool.run(
      command.program, arguments + [path], package: command.package,
      remedy: "check device.size and filesystem.mkfs")
    return ([command.program] + arguments).joined(separator: " ")
  }
}

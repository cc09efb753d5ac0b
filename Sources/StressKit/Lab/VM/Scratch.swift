// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import SystemPackage

/// The files of one trial that it does not keep: disks, and a guest's initramfs.
struct Scratch: ~Copyable {
  let directory: String
  /// Keeps the file system under test for reading it back.
  let keepDisk: Bool
  /// By whose undoing the files go, and the directory; nil: with this.
  private let journal: CleanupJournal?

  init(_ directory: String, keepDisk: Bool) throws(HarnessError) {
    try File.makeDirectory(directory)
    self.directory = directory
    self.keepDisk = keepDisk
    journal = nil
  }

  init(_ directory: String, _ journal: CleanupJournal) throws(HarnessError) {
    try journal.makeDirectory(directory)
    self.directory = directory
    keepDisk = false
    self.journal = journal
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
    try makeOthers(profile)
    try makeDisk(profile)
    return try MakeFilesystem.run(profile.filesystem, on: disk)
  }

  /// Makes the image of the scratch disk.
  borrowing func makeDisk(_ profile: Profile) throws(HarnessError) {
    try image(disk, size: profile.device.size)
  }

  /// Makes the images that a profile needs beside it.
  borrowing func makeOthers(_ profile: Profile) throws(HarnessError) {
    if profile.cache > 0 { try image(cache, size: profile.cache) }
    if profile.machine.swap > 0 {
      try image(swap, size: profile.machine.swap)
      try Tool.run("mkswap", [swap], package: "util-linux")
    }
  }

  private borrowing func image(_ path: String, size: UInt64) throws(HarnessError) {
    guard let journal else { return try Self.sparse(path, size: size) }
    try journal.make(MadeFile(path: path)) { () throws(HarnessError) in
      try Self.sparse(path, size: size)
    }
  }

  /// Gives the images all their blocks, after mkfs, which punches holes where it discards: what the trial writes can
  /// then not fill the file system that they lie on.
  ///
  /// - Returns: false where that file system cannot (EOPNOTSUPP), and they stay sparse.
  borrowing func allocate(_ profile: Profile) throws(HarnessError) -> Bool {
    let sizes = [
      (disk, profile.device.size), (cache, profile.cache), (swap, profile.machine.swap),
    ]
    for (path, size) in sizes where size > 0 && File.exists(path) {
      let owned = try Descriptor(open: path, O_RDWR, code: .environment)
      let fd = owned.raw
      let result = attempt(cl_fallocate(fd, 0, Int64(size)), path, "fallocate")
      if result == -EOPNOTSUPP { return false }
      try accept(
        Int(result), path, "fallocate \(Units.sizeText(size))",
        remedy: "name a directory with more room, or lower device.size", code: .environment)
    }
    return true
  }

  deinit {
    if journal != nil { return }
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

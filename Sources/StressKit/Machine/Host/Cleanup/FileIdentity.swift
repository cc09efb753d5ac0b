// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import SystemPackage

/// What tells a file or directory from another of the same path.
struct FileIdentity: Equatable, Sendable {
  /// As st_dev; another after a reboot, it may be.
  var dev: UInt64
  var inode: UInt64
  /// Time of its making, ns since 1970; 0 where the file system keeps none.
  var birth: UInt64

  /// nil: there is no such file. A symbolic link is not followed.
  static func of(_ path: String) throws(HarnessError) -> FileIdentity? {
    var file = cl_file()
    let result = attempt(cl_identify(path, &file), path, "statx")
    if result < 0, Errno(rawValue: -result).isAbsence { return nil }
    try accept(Int(result), path, "statx")
    return FileIdentity(dev: file.dev, inode: file.inode, birth: file.birth)
  }

  private init(dev: UInt64, inode: UInt64, birth: UInt64) {
    (self.dev, self.inode, self.birth) = (dev, inode, birth)
  }

  init?(_ json: JSON?) {
    guard let dev = json?["dev"]?.int, let inode = json?["inode"]?.int,
      let birth = json?["birth"]?.int
    else { return nil }
    self.dev = UInt64(bitPattern: dev)
    self.inode = UInt64(bitPattern: inode)
    self.birth = UInt64(bitPattern: birth)
  }

  var json: JSON {
    [
      "dev": .int(Int64(bitPattern: dev)), "inode": .int(Int64(bitPattern: inode)),
      "birth": .int(Int64(bitPattern: birth)),
    ]
  }

  /// The same file, also after a reboot that numbered the disks anew: then only its birth can tell.
  func isSame(as other: FileIdentity) -> Bool {
    inode == other.inode && birth == other.birth && (dev == other.dev || birth != 0)
  }

  /// Why nothing is to be removed at a path: it is not there, or is another one of that name. nil: it is to be. Without
  /// an identity it was made after its intent, where there was none.
  static func reprieve(
    _ path: String, _ identity: JSON?, _ kind: String
  ) throws(HarnessError) -> Undoing? {
    guard let found = try of(path) else { return .absent }
    guard let made = FileIdentity(identity), !found.isSame(as: made) else { return nil }
    return .left("another \(kind) of that name")
  }
}

import CLinux

/// What tells a file or directory from another of the same path.
struct FileIdentity: Equatable, Sendable {
  /// As st_dev; another after a reboot, it may be.
  var dev: UInt64
  var inode: UInt64
  /// Time of its making, ns since 1970; 0 where the file system keeps none.
  var birth: UInt64

  /// nil: there is no such file. A symbolic link is not followed.
  init?(_ path: String) {
    var file = cl_file()
    guard attempt(cl_identify(path, &file), path, "statx") >= 0 else { return nil }
    (dev, inode, birth) = (file.dev, file.inode, file.birth)
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
}

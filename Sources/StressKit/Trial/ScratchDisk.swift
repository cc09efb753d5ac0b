import CLinux

/// The scratch disk of a trial: what lies over it, and the file system that is mounted of it.
final class ScratchDisk {
  /// Where the file system under test is mounted.
  static let mountPoint = "/mnt/wbstress"
  private static let second: UInt64 = 1_000_000_000
  /// Files of a killed io_uring process are closed some time after it is gone.
  private static let unmountTime = 10 * second

  private let plan: TrialPlan
  private var profile: Profile { plan.profile }
  private var mounted: Mount?
  /// Lies over the disk where the profile delays it.
  private(set) var delayed: DelayedDevice?

  init(_ plan: TrialPlan) { self.plan = plan }

  /// Mounts the file system, with the files that streams are to write over, and as fast as the disk is.
  func mount() throws(HarnessError) {
    // No delay yet: nor is the disk slow before all is ready.
    if profile.usesDelay { delayed = try DelayedDevice(Trial.root, over: plan.device, delay: 0) }
    mounted = try mountSource()
    if try prepareFiles(), profile.filesystem.kind != .tmpfs {
      // The files' page cache and inodes, whose writeback is the supervisor's, go with the mount.
      try mounted?.unmount(deadline: cl_boottime() + Self.unmountTime)
      mounted = nil
      mounted = try mountSource()
    }
  }

  private func mountSource() throws(HarnessError) -> Mount {
    try Mount(
      source, at: Self.mountPoint, type: profile.filesystem.kind.rawValue,
      options: profile.filesystem.mount)
  }

  /// Writes what streams are to write over; false when none does.
  private func prepareFiles() throws(HarnessError) -> Bool {
    let streams = profile.streams.filter { $0.access == .overwrite }
    for (i, stream) in streams.enumerated() {
      try StreamWriter.prepare(stream, in: Self.mountPoint, seed: ~plan.seed &+ UInt64(i))
    }
    return !streams.isEmpty
  }

  /// What is mounted: the scratch disk, or what lies over it, or nothing of the kind.
  var source: String {
    profile.filesystem.kind == .tmpfs ? "tmpfs" : delayed?.path ?? plan.device
  }

  /// The mounted file system's backing device, by its name in sysfs and debugfs; nil: it has none.
  var backing: String? { BlockDevice.backing(source, profile.filesystem.kind) }

  /// Unmounts, which writes back what is dirty, and takes away what lay over the disk.
  ///
  /// - Returns: false when nothing was mounted.
  func unmount() throws(HarnessError) -> Bool {
    try delayed?.setDelay(0)
    if let mounted { try mounted.unmount(deadline: cl_boottime() + Self.unmountTime) }
    try delayed?.remove(deadline: cl_boottime() + 2 * Self.second)
    return mounted != nil
  }
}

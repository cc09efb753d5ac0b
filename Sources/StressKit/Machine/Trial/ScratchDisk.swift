// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The scratch disk of a trial: what lies over it, and the file system that is mounted of it.
final class ScratchDisk {
  /// Where the file system under test is mounted.
  static let mountPoint = "/mnt/wbstress"

  private let plan: TrialPlan
  private var profile: Profile { plan.profile }
  private let journal: CleanupJournal
  /// What was made before it.
  private var mark: Int?
  private var isMounted = false
  /// Lies over the disk where the profile delays it.
  private(set) var delayed: DelayedDevice?

  init(_ plan: TrialPlan, _ journal: CleanupJournal) {
    self.plan = plan
    self.journal = journal
  }

  /// Mounts the file system, with the files that streams are to find there, and as fast as the disk is.
  func mount() throws(HarnessError) {
    // No delay yet: nor is the disk slow before all is ready.
    mark = journal.mark
    if profile.usesDelay {
      let made = MadeDelayedDevice(Trial.root)
      delayed = try journal.make(made) { () throws(HarnessError) in
        try DelayedDevice(made, over: plan.device, delay: 0)
      }
    }
    try journal.makeDirectory(Self.mountPoint)
    let unmounted = journal.mark
    try mountSource()
    if try prepareFiles(), profile.filesystem.kind.isOnDisk {
      // The files' page cache and inodes, whose writeback is the supervisor's, go with the mount.
      if let failure = journal.undo(to: unmounted).first { throw failure }
      try mountSource()
    }
    for stream in profile.streams where stream.action == .copy && stream.sharing == nil {
      try StreamRunner.warm(stream, in: Self.mountPoint)
    }
    isMounted = true
  }

  private func mountSource() throws(HarnessError) {
    try journal.make(MadeMount(source, at: Self.mountPoint)) { () throws(HarnessError) in
      _ = try Mount(
        source, at: Self.mountPoint, type: profile.filesystem.kind.rawValue,
        options: profile.filesystem.mount)
    }
  }

  /// Writes what streams are to find; false when none is.
  private func prepareFiles() throws(HarnessError) -> Bool {
    var isAny = false
    for (stream, seeds) in zip(profile.streams, plan.seeds.streams)
    where stream.usesPrepared && stream.sharing == nil {
      try StreamRunner.prepare(stream, in: Self.mountPoint, seeds: seeds)
      isAny = true
    }
    return isAny
  }

  /// What is mounted: the scratch disk, or what lies over it, or nothing of the kind.
  var source: String {
    let kind = profile.filesystem.kind
    return kind.isOnDisk ? delayed?.path ?? plan.device : kind.rawValue
  }

  /// The mounted file system's backing device, by its name in sysfs and debugfs; nil: it has none.
  var backing: String? { BlockDevice.backing(source, profile.filesystem.kind) }

  /// Ends the delay, only to save time: returns when the disk has done all that was under way.
  func endDelay() throws(HarnessError) { try delayed?.setDelay(0) }

  /// Undoes what was made since `mount`: unmounts, which writes back what is dirty, and takes away what lay
  /// over the disk.
  ///
  /// - Returns: whether anything was mounted, and what could not be undone.
  func unmount() -> (wasMounted: Bool, failures: [HarnessError]) {
    let failures = mark.map { journal.undo(to: $0) } ?? []
    return (isMounted, failures)
  }
}

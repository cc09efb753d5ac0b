// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The scratch disk of a trial: what lies over it, the file system that is mounted of it, and one above that.
final class ScratchDisk {
  /// Where the file system under test is mounted.
  static let mountPoint = "/mnt/wbstress"
  /// Where that on the disk is mounted when the one under test stands above it.
  private static let lowerPoint = "/mnt/wbstress-below"
  /// overlayfs's directories there; the lower layer is empty.
  private static let layers = ["lower", "upper", "work"]

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
    if let below { try journal.makeDirectory(below) }
    let unmounted = journal.mark
    try mountBase()
    if try prepareFiles(), profile.filesystem.base.isOnDisk {
      // The files' page cache and inodes, whose writeback is the supervisor's, go with the mount.
      if let failure = journal.undo(to: unmounted).first { throw failure }
      try mountBase()
    }
    try mountLayer()
    for stream in profile.streams where stream.action == .copy && stream.sharing == nil {
      try StreamRunner.warm(stream, in: Self.mountPoint)
    }
    isMounted = true
  }

  private func mount(
    _ source: String, at path: String, type: String, _ options: [String]
  ) throws(HarnessError) {
    try journal.make(MadeMount(source, at: path)) { () throws(HarnessError) in
      _ = try Mount(source, at: path, type: type, options: options)
    }
  }

  /// Mounts what lies on the disk; the profile's options are for the file system under test.
  private func mountBase() throws(HarnessError) {
    let filesystem = profile.filesystem
    try mount(
      device ?? filesystem.base.rawValue, at: below ?? Self.mountPoint,
      type: filesystem.base.rawValue, below == nil ? filesystem.mount : [])
    if filesystem.layer == .overlay {
      for name in Self.layers { try File.makeDirectory("\(Self.lowerPoint)/\(name)") }
    }
  }

  private func mountLayer() throws(HarnessError) {
    let options = profile.filesystem.mount
    switch profile.filesystem.layer {
    case .overlay:
      let layers = Self.layers.map { "\($0)dir=\(Self.lowerPoint)/\($0)" }
      try mount(source, at: Self.mountPoint, type: "overlay", layers + options)
    case .nfs:
      try NFSServer.start(Self.lowerPoint, journal)
      try mount(source, at: Self.mountPoint, type: "nfs", NFSServer.clientOptions + options)
    case nil: break
    }
  }

  /// Writes what streams are to find; false when none is.
  private func prepareFiles() throws(HarnessError) -> Bool {
    var isAny = false
    for (stream, seeds) in zip(profile.streams, plan.seeds.streams)
    where stream.usesPrepared && stream.sharing == nil {
      try StreamRunner.prepare(stream, in: files, seeds: seeds)
      isAny = true
    }
    return isAny
  }

  /// Where the files lie that the file system under test shows, on the disk or above it.
  private var files: String {
    switch profile.filesystem.layer {
    case .overlay: Self.lowerPoint + "/upper"
    case .nfs: Self.lowerPoint
    case nil: Self.mountPoint
    }
  }

  /// The scratch disk, or what lies over it; nil: nothing is made on it.
  private var device: String? {
    profile.filesystem.base.isOnDisk ? delayed?.path ?? plan.device : nil
  }

  /// What is mounted, as /proc/self/mountinfo has it.
  var source: String {
    switch profile.filesystem.layer {
    case .overlay: "overlay"
    case .nfs: NFSServer.source
    case nil: device ?? profile.filesystem.kind.rawValue
    }
  }

  /// Where the file system on the disk is mounted, if the one under test stands above it; nil: it does not.
  var below: String? { profile.filesystem.layer.map { _ in Self.lowerPoint } }

  /// Where that is mounted whose inodes have the pages that are written.
  private var holderPoint: String {
    profile.filesystem.layer == .overlay ? Self.lowerPoint : Self.mountPoint
  }

  /// `MAJ:MIN` of its superblock; nil: it is not mounted.
  var superblock: String? { Mount.superblock(at: holderPoint) }

  /// Its backing device, by its name in sysfs and debugfs; nil: it has none.
  var backing: String? {
    BlockDevice.backing(device ?? "", profile.filesystem.holder, at: holderPoint)
  }

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

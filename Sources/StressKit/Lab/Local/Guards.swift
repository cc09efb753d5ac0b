import CLinux
import Glibc

/// What keeps a trial off this machine: all of it at once, before anything is touched.
package struct Guards {
  /// Held while trials run here.
  private let lock: FileLock

  /// Of what is available, the share that a profile may take.
  private static let memoryShare = 0.8
  /// Of the images' file system, what is left to others: this much, or 5 %.
  private static let reserve: UInt64 = 1 << 30

  /// - Parameters:
  ///   - images: the directory that the loop devices' files go to.
  ///   - place: where the cgroups go.
  ///   - wholeMachine: profiles without memory.max are let through.
  /// - Throws: every problem: what the user has to do (refused) or to install (environment).
  package init(
    _ matrix: Matrix, images: String, place: CgroupPlace, wholeMachine: Bool
  ) throws(HarnessErrors) {
    var problems: [HarnessError] = []
    func note(_ error: HarnessError) {
      if !problems.contains(error) { problems.append(error) }
    }
    func refuse(_ object: String, _ why: String, _ remedy: String) {
      note(HarnessError(.refused, object, why, remedy: remedy))
    }
    if geteuid() != 0 {
      refuse("run", "needs root on this machine", "sudo, or boot a guest: --kernel debian:6.12")
    }
    let profiles = matrix.cells.map(\.profile)
    let controllers = Set(profiles.flatMap { CgroupTree.controllers(for: $0) }).sorted()
    for problem in place.problems(controllers) { note(problem) }
    // Of one that lives the lock tells.
    for left in LeftJournal.all() where left.owner?.isAlive != true { note(left.refusal) }
    let base = place.existingBase
    for name in File.names(in: base.directory) where name.hasPrefix(Trial.root) {
      refuse(
        CgroupTree.Group(path: name, base: base.base).directory, "exists already",
        "wbstress clean removes what a killed run left; what it does not know is somebody else's")
    }
    for daemon in MemoryDaemon.alive() {
      for profile in profiles { if let refusal = daemon.refusal(profile) { note(refusal) } }
    }
    if !File.exists("/dev/loop-control") {
      note(
        HarnessError(
          .environment, "/dev/loop-control", "not found", remedy: "modprobe loop"))
    }
    for profile in profiles {
      if let missing = MakeFilesystem.missing(profile.filesystem.kind) { note(missing) }
      if !profile.kernel.boot.isEmpty || profile.machine.nodes > 1 {
        refuse(
          profile.name,
          "needs boot parameters or a machine of its own (kernel.boot, machine.nodes)",
          "run it in a guest: --kernel debian:6.12")
      }
      if !wholeMachine, profile.memoryMax == nil {
        refuse(
          profile.name, "has no memory.max, and so puts the whole machine under pressure",
          "run it in a guest (--kernel debian:6.12), or allow it: --whole-machine")
      }
    }
    Self.checkRoom(profiles, images, note)
    Self.checkMemory(profiles, refuse)
    var lock: FileLock?
    do throws(HarnessError) {
      lock = try File.lock(CgroupTree.mount)
      if lock == nil {
        refuse("this machine", "is in use by another run of wbstress", "wait for its end")
      }
    } catch {
      note(error)
    }
    guard problems.isEmpty, let lock else { throw HarnessErrors(problems) }
    self.lock = lock
  }

  private static func checkRoom(
    _ profiles: [Profile], _ images: String, _ note: (HarnessError) -> Void
  ) {
    let needed =
      profiles.map { $0.device.size + $0.cache + $0.machine.swap }.max() ?? 0
    var info = statvfs()
    guard attemptErrno(Int(statvfs(images, &info)), images, "statfs") >= 0 else {
      note(
        HarnessError(
          .usage, images, "statfs", errno: .current,
          remedy: "name an existing directory for the image files: --loop DIR"))
      return
    }
    let (free, all) = (
      UInt64(info.f_bavail) * UInt64(info.f_frsize), UInt64(info.f_blocks) * UInt64(info.f_frsize)
    )
    let kept = min(reserve, all / 20)
    if needed + kept > free {
      note(
        HarnessError(
          .refused, images,
          "the images take up to \(Units.sizeText(needed)), and \(free >> 20) MiB are free, of which"
            + " \(kept >> 20) MiB stay with others",
          remedy: "name another --loop DIR, or lower device.size"))
    }
  }

  private static func checkMemory(
    _ profiles: [Profile], _ refuse: (String, String, String) -> Void
  ) {
    guard let available = Preflight.memAvailable() else { return }
    for profile in profiles {
      let pinned = profile.pinned.reduce(UInt64(0)) { $0 + $1.size }
      let needed = (profile.memoryMax ?? pinned) + profile.cache
      if Double(needed) > memoryShare * Double(available) {
        refuse(
          profile.name,
          "takes \(needed >> 20) MiB; more than 80 % of the \(available >> 20) MiB that are available",
          "lower memory.max, or free memory")
      }
    }
  }
}

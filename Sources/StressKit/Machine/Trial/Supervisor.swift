// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// The harness's own place on the machine that it loads: outside the limits, protected from reclaim, watching from
/// before anything else is at work.
package struct Supervisor {
  private let journal: CleanupJournal
  package let cgroups: CgroupTree
  package let tracing: Tracing?
  /// What systemd delegated; nil: the trial is elsewhere.
  package let unit: DelegatedUnit?
  private let group: Cgroup

  /// What its cgroup is to keep under reclaim, bytes.
  private static let memory: UInt64 = 64 << 20

  /// Protects this process and makes it ready to watch.
  ///
  /// - Parameter name: of its own group beside the trial's.
  package init(
    _ plan: TrialPlan, in place: CgroupPlace = .root, group name: String, _ journal: CleanupJournal
  ) throws(HarnessError) {
    self.journal = journal
    // All of it before a second thread is at work: it flips static keys of code that others run, and an emulated
    // processor may be caught in the middle of that (GuestTrial.isEmulatorFault).
    if let on = plan.profile.kernel.lruGen { try KernelSettings.setLRUGen(on, journal) }
    let controllers = plan.profile.controllers
    let base: String
    switch place {
    case .root: (unit, base) = (nil, "")
    case .delegated(let path): (unit, base) = (nil, path)
    case .unit:
      let name = DelegatedUnit.ownName
      let started = try journal.make(MadeUnit(name)) { () throws(HarnessError) in
        try DelegatedUnit.start(
          name, controllers: controllers, Self.protection(plan.profile))
      }
      (unit, base) = (started, started.cgroup)
    }
    cgroups = try CgroupTree(controllers: controllers, base: base, own: name, journal)
    group = cgroups.group(name)
    try CgroupTree.set(group, Profile.Setting("memory.min", "\(Self.memory)"))
    let observe = plan.profile.observe
    let isTraced = observe.trace && observe.level == .full
    tracing =
      isTraced
      ? Tracing(observe, threads: plan.profile.commands.flatMap(\.traced), journal) : nil
  }

  /// What the unit must have so that the groups in it get what they ask for.
  ///
  /// What one of them leaves of its own falls to its neighbours (mount option memory_recursiveprot). That is nothing
  /// to reclaim for memory.max, which begins below the unit. Where the whole machine is short it would protect the
  /// workers with what the supervisor does not use: then mlock alone protects that.
  static func protection(_ profile: Profile) -> DelegatedUnit.Protection {
    let moments = profile.timeline.filter { $0.cgroup == nil }.flatMap(\.limits)
    func most(_ key: String) -> UInt64 {
      (profile.limits + moments).filter { $0.key == key }
        .map { UInt64($0.value) ?? UInt64(Int64.max) - memory }.max() ?? 0
    }
    return .init(
      min: most("memory.min") + (profile.memoryMax == nil ? 0 : memory), low: most("memory.low"))
  }

  /// Keeps this process in memory and from the OOM killer, until the journal's undoing.
  package static func protect(_ journal: CleanupJournal) throws(HarnessError) {
    try check(cl_lock_all(), "supervisor", "mlockall")
    journal.own { () throws(HarnessError) in
      try checkErrno(Int(munlockall()), "supervisor", "munlockall")
    }
    let file = "/proc/self/oom_score_adj"
    let before = try File.lineIfThere(file) ?? "0"
    try File.set(file, "-1000")
    journal.own { () throws(HarnessError) in try File.set(file, before) }
  }

  /// The harness's own cost.
  package func report(_ record: RecordWriter) {
    let cpu = CounterFile.snapshot((try? File.text(group.file("cpu.stat"))) ?? "")
    record.emit(SupervisorLine.self) {
      $0.cpuStat = Keyed(cpu)
      $0.memoryCurrent = File.line(group.file("memory.current"))
      $0.memoryPeak = File.line(group.file("memory.peak"))
    }
  }
}

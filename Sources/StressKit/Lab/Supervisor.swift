import CLinux
import Glibc

/// The harness's own place on the machine that it loads: outside the limits, protected from reclaim, watching from
/// before anything else is at work.
struct Supervisor {
  private let journal: CleanupJournal
  let cgroups: CgroupTree
  let tracing: Tracing?
  private let group: CgroupTree.Group

  /// Protects this process and makes it ready to watch.
  init(
    _ plan: TrialPlan, group name: String, _ journal: CleanupJournal
  ) throws(HarnessError) {
    self.journal = journal
    // All of it before a second thread is at work: it flips static keys of code that others run, and an emulated
    // processor may be caught in the middle of that (GuestTrial.isEmulatorFault).
    if let on = plan.profile.kernel.lruGen { try KernelSettings.setLRUGen(on, journal) }
    var cgroups = try CgroupTree(controllers: CgroupTree.controllers(for: plan.profile), journal)
    group = try cgroups.make(name, [Profile.Setting("memory.min", "\(64 << 20)")])
    let origin = CgroupTree.own()
    try CgroupTree.enter(group)
    journal.own { () throws(HarnessError) in try CgroupTree.enter(origin) }
    self.cgroups = cgroups
    let observe = plan.profile.observe
    let isTraced = observe.trace && observe.level == .full
    tracing = isTraced ? Tracing(observe, journal) : nil
  }

  /// Keeps this process in memory and from the OOM killer.
  func protect() throws(HarnessError) {
    try check(cl_lock_all(), "supervisor", "mlockall")
    journal.own { () throws(HarnessError) in
      try checkErrno(Int(munlockall()), "supervisor", "munlockall")
    }
    let file = "/proc/self/oom_score_adj"
    let before = File.line(file) ?? "0"
    try File.set(file, "-1000")
    journal.own { () throws(HarnessError) in try File.set(file, before) }
  }

  /// The harness's own cost.
  func report(_ record: RecordWriter) {
    let cpu = CounterFile.snapshot((try? File.text(group.file("cpu.stat"))) ?? "")
    record.emit(
      "supervisor",
      [
        ("cpu.stat", .object(cpu.map { ($0.key, .int($0.value)) })),
        ("memory.current", .optional(File.line(group.file("memory.current")))),
        ("memory.peak", .optional(File.line(group.file("memory.peak")))),
      ])
  }
}

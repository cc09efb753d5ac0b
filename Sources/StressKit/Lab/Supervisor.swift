import CLinux

/// The harness's own place on the machine that it loads: outside the limits, protected from reclaim, watching from
/// before anything else is at work.
struct Supervisor {
  let cgroups: CgroupTree
  let tracing: Tracing?
  private let group: CgroupTree.Group

  /// Protects this process and makes it ready to watch.
  init(_ plan: TrialPlan, group name: String) throws(HarnessError) {
    // All of it before a second thread is at work: it flips static keys of code that others run, and an emulated
    // processor may be caught in the middle of that (GuestTrial.isEmulatorFault).
    if let on = plan.profile.kernel.lruGen { try KernelSettings.setLRUGen(on) }
    var cgroups = try CgroupTree(controllers: CgroupTree.controllers(for: plan.profile))
    group = try cgroups.make(
      name, [Profile.Setting("memory.min", "\(64 << 20)")], lasting: true)
    try CgroupTree.enter(group)
    self.cgroups = cgroups
    let observe = plan.profile.observe
    let isTraced = observe.trace && observe.level == .full
    tracing = isTraced ? Tracing(observe) : nil
  }

  /// Keeps this process in memory and from the OOM killer.
  static func protect() throws(HarnessError) {
    try check(cl_lock_all(), "supervisor", "mlockall")
    try File.set("/proc/self/oom_score_adj", "-1000")
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

  /// Takes this process back to where it came from, and its cgroup away.
  func leave(for origin: CgroupTree.Group) throws(HarnessError) {
    try CgroupTree.enter(origin)
    try CgroupTree.remove(group)
  }
}

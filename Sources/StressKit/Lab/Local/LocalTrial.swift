import CLinux
import Glibc

/// One trial on this very machine, on loop devices: what a guest does, without the guest.
package struct LocalTrial {
  package var plan: TrialPlan
  /// Where the record goes.
  package var directory: String
  /// Where the images go; for a file system that has room, and that nobody misses.
  package var images: String

  package static let scratchName = "wbstress-scratch"
  /// Beside the workers' `wbstress`.
  static let supervisorGroup = "wbstress-supervisor"

  package var recordPath: String { directory + "/" + RecordFile.name }

  package init(plan: TrialPlan, directory: String, images: String) {
    self.plan = plan
    self.directory = directory
    self.images = images
  }

  /// The release of the kernel that runs.
  package static var release: String { File.line("/proc/sys/kernel/osrelease") ?? "?" }

  /// Carries the trial out. Whatever happens is an ending, with the record kept; what is thrown is a machine that
  /// lacks something.
  ///
  /// A bandwidth or a number of operations is io.max of the limited cgroup (Documentation/admin-guide/
  /// cgroup-v2.rst): what the kernel writes on its own account, a journal for one, it does not hold back.
  package func run(
    _ interrupt: Interrupt, progress: @escaping (String) -> Void = { _ in }
  ) throws(HarnessError) -> Ending {
    let profile = plan.profile
    try File.makeDirectory(directory)
    let scratch = try Scratch("\(images)/\(Self.scratchName)", keepDisk: false)
    File.remove(recordPath)
    progress("mkfs")
    let mkfs: MadeFilesystem
    do throws(HarnessError) {
      mkfs = try scratch.make(profile)
    } catch {
      return try header(plan, mkfs: MadeFilesystem(), isDirect: false)
        .writeRefused(error, to: recordPath)
    }
    var plan = plan
    let disk = try LoopDevice(scratch.disk)
    plan.device = disk.path
    let cache = profile.cache > 0 ? try LoopDevice(scratch.cache) : nil
    plan.cacheDevice = Self.path(cache)
    let swap = profile.machine.swap > 0 ? try LoopDevice(scratch.swap) : nil
    plan.swapDevice = Self.path(swap)
    try header(plan, mkfs: mkfs, isDirect: disk.isDirect).write(recordPath)

    let started = cl_monotonic()
    let ending = try carryOut(plan, interrupt, progress)
    try RecordFile.append(
      recordPath, "host", [("seconds", .double(Double(cl_monotonic() - started) / 1e9))])
    try RecordFile.append(recordPath, "end", ending.members)
    return ending
  }

  private static func path(_ device: borrowing LoopDevice?) -> String? {
    switch device {
    case .some(let device): device.path
    case nil: nil
    }
  }

  private func header(_ plan: TrialPlan, mkfs: MadeFilesystem, isDirect: Bool) -> TrialHeader {
    TrialHeader(
      plan: plan, kernel: KernelSpec.running.description, release: Self.release,
      accelerator: "none", diskCache: isDirect ? "none" : "writeback", mkfs: mkfs)
  }

  private func carryOut(
    _ plan: TrialPlan, _ interrupt: Interrupt, _ progress: @escaping (String) -> Void
  ) throws(HarnessError) -> Ending {
    let file = try Descriptor(
      open: recordPath, O_WRONLY | O_CREAT | O_APPEND, code: .environment)
    let record = RecordWriter(file)
    let origin = CgroupTree.own()
    let saved = KernelSettings.saved(for: plan.profile)
    let supervisor: Supervisor
    do throws(HarnessError) {
      supervisor = try Supervisor(plan, group: Self.supervisorGroup)
    } catch {
      // It may have switched the LRU before it failed.
      _ = KernelSettings.restore(saved)
      throw error
    }
    try record.start()
    var ending: Ending
    do throws(HarnessError) {
      try Supervisor.protect()
      let throttle = { (throttle: Throttle) throws(HarnessError) in
        try Self.set(throttle, device: plan.device)
      }
      let trial = try Trial(
        plan, record: record, cgroups: supervisor.cgroups, tracing: supervisor.tracing,
        awaitDevices: {},
        awaitGo: { () throws(HarnessError) in try throttle(Throttle(plan.profile.device)) },
        throttle: throttle)
      trial.isInterrupted = { interrupt.isRequested }
      trial.onPhase = progress
      ending = trial.run()
    } catch {
      ending = Ending(.invalid, reason: "set-up", message: error.description)
    }
    supervisor.report(record)
    for failure in takeDown(plan, supervisor, origin, saved) {
      record.emit("note", [("message", .string(failure.description))])
      if ending.outcome == .completed {
        ending = Ending(.invalid, reason: "take-down", message: failure.description)
      }
    }
    record.emitCount()
    record.finish()
    return ending
  }

  /// Leaves the machine as it was. What cannot be undone is told, and does not keep the rest from it.
  private func takeDown(
    _ plan: TrialPlan, _ supervisor: Supervisor, _ origin: CgroupTree.Group,
    _ saved: [Profile.Setting]
  ) -> [HarnessError] {
    var failures = KernelSettings.restore(saved)
    func attempt(_ body: () throws(HarnessError) -> Void) {
      do throws(HarnessError) { try body() } catch { failures.append(error) }
    }
    attempt { () throws(HarnessError) in
      if let swap = plan.swapDevice { try Swap.off(swap) }
      if plan.profile.machine.zram > 0 { try Swap.offZram() }
    }
    attempt { () throws(HarnessError) in try supervisor.leave(for: origin) }
    return failures
  }

  private static func set(_ throttle: Throttle, device: String) throws(HarnessError) {
    let group = CgroupTree.Group(path: Trial.root)
    guard let number = BlockDevice.number(device), File.exists(group.file("io.max")) else {
      if throttle.isNone { return }
      throw HarnessError(
        .environment, "cgroup \(group.path)", "has no io.max",
        remedy: "the kernel needs CONFIG_BLK_DEV_THROTTLING")
    }
    func text(_ value: UInt64?) -> String { value.map { "\($0)" } ?? "max" }
    let (bytes, operations) = (text(throttle.bandwidth), text(throttle.iops))
    try CgroupTree.set(
      group,
      Profile.Setting(
        "io.max",
        "\(number) rbps=\(bytes) wbps=\(bytes) riops=\(operations) wiops=\(operations)"))
  }
}

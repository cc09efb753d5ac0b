// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// A trial's first phase: what it makes on its machine, and the workers that wait for their start.
struct TrialSetUp {
  /// How long all of it may take, with files to be written and read beforehand.
  private static let time = 900 * Trial.second
  /// How long a stream or task may take until it is ready.
  private static let readyTime = 120 * Trial.second
  /// How much longer than `within` a pin may take until it gives up: it does so between two pages.
  private static let graceTime = 10 * Trial.second

  private let context: TrialContext

  private var plan: TrialPlan { context.plan }
  private var profile: Profile { context.profile }
  private var record: RecordWriter { context.record }
  private var venue: Trial.Venue { context.venue }

  init(_ context: TrialContext) { self.context = context }

  /// Makes everything, and returns when every worker is ready.
  ///
  /// - Parameter parts: has what there is, on a failure too.
  /// - Returns: the cgroup that has the limits.
  func run(_ parts: inout TrialParts) throws(HarnessError) -> Cgroup {
    let limited = try make(&parts)
    try awaitPins(parts)
    return limited
  }

  private func make(_ parts: inout TrialParts) throws(HarnessError) -> Cgroup {
    context.phase(.setUp)
    let own = ownCgroups(parts)
    parts.kernelLog.own { owner in
      owner.cgroups = own
      owner.isNamespaced = CgroupTree.isNamespaced
    }
    try parts.kernelLog.start(reading: !context.isBare)
    try KernelSettings.apply(profile, mounted: false, context.journal)
    // Before the pins, which may need it.
    if profile.machine.zram > 0 {
      try venue.awaitDevices()
      try Swap.onZram(profile.machine.zram, context.journal)
    }
    if let swap = plan.swapDevice {
      try venue.awaitDevices()
      try Swap.on(swap, context.journal)
    }
    parts.cgroupsMark = context.journal.mark
    let limited = try parts.cgroups.make(
      Trial.root, try context.complete(profile.limits) + profile.files)
    parts.limited = limited
    for group in profile.cgroups {
      parts.tree.append(
        try parts.cgroups.make(
          "\(Trial.root)/\(group.name)", try context.complete(group.limits) + group.files))
    }
    var groups: [Cgroup] = []
    for (name, parent) in profile.pinned.map({ ($0.name, $0.cgroup) })
      + profile.streams.map({ ($0.name, $0.cgroup) })
    {
      groups.append(try make(name, in: parent, outside: false, &parts))
    }
    for task in profile.tasks {
      // Compaction is asked for by an administrator, outside the limits.
      groups.append(
        try make(task.name, in: task.cgroup, outside: task.action == .compact, &parts))
    }
    for command in profile.commands {
      parts.commandGroups.append(
        try make(command.name, in: command.cgroup, outside: command.isOutside, &parts))
    }
    let workerGroups = groups
    groups += parts.commandGroups
    parts.watchdog = try startWatchdog(
      beside: limited, over: groups.filter { !$0.path.hasPrefix(limited.path + "/") })
    let children = parts.tree + groups
    try parts.lanes.startFast([limited] + children)
    if !context.isBare {
      let announcements = try Announcements(limited, children, into: record)
      parts.announcements = announcements
      try announcements.start()
    }

    context.phase(.pin)
    try startWorkers(in: workerGroups, observed: [limited] + children, &parts)
    return limited
  }

  /// Makes the cgroup of a worker or command.
  private func make(
    _ name: String, in parent: String?, outside: Bool, _ parts: inout TrialParts
  ) throws(HarnessError) -> Cgroup {
    try parts.cgroups.make(
      outside
        ? Self.outside(name)
        : [Trial.root, parent, name].compactMap(\.self).joined(separator: "/"))
  }

  private func startWatchdog(
    beside limited: Cgroup, over groups: [Cgroup]
  ) throws(HarnessError) -> Watchdog? {
    guard let limits = venue.machineLimits else { return nil }
    let watchdog = try Watchdog(
      over: [limited] + groups, limits, beside: MachineLimits.beside(limited))
    let preparing = profile.commands.filter { !$0.isTimed }.map(\.within).reduce(0, +)
    watchdog.expect(within: Self.time + preparing)
    return watchdog
  }

  /// Starts the workers, the pins before the scratch disk is mounted, and the sampler that looks at the disk.
  ///
  /// - Parameter groups: the workers' own, in the order of the profile.
  private func startWorkers(
    in groups: [Cgroup], observed: [Cgroup], _ parts: inout TrialParts
  ) throws(HarnessError) {
    let seeds = plan.seeds
    var remaining = groups[...]
    for (pinned, seed) in zip(profile.pinned, seeds.pins) {
      let worker = try WorkerProcess.pinning(
        pinned, cgroup: remaining.removeFirst(), seed: seed, slow: profile.observe.slow)
      try adopt(worker, &parts)
      parts.pins.append(OperationRecorder(worker, slow: profile.observe.slow, record))
    }
    try venue.awaitDevices()
    parts.pageCache = try mountScratch(parts)
    try parts.lanes.startSlow(
      disk: plan.device, backing: parts.disk.backing, observed)
    for (stream, seeds) in zip(profile.streams, seeds.streams) {
      let group = remaining.removeFirst()
      for (job, seed) in seeds.enumerated() {
        let worker = try WorkerProcess.streaming(
          stream, job: job, in: Trial.mountPoint, cgroup: group, seed: seed)
        try adopt(worker, &parts)
        parts.streams.append(OperationRecorder(worker, slow: profile.observe.slow, record))
      }
    }
    for (task, seed) in zip(profile.tasks, seeds.tasks) {
      let worker = try WorkerProcess.task(
        task, at: Trial.mountPoint + "/" + task.name, cgroup: remaining.removeFirst(), seed: seed)
      try adopt(worker, &parts)
      parts.tasks.append(OperationRecorder(worker, slow: profile.observe.slow, record))
    }
    for worker in parts.workers {
      record.emit(WorkerLine.self) {
        $0.name = worker.name
        $0.event = .start
        $0.pid = Int64(worker.pid)
        $0.cgroup = worker.cgroup
      }
    }
    try prepareCommands(&parts)
  }

  /// Runs the commands that come before the streams.
  private func prepareCommands(_ parts: inout TrialParts) throws(HarnessError) {
    if profile.commands.isEmpty { return }
    var land: UserLand?
    if let device = plan.rootDevice {
      land = try UserLand(device, context.journal)
      try land?.show(Trial.mountPoint, of: parts.disk.source)
    }
    let (kernelLog, announcements) = (parts.kernelLog, parts.announcements)
    let commands = try Commands(
      context, in: parts.commandGroups, root: land.map { _ in UserLand.path }
    ) { process throws(HarnessError) in
      kernelLog.own { $0.workers.insert(process.pid) }
      try announcements?.add(
        process.command.name, pid: process.pid, try process.duplicateDescriptor())
    }
    parts.commands = commands
    let parts = parts
    try commands.prepare { venue.isInterrupted() || parts.aborted != nil }
  }

  /// The cgroups in which nobody is but the trial; nil: the machine is its own.
  private func ownCgroups(_ parts: TrialParts) -> [String]? {
    if venue.machineLimits == nil { return nil }
    let base = parts.cgroups.base.location
    if !base.isEmpty { return [base] }
    return [Trial.root] + profile.outside.map(Self.outside)
  }

  /// The cgroup of a task or command outside the limits.
  private static func outside(_ name: String) -> String { "\(Trial.root)-\(name)" }

  private func adopt(_ worker: WorkerProcess, _ parts: inout TrialParts) throws(HarnessError) {
    parts.workers.append(worker)
    parts.kernelLog.own { $0.workers.insert(worker.pid) }
    try parts.announcements?.add(worker)
  }

  /// - Returns: what the profile takes as page cache; nil: nothing.
  private func mountScratch(_ parts: TrialParts) throws(HarnessError) -> PageCache? {
    try parts.disk.mount()
    context.phase(.mounted)
    try KernelSettings.apply(profile, mounted: true, context.journal)
    if let strict = profile.kernel.strictLimit {
      try KernelSettings.setStrictLimit(
        strict, of: profile.filesystem.holder, backing: parts.disk.backing, context.journal)
    }
    var cache: PageCache?
    if let device = plan.cacheDevice { cache = try PageCache(from: device, bytes: profile.cache) }
    record.emit(
      EnvironmentProbe.line(
        device: plan.device, mountPoint: Trial.mountPoint, below: parts.disk.below,
        backing: parts.disk.backing, parts.cgroups.made))
    return cache
  }

  /// Waits until every worker has its memory, as much of it as it could get, or is ready to begin.
  private func awaitPins(_ parts: TrialParts) throws(HarnessError) {
    let deadline = cl_boottime() + Self.readyTime
    let patience = profile.pinned.map(\.within).max() ?? 0
    let pinDeadline = cl_boottime() + patience + Self.graceTime
    defer { for pin in parts.pins where !pin.worker.isLate { pin.finishPinning() } }
    while let waiting = parts.workers.first(where: { !$0.isReady }) {
      if venue.isInterrupted() || parts.aborted != nil { return }
      for pin in parts.pins { pin.collect() }
      for worker in parts.workers where worker.hasEnded() {
        if let failure = worker.failure { throw failure }
        throw early(worker)
      }
      let isPin = waiting.role == .pinned
      if cl_boottime() > (isPin ? pinDeadline : deadline) {
        let time = isPin ? patience + Self.graceTime : Self.readyTime
        throw HarnessError(
          .harness, "worker \(waiting.name)",
          "not ready after \(time / Trial.second) s\(isPin ? ", at \(waiting.reach)" : "")")
      }
      cl_sleep_until(cl_boottime() + 1_000_000)
    }
  }

  /// A worker has ended before it was ready. Killed while pinning: that is a result, of class anon.
  private func early(_ worker: WorkerProcess) -> HarnessError {
    guard worker.role == .pinned else {
      return HarnessError(
        .harness, "worker \(worker.name)",
        "ended before it was ready (\(worker.exit?.description ?? "?"))")
    }
    let how =
      worker.exit == .signal(SIGKILL) ? "killed" : "ended (\(worker.exit?.description ?? "?"))"
    return HarnessError(
      .harness, "worker \(worker.name)", "\(how) at \(worker.reach)",
      remedy: "when memory.max is below what is pinned, the pin alone is too large")
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// How a trial comes to be: what it makes on its machine, and the workers that wait for their start.
extension Trial {
  /// How long a stream or task may take until it is ready.
  private static let readyTime = 120 * second
  /// How much longer than `within` a pin may take until it gives up: it does so between two pages.
  private static let graceTime = 10 * second

  func setUp() throws(HarnessError) {
    phase(.setUp)
    kernelLog.own { owner in
      owner.cgroups = ownCgroups
      owner.isNamespaced = CgroupTree.isNamespaced
    }
    try kernelLog.start(reading: !isBare)
    try KernelSettings.apply(profile, mounted: false, journal)
    // Before the pins, which may need it.
    if profile.machine.zram > 0 {
      try awaitDevices()
      try Swap.onZram(profile.machine.zram, journal)
    }
    if let swap = plan.swapDevice {
      try awaitDevices()
      try Swap.on(swap, journal)
    }
    cgroupsMark = journal.mark
    let limited = try cgroups.make(Self.root, try complete(profile.limits))
    self.limited = limited
    for group in profile.cgroups {
      tree.append(
        try cgroups.make("\(Self.root)/\(group.name)", try complete(group.limits)))
    }
    var seeds = SplitMix64(seed: plan.seed &+ 1)
    var groups: [Cgroup] = []
    for (name, parent) in profile.pinned.map({ ($0.name, $0.cgroup) })
      + profile.streams.map({ ($0.name, $0.cgroup) })
    {
      let path = [Self.root, parent, name].compactMap(\.self).joined(separator: "/")
      groups.append(try cgroups.make(path))
    }
    for task in profile.tasks {
      // Compaction is asked for by an administrator, outside the limits.
      let path =
        task.action == .compact
        ? Self.outside(task)
        : [Self.root, task.cgroup, task.name].compactMap(\.self).joined(separator: "/")
      groups.append(try cgroups.make(path))
    }
    try startWatchdog([limited] + groups.filter { !$0.path.hasPrefix(limited.path + "/") })
    let observed = [limited] + tree + groups
    try lanes.startFast(observed)
    if !isBare {
      announcements = try Announcements(limited, tree + groups, into: record)
      try announcements?.start()
    }

    phase(.pin)
    var remaining = groups[...]
    for pinned in profile.pinned {
      let worker = try WorkerProcess.pinning(
        pinned, cgroup: remaining.removeFirst(), seed: seeds.next(), slow: profile.observe.slow)
      try adopt(worker)
      pins.append(OperationRecorder(worker, slow: profile.observe.slow, record))
    }
    try awaitDevices()
    try mountScratch()
    try lanes.startSlow(disk: plan.device, backing: disk.backing, observed)
    for stream in profile.streams {
      let group = remaining.removeFirst()
      for job in 0..<stream.jobs {
        let worker = try WorkerProcess.streaming(
          stream, job: job, in: Self.mountPoint, cgroup: group, seed: seeds.next())
        try adopt(worker)
        streams.append(OperationRecorder(worker, slow: profile.observe.slow, record))
      }
    }
    for task in profile.tasks {
      let worker = try WorkerProcess.task(
        task, at: Self.mountPoint + "/" + task.name, cgroup: remaining.removeFirst(),
        seed: seeds.next())
      try adopt(worker)
      tasks.append(OperationRecorder(worker, slow: profile.observe.slow, record))
    }
    for worker in workers {
      record.emit(WorkerLine.self) {
        $0.name = worker.name
        $0.event = .start
        $0.pid = Int64(worker.pid)
        $0.cgroup = worker.cgroup
      }
    }
  }

  /// The cgroups in which nobody is but the trial; nil: the machine is its own.
  private var ownCgroups: [String]? {
    if machineLimits == nil { return nil }
    let base = cgroups.base.location
    if !base.isEmpty { return [base] }
    return [Self.root] + profile.tasks.filter { $0.action == .compact }.map(Self.outside)
  }

  /// The cgroup of a task outside the limits.
  private static func outside(_ task: Profile.Task) -> String { "\(root)-\(task.name)" }

  private func adopt(_ worker: WorkerProcess) throws(HarnessError) {
    workers.append(worker)
    kernelLog.own { $0.workers.insert(worker.pid) }
    try announcements?.add(worker)
  }

  /// Limits as the kernel takes them; io files name a disk, whose number a profile cannot know.
  func complete(_ limits: [Profile.Setting]) throws(HarnessError) -> [Profile.Setting] {
    func lacksDevice(_ limit: Profile.Setting) -> Bool {
      ["io.max", "io.latency"].contains(limit.key) && !limit.value.contains(":")
    }
    guard limits.contains(where: lacksDevice) else { return limits }
    try awaitDevices()
    guard let number = BlockDevice.diskNumber(plan.device) else {
      throw HarnessError(.environment, plan.device, "is not a block device")
    }
    return limits.map { limit in
      lacksDevice(limit) ? Profile.Setting(limit.key, "\(number) \(limit.value)") : limit
    }
  }

  private func mountScratch() throws(HarnessError) {
    try disk.mount()
    phase(.mounted)
    try KernelSettings.apply(profile, mounted: true, journal)
    if let strict = profile.kernel.strictLimit {
      try KernelSettings.setStrictLimit(
        strict, device: disk.source, profile.filesystem.kind, journal)
    }
    if let cache = plan.cacheDevice { pageCache = try PageCache(from: cache, bytes: profile.cache) }
    record.emit(
      EnvironmentProbe.line(
        device: plan.device, mountPoint: Self.mountPoint, backing: disk.backing, cgroups.made))
  }

  /// Waits until every worker has its memory, as much of it as it could get, or is ready to begin.
  func awaitPins() throws(HarnessError) {
    let deadline = cl_boottime() + Self.readyTime
    let patience = profile.pinned.map(\.within).max() ?? 0
    let pinDeadline = cl_boottime() + patience + Self.graceTime
    defer { for pin in pins where !pin.worker.isGrowing { pin.finishPinning() } }
    while let waiting = workers.first(where: { !$0.isReady }) {
      if isInterrupted() || aborted != nil { return }
      for pin in pins { pin.collect() }
      for worker in workers where worker.hasEnded() {
        if let failure = worker.failure { throw failure }
        throw early(worker)
      }
      let isPin = waiting.role == .pinned
      if cl_boottime() > (isPin ? pinDeadline : deadline) {
        let time = isPin ? patience + Self.graceTime : Self.readyTime
        throw HarnessError(
          .harness, "worker \(waiting.name)",
          "not ready after \(time / Self.second) s\(isPin ? ", at \(waiting.reach)" : "")")
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

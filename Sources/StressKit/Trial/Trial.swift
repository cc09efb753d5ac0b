import CLinux
import Glibc
import Synchronization
import SystemPackage

/// One trial on this machine: set up, run, take down, always; told to a record as it goes.
package final class Trial {
  package static let mountPoint = ScratchDisk.mountPoint
  /// The cgroup that holds the limits, and all the others; below the tree's base.
  package static let root = "wbstress"
  private static let second: UInt64 = 1_000_000_000
  /// How long a stream or task may take until it is ready.
  private static let readyTime = 120 * second
  /// How much longer than `within` a pin may take until it gives up: it does so between two pages.
  private static let graceTime = 10 * second
  /// How long all of the set-up may take, with files to be written and read beforehand.
  private static let setUpTime = 900 * second
  /// How long a killed worker may take to die.
  private var killTime: UInt64 { (journal.patience.isHurried() ? 1 : 60) * Self.second }
  private static let stalledKillTime = 5 * second
  /// How often the streams are looked at.
  private static let pollInterval: UInt64 = 20_000_000

  private let plan: TrialPlan
  private var profile: Profile { plan.profile }
  private let record: RecordWriter
  private var cgroups: CgroupTree
  private let journal: CleanupJournal
  /// Of the journal, before the first cgroup.
  private var cgroupsMark: Int?
  private var limited: CgroupTree.Group?
  /// The profile's own groups below it.
  private var tree: [CgroupTree.Group] = []
  private var workers: [WorkerProcess] = []
  private var streams: [OperationRecorder] = []
  private var tasks: [OperationRecorder] = []
  /// In the profile's order.
  private var pins: [OperationRecorder] = []
  /// All that have something to do from the streams' start on.
  private var actors: [OperationRecorder] {
    pins.filter { $0.worker.isGrowing || $0.worker.isHot } + streams + tasks
  }
  private var lanes: Lanes
  private let disk: ScratchDisk
  private var timeline: TimelineRunner?
  private var pageCache: PageCache?
  private let kernelLog: KernelLogFollower
  private var announcements: Announcements?
  private var snapshots: Snapshots
  private let tracing: Tracing?
  /// Nothing is read while the streams run.
  private var isBare: Bool { profile.observe.level == .bare }

  private let awaitDevices: () throws(HarnessError) -> Void
  private let awaitGo: () throws(HarnessError) -> Void
  private let throttle: (Throttle) throws(HarnessError) -> Void
  /// Asked now and then; a trial that is interrupted is taken down at once, and says so.
  package var isInterrupted: () -> Bool = { false }
  package var onPhase: (String) -> Void = { _ in }
  /// Told, on a thread of its own, of a trial that hangs in its own unmount, and so cannot end by itself.
  package var onStall: (@Sendable (Ending) -> Void)?
  /// What aborts it for the sake of the machine; nil: the machine is the trial's own, and has a host to watch it.
  package var machineLimits: MachineLimits?
  private var watchdog: Watchdog?

  /// - Parameters:
  ///   - journal: of what is made; the trial undoes what it must for its record, its caller the rest.
  ///   - cgroups: the machine's v2 hierarchy; the caller's process is already in a group of its own.
  ///   - tracing: made while nothing else was at work yet; nil: none.
  ///   - awaitDevices: returns when the scratch device and the file system's module are there. A guest
  ///     loads them while the pinned memory is being filled.
  ///   - awaitGo: called when all is ready; returns when the device is as slow as the profile wants.
  ///   - throttle: changes that while the streams run.
  package init(
    _ plan: TrialPlan, record: RecordWriter, journal: CleanupJournal, cgroups: CgroupTree,
    tracing: Tracing?,
    awaitDevices: @escaping () throws(HarnessError) -> Void,
    awaitGo: @escaping () throws(HarnessError) -> Void,
    throttle: @escaping (Throttle) throws(HarnessError) -> Void
  ) throws(HarnessError) {
    self.plan = plan
    self.record = record
    self.journal = journal
    self.cgroups = cgroups
    self.tracing = tracing
    self.awaitDevices = awaitDevices
    self.awaitGo = awaitGo
    self.throttle = throttle
    disk = ScratchDisk(plan, journal)
    lanes = Lanes(plan.profile.observe, record)
    kernelLog = try KernelLogFollower(record)
    snapshots = Snapshots(record)
  }

  /// Carries the trial out. The caller writes the ending as the record's last line.
  package func run() -> Ending {
    let ending: Ending
    do {
      try setUp()
      try awaitPins()
      let stalled = try stream()
      ending = takeDown(stalled)
    } catch {
      let failure =
        aborted
        ?? (isInterrupted()
          ? .interrupted : Ending(.invalid, reason: "set-up", message: error.description))
      lanes.stop()
      watchdog?.rest()
      WorkerProcess.kill(workers, timeout: killTime)
      ending = settle(failure)
    }
    return ending
  }

  private func phase(_ name: String, at time: UInt64? = nil, _ more: [(String, JSON)] = []) {
    record.emit("phase", at: time, [("name", .string(name))] + more)
    onPhase(name)
  }

  // MARK: Set-up

  private func setUp() throws(HarnessError) {
    phase("set-up")
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
    var groups: [CgroupTree.Group] = []
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
        ? "\(Self.root)-\(task.name)"
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

    phase("pin")
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
      record.emit(
        "worker",
        [
          ("name", .string(worker.name)), ("event", "start"), ("pid", .int(Int64(worker.pid))),
          ("cgroup", .string(worker.cgroup)),
        ])
    }
  }

  /// The workers' own cgroups; the jobs of a stream share one.
  private var workerGroups: [CgroupTree.Group] {
    workers.compactMap(\.group).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
  }

  private func adopt(_ worker: WorkerProcess) throws(HarnessError) {
    workers.append(worker)
    try announcements?.add(worker)
  }

  /// Limits as the kernel takes them; io files name a disk, whose number a profile cannot know.
  private func complete(_ limits: [Profile.Setting]) throws(HarnessError) -> [Profile.Setting] {
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
    phase("mounted")
    try KernelSettings.apply(profile, mounted: true, journal)
    if let strict = profile.kernel.strictLimit {
      try KernelSettings.setStrictLimit(
        strict, device: disk.source, profile.filesystem.kind, journal)
    }
    if let cache = plan.cacheDevice { pageCache = try PageCache(from: cache, bytes: profile.cache) }
    record.emit(
      "environment",
      EnvironmentProbe.members(
        device: plan.device, mountPoint: Self.mountPoint, backing: disk.backing, cgroups.made))
  }

  /// Waits until every worker has its memory, as much of it as it could get, or is ready to begin.
  private func awaitPins() throws(HarnessError) {
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

  // MARK: The watchdog

  private func startWatchdog(_ groups: [CgroupTree.Group]) throws(HarnessError) {
    guard let machineLimits, let limited else { return }
    let watchdog = try Watchdog(
      over: groups, machineLimits, beside: MachineLimits.beside(limited))
    watchdog.expect(within: Self.setUpTime)
    self.watchdog = watchdog
  }

  /// Tells the watchdog that the trial goes on.
  ///
  /// - Parameter time: what the next step may take beside what any may.
  private func expectStep(within time: UInt64 = 0) {
    if let machineLimits { watchdog?.expect(within: machineLimits.stuck + time) }
  }

  /// How the watchdog has ended the trial; nil: it has not.
  private var aborted: Ending? {
    switch watchdog?.verdict {
    case .stuck(let message): Ending(.harnessLost, reason: "stuck", message: message)
    case .machine(let message): Ending(.invalid, reason: Ending.machine, message: message)
    case nil: nil
    }
  }

  // MARK: The streams

  /// Runs the streams, and what goes on beside them, to their end or their time.
  ///
  /// - Returns: how it ended when nothing moved any more, or when no kill could end what was in flight.
  private func stream() throws(HarnessError) -> Ending? {
    let delay = plan.startDelay
    startTracing()
    phase("ready")
    for group in workerGroups {
      // Of the jobs of a stream the first stands for all.
      guard let worker = workers.first(where: { $0.group == group }) else { continue }
      WorkerCost.tell(worker, record)
    }
    snapshots.take("before", limited, tree + workerGroups)
    let mirror = Mirror()
    try awaitGo()
    try disk.delayed?.setDelay(profile.device.delay)
    if let limited { try lanes.startRstat(limited) }
    let start = cl_boottime() + delay
    phase("delay", [("delay", .uint(delay))])
    let timeline = try makeTimeline(begin: start)
    let late = Set(profile.timeline.flatMap(\.start).flatMap(workers(called:)).map(\.pid))
    for actor in actors where !late.contains(actor.worker.pid) {
      try actor.worker.start(at: start)
    }
    try plan.fault?.inject(at: start + Self.second)
    expectStep(within: delay)
    cl_sleep_until(start)
    phase("stream", at: start)

    let deadline = start + profile.duration
    var ended: Set<String> = []
    var progressDue = start + Self.second
    var beats = Heartbeats(plan, begin: start)
    var beatDue = start + Heartbeats.interval
    var stalled: Ending?
    while ended.count < workers.count {
      try timeline.advance(to: cl_boottime())
      for worker in workers where !ended.contains(worker.name) && worker.hasEnded() {
        ended.insert(worker.name)
        recordEnd(worker)
        actors.first { $0.worker === worker }?.recordInFlight(at: cl_boottime())
      }
      if !isBare {
        for actor in actors { actor.collect() }
      }
      if !isBare, cl_boottime() >= progressDue {
        for actor in actors { actor.recordProgress(at: cl_boottime()) }
        progressDue += Self.second
      }
      if cl_boottime() >= beatDue {
        beats.look(workload, at: cl_boottime())
        beatDue += Heartbeats.interval
        if beats.isStalled(at: cl_boottime()) {
          stalled = tellStall(beats, at: cl_boottime())
          break
        }
      }
      if awaited.allSatisfy({ ended.contains($0.worker.name) }), !awaited.isEmpty { break }
      if cl_boottime() >= deadline || isInterrupted() || aborted != nil { break }
      expectStep()
      // A bare trial looks for its workers' exits only.
      let pause = isBare ? 10 * Self.pollInterval : Self.pollInterval
      cl_sleep_until(min(deadline, timeline.next ?? .max, cl_boottime() + pause))
    }
    let stop = cl_boottime()
    expectStep(within: killTime)
    phase("stop", at: stop)
    beats.look(workload, at: stop)
    record.emit("heartbeats", at: stop, beats.members(at: stop))
    record.emit("mirror", mirror.members(record))
    for actor in actors { actor.worker.requestStop() }
    for actor in actors { actor.recordInFlight(at: stop) }
    snapshots.take("after", limited, tree + workerGroups)
    // A worker dies when the disk has taken its last writes.
    if isInterrupted() { quicken() }
    // Who waits for a disk that does nothing does not die of it.
    WorkerProcess.kill(
      workers, timeout: stalled == nil ? killTime : min(killTime, Self.stalledKillTime))
    watchdog?.rest()
    for actor in actors { actor.collect() }
    for pin in pins where pin.worker.isGrowing { pin.finishPinning() }
    for worker in workers where !ended.contains(worker.name) { recordEnd(worker) }
    if stalled == nil, let stuck = workers.first(where: { !$0.hasEnded() }) {
      stalled = Ending(
        .stalled, reason: "unkillable",
        message: "worker \(stuck.name) in uninterruptible sleep outlived SIGKILL by "
          + "\(killTime / Self.second) s\(StallEvidence.tell(workers, record))")
    }
    for actor in actors where actor.worker.role != .pinned || actor.worker.isHot { actor.finish() }
    return stalled
  }

  /// What the trial is about: its streams; without them its tasks, and without those its pins.
  private var awaited: [OperationRecorder] { streams.isEmpty ? tasks : streams }

  private var workload: Heartbeats.Workload {
    let awaited = awaited.isEmpty ? actors : awaited
    return Heartbeats.Workload(
      lastEnd: awaited.map(\.worker.totals.lastEnd).max() ?? 0,
      oldest: awaited.filter { !$0.worker.hasEnded() }
        .flatMap { $0.worker.inFlight().map(\.start) }.min())
  }

  private func tellStall(_ beats: Heartbeats, at now: UInt64) -> Ending {
    func seconds(_ time: UInt64?) -> String { time.map { "\($0 / Self.second) s" } ?? "?" }
    let storage =
      beats.storageAge(at: now).map { "its disks completed no request for \(seconds($0))" }
      ?? "no disk tells what it completes"
    return Ending(
      .stalled, reason: "no-progress",
      message:
        "no operation ended for \(seconds(beats.workloadAge(at: now))), the oldest in flight is "
        + "\(seconds(beats.oldestAge(at: now))) old, and \(storage)"
        + StallEvidence.tell(workers, record))
  }

  /// The workers that a profile means by a name: a stream has one for each of its jobs.
  private func workers(called name: String) -> [WorkerProcess] {
    let names = profile.streams.first { $0.name == name }?.each.map(\.name) ?? [name]
    return workers.filter { names.contains($0.name) }
  }

  private func makeTimeline(begin: UInt64) throws(HarnessError) -> TimelineRunner {
    var profile = profile
    for i in profile.timeline.indices {
      profile.timeline[i].limits = try complete(profile.timeline[i].limits)
    }
    let made = try TimelineRunner(
      profile, begin: begin, limited: limited ?? cgroups.group(Self.root),
      delayed: disk.delayed, record: record,
      .init(
        start: { [self] name throws(HarnessError) in
          for worker in workers(called: name) { try worker.start(at: cl_boottime()) }
        },
        stop: { [self] name in for worker in workers(called: name) { worker.requestStop() } },
        throttle: throttle))
    timeline = made
    return made
  }

  private func startTracing() {
    let pairs = zip(profile.streams.flatMap(\.each), streams)
    let devices = [plan.device, plan.swapDevice].compactMap { $0 }
    tracing?.start(
      TraceInstance.Target(
        devices: devices.compactMap(BlockDevice.diskNumber),
        superblock: Mount.superblock(at: Self.mountPoint) ?? "",
        backing: disk.backing ?? ""),
      record: record, slow: profile.observe.slow, workers: workers,
      submitters: Set(pairs.filter { $0.0.engine == .ioUring }.map(\.1.worker.pid)),
      groups: workerGroups)
  }

  private func recordEnd(_ worker: WorkerProcess) {
    let event: JSON =
      switch worker.exit {
      case .status(0): "done"
      case .status: "failed"
      case .signal(SIGKILL): worker.wasStopped ? "stopped" : "killed"
      case .signal: "crashed"
      case nil: "unkillable"
      }
    record.emit(
      "worker",
      [
        ("name", .string(worker.name)), ("event", event),
        ("exit", .optional(worker.exit?.description)),
        ("message", .optional(worker.failure?.description)),
      ])
  }

  // MARK: Take-down

  private func takeDown(_ stalled: Ending?) -> Ending {
    if isInterrupted() { return settle(.interrupted) }
    if let aborted { return settle(aborted) }
    if let stalled { return settle(stalled) }
    if let failed = workers.lazy.compactMap(\.failure).first {
      return settle(Ending(.invalid, reason: "worker", message: failed.description))
    }
    // The kernel kills with SIGKILL only: any other signal is a fault of the harness.
    for worker in workers {
      if case .signal(let number) = worker.exit, number != SIGKILL {
        let why =
          number == SIGBUS
          ? " (SIGBUS: no block for a page of a mapped file; is the disk full? raise device.size)"
          : ""
        return settle(
          Ending(
            .invalid, reason: "worker",
            message: "worker \(worker.name) died of signal \(number)\(why)"))
      }
    }
    return settle(Ending(.completed))
  }

  /// Unmounts, stops watching and says how it ended.
  private func settle(_ sofar: Ending) -> Ending {
    var ending = sofar
    phase("unmount")
    quicken()
    if ending.outcome != .stalled {
      do throws(HarnessError) {
        try timeline?.finish()
      } catch {
        ending = Ending(.invalid, reason: "timeline", message: error.description)
      }
      // Its actions refer to this trial.
      timeline = nil
    }
    if ending.outcome != .stalled {
      let watch = try? StorageWatch(plan, record, onStall)
      let (wasMounted, failures) = disk.unmount()
      watch?.finish()
      if let failure = failures.first {
        ending = Ending(.invalid, reason: "take-down", message: failure.description)
      } else if wasMounted {
        phase("unmounted")
      }
    }
    tracing?.stop(
      record,
      streams: Dictionary(
        streams.map { ($0.worker.pid, $0.worker.name) }, uniquingKeysWith: { first, _ in first }))
    lanes.finish()
    if let watchdog { record.emit("watchdog", watchdog.members) }
    announcements?.stop()
    kernelLog.stop()
    let kills = recordKills()
    // A kill is a kill, whatever went wrong beside it or because of it; but where the machine suffered, it need not
    // be the profile's.
    if [.completed, .invalid].contains(ending.outcome), kills > 0, aborted == nil {
      ending = Ending(.oom, reason: ending.reason, message: ending.message)
    } else if [.completed, .invalid].contains(ending.outcome), aborted == nil,
      let other = killedByOther()
    {
      ending = other
    }
    if ending.outcome != .stalled, let cgroupsMark {
      // What could not be removed is a note, not the trial's outcome: a machine that is not thrown away tries
      // again.
      for failure in journal.undo(to: cgroupsMark) {
        record.emit("note", [("message", .string(failure.description))])
      }
    }
    return ending
  }

  /// Lets the disk take what it can. Only to save time: without it what is dirty trickles.
  private func quicken() { try? throttle(Throttle(Profile.Device())) }

  /// The ending of a trial that somebody in user space has shortened: a worker died of a SIGKILL that is neither the
  /// kernel's nor ours. nil: nobody has.
  private func killedByOther() -> Ending? {
    let victims = workers.filter { $0.exit == .signal(SIGKILL) && !$0.wasStopped }
    if victims.isEmpty { return nil }
    let names = victims.map { worker in
      "\(worker.name) (pid \(worker.pid))"
        + (tracing?.killer(of: worker.pid).map { " by \($0)" } ?? "")
    }
    let daemons = (try? MemoryDaemon.alive())?.map { "\($0.name) (pid \($0.pid))" } ?? ["unknown"]
    return Ending(
      .invalid, reason: "killed-by-other",
      message:
        "SIGKILL, and no OOM kill of the kernel's: \(names.joined(separator: ", ")); daemons alive that"
        + " kill: \(daemons.isEmpty ? "none" : daemons.joined(separator: ", "))")
  }

  /// What memory.events and the kernel log say of kills: two accounts that must agree.
  private func recordKills() -> Int64 {
    guard let limited else { return 0 }
    let events = CounterFile.snapshot((try? File.text(limited.file("memory.events"))) ?? "")
    let counts = Dictionary(events, uniquingKeysWith: { first, _ in first })
    record.emit(
      "kills",
      [
        ("memory.events", .object(events.map { ($0.key, .int($0.value)) })),
        ("kill_lines", .int(Int64(kernelLog.killLines))),
        ("incidents", .int(Int64(kernelLog.incidents))),
        ("kmsg_gaps", .int(Int64(kernelLog.gaps))),
      ])
    return max(counts["oom_kill"] ?? 0, Int64(kernelLog.killLines))
  }
}

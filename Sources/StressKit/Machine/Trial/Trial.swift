// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// One trial on this machine: set up, run, take down, always; told to a record as it goes.
package final class Trial {
  package static let mountPoint = ScratchDisk.mountPoint
  /// The cgroup that holds the limits, and all the others; below the tree's base.
  package static let root = "wbstress"
  static let second: UInt64 = 1_000_000_000
  /// How long all of the set-up may take, with files to be written and read beforehand.
  private static let setUpTime = 900 * second
  /// How long a killed worker may take to die.
  private var killTime: UInt64 { (journal.patience.isHurried() ? 1 : 60) * Self.second }
  private static let stalledKillTime = 5 * second
  /// How often the streams are looked at.
  private static let pollInterval: UInt64 = 20_000_000

  let plan: TrialPlan
  var profile: Profile { plan.profile }
  let record: RecordWriter
  var cgroups: CgroupTree
  let journal: CleanupJournal
  /// Of the journal, before the first cgroup.
  var cgroupsMark: Int?
  var limited: Cgroup?
  /// The profile's own groups below it.
  var tree: [Cgroup] = []
  var workers: [WorkerProcess] = []
  var streams: [OperationRecorder] = []
  var tasks: [OperationRecorder] = []
  /// In the profile's order.
  var pins: [OperationRecorder] = []
  /// All that have something to do from the streams' start on.
  var actors: [OperationRecorder] {
    pins.filter { $0.worker.isGrowing || $0.worker.isHot } + streams + tasks
  }
  var lanes: Lanes
  let disk: ScratchDisk
  var timeline: TimelineRunner?
  var pageCache: PageCache?
  let kernelLog: KernelLogFollower
  var announcements: Announcements?
  var snapshots: Snapshots
  let tracing: Tracing?
  /// Nothing is read while the streams run.
  var isBare: Bool { profile.observe.level == .bare }

  let awaitDevices: () throws(HarnessError) -> Void
  private let awaitGo: () throws(HarnessError) -> Void
  let throttle: (Throttle) throws(HarnessError) -> Void
  /// Asked now and then; a trial that is interrupted is taken down at once, and says so.
  package var isInterrupted: () -> Bool = { false }
  package var onPhase: (PhaseLine.Name) -> Void = { _ in }
  /// Told, on a thread of its own, of a trial that hangs in its own unmount, and so cannot end by itself.
  package var onStall: (@Sendable (Ending) -> Void)?
  /// What aborts it for the sake of the machine; nil: the machine is the trial's own, and has a host to watch it.
  package var machineLimits: MachineLimits?
  var watchdog: Watchdog?

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
      for worker in workers where !worker.hasEnded() { recordEnd(worker) }
      ending = settle(failure)
    }
    return ending
  }

  func phase(_ name: PhaseLine.Name, at time: UInt64? = nil, delay: UInt64? = nil) {
    record.emit(PhaseLine.self, at: time) {
      $0.name = name
      $0.delay = delay.map { Int64(clamping: $0) }
    }
    onPhase(name)
  }

  /// The workers' own cgroups; the jobs of a stream share one.
  var workerGroups: [Cgroup] {
    workers.compactMap(\.group).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
  }

  // MARK: The watchdog

  func startWatchdog(_ groups: [Cgroup]) throws(HarnessError) {
    guard let machineLimits, let limited else { return }
    let watchdog = try Watchdog(
      over: groups, machineLimits, beside: MachineLimits.beside(limited))
    watchdog.expect(within: Self.setUpTime)
    self.watchdog = watchdog
  }

  /// Tells the watchdog that the trial goes on.
  ///
  /// - Parameter time: what the next step may take beside what any may.
  func expectStep(within time: UInt64 = 0) {
    if let machineLimits { watchdog?.expect(within: machineLimits.stuck + time) }
  }

  /// How the watchdog has ended the trial; nil: it has not.
  var aborted: Ending? {
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
    phase(.ready)
    for group in workerGroups {
      // Of the jobs of a stream the first stands for all.
      guard let worker = workers.first(where: { $0.group == group }) else { continue }
      WorkerCost.tell(worker, record)
    }
    snapshots.take(.before, limited, tree + workerGroups)
    let mirror = Mirror()
    try awaitGo()
    try disk.delayed?.setDelay(profile.device.delay)
    if let limited { try lanes.startRstat(limited) }
    let start = cl_boottime() + delay
    phase(.delay, delay: delay)
    let timeline = try makeTimeline(begin: start)
    let late = Set(profile.timeline.flatMap(\.start).flatMap(workers(called:)).map(\.pid))
    for actor in actors where !late.contains(actor.worker.pid) {
      try actor.worker.start(at: start)
    }
    try plan.fault?.inject(at: start + Self.second)
    expectStep(within: delay)
    cl_sleep_until(start)
    phase(.stream, at: start)

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
    phase(.stop, at: stop)
    beats.look(workload, at: stop)
    record.emit(beats.line(at: stop), at: stop)
    record.emit(mirror.line(record))
    for actor in actors { actor.worker.requestStop() }
    // What ends meanwhile was in flight at the stop.
    for actor in actors { actor.recordInFlight(at: stop) }
    snapshots.take(.after, limited, tree + workerGroups)
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
    return Ending(
      .stalled, reason: "no-progress",
      message:
        "no operation ended for \(seconds(beats.workloadAge(at: now))), the oldest in flight is "
        + "\(seconds(beats.oldestAge(at: now))) old, and \(beats.storage(at: now))"
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
        // Not to be kept by what it keeps: with a trial its workers go.
        start: { [unowned self] name throws(HarnessError) in
          for worker in workers(called: name) { try worker.start(at: cl_boottime()) }
        },
        stop: { [unowned self] name in for worker in workers(called: name) { worker.requestStop() }
        },
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
    record.emit(WorkerLine.self) {
      $0.name = worker.name
      $0.event =
        switch worker.exit {
        case .status(0): .done
        case .status: .failed
        case .signal(SIGKILL): worker.wasStopped ? .stopped : .killed
        case .signal: .crashed
        case nil: .unkillable
        }
      $0.exit = worker.exit?.description
      $0.message = worker.failure?.description
    }
  }
}

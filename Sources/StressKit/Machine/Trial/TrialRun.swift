// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressRecord

/// A trial's second phase: the streams, and what goes on beside them, from their start to their end or their time.
struct TrialRun {
  private static let stalledKillTime = 5 * Trial.second
  /// How often the streams are looked at.
  private static let pollInterval: UInt64 = 20_000_000

  private let context: TrialContext
  private let limited: Cgroup
  /// As the set-up has left them, and with the timeline.
  private let parts: TrialParts
  private let timeline: TimelineRunner
  private let mirror: Mirror
  private let snapshots: Snapshots
  /// Of the streams.
  private let start: UInt64
  private var beats: Heartbeats
  /// Workers whose end is told.
  private var ended: Set<String> = []

  private var record: RecordWriter { context.record }
  private var workers: [WorkerProcess] { parts.workers }
  private var actors: [OperationRecorder] { parts.actors }

  /// Runs the streams.
  ///
  /// - Parameters:
  ///   - limited: the cgroup that has the limits.
  ///   - parts: what the set-up has made.
  /// - Returns: how it ended when nothing moved any more, or when no kill could end what was in flight.
  static func run(
    _ context: TrialContext, _ limited: Cgroup, _ parts: inout TrialParts
  ) throws(HarnessError) -> Ending? {
    var run = try TrialRun(context, limited, &parts)
    try run.startActors()
    let stalled = try run.watch()
    return run.stop(stalled)
  }

  /// Comes to the start delay: all is ready, the device is slow, and nothing has begun.
  private init(
    _ context: TrialContext, _ limited: Cgroup, _ parts: inout TrialParts
  ) throws(HarnessError) {
    let (record, profile) = (context.record, context.profile)
    Self.startTracing(context, parts)
    context.phase(.ready)
    for group in parts.workerGroups {
      // Of the jobs of a stream the first stands for all.
      guard let worker = parts.workers.first(where: { $0.group == group }) else { continue }
      WorkerCost.tell(worker, record)
    }
    snapshots = Snapshots(record)
    snapshots.take(.before, limited, parts.tree + parts.workerGroups)
    mirror = Mirror()
    try context.venue.awaitGo()
    try parts.disk.delayed?.setDelay(profile.device.delay)
    try parts.lanes.startRstat(limited)
    let delay = context.plan.startDelay
    start = cl_boottime() + delay
    context.phase(.delay, delay: delay)
    timeline = try Self.makeTimeline(context, limited, parts, begin: start)
    parts.timeline = timeline
    beats = Heartbeats(context.plan, begin: start)
    self.context = context
    self.limited = limited
    self.parts = parts
  }

  private static func startTracing(_ context: TrialContext, _ parts: TrialParts) {
    let plan = context.plan
    let pairs = zip(plan.profile.streams.flatMap(\.each), parts.streams)
    let devices = [plan.device, plan.swapDevice].compactMap { $0 }
    context.tracing?.start(
      TraceInstance.Target(
        devices: devices.compactMap(BlockDevice.diskNumber),
        superblock: parts.disk.superblock ?? "",
        backing: parts.disk.backing ?? ""),
      record: context.record, slow: plan.profile.observe.slow,
      .init(
        workers: parts.workers,
        submitters: Set(pairs.filter { $0.0.engine == .ioUring }.map(\.1.worker.pid)),
        groups: parts.workerGroups,
        places: CallPlaces(
          zip(plan.profile.commands, parts.commandGroups).map { (name: $0.name, group: $1) },
          scratch: [parts.disk.superblock, Mount.superblock(at: Trial.mountPoint)]
            .compactMap(\.self),
          root: UserLand.path)))
  }

  private static func makeTimeline(
    _ context: TrialContext, _ limited: Cgroup, _ parts: TrialParts, begin: UInt64
  ) throws(HarnessError) -> TimelineRunner {
    var profile = context.profile
    for i in profile.timeline.indices {
      profile.timeline[i].limits = try context.complete(profile.timeline[i].limits)
    }
    return try TimelineRunner(
      profile, begin: begin, limited: limited, delayed: parts.disk.delayed, record: context.record,
      .init(
        on: parts.workers, parts.commands, of: profile, throttle: context.venue.throttle))
  }

  /// Lets all begin that no moment of the timeline starts, and waits for that.
  private func startActors() throws(HarnessError) {
    let late = Set(
      context.profile.timeline.flatMap(\.start)
        .flatMap { workers.called($0, in: context.profile) }.map(\.pid))
    for actor in actors where !late.contains(actor.worker.pid) {
      try actor.worker.start(at: start)
    }
    try context.plan.fault?.inject(at: start + Trial.second)
    parts.watchdog?.expectStep(within: context.plan.startDelay)
    cl_sleep_until(start)
    context.phase(.stream, at: start)
    try parts.commands?.startTimed(except: Set(context.profile.timeline.flatMap(\.start)))
  }

  /// Looks on until the streams have ended, or their time, or it is told to end.
  ///
  /// - Returns: how it ended when nothing moved any more.
  private mutating func watch() throws(HarnessError) -> Ending? {
    let deadline = start + context.profile.duration
    var progressDue = start + Trial.second
    var beatDue = start + Heartbeats.interval
    while true {
      try timeline.advance(to: cl_boottime())
      parts.commands?.look(at: cl_boottime())
      for worker in workers where !ended.contains(worker.name) && worker.hasEnded() {
        ended.insert(worker.name)
        context.recordEnd(worker)
        actors.first { $0.worker === worker }?.recordInFlight(at: cl_boottime())
      }
      if !context.isBare {
        for actor in actors { actor.collect() }
      }
      if !context.isBare, cl_boottime() >= progressDue {
        for actor in actors { actor.recordProgress(at: cl_boottime()) }
        progressDue += Trial.second
      }
      if cl_boottime() >= beatDue {
        beats.look(workload, at: cl_boottime())
        beatDue += Heartbeats.interval
        if beats.isStalled(at: cl_boottime()) { return tellStall(at: cl_boottime()) }
      }
      if isOver || parts.commands?.failure != nil { break }
      if cl_boottime() >= deadline || context.venue.isInterrupted() || parts.aborted != nil {
        break
      }
      parts.watchdog?.expectStep()
      // A bare trial looks for its workers' exits only.
      let pause = context.isBare ? 10 * Self.pollInterval : Self.pollInterval
      cl_sleep_until(min(deadline, timeline.next ?? .max, cl_boottime() + pause))
    }
    return nil
  }

  /// Ends the workers, and tells what they have done.
  ///
  /// - Parameter stalled: how it ended when nothing moved any more.
  /// - Returns: the same, or how it ended when no kill could end what was in flight.
  private mutating func stop(_ stalled: Ending?) -> Ending? {
    let stop = cl_boottime()
    parts.watchdog?.expectStep(within: context.killTime)
    context.phase(.stop, at: stop)
    beats.look(workload, at: stop)
    record.emit(beats.line(at: stop), at: stop)
    record.emit(mirror.line(record))
    for actor in actors { actor.worker.requestStop() }
    // What ends meanwhile was in flight at the stop.
    for actor in actors { actor.recordInFlight(at: stop) }
    snapshots.take(.after, limited, parts.tree + parts.workerGroups)
    // A worker dies when the disk has taken its last writes.
    if context.venue.isInterrupted() { context.quicken() }
    // Who waits for a disk that does nothing does not die of it.
    parts.commands?.end(
      gently: stalled == nil && !context.venue.isInterrupted(), timeout: context.killTime)
    WorkerProcess.kill(
      workers,
      timeout: stalled == nil
        ? context.killTime : min(context.killTime, Self.stalledKillTime))
    parts.watchdog?.rest()
    for actor in actors { actor.collect() }
    for pin in parts.pins where pin.worker.isLate { pin.finishPinning() }
    for worker in workers where !ended.contains(worker.name) { context.recordEnd(worker) }
    let ending = stalled ?? unkillable()
    for actor in actors where actor.worker.role != .pinned || actor.worker.isHot { actor.finish() }
    return ending
  }

  /// How it ended when a worker outlives its kill; nil: none does.
  private func unkillable() -> Ending? {
    if let stuck = parts.commands?.unkillable {
      return Ending(.stalled, reason: "unkillable", message: stuck)
    }
    guard let stuck = workers.first(where: { !$0.hasEnded() }) else { return nil }
    return Ending(
      .stalled, reason: "unkillable",
      message: "worker \(stuck.name) in uninterruptible sleep outlived SIGKILL by "
        + "\(context.killTime / Trial.second) s\(StallEvidence.tell(workers, record))")
  }

  /// Whether all has ended that the trial is about: its streams and the commands with them; where it has neither, its
  /// tasks, or else its pins.
  private var isOver: Bool {
    if ended.count == workers.count, parts.commands?.areIdle ?? true { return true }
    let isCounted = parts.commands?.counts ?? false
    if isCounted, parts.commands?.haveEnded == false { return false }
    let awaited = parts.streams.isEmpty && isCounted ? [] : self.awaited
    return (isCounted || !awaited.isEmpty)
      && awaited.allSatisfy { ended.contains($0.worker.name) }
  }

  /// What the trial is about: its streams; without them its tasks, and without those its pins.
  private var awaited: [OperationRecorder] {
    parts.streams.isEmpty ? parts.tasks : parts.streams
  }

  private var workload: Heartbeats.Workload {
    let awaited = awaited.isEmpty ? actors : awaited
    return Heartbeats.Workload(
      lastEnd: awaited.map(\.worker.totals.lastEnd).max() ?? 0,
      oldest: awaited.filter { !$0.worker.hasEnded() }
        .flatMap { $0.worker.inFlight().map(\.start) }.min())
  }

  private func tellStall(at now: UInt64) -> Ending {
    func seconds(_ time: UInt64?) -> String { time.map { "\($0 / Trial.second) s" } ?? "?" }
    return Ending(
      .stalled, reason: "no-progress",
      message:
        "no operation ended for \(seconds(beats.workloadAge(at: now))), the oldest in flight is "
        + "\(seconds(beats.oldestAge(at: now))) old, and \(beats.storage(at: now))"
        + StallEvidence.tell(workers, record))
  }
}

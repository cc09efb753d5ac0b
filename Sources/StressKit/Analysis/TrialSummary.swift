// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What one record says, computed from its lines alone.
package struct TrialSummary: Sendable {
  /// Write latency of a trial over all its streams, in-flight writes with their age included, ns.
  package struct Stall: Sendable, Equatable {
    package var p50: Double
    package var p99: Double
    package var max: Double
    package var count: Int

    package func value(at quantile: Profile.Expectation.Metric.Quantile) -> Double {
      switch quantile {
      case .p50: p50
      case .p99: p99
      case .max: max
      }
    }
  }

  /// Time in which some or all tasks waited, ns.
  package struct Pressure: Sendable, Equatable {
    package var some: Double
    package var full: Double
  }

  /// Three accounts of the number of processes killed; nil: that account is missing.
  package struct Kills: Sendable, Equatable {
    package var kernelLog: Int
    package var memoryEvents: Int?
    package var console: Int?
    /// A victim of memory.oom.group is counted twice in all three.
    package var agree: Bool {
      (memoryEvents ?? kernelLog) == kernelLog && (console ?? kernelLog) == kernelLog
    }
    /// Of the accounts that there are the highest: each may have lost some.
    package var most: Int { max(kernelLog, memoryEvents ?? 0, console ?? 0) }

    /// By the cgroup and the log; nil: neither tells of any, and the cgroup's own count is not in the record.
    func told(_ outcome: Outcome) -> Int? {
      let counted = max(kernelLog, memoryEvents ?? 0, outcome == .oom ? 1 : 0)
      return counted == 0 && memoryEvents == nil ? nil : counted
    }
  }

  /// Pinned memory that the kernel did not give in full.
  package struct Shortfall: Sendable, Equatable {
    package var worker: String
    /// Asked for, and what of it was there in the end, bytes.
    package var size: UInt64
    package var reached: UInt64
    /// The errno's name; nil: it was not refused.
    package var errno: String?
  }

  package var path: String
  package var axes: [Profile.Setting]
  package var number: Int
  package var ending: Ending
  package var kernel: String
  package var release: String
  package var accelerator: String
  /// The machine that the trial ran on, as it told of itself; nil: it did not get as far.
  package var machine: String?
  /// When its host began it, s since 1970 (UTC); nil: not recorded.
  package var began: Int64?
  /// How long it took its host from first to last, s; nil: the host was lost.
  package var duration: Double?
  /// Guests that ran at a time.
  package var jobs: Int
  /// The mask of /sys/kernel/mm/lru_gen/enabled, `absent` where the kernel has none; nil: not recorded.
  package var lruGen: String?
  /// What each OOM incident says about reclaim, in order.
  package var incidents: [OOMIncident]
  package var kills: Kills
  /// Each kill with all its stamps.
  package var killStamps: [KillStamps]
  package var shortfalls: [Shortfall]
  /// What the timeline wrote, and how long that took.
  package var timelineWrites: [TimelineWrite]
  /// The commands that were started.
  package var commands: [CommandResult]
  /// Bytes of completed writes and copies, and per second from the first one's start to the last end.
  package var bytes: UInt64
  package var throughput: Double?
  /// Bytes per second of the streams that read; nil: none does.
  package var readThroughput: Double?
  /// Each job of a stream by itself.
  package var streams: [StreamTotals]
  package var stall: Stall?
  /// Writes that had not ended when their stream did, by stream.
  package var unfinishedWrites: [String: Int]
  /// The longest write and the longest fsync, ns, with those in flight at the end by their age. Of a trial
  /// that made no end it is what its record had told until then: a lower bound.
  package var longestWrite: Double?
  package var longestSync: Double?
  /// Operations that are missing from the latencies: too many for the log, or, in older records, longer
  /// than an hour.
  package var lostLatencies: Int64
  package var memoryPressure: Pressure?
  package var ioPressure: Pressure?
  /// /proc/vmstat, after minus before; counters only.
  package var vmstat: [String: Int64]
  /// Between those two readings, ns.
  package var vmstatTime: Double?
  /// nil: not read.
  package var vmstatReclaim: VmstatReclaim?
  /// memory.stat of the limited cgroup, after minus before; counters only.
  package var memoryStat: [String: Int64]
  /// CPU time of the limited cgroup by cpu.stat, user and system, io_uring's own workers included, ns.
  package var cpuTime: Double?
  /// From the streams' start to their stop, CLOCK_BOOTTIME in ns; of a trial that made no end until it last
  /// told of their progress.
  package var streaming: ClosedRange<Int64>?
  /// Guest's boot until PID 1 ran, and from then to the first write without the start delay, ns.
  package var bootTime: Double?
  package var setUpTime: Double?
  /// Readings of the lanes that the streams' time lacks.
  package var gaps: LaneGaps
  /// Readings that found no room on their way to the record.
  package var droppedSamples: Int
  /// What took how long, by the name that the record gives it: user space's operations and the kernel's
  /// intervals.
  package var latencies: [String: Distribution]
  /// Those of user space again, by worker and then by name.
  package var workerLatencies: [String: [String: Distribution]]
  /// CPU time of all kswapd threads while the streams ran, ns.
  package var kswapd: Double?
  package var reaction: ThrottleReaction?
  package var trace: TraceHealth?
  package var mirror: HarnessMirror?
  /// How and where it ran.
  package var facts: TrialFacts
  /// What is wrong with the record: as far as this is not empty, the rest may lack something.
  package var defects: RecordDefects
  /// What went wrong without touching the result: the record's notes, in its order.
  package var notes: [String]
  /// Lines that tell why a trial stood still, by type: evidence that is not in any figure.
  package var evidence: [String: Int]

  /// Reads a record.
  ///
  /// - Throws: when it cannot be read or does not begin with a header.
  package init(_ path: String) throws(HarnessError) {
    let record = try RecordReader(path)
    guard let header = record.first(HeaderLine.self), let plan = header.plan else {
      throw HarnessError(.usage, path, "is not a record: it has no header")
    }
    self.path = path
    let environment = record.first(EnvironmentLine.self)
    let host = record.last(HostLine.self)
    axes = (plan.axes?.members ?? []).map { Profile.Setting($0.key, $0.value) }
    number = Int(plan.number ?? 0)
    ending = record.ending ?? .none
    kernel = header.kernel ?? "?"
    release = header.release ?? "?"
    accelerator = header.accelerator ?? "?"
    machine = environment.flatMap(Self.machine)
    began = header.time
    duration = host?.seconds
    jobs = Int(header.host?.jobs ?? 1)
    lruGen = environment?.settings.map { settings in
      settings[KernelSetting.lruGen]?.string ?? "absent"
    }
    let window = record.streamTime
    gaps = LaneGaps(record, window)
    droppedSamples = record.lines(LaneLine.self).reduce(0) { $0 + ($1.dropped?.count ?? 0) }

    incidents = OOMIncident.all(in: record)
    let accounts = record.last(KillsLine.self)
    kills = Kills(
      kernelLog: accounts?.killLines?.count ?? incidents.count
        + record.count(OOMGroupKillLine.self),
      memoryEvents: accounts?.memoryEvents?["oom_kill"]?.count,
      console: host?.consoleKillLines?.count)

    killStamps = KillStamps.all(in: record)
    shortfalls = Self.shortfalls(record, plan.profile)
    timelineWrites = TimelineWrite.all(in: record)
    commands = CommandResult.all(in: record, plan.profile)

    let streams = StreamFigures(record, window)
    self.streams = streams.totals
    bytes = streams.bytes
    throughput = streams.throughput
    readThroughput = streams.readThroughput
    stall = streams.stall
    let jobs = Self.streams(plan.profile)
    unfinishedWrites = Dictionary(
      streams.unfinishedWrites.map { (jobs[$0.key] ?? $0.key, $0.value) }, uniquingKeysWith: +)
    longestWrite = streams.longestWrite
    longestSync = streams.longestSync
    lostLatencies = streams.lostLatencies

    let told = Latencies(record, streams: jobs)
    latencies = told.all
    workerLatencies = told.workers
    kswapd = Self.kswapd(record, window)
    reaction = ThrottleReaction.of(record)
    trace = TraceHealth(record)
    mirror = HarnessMirror(record)
    memoryPressure = Self.pressure(record, "\(record.limitedGroup)/memory.pressure", window)
    ioPressure = Self.pressure(record, "\(record.limitedGroup)/io.pressure", window)
    let growth = SnapshotGrowth(record)
    vmstat = growth.vmstat
    vmstatTime = growth.vmstatTime
    vmstatReclaim = growth.vmstatReclaim
    memoryStat = growth.memoryStat
    cpuTime = growth.cpuTime
    streaming = window ?? Self.streamingSoFar(record)
    facts = TrialFacts(record)
    if let born = record.first(GuestLine.self)?.t {
      bootTime = Double(born)
      if let first = streams.firstStart, let delay = plan.startDelay {
        setUpTime = Double(first) - Double(born) - Double(delay)
      }
    }
    defects = record.defects
    notes = Self.notes(record)
    evidence = [:]
    for type in [TaskStackLine.self, SilenceLine.self] as [any Line.Type]
    where record.count(type) > 0 {
      evidence[type.typeName] = record.count(type)
    }
  }

  private static func notes(_ record: RecordReader) -> [String] {
    let watchdog = record.last(WatchdogLine.self)?.ended
    return record.lines(NoteLine.self).map { $0.message ?? "a note without a message" }
      + (watchdog.map { ["the watchdog ended before its time: \($0)"] } ?? [])
  }

  /// What became of a command; nil: it was not started.
  package func command(_ name: String) -> CommandResult? { commands.first { $0.name == name } }

  /// The latencies of one kind of operation, of one worker or of all.
  package func latency(of kind: String, worker: String?) -> Distribution? {
    worker.map { workerLatencies[$0]?[kind] } ?? latencies[kind]
  }

  /// How often a task was throttled in reclaim for a reason; nil: nobody looked.
  package func throttled(_ reason: Profile.Expectation.Metric.Reason) -> Int? {
    guard let trace, trace.saw(.throttled) else { return nil }
    return latencies[TraceSpan.throttled(reason).label]?.count ?? 0
  }

  /// More than any profile may ask for: a damaged number is not to become as many names.
  private static let mostJobs = 1 << 16

  /// The streams of several jobs, by the names that their jobs have in the record.
  private static func streams(_ profile: JSON?) -> [String: String] {
    var streams: [String: String] = [:]
    for stream in profile?["streams"]?.array ?? [] {
      guard let name = stream["name"]?.string, let jobs = stream["jobs"]?.int, 1 < jobs,
        jobs <= mostJobs
      else { continue }
      for job in 0..<jobs { streams["\(name)-\(job)"] = name }
    }
    return streams
  }

  private static func shortfalls(_ record: RecordReader, _ profile: JSON?) -> [Shortfall] {
    record.lines(PinLine.self).compactMap { line in
      guard let worker = line.pinned, let size = line.size, let reached = line.reached,
        0 <= reached, reached < size
      else { return nil }
      let errno = line.errno
      let pin = profile?["pinned"]?.array?.first { $0["name"]?.string == worker }
      // One that is filled until the streams end has all that it asked for.
      let isLate = pin?["growth"] != nil || pin?["mode"]?.string == "churn"
      if errno == nil, isLate { return nil }
      return Shortfall(
        worker: worker, size: UInt64(size), reached: UInt64(reached), errno: errno)
    }
  }

  /// The accelerator of a trial that needed none.
  package static let local = "none"
  /// Whether it ran on a machine and not in a guest.
  package var isLocal: Bool { accelerator == Self.local }

  private static func machine(_ environment: EnvironmentLine) -> String? {
    guard let cpus = environment.cpus,
      let memory = environment.meminfo?.split(separator: " ").dropFirst().first,
      let size = UInt64(memory)
    else { return nil }
    return "\(cpus) CPUs, \(size >> 10) MiB"
  }

  /// Any of the three accounts: the kernel log may have lost lines.
  package var hasKill: Bool { kills.most > 0 }

  private static func streamingSoFar(_ record: RecordReader) -> ClosedRange<Int64>? {
    guard let start = record.begin(of: .stream), let end = record.last(ProgressLine.self)?.t,
      start <= end
    else { return nil }
    return start...end
  }

  /// Growth of the CPU time of all kswapd threads over the window.
  private static func kswapd(_ record: RecordReader, _ window: ClosedRange<Int64>?) -> Double? {
    guard let window, let lane = record.lane("slow"),
      let first = lane.first(from: window.lowerBound),
      let last = lane.last(until: window.upperBound),
      first <= last
    else { return nil }
    let growths = lane.names.filter { $0.hasPrefix("kswapd") && $0.hasSuffix(":run") }
      .compactMap { lane.column($0)?.growth(from: first, to: last) }
    return growths.isEmpty ? nil : growths.reduce(0, +)
  }

  /// Growth of a PSI file's totals over the window, from the sample before it to the one after it.
  private static func pressure(
    _ record: RecordReader, _ file: String, _ window: ClosedRange<Int64>?
  ) -> Pressure? {
    // In the fast lane; in records from before it there was but one, `main`.
    guard let window, let lane = record.lanes.first(where: { $0.column(file + ":some") != nil }),
      let first = lane.last(until: window.lowerBound),
      let end = lane.first(from: window.upperBound) ?? lane.times.indices.last,
      let column = lane.column(file + ":some"),
      // A watched cgroup that is gone tells nothing more.
      let last = column.value(at: end) != nil
        ? end : column.values[...end].lastIndex(where: { $0 != nil }), first <= last,
      let some = column.growth(from: first, to: last),
      let full = lane.column(file + ":full")?.growth(from: first, to: last)
    else { return nil }
    // us to ns
    return Pressure(some: some * 1000, full: full * 1000)
  }
}

extension RecordReader {
  /// What its columns call the cgroup with the limits, or the first of those that were watched.
  var limitedGroup: String {
    first(HeaderLine.self)?.plan?.profile?["watched"]?.array?.first?.string
      ?? Profile.limitedGroup
  }

  /// The streams' time, from their start to their stop, CLOCK_BOOTTIME in ns; nil: they did not run to an end.
  package var streamTime: ClosedRange<Int64>? {
    guard let start = begin(of: .stream), let end = begin(of: .stop), start <= end else {
      return nil
    }
    return start...end
  }

  /// When a phase first began, CLOCK_BOOTTIME in ns; nil: it did not, or the record does not tell.
  func begin(of phase: PhaseLine.Name) -> Int64? {
    lines(PhaseLine.self).first { $0.name == phase }?.t
  }
}

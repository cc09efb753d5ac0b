// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// Looks at cgroups of others while they run, and tells a record as a trial does: the same lanes, trace and kernel log.
/// Nothing of theirs is limited, changed or flushed (CONTRIBUTING.md, "Rules": the observer).
package struct Watch {
  /// Between looks at whether they are still there, and at who is in them, ns.
  private static let lookInterval: UInt64 = 1_000_000_000
  private static let pollInterval: UInt64 = 200_000_000

  private let groups: [Cgroup]
  private let profile: Profile
  private let record: RecordWriter
  private let tracing: Tracing?
  private let flight: FlightRecorder?
  private let isInterrupted: () -> Bool

  /// What the watching begins with, and is told by.
  private struct Start {
    /// Told apart from cgroups of the same name that are made later.
    var inodes: [UInt64?]
    var events: [String: Int64]
  }

  /// - Parameters:
  ///   - profile: with the cgroups in `watched`, and how they are observed.
  ///   - tracing: made before; nil: none.
  ///   - flight: decides what of the lines becomes a record; nil: all of them do.
  ///   - isInterrupted: asked now and then; the watching ends then.
  package init(
    _ profile: Profile, record: RecordWriter, tracing: Tracing?, flight: FlightRecorder? = nil,
    isInterrupted: @escaping () -> Bool
  ) {
    groups = profile.watched.map { Cgroup(path: $0) }
    self.profile = profile
    self.record = record
    self.tracing = tracing
    self.flight = flight
    self.isInterrupted = isInterrupted
  }

  private static let limits = [
    "memory.min", "memory.low", "memory.high", "memory.max", "memory.swap.max",
  ]

  /// Keys of `observe` that mean something where nothing is run, and nothing may be flushed.
  package static let options = ["fast", "interval", "trace", "trace_buffer", "sched", "slow"]

  /// A tenth of a trial's rates: a service is watched for hours.
  private static let usual = [
    Profile.Setting("fast", "100ms"), Profile.Setting("interval", "1s"),
    Profile.Setting("trace_buffer", "1MiB"),
  ]

  /// What a record keeps of cgroups that are watched as it keeps a trial's profile: with the limits that the first
  /// of them has.
  ///
  /// - Parameters:
  ///   - observe: keys of `observe` and their values, where they are not the usual.
  ///   - duration: at most, as in `10m`.
  /// - Throws: every problem of these (code usage).
  package static func profile(
    _ groups: [Cgroup], _ targets: [WatchTarget], observe: [Profile.Setting], duration: String
  ) throws(HarnessErrors) -> Profile {
    var problems: [HarnessError] = []
    for setting in observe where !options.contains(setting.key) {
      problems.append(
        HarnessError(
          .usage, "--observe \(setting.key)", "is no key that 'watch' knows",
          remedy: "one of \(options.joined(separator: ", "))"))
    }
    if !problems.isEmpty { throw HarnessErrors(problems) }
    let given = Set(observe.map(\.key))
    let settings = usual.filter { !given.contains($0.key) } + observe
    let found = limits.compactMap { key in
      groups.first.flatMap { File.line($0.file(key)) }.map { (key, JSON.string($0)) }
    }
    return try Profile(
      json: [
        "name": "watch", "summary": .string(targets.map(\.text).joined(separator: " ")),
        "limits": .object(found), "watched": .array(groups.map { .string($0.location) }),
        "observe": .object(settings.map { ($0.key, value($0.value)) }),
        "duration": .string(duration),
      ], name: "watch")
  }

  /// As JSON has it.
  private static func value(_ text: String) -> JSON {
    switch text {
    case "on", "true", "yes": true
    case "off", "false", "no": false
    default: .string(text)
    }
  }

  /// Names of the threads in the profile's cgroups and below: what the trace follows from its start on.
  package static func threads(_ profile: Profile) -> [String] {
    let groups = profile.watched.map { Cgroup(path: $0) }
    var names: [String] = []
    for group in groups + groups.flatMap(CgroupTree.below) {
      for thread in ((try? File.text(group.file("cgroup.threads"))) ?? "").lines {
        if let name = File.line("/proc/\(thread)/comm"), !names.contains(name) {
          names.append(name)
        }
      }
    }
    return names
  }

  /// Watches until the time is over, the user ends it, or no cgroup is left.
  ///
  /// - Throws: when it could not begin; a record that has begun has its end.
  package func run() throws(HarnessError) -> Ending {
    phase(.setUp)
    let log = try KernelLogFollower(record)
    log.own { owner in
      owner.cgroups = groups.map(\.location)
      owner.isNamespaced = CgroupTree.isNamespaced
    }
    var lanes = Lanes(profile.observe, record)
    defer { lanes.stop() }
    try log.start(reading: true)
    defer { log.stop() }
    record.emit(
      EnvironmentProbe.line(device: "", mountPoint: "", below: nil, backing: nil, groups))
    try lanes.startFast(groups)
    try lanes.startSlow(disk: "", backing: nil, groups)
    startTracing()
    let totals = ProcessTotals(groups, record)
    record.add(totals)
    let snapshots = Snapshots(record, flushes: false)
    snapshots.take(.before, groups.first, Array(groups.dropFirst()))
    let mirror = Mirror()
    let start = Start(
      inodes: groups.map { File.inode($0.directory) }, events: events())
    phase(.stream)
    var ending = watch(start, log)
    record.remove(totals)
    phase(.stop)
    record.emit(mirror.line(record))
    snapshots.take(.after, groups.first, Array(groups.dropFirst()))
    tracing?.stop(record, streams: [:])
    // What they say of all of their time is wrong of a part of it.
    if flight == nil { lanes.finish() } else { lanes.stop() }
    log.stop()
    if let failure = log.failure { record.emit(NoteLine(failure.description)) }
    if tellKills(log, since: start) > 0 { ending.outcome = .oom }
    return ending
  }

  private func phase(_ name: PhaseLine.Name) { record.emit(PhaseLine.self) { $0.name = name } }

  private func startTracing() {
    tracing?.start(
      TraceInstance.Target(devices: [], superblock: "", backing: nil), record: record,
      slow: profile.observe.slow,
      .init(
        submitters: nil, groups: groups, newcomers: Self.lookInterval,
        places: CallPlaces([], scratch: [], root: "")))
  }

  private func watch(_ start: Start, _ log: KernelLogFollower) -> Ending {
    let deadline = cl_boottime() + profile.duration
    var lookDue = cl_boottime()
    var gone: Set<Int> = []
    while !isInterrupted(), cl_boottime() < deadline {
      if let flight, flight.look(groups, at: cl_boottime()) {
        tracing?.tellStacks()
        phase(.stop)
        tellRecord(log)
      }
      if cl_boottime() >= lookDue {
        lookDue += Self.lookInterval
        for (i, group) in groups.enumerated() where !gone.contains(i) {
          let inode = File.inode(group.directory)
          if inode != nil, inode == start.inodes[i] { continue }
          gone.insert(i)
          record.emit(
            NoteLine(
              "cgroup \(group.location) is gone" + (inode == nil ? "" : "; another has its name")))
        }
        if gone.count == groups.count {
          return Ending(.completed, reason: "gone", message: "no cgroup is left to be watched")
        }
      }
      cl_sleep_until(min(deadline, cl_boottime() + Self.pollInterval))
    }
    return Ending(.completed)
  }

  // MARK: Kills

  /// memory.events of the first cgroup, which may have counted for months.
  private func events() -> [String: Int64] {
    guard let group = groups.first else { return [:] }
    let counts = CounterFile.snapshot((try? File.text(group.file("memory.events"))) ?? "")
    return Dictionary(counts, uniquingKeysWith: { first, _ in first })
  }

  /// Ends a record out of the ring. How many kills are its own its lines tell: memory.events counts from another moment
  /// on.
  private func tellRecord(_ log: KernelLogFollower) {
    record.emit(KillsLine.self) { $0.kmsgGaps = Int64(log.gaps) }
  }

  /// What memory.events and the kernel log say of kills: two accounts that must agree.
  private func tellKills(_ log: KernelLogFollower, since start: Start) -> Int64 {
    let account = log.account
    if let note = account.note { record.emit(note) }
    if flight != nil {
      tellRecord(log)
      return Int64(account.killLines)
    }
    // A cgroup that is gone tells no more.
    let growth = events().sorted { $0.key < $1.key }.compactMap { key, value in
      start.events[key].flatMap { before in before <= value ? (key, value - before) : nil }
    }
    record.emit(KillsLine.self) {
      $0.memoryEvents = growth.isEmpty ? nil : Keyed(growth)
      $0.killLines = Int64(account.killLines)
      $0.incidents = Int64(account.incidents)
      $0.kmsgGaps = Int64(log.gaps)
    }
    let counted = growth.first { $0.0 == "oom_kill" }?.1 ?? 0
    return max(counted, Int64(account.killLines))
  }
}

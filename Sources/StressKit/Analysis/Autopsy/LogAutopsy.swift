// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What a saved kernel log tells of OOM kills, blocked tasks and failed allocations.
package struct LogAutopsy: Sendable {
  /// Where in the log something stands.
  package struct Place: Sendable, Equatable {
    package var stamp: LogStamp
    /// From 1.
    package var line: Int
    package var host: String?
  }

  /// An incident of the OOM killer.
  package struct Kill: Sendable, Equatable {
    package var place: Place
    /// Its lines of the log, with others' in between.
    package var lines: ClosedRange<Int>
    package var autopsy: OOMAutopsy
    /// Why nobody was killed; nil: somebody was, or the log does not tell.
    package var withoutKill: OOMReportParser.Reason?
    /// The stack of the task that invoked the OOM killer, innermost first.
    package var stack: [String]
    /// Parts of the kernel's report that are not in the log.
    package var missing: [String]
    package var release: String?
  }

  /// A blocked task, or one whose allocation failed.
  package struct Task: Sendable, Equatable {
    package var place: Place
    /// Its lines of the log, with others' in between.
    package var lines: ClosedRange<Int>
    package var report: TaskReport
    /// What its stack waits for; nil: nothing in it is known.
    package var cause: StallCause?
    /// Tasks that have a lock which this one holds or waits for, too (lockdep), or that own it.
    package var holders: [String]
  }

  /// Kills of one cgroup, or of the machine.
  package struct Group: Sendable, Equatable {
    /// nil: the machine, or nobody knows whose.
    package var cgroup: String?
    package var label: String
    /// Indices of `kills`.
    package var kills: [Int]
  }

  package fileprivate(set) var kills: [Kill] = []
  package fileprivate(set) var blocked: [Task] = []
  package fileprivate(set) var failures: [Task] = []
  /// Releases of the kernels that wrote the log, in the order in which they come.
  package fileprivate(set) var releases: [String] = []
  /// Machines that it names.
  package fileprivate(set) var hosts: [String] = []
  /// Messages, of the kernel and of others.
  package fileprivate(set) var messages = 0
  package fileprivate(set) var kernelMessages = 0
  package fileprivate(set) var first: Place?
  package fileprivate(set) var last: Place?

  /// The kills by the cgroup whose limit was met, the most frequent first.
  package var groups: [Group] {
    var groups: [Group] = []
    for (index, kill) in kills.enumerated() {
      let (label, cgroup): (String, String?) =
        switch kill.autopsy.scope {
        case .memcg(let path): (path == "?" ? "a cgroup that the log does not name" : path, path)
        case .global: ("the machine", nil)
        case .constrained(let constraint): (constraint, nil)
        case .sysrq: ("sysrq-f", nil)
        case .unknown: ("unknown", nil)
        }
      if let at = groups.firstIndex(where: { $0.label == label }) {
        groups[at].kills.append(index)
      } else {
        groups.append(Group(cgroup: cgroup, label: label, kills: [index]))
      }
    }
    return groups.sorted { ($1.kills.count, $0.kills[0]) < ($0.kills.count, $1.kills[0]) }
  }
}

/// Takes a log apart, message by message.
package struct LogAutopsyBuilder: Sendable {
  private var autopsy = LogAutopsy()
  private var incidents = OOMReportParser()
  private var tasks = TaskReportParser()
  /// Of first lines and kill lines, by their numbers.
  private var places: [UInt64: LogAutopsy.Place] = [:]
  /// Stacks of those who invoked the OOM killer, by the number of their first line.
  private var invokers: [UInt64: TaskReport] = [:]
  private var reports: [(task: TaskReport, last: Int)] = []
  /// Lines of the message that is read, and of the one before it.
  private var line = 0
  private var before = 0

  package init() {}

  package mutating func feed(_ message: SavedLog.Message) {
    autopsy.messages += 1
    let place = LogAutopsy.Place(stamp: message.stamp, line: message.line, host: message.host)
    (before, line) = (line, message.line)
    if autopsy.first == nil { autopsy.first = place }
    autopsy.last = place
    if message.record.facility == 0 { autopsy.kernelMessages += 1 }
    if let host = message.host, autopsy.hosts.last != host, !autopsy.hosts.contains(host) {
      autopsy.hosts.append(host)
    }
    let isMarked = message.record.isMarked
    if !isMarked, tasks.isIdle(message.record), incidents.isIdle(message.record) {
      return incidents.pass(message.record)
    }
    if isMarked { places[message.record.sequence] = place }
    if let release = message.record.text[...].after(prefix: "Linux version ") {
      note(String(release.prefix { $0 != " " }))
    }
    take(incidents.feed(message.record), place)
    for report in tasks.feed(message.record) { take(report, until: before) }
  }

  /// What there is; the log ends here.
  package mutating func finish() -> LogAutopsy {
    let last = autopsy.last ?? LogAutopsy.Place(stamp: LogStamp(), line: 0)
    for report in incidents.finish() { add(report, nil, last) }
    for report in tasks.finish() { take(report, until: line) }
    for index in autopsy.kills.indices {
      let report = autopsy.kills[index].autopsy.report
      guard let invoker = report.invokedSequence.flatMap({ invokers[$0] }) else { continue }
      autopsy.kills[index].stack = invoker.frames
      autopsy.kills[index].release = invoker.release
    }
    for (report, end) in reports {
      let place = places[report.sequence] ?? last
      let task = LogAutopsy.Task(
        place: place, lines: place.line...max(place.line, end), report: report,
        cause: WaitChannels.cause(of: report.frames), holders: holders(report))
      if case .blocked = report.kind {
        autopsy.blocked.append(task)
      } else {
        autopsy.failures.append(task)
      }
    }
    return autopsy
  }

  private mutating func note(_ release: String) {
    if !release.isEmpty, !autopsy.releases.contains(release) { autopsy.releases.append(release) }
  }

  // MARK: Kills

  private mutating func take(_ event: OOMReportParser.Event?, _ place: LogAutopsy.Place) {
    switch event {
    case .incident(let report): add(report, nil, place)
    case .withoutKill(let report, let reason): add(report, reason, place)
    case .groupKill(let victim, let incident):
      let at = autopsy.kills.lastIndex {
        $0.autopsy.report.victims.first?.sequence == incident
      }
      guard let at,
        !autopsy.kills[at].autopsy.victims.contains(where: { $0.task.pid == victim.pid })
      else { return }
      autopsy.kills[at].autopsy.victims.append(Self.victim(victim))
      autopsy.kills[at].autopsy.isGroupKill = true
      autopsy.kills[at].lines = autopsy.kills[at].lines.lowerBound...place.line
    case nil: break
    }
  }

  private mutating func add(
    _ report: OOMReport, _ reason: OOMReportParser.Reason?, _ place: LogAutopsy.Place
  ) {
    let memory = OOMComposition(report)
    let end = place.line
    let place = report.invokedSequence.flatMap { places[$0] } ?? place
    let autopsy = OOMAutopsy(
      report: report, time: Int64(clamping: report.invokedTime ?? report.killTime ?? 0),
      sinceStart: nil, scope: OOMAutopsy.scope(report),
      invoker: report.invoker.map {
        OOMAutopsy.Task(comm: $0, pid: report.invokerPID, worker: nil)
      },
      victims: report.victims.map(Self.victim), isGroupKill: false, memory: memory, lead: .unknown,
      finding: OOMFinding(report, memory, journalledData: false))
    self.autopsy.kills.append(
      LogAutopsy.Kill(
        place: place, lines: place.line...max(place.line, end), autopsy: autopsy,
        withoutKill: reason, stack: [],
        missing: Self.missing(report, memory), release: nil))
  }

  private static func victim(_ victim: OOMReport.Victim) -> OOMAutopsy.Victim {
    OOMAutopsy.Victim(
      task: OOMAutopsy.Task(comm: victim.comm, pid: victim.pid, worker: nil),
      anonRSS: victim.anonRSS, oomScoreAdj: victim.oomScoreAdj)
  }

  private static func missing(_ report: OOMReport, _ memory: OOMComposition?) -> [String] {
    var missing: [String] = []
    if report.invoker == nil { missing.append("who invoked the OOM killer") }
    if memory == nil, report.global != true, report.limit == nil {
      missing.append("usage and limit")
    }
    if memory == nil { missing.append("some or all of the memory figures") }
    if report.tasks.isEmpty { missing.append("the list of tasks") }
    if report.constraint == nil { missing.append("the constraint") }
    return missing
  }

  // MARK: Tasks

  private mutating func take(_ report: TaskReport, until line: Int) {
    if let release = report.release { note(release) }
    if report.kind == .invokedOOM {
      invokers[report.sequence] = report
    } else {
      reports.append((report, line))
    }
  }

  /// Those that two reports name: the owner that khungtaskd tells, or who has the same lock in lockdep's list.
  private func holders(_ report: TaskReport) -> [String] {
    guard let pid = report.pid else { return [] }
    if let owner = tasks.owners[pid] { return [owner] }
    guard let own = tasks.locks[pid] else { return [] }
    var names: [Int32: String] = [:]
    for (other, _) in reports { if let pid = other.pid { names[pid] = other.comm } }
    return tasks.locks.filter { $0.key != pid && own.keys.contains(where: $0.value.keys.contains) }
      .keys.sorted().map { pid in names[pid].map { "\($0):\(pid)" } ?? "pid \(pid)" }
  }
}

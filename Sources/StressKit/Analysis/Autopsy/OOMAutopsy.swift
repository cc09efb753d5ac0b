// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// One incident of the OOM killer taken apart: whose memory ran out, who asked, who died, what the memory
/// consisted of, what writeback had done until then, and what follows from it.
package struct OOMAutopsy: Sendable, Equatable {
  package enum Scope: Sendable, Equatable {
    /// The cgroup whose limit was hit, by its path.
    case memcg(String)
    case global
    /// Some nodes only: a cpuset's or a memory policy's.
    case constrained(String)
    case sysrq
    case unknown
  }

  /// A task, with the trial's name for it.
  package struct Task: Sendable, Equatable {
    package var comm: String
    package var pid: Int32?
    /// The worker that it is, or that it works for as io_uring's `iou-wrk-PID`; nil: none of the trial's.
    package var worker: String?
  }

  package struct Victim: Sendable, Equatable {
    package var task: Task
    /// As the "Killed process" line says, bytes.
    package var anonRSS: UInt64?
    package var oomScoreAdj: Int32?
  }

  package var report: OOMReport
  /// CLOCK_BOOTTIME, ns: of mark_victim, else of the log's line.
  package var time: Int64
  /// After the streams began, ns, less than 0 before; nil: the record does not tell when they did.
  package var sinceStart: Int64?
  package var scope: Scope
  package var invoker: Task?
  /// The chosen one first, then those that memory.oom.group took with it.
  package var victims: [Victim]
  package var isGroupKill: Bool
  package var memory: OOMComposition?
  package var lead: OOMLead
  package var finding: OOMFinding

  /// All incidents of a record, in the log's order.
  package static func all(in record: RecordReader) -> [OOMAutopsy] {
    if record.count(OOMLine.self) == 0 { return [] }
    let tasks = TaskNames(record)
    let machine = OOMMachine(record)
    let events = OOMLead.Events(record)
    let stamps = KillStamps.all(in: record)
    let groups = record.lines(OOMGroupKillLine.self)
    return record.lines(OOMLine.self).compactMap { line in
      guard let report = line.report, let logged = line.t else { return nil }
      let first = report.victims.first?.pid
      let time =
        stamps.first { stamp in first.map { Int64($0) == stamp.pid } ?? false }?.time(.trace)
        ?? logged
      let incident = report.victims.first?.sequence
      let others = groups.filter {
        incident != nil && $0.incident == incident.map(Int64.init)
      }
      .compactMap(\.victim)
      var seen: Set<Int32> = []
      let victims = (report.victims + others).filter { seen.insert($0.pid).inserted }
      let (memory, finding) = machine.judge(report)
      return OOMAutopsy(
        report: report, time: time,
        sinceStart: events.start.map { time &- $0 },
        scope: scope(report),
        invoker: report.invoker.map { tasks.task($0, report.invokerPID) },
        victims: victims.map { victim in
          Victim(
            task: tasks.task(victim.comm, victim.pid), anonRSS: victim.anonRSS,
            oomScoreAdj: victim.oomScoreAdj)
        },
        isGroupKill: !others.isEmpty, memory: memory, lead: OOMLead(events, before: time),
        finding: finding)
    }
  }

  static func scope(_ report: OOMReport) -> Scope {
    if report.order == -1 { return .sysrq }
    switch report.global {
    case false: return .memcg(report.oomCgroup ?? "?")
    case true:
      guard let constraint = report.constraint, constraint != "CONSTRAINT_NONE" else {
        return .global
      }
      return .constrained(constraint)
    default: return .unknown
    }
  }
}

/// An incident of the OOM killer, for those who count them.
package struct OOMIncident: Sendable, Equatable {
  package var finding: OOMFinding
  /// Whether the machine was out of memory, not a cgroup.
  package var isGlobal: Bool

  package init(_ finding: OOMFinding, isGlobal: Bool = false) {
    self.finding = finding
    self.isGlobal = isGlobal
  }

  /// All of a record, in the log's order.
  static func all(in record: RecordReader) -> [OOMIncident] {
    let machine = OOMMachine(record)
    return record.lines(OOMLine.self).compactMap(\.report).map { report in
      OOMIncident(machine.judge(report).finding, isGlobal: report.global == true)
    }
  }

  package var label: String { isGlobal ? finding.name + " (global)" : finding.name }
}

/// What a kill's dump does not tell of the machine that it happened on.
struct OOMMachine {
  /// What the zones manage, bytes.
  private let memory: Int64?
  /// nil: not recorded.
  private let hasSwap: Bool?
  /// Whether the file system was mounted with data=journal.
  private let journalsData: Bool

  init(_ record: RecordReader) {
    let environment = record.first(EnvironmentLine.self)
    hasSwap = environment?.swaps.map { !$0.isEmpty }
    let words = environment?.meminfo?.split(separator: " ") ?? []
    memory =
      words.count >= 2 && words[0] == "MemTotal:" ? Int64(words[1]).map { $0 << 10 } : nil
    let mount = record.first(HeaderLine.self)?.plan?.profile?["filesystem"]?["mount"]
    let options = mount?.array?.compactMap(\.string) ?? mount?.string.map { [$0] } ?? []
    journalsData = options.contains { $0.contains("data=journal") }
  }

  /// What the memory consisted of at a kill, and what follows from that.
  func judge(_ report: OOMReport) -> (memory: OOMComposition?, finding: OOMFinding) {
    let composition = OOMComposition(report, machine: memory, hasSwap: hasSwap)
    return (composition, OOMFinding(report, composition, journalledData: journalsData))
  }
}

/// A trial's tasks by their pids.
struct TaskNames {
  private var workers: [Int64: String] = [:]

  init(_ record: RecordReader) {
    for line in record.lines(WorkerLine.self) where line.event == .start {
      if let pid = line.pid, let name = line.name { workers[pid] = name }
    }
  }

  func task(_ comm: String, _ pid: Int32?) -> OOMAutopsy.Task {
    let owner = IOWorker.owner(of: comm) ?? pid
    return OOMAutopsy.Task(comm: comm, pid: pid, worker: owner.flatMap { workers[Int64($0)] })
  }
}

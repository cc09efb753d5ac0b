// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord

/// The kernel log's OOM kills as the record has them: the trial's own. On a machine that others use, a cgroup of
/// theirs meets its limit in the same log.
struct OOMAccount {
  /// Whose a kill is.
  struct Owner: Sendable {
    /// The trial's cgroups, by their paths below the v2 mount; all is the trial's that is at or below one of them.
    /// nil: the machine is the trial's own.
    var cgroups: [String]?
    /// The mount's root is not the hierarchy's, from which the log counts (cgroup_namespaces(7)).
    var isNamespaced = false
    var workers: Set<Int32> = []

    /// Whether the trial has its part in it: a shortage of the machine, or of some of its nodes, is everybody's.
    func has(_ report: OOMReport) -> Bool {
      if cgroups == nil || report.global == true { return true }
      let victims = report.victims.map(\.pid) + [report.chosenPID].compactMap(\.self)
      // A kill line may name a thread.
      let groups = report.tasks.filter { victims.contains($0.pid) }.compactMap(\.tgid)
      return !workers.isDisjoint(with: victims + groups)
        || [report.oomCgroup, report.taskCgroup].compactMap(\.self).contains(where: has)
    }

    private func has(_ path: String) -> Bool {
      (cgroups ?? []).contains { cgroup in
        let own = "/" + cgroup
        if path == own || path.hasPrefix(own + "/") { return true }
        return isNamespaced && (path.hasSuffix(own) || path.holds(own + "/"))
      }
    }
  }

  /// A line of the record.
  enum Told {
    case report(OOMLine)
    case groupKill(OOMGroupKillLine)
    case withoutKill(OOMWithoutKillLine)
  }

  var owner = Owner()
  /// "Killed process" lines of the trial's: equal to memory.events' oom_kill, which counts a victim of
  /// memory.oom.group twice.
  private(set) var killLines = 0
  private(set) var incidents = 0
  /// Those of others, and whose, in the log's order.
  private(set) var otherKillLines = 0
  private var others: [String] = []
  /// Their incidents.
  private var otherIncidents: Set<UInt64> = []
  /// The log is that of the kernel below.
  private var parser = OOMReportParser(pageSize: UInt64(getpagesize()))

  private static let namedOthers = 4

  /// Takes the log's next line, of whatever subject.
  ///
  /// - Returns: what the record is to have of it.
  mutating func take(_ line: KernelLogRecord) -> Told? {
    switch parser.feed(line) {
    case .incident(let report):
      guard owner.has(report) else {
        otherKillLines += 1
        otherIncidents.formUnion(report.victims.map(\.sequence))
        others.append(Self.name(report))
        return nil
      }
      killLines += 1
      incidents += 1
      var line = OOMLine()
      line.report = report
      return .report(line)
    case .groupKill(let victim, let incident):
      if otherIncidents.contains(incident) {
        otherKillLines += 1
        return nil
      }
      killLines += 1
      var line = OOMGroupKillLine()
      line.victim = victim
      line.incident = Int64(clamping: incident)
      return .groupKill(line)
    case .withoutKill(let report, let reason):
      // One that names no cgroup may be the trial's.
      let isNamed = report.oomCgroup != nil || report.taskCgroup != nil
      if isNamed, !owner.has(report) { return nil }
      var line = OOMWithoutKillLine()
      line.reason = reason.rawValue
      line.report = report
      return .withoutKill(line)
    case nil: return nil
    }
  }

  /// The line of the record that tells of others' kills; nil: there were none.
  var note: NoteLine? {
    if otherKillLines == 0 { return nil }
    let more = others.count - Self.namedOthers
    let names = others.prefix(Self.namedOthers) + (more > 0 ? ["\(more) more"] : [])
    var note = NoteLine(
      "\(otherKillLines) OOM kill\(otherKillLines == 1 ? "" : "s") in cgroups that are none of the"
        + " trial's, not counted: \(names.joined(separator: "; "))")
    note.otherKillLines = Int64(otherKillLines)
    return note
  }

  private static func name(_ report: OOMReport) -> String {
    let victim = report.victims.first.map { "\($0.comm) (pid \($0.pid))" } ?? "?"
    let cgroup = report.taskCgroup ?? report.oomCgroup
    return victim + (cgroup.map { " in \($0)" } ?? ", in a cgroup that the log does not name")
  }
}

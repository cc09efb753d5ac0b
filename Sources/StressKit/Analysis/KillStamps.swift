// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// When one process was killed, by every account of it that the record has.
package struct KillStamps: Sendable, Equatable {
  /// Accounts that come to the record by different ways through the kernel.
  package enum Source: String, CaseIterable, Sendable {
    /// The event of the tracer's, in the very moment.
    case trace = "mark_victim"
    /// The log's "Killed process" line, its time calibrated.
    case kernelLog = "kmsg"
    /// oom_kill in the victim's cgroup.
    case memoryEvents = "memory.events"
    /// The victim's end, after it has given its memory back: the latest of them.
    case exit = "pidfd"
  }

  package struct Stamp: Sendable, Equatable {
    package var source: Source
    /// CLOCK_BOOTTIME, ns.
    package var time: Int64
  }

  package var pid: Int64
  /// The worker's name; nil for a process that is none.
  package var worker: String?
  /// In the order of `Source`, at most one of each.
  package var stamps: [Stamp]

  package func time(_ source: Source) -> Int64? { stamps.first { $0.source == source }?.time }

  /// Between the two accounts that are nearest each other, ns; nil when there is but one.
  package var closest: Int64? {
    let times = stamps.map(\.time).sorted()
    return zip(times, times.dropFirst()).map { $1 - $0 }.min()
  }

  /// How far a notice may be from the kernel's own line to be taken for the same kill, ns.
  private static let reach: Int64 = 1_000_000_000

  /// The kills of a record, in the log's order; a victim that memory.oom.group counts twice is there once.
  package static func all(in record: RecordReader) -> [KillStamps] {
    // Then what else the record has, and much of it may be notices, is not looked at.
    if record.count(OOMLine.self) + record.count(OOMGroupKillLine.self) == 0 { return [] }
    let starts = record.lines(WorkerLine.self).filter { $0.event == .start }
    var notices: [MemcgEventLine] = []
    let deltas = MemcgEventLine.name(\.deltas)
    record.forEach(MemcgEventLine.self) { line in
      if (line[deltas]?["oom_kill"]?.int ?? 0) > 0 { notices.append(MemcgEventLine(line)) }
    }
    let exits = record.lines(ExitLine.self)
    let marks = record.lines(EventLine.self, of: TraceEvent.markVictim.definition.name)
    var all: [KillStamps] = []
    record.forEach([OOMLine.self, OOMGroupKillLine.self]) { line in
      guard let time = line.time, let pid = OOMNames(line).victims?.first?.pid,
        !all.contains(where: { $0.pid == pid })
      else { return }
      let worker = starts.first { $0.pid == pid }
      var stamps: [Stamp] = []
      let mark = marks.last { $0.victim == pid }
      if let time = mark?.t { stamps.append(Stamp(source: .trace, time: time)) }
      stamps.append(Stamp(source: .kernelLog, time: time))
      // Its ancestors count it too, but other cgroups' kills beside it.
      let own = notices.filter { $0.cgroup != nil && $0.cgroup == worker?.cgroup }
      let nearest = own.compactMap(\.t).min { abs($0 - time) < abs($1 - time) }
      if let nearest, abs(nearest - time) < reach {
        stamps.append(Stamp(source: .memoryEvents, time: nearest))
      }
      if let end = exits.first(where: { $0.pid == pid })?.t {
        stamps.append(Stamp(source: .exit, time: end))
      }
      all.append(KillStamps(pid: pid, worker: worker?.name, stamps: stamps))
    }
    return all
  }
}

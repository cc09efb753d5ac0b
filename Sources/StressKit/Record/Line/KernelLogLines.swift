// SPDX-License-Identifier: Apache-2.0
import StressCore

/// One line of the kernel log.
package struct KmsgLine: Line {
  package static let type: StaticString = "kmsg"
  package static let meaning = """
    One line of the kernel log. `t` is the log's own time, moved to CLOCK_BOOTTIME by the latest `clock`.
    """
  package var t: Int64?
  package var seq: Int64?
  package var level: Int64?
  package var text: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("seq", \.seq, "sequence number in /dev/kmsg"),
    Member("level", \.level, "level of syslog(2), 0 to 7"),
    Member("text", \.text, "the line without its prefix"),
  ]
}

/// One moment on two clocks.
package struct ClockLine: Line {
  package static let type: StaticString = "clock"
  package static let meaning = """
    One moment on two clocks: the kernel log's clock, `log`, was read between two readings of CLOCK_BOOTTIME. There is \
    a line at the start, every two seconds, and at the end; between two of them the log's times can be interpolated.
    """
  package var t: Int64?
  package var before: Int64?
  package var after: Int64?
  package var log: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("before", \.before, .nanoseconds, "CLOCK_BOOTTIME before"),
    Member("after", \.after, .nanoseconds, "CLOCK_BOOTTIME after"),
    Member("log", \.log, .nanoseconds, "the kernel log's clock"),
  ]
}

/// An OOM report of the trial's, parsed.
package struct OOMLine: Line {
  package static let type: StaticString = "oom"
  package static let meaning = "An OOM report of the trial's, parsed."
  package static let traits: LineTraits = .synced
  package var t: Int64?
  package var report: OOMReport?
  package init() {}
  package static let members: [Member<Self>] = [
    Member(
      "report", \.report,
      "invoker, cgroups, constraint, `memory` at that moment, `tasks`, `victims`, by the kernel's words; sizes are in bytes. `page_size` is the kernel's; where it is not known, what the kernel counts in pages is left out (`unsized_figures` says how many figures)"
    )
  ]
}

extension OOMReport: MemberValue {
  package static var kind: String { "object" }
  package init?(member: JSON) { self.init(json: member) }
  package var member: JSON { json }
}

extension OOMReport.Victim: MemberValue {
  package static var kind: String { "object" }
  package init?(member: JSON) { self.init(json: member) }
  package var member: JSON { json }
}

/// A further victim of memory.oom.group.
package struct OOMGroupKillLine: Line {
  package static let type: StaticString = "oom-group-kill"
  package static let meaning = """
    A further victim of memory.oom.group. The first victim is counted again, as in memory.events.
    """
  package var t: Int64?
  package var victim: OOMReport.Victim?
  package var incident: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("victim", \.victim, "the victim, as in `oom`"),
    Member("incident", \.incident, "sequence number of the first victim's line in the kernel log"),
  ]
}

/// Whom a line of a kill names: it tells that also where the rest of its report makes no sense.
package struct OOMNames: LineObject, MemberValue {
  package struct Victim: LineObject, MemberValue {
    package var pid: Int64?
    package var comm: String?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("pid", \.pid, "its pid"),
      Member("comm", \.comm, "its name"),
    ]
  }

  package var invoker: String?
  package var victims: [Victim]?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("invoker", \.invoker, "the task that asked for memory"),
    Member("victims", \.victims, "who died"),
  ]

  private static let report = OOMLine.name(\.report)
  private static let victim = OOMGroupKillLine.name(\.victim)

  /// - Parameter line: ``OOMLine`` or ``OOMGroupKillLine``.
  package init(_ line: RecordLine) {
    self = line[Self.report].flatMap(Self.init(json:)) ?? Self()
    if victims == nil { victims = line[Self.victim].flatMap(Victim.init(json:)).map { [$0] } }
  }
}

/// A dump that no kill followed.
package struct OOMWithoutKillLine: Line {
  package static let type: StaticString = "oom-without-kill"
  package static let meaning = "An OOM report that no kill followed."
  package var t: Int64?
  package var reason: String?
  package var report: OOMReport?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("reason", \.reason, "why no kill followed"),
    Member("report", \.report, "the report, as in `oom`"),
  ]
}

/// The accounts of kills at the end.
package struct KillsLine: Line {
  package static let type: StaticString = "kills"
  package static let meaning = "The accounts of OOM kills at the end, which must agree."
  package static let traits: LineTraits = .synced
  package var t: Int64?
  package var memoryEvents: Keyed<Int64>?
  package var killLines: Int64?
  package var incidents: Int64?
  package var kmsgGaps: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("memory.events", \.memoryEvents, "memory.events of the limited cgroup, by key"),
    Member(
      "kill_lines", \.killLines,
      "number of \"Killed process\" lines in the kernel log that are the trial's"),
    Member("incidents", \.incidents, "number of OOM reports that are the trial's"),
    Member("kmsg_gaps", \.kmsgGaps, "number of lines that the kernel log has lost"),
  ]
}

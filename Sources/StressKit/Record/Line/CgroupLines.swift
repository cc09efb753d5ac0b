import StressCore

/// Counters of a cgroup that moved.
package struct MemcgEventLine: Line {
  package static let type: StaticString = "memcg-event"
  package static let meaning = """
    Counters of a cgroup's memory.events or memory.events.local moved. `t` is when the kernel's notice came, at most \
    one in 10 ms for a file.
    """
  package static let traits: LineTraits = .repeatable
  package var t: Int64?
  package var cgroup: String?
  package var file: String?
  package var deltas: Keyed<Int64>?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cgroup", \.cgroup, "its path below the trial's base"),
    Member("file", \.file, "memory.events or memory.events.local"),
    Member("deltas", \.deltas, "by how much each moved"),
  ]
}

/// cgroup.events has changed.
package struct CgroupEventLine: Line {
  package static let type: StaticString = "cgroup-event"
  package static let meaning = "cgroup.events of a cgroup has changed."
  package var t: Int64?
  package var cgroup: String?
  package var values: Keyed<Int64>?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cgroup", \.cgroup, "its path below the trial's base"),
    Member("values", \.values, "what has changed, as it is now"),
  ]
}

/// A PSI file went over a trigger.
package struct PressureLine: Line {
  package static let type: StaticString = "psi"
  package static let meaning = "A PSI file went over a trigger (Documentation/accounting/psi.rst)."
  package var t: Int64?
  package var file: String?
  package var trigger: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("file", \.file, "of a cgroup, or of the machine"),
    Member(
      "trigger", \.trigger,
      "`some` or `full`, the stall and the window that it is looked for in, both in us"),
  ]
}

/// A file that is read only before and after.
package struct SnapshotLine: Line {
  package static let type: StaticString = "snapshot"
  package static let meaning = """
    A file that is read only before and after the streams: memory.stat, cpu.stat, io.stat, memory.events and \
    memory.events.local of every cgroup, /proc/vmstat.
    """

  package enum When: String, CaseIterable, MemberValue {
    case before, after
  }

  package var t: Int64?
  package var when: When?
  package var file: String?
  package var values: JSON?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("when", \.when, "the streams"),
    Member("file", \.file, "its path"),
    Member("values", \.values, "by key, in the file's units; of io.stat its text"),
  ]

  /// The counters of a keyed file.
  package var counters: Keyed<Int64>? { values.flatMap(Keyed.init(member:)) }
}

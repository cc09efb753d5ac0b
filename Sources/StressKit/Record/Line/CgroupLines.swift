// SPDX-License-Identifier: Apache-2.0
import StressCore

/// Counters of a cgroup that moved.
package struct MemcgEventLine: Line {
  package static let type: StaticString = "memcg-event"
  package static let meaning = """
    Counters of a cgroup's memory.events or memory.events.local moved. `t` is when the kernel's notice came; there is \
    at most one in 10 ms for a file.
    """
  package static let traits: LineTraits = .repeatable
  package var t: Int64?
  package var cgroup: String?
  package var file: String?
  package var deltas: Keyed<Int64>?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cgroup", \.cgroup, "path of the cgroup below the trial's base"),
    Member("file", \.file, "`memory.events` or `memory.events.local`"),
    Member(
      "deltas", \.deltas,
      "how much each counter moved, by key; counters that did not move are left out"),
  ]
}

/// What the processes of a watched cgroup have and have done.
package struct ProcessesLine: Line {
  package static let type: StaticString = "processes"
  package static let meaning = """
    What the processes of a watched cgroup have, every 5 s, and what they have read and written since the watching \
    began, as proc(5) tells it of each (/proc/PID/status and io). A process that lives for less than 5 s may be missed.
    """
  package var t: Int64?
  package var cgroup: String?
  package var processes: Int64?
  package var anon: Int64?
  package var swap: Int64?
  package var locked: Int64?
  package var shmem: Int64?
  package var read: Int64?
  package var written: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cgroup", \.cgroup, "path of the cgroup"),
    Member("processes", \.processes, "number of processes in it and below"),
    Member("anon", \.anon, .bytes, "sum of RssAnon"),
    Member("swap", \.swap, .bytes, "sum of VmSwap"),
    Member("locked", \.locked, .bytes, "sum of VmLck"),
    Member(
      "shmem", \.shmem, .bytes,
      "largest RssShmem of a process: shared memory counts for each that has it"),
    Member("read", \.read, .bytes, "growth of read_bytes: what was read from disks"),
    Member(
      "written", \.written, .bytes,
      "growth of write_bytes: pages that were made dirty, and direct writes"),
  ]
}

/// cgroup.events has changed.
package struct CgroupEventLine: Line {
  package static let type: StaticString = "cgroup-event"
  package static let meaning = "The cgroup.events of a cgroup changed."
  package var t: Int64?
  package var cgroup: String?
  package var values: Keyed<Int64>?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cgroup", \.cgroup, "path of the cgroup below the trial's base"),
    Member("values", \.values, "new values of the keys that changed, such as `populated`"),
  ]
}

/// A PSI file went over a trigger.
package struct PressureLine: Line {
  package static let type: StaticString = "psi"
  package static let meaning = """
    The stall that a PSI file counts went over a trigger (Documentation/accounting/psi.rst).
    """
  package var t: Int64?
  package var file: String?
  package var trigger: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("file", \.file, "path of the file, of a cgroup or of the machine"),
    Member(
      "trigger", \.trigger,
      "`some` or `full`, the stall, and the window in which the kernel looks for it, both in microseconds"
    ),
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
    Member("when", \.when, "whether it was read before or after the streams"),
    Member("file", \.file, "path of the file"),
    Member("values", \.values, "its values by key, in the file's units; of io.stat its text"),
  ]

  /// The counters of a keyed file.
  package var counters: Keyed<Int64>? { values.flatMap(Keyed.init(member:)) }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// PID 1 of the guest runs.
package struct GuestLine: Line {
  package static let type: StaticString = "guest"
  package static let meaning = """
    PID 1 of the guest runs. `t` is how long the bare kernel took to boot.
    """
  package var t: Int64?
  package var release: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("release", \.release, "the kernel's release by uname(2)")
  ]
}

/// What the trial does from here on.
package struct PhaseLine: Line {
  package static let type: StaticString = "phase"
  package static let meaning = "A phase of the trial begins."
  package static let traits: LineTraits = .synced

  package enum Name: String, CaseIterable, MemberValue {
    case setUp = "set-up"
    case pin, mounted
    /// The host makes the disk slow.
    case ready
    case delay, stream, stop, unmount, unmounted
  }

  package var t: Int64?
  package var name: Name?
  package var delay: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("name", \.name, "name of the phase. At `ready` the host makes the disk slow"),
    Member("delay", \.delay, .nanoseconds, isLeftOut: true, "of `delay`: its length"),
  ]
}

/// The last kernel module is loaded.
package struct ModulesLine: Line {
  package static let type: StaticString = "modules"
  package static let meaning = "The last kernel module is loaded."
  package var t: Int64?
  package var from: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("from", \.from, .nanoseconds, "when the loading of the first module began")
  ]
}

/// A moment of the profile's timeline.
package struct MomentLine: Line {
  package static let type: StaticString = "moment"
  package static let meaning = "A moment of the profile's timeline begins."
  package var t: Int64?
  package var at: Int64?
  package var what: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member(
      "at", \.at, .nanoseconds, "time from the streams' start to the moment, as the profile has it"),
    Member("what", \.what, "what changes, as text"),
  ]
}

/// The kernel has taken what a moment writes to it.
package struct MomentEndLine: Line {
  package static let type: StaticString = "moment-end"
  package static let meaning = """
    The kernel has taken one of the values that a moment writes to it: a sysctl, a limit, another file of a cgroup, \
    or the disk's delay; or it has removed a cgroup. A write may take long: a smaller memory.max reclaims first, a \
    new delay waits for the requests under way and holds back new ones meanwhile.
    """
  package var t: Int64?
  package var at: Int64?
  package var what: String?
  package var start: Int64?
  package var errno: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member(
      "at", \.at, .nanoseconds, "time from the streams' start to the moment, as the profile has it"),
    Member("what", \.what, "what the kernel has taken, as text"),
    Member(
      "start", \.start, .nanoseconds, isLeftOut: true,
      "when the write began; it took until `t` (not in older records, which have one line for all of a moment)"
    ),
    Member(
      "errno", \.errno, isLeftOut: true,
      "of memory.reclaim: EAGAIN where the kernel reclaimed less than it was asked for; of rmdir: EBUSY where a process was left, and the group stays"
    ),
  ]
}

/// What the scratch disk lets through from now on.
package struct DeviceLine: Line {
  package static let type: StaticString = "device"
  package static let meaning = """
    What the scratch disk lets through from now on. The host reads the line and has QEMU do it, some tens of \
    milliseconds later.
    """
  package var t: Int64?
  package var bandwidth: Int64?
  package var iops: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member(
      "bandwidth", \.bandwidth, .bytesPerSecond, "bandwidth that it lets through; `null`: all"),
    Member("iops", \.iops, .perSecond, "requests that it lets through; `null`: all"),
  ]
}

/// Nothing else to say for a second.
package struct AliveLine: Line {
  package static let type: StaticString = "alive"
  package static let meaning = """
    The guest had nothing else to say for a second. A guest that is silent for longer may be hung.
    """
  package static let traits: LineTraits = .repeatable
  package var t: Int64?
  package init() {}
  package static let members: [Member<Self>] = []
}

/// How many lines the guest has written.
package struct WrittenLine: Line {
  package static let type: StaticString = "written"
  package static let meaning = """
    How many lines the guest has written, samples aside (those are in `lane`). It shows which lines were lost later.
    """
  package var t: Int64?
  package var lines: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("lines", \.lines, "number of lines, this one included")
  ]
}

/// Something that went wrong without touching the result.
package struct NoteLine: Line {
  package static let type: StaticString = "note"
  package static let meaning = """
    Something went wrong without touching the result, or others' cgroups had OOM kills. Reports list these lines.
    """
  package var t: Int64?
  package var message: String?
  package var otherKillLines: Int64?
  package init() {}

  package init(_ message: String) { self.message = message }

  package static let members: [Member<Self>] = [
    Member(
      "message", \.message,
      "what went wrong, for people; with `other_kill_lines`, whose cgroups had the kills"),
    Member(
      "other_kill_lines", \.otherKillLines, isLeftOut: true,
      "number of OOM kills in the kernel log that are of others' cgroups"),
  ]
}

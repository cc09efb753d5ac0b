import StressCore

/// PID 1 of the guest runs.
package struct GuestLine: Line {
  package static let type: StaticString = "guest"
  package static let meaning = "PID 1 of the guest runs; `t` is the bare kernel's own boot time."
  package var t: Int64?
  package var release: String?
  package init() {}
  package static let members: [Member<Self>] = [Member("release", \.release, "of uname(2)")]
}

/// What the trial does from here on.
package struct PhaseLine: Line {
  package static let type: StaticString = "phase"
  package static let meaning = "What the trial does from here on."
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
    Member("name", \.name, "at `ready` the host makes the disk slow"),
    Member("delay", \.delay, .nanoseconds, isLeftOut: true, "how long the `delay` is"),
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
    Member("from", \.from, .nanoseconds, "when the loading of the first began")
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
    Member("at", \.at, .nanoseconds, "after the streams' start"),
    Member("what", \.what, "is set, started or stopped"),
  ]
}

/// The kernel has taken what a moment writes to it.
package struct MomentEndLine: Line {
  package static let type: StaticString = "moment-end"
  package static let meaning = """
    The kernel has taken what a moment writes to it, one line for sysctls and limits, one for the disk's delay: a \
    smaller memory.max reclaims first, a new delay waits for the requests under way and holds back new ones meanwhile.
    """
  package var t: Int64?
  package var at: Int64?
  package var what: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("at", \.at, .nanoseconds, "the moment's"),
    Member("what", \.what, "was taken"),
  ]
}

/// What the scratch disk lets through from now on.
package struct DeviceLine: Line {
  package static let type: StaticString = "device"
  package static let meaning = """
    What the scratch disk lets through from now on. The host reads it and has QEMU do it, some tens of ms later.
    """
  package var t: Int64?
  package var bandwidth: Int64?
  package var iops: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("bandwidth", \.bandwidth, .bytesPerSecond, "`null`: all"),
    Member("iops", \.iops, .perSecond, "requests; `null`: all"),
  ]
}

/// Nothing else to say for a second.
package struct AliveLine: Line {
  package static let type: StaticString = "alive"
  package static let meaning = "There was nothing else to say for a second."
  package static let traits: LineTraits = .repeatable
  package var t: Int64?
  package init() {}
  package static let members: [Member<Self>] = []
}

/// How many lines the guest has written.
package struct WrittenLine: Line {
  package static let type: StaticString = "written"
  package static let meaning = """
    How many lines the guest has written, samples aside (those are in `lane`): what was lost of them later shows.
    """
  package var t: Int64?
  package var lines: Int64?
  package init() {}
  package static let members: [Member<Self>] = [Member("lines", \.lines, "this one included")]
}

/// Something that went wrong without touching the result.
package struct NoteLine: Line {
  package static let type: StaticString = "note"
  package static let meaning = "Something went wrong without touching the result; reports list it."
  package var t: Int64?
  package var message: String?
  package var otherKillLines: Int64?
  package init() {}

  package init(_ message: String) { self.message = message }

  package static let members: [Member<Self>] = [
    Member("message", \.message, "for people"),
    Member(
      "other_kill_lines", \.otherKillLines, isLeftOut: true,
      "OOM kills in the log that are of others' cgroups"),
  ]
}

import StressCore

/// The record's first line.
package struct HeaderLine: Line {
  package static let type: StaticString = "header"
  package static let meaning = "The record's first line: what is tried, and where."
  package static let traits: LineTraits = [.host, .uncounted, .synced]

  /// One run of a cell: what the machine under test was told to do.
  package struct Plan: LineObject, MemberValue {
    package var label: String?
    package var axes: Keyed<String>?
    package var number: Int64?
    package var seed: Int64?
    package var startDelay: Int64?
    package var device: String?
    package var cacheDevice: String?
    package var swapDevice: String?
    package var fault: String?
    package var peer: JSON?
    package var stallTime: Int64?
    package var profile: JSON?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("label", \.label, "of the profile and its variant"),
      Member("axes", \.axes, "of the cell, such as `fs`"),
      Member("number", \.number, "from 1 within the cell"),
      Member("seed", \.seed, "of all that is random"),
      Member("start_delay", \.startDelay, .nanoseconds, "of the streams after the pins"),
      Member("device", \.device, "the scratch disk"),
      Member("cache_device", \.cacheDevice, "that page cache is read from"),
      Member("swap_device", \.swapDevice, "for swap"),
      Member("fault", \.fault, "that the harness's own tests ask for"),
      Member("peer", \.peer, "a tool that the harness's own tests run beside it"),
      Member(
        "stall_time", \.stallTime, .nanoseconds,
        "how long neither workload nor storage may move until the trial is `stalled`"),
      Member("profile", \.profile, "all of it, in its canonical form"),
    ]
  }

  package struct Disk: LineObject, MemberValue {
    package var path: String?
    package var model: String?
    package var size: Int64?
    package var used: Int64?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("path", \.path, "of its node in /dev"),
      Member("model", \.model, "as the disk gives it"),
      Member("size", \.size, .bytes, "of the whole disk"),
      Member("used", \.used, .bytes, "of it for the trial"),
    ]
  }

  package struct Host: LineObject, MemberValue {
    package var kernel: String?
    package var cpus: Int64?
    package var loadavg: String?
    package var qemu: String?
    package var jobs: Int64?
    package var oomDaemons: [String]?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("kernel", \.kernel, "the host's release"),
      Member("cpus", \.cpus, "online"),
      Member("loadavg", \.loadavg, "/proc/loadavg, before the trial"),
      Member("qemu", \.qemu, "its version"),
      Member("jobs", \.jobs, "guests at a time"),
      Member("oom_daemons", \.oomDaemons, "programs running there that kill when memory is short"),
    ]
  }

  package var t: Int64?
  package var schema: Int64?
  package var wbstress: String?
  package var time: Int64?
  package var plan: Plan?
  package var kernel: String?
  package var release: String?
  package var package: String?
  package var accelerator: String?
  package var diskCache: String?
  package var imagesAllocated: Bool?
  package var mkfs: String?
  package var mkfsVersion: String?
  package var fsFeatures: String?
  package var disk: Disk?
  package var host: Host?
  package init() {}

  package static let members: [Member<Self>] = [
    Member("schema", \.schema, "version of the lines' meaning: 1"),
    Member("wbstress", \.wbstress, "version of the program"),
    Member("time", \.time, .seconds, "wall clock, since the epoch"),
    Member(
      "plan", \.plan,
      "what the machine under test was told to do"),
    Member("kernel", \.kernel, "as it was asked for"),
    Member("release", \.release, "of uname(2)"),
    Member("package", \.package, "the distribution's version of it"),
    Member(
      "accelerator", \.accelerator,
      "what carries out the kernel's instructions: `kvm`, `tcg`, `none` (this machine itself)"),
    Member(
      "disk_cache", \.diskCache,
      "of the images on the host: `none` (O_DIRECT), or QEMU's other modes"),
    Member(
      "images_allocated", \.imagesAllocated,
      "on this machine: whether the images had all their blocks before the trial (`false`: their file system cannot)"
    ),
    Member("mkfs", \.mkfs, "the command that made the file system"),
    Member("mkfs_version", \.mkfsVersion, "of the program"),
    Member("fs_features", \.fsFeatures, "as the new file system has them"),
    Member("disk", \.disk, "the block device that the user named"),
    Member("host", \.host, "the machine that runs the harness"),
  ]
}

/// A guest that said nothing for longer than the host's patience.
package struct SilenceLine: Line {
  package static let type: StaticString = "silence"
  package static let meaning = """
    A guest said nothing for longer than the host's patience. The figures are of the interval since it was last \
    heard. If the host is not to blame: what the guest could still be made to tell.
    """
  package static let traits: LineTraits = [.host, .uncounted]

  package var t: Int64?
  package var silent: Int64?
  package var workload: Int64?
  package var interval: Int64?
  package var processors: [HostThread]?
  package var mainLoop: HostThread?
  package var pressure: HostPressure?
  package var requests: Int64?
  package var asked: [String]?
  package var console: [String]?
  package var backtraces: [String]?
  package var registers: String?
  package init() {}

  package static let members: [Member<Self>] =
    [
      Member("silent", \.silent, .nanoseconds, "how long the guest had been silent"),
      Member("workload", \.workload, .nanoseconds, "since its workload last moved"),
      Member("interval", \.interval, .nanoseconds, "that the figures are of"),
    ] + HostShare.members(\.processors, \.mainLoop, \.pressure, \.requests) + [
      Member(
        "asked", \.asked, isLeftOut: true, "what the guest was asked by: `sysrq l`, ..., `nmi`"),
      Member("console", \.console, isLeftOut: true, "what came on the serial console since"),
      Member("backtraces", \.backtraces, isLeftOut: true, "what each CPU was at"),
      Member("registers", \.registers, isLeftOut: true, "by QEMU"),
    ]

  package mutating func take(_ share: HostShare) {
    interval = share.length
    processors = share.processors
    mainLoop = share.mainLoop
    pressure = share.pressure
    requests = share.requests
  }
}

/// A thread of QEMU's on the host's CPUs.
package struct HostThread: LineObject, MemberValue {
  package var cpu: Int64?
  package var ran: Double?
  package var waited: Double?
  package var state: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cpu", \.cpu, isLeftOut: true, "the guest's CPU that it is"),
    Member("ran", \.ran, .share, "of the time on a CPU of the host"),
    Member("waited", \.waited, .share, "of the time runnable without one (schedstat)"),
    Member("state", \.state, "as in ps(1)"),
  ]
}

/// Stall of the whole host in an interval (/proc/pressure).
package struct HostPressure: LineObject, MemberValue {
  package var cpu: Double?
  package var memory: Double?
  package var io: Double?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cpu", \.cpu, .share, "`some`"),
    Member("memory", \.memory, .share, "`full`"),
    Member("io", \.io, .share, "`full`"),
  ]
}

/// What a guest's threads got of the host.
package struct HostShare: LineObject, MemberValue {
  package var processors: [HostThread]?
  package var mainLoop: HostThread?
  package var pressure: HostPressure?
  package var requests: Int64?
  package var length: Int64?
  package init() {}
  package static let members: [Member<Self>] =
    members(\.processors, \.mainLoop, \.pressure, \.requests)
    + [Member("interval", \.length, .nanoseconds, isLeftOut: true, "that the figures are of")]

  static func members<Owner>(
    _ processors: any WritableKeyPath<Owner, [HostThread]?> & Sendable,
    _ mainLoop: any WritableKeyPath<Owner, HostThread?> & Sendable,
    _ pressure: any WritableKeyPath<Owner, HostPressure?> & Sendable,
    _ requests: any WritableKeyPath<Owner, Int64?> & Sendable
  ) -> [Member<Owner>] {
    [
      Member("processors", processors, "a thread for each CPU of the guest"),
      Member("main_loop", mainLoop, "QEMU's own, whose locks the others wait for"),
      Member("pressure", pressure, "on the host, of all of it"),
      Member("requests", requests, "that QEMU's disks completed"),
    ]
  }
}

/// The host's own account of a trial.
package struct HostLine: Line {
  package static let type: StaticString = "host"
  package static let meaning = "The host's own account of the trial, before its `end`."
  package static let traits: LineTraits = [.host, .uncounted]

  package struct Memory: LineObject, MemberValue {
    package var size: Int64?
    package var residentReady: Int64?
    package var residentEnd: Int64?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("size", \.size, .bytes, "of the guest's memory"),
      Member(
        "resident_ready", \.residentReady, .bytes,
        "of it that the host had given when the streams began, QEMU's own included"),
      Member("resident_end", \.residentEnd, .bytes, "the same at the end"),
    ]
  }

  package var t: Int64?
  package var seconds: Double?
  package var consoleKillLines: Int64?
  package var silent: Int64?
  package var guestMemory: Memory?
  package var streams: HostShare?
  package init() {}

  package static let members: [Member<Self>] = [
    Member("seconds", \.seconds, .seconds, "that the trial took"),
    Member(
      "console_kill_lines", \.consoleKillLines, isLeftOut: true,
      "kill lines on the serial console: an account that owes nothing to the guest's user space"),
    Member(
      "silent", \.silent, .nanoseconds, isLeftOut: true,
      "how long the guest had said nothing at the end"),
    Member("guest_memory", \.guestMemory, isLeftOut: true, "how much of it the host had given"),
    Member(
      "streams", \.streams, isLeftOut: true,
      "what the guest's CPUs got while the streams ran, or until it was last heard"),
  ]
}

/// How the trial ended.
package struct EndLine: EndingLine {
  package static let type: StaticString = "end"
  package static let meaning = """
    How the trial ended. The last line, but for those that could not be written in time, an `outage` above all: a \
    record that has an `end` is whole.
    """
  package static let traits: LineTraits = [.host, .uncounted, .synced]
  package var t: Int64?
  package var outcome: Outcome?
  package var reason: String?
  package var message: String?
  package init() {}
  package static let members = endingMembers
}

/// The guest's own account of how it ended.
package struct GuestEndLine: EndingLine {
  package static let type: StaticString = "guest-end"
  package static let meaning = "The guest's own account of how it ended."
  package static let traits: LineTraits = [.uncounted, .synced]
  package var t: Int64?
  package var outcome: Outcome?
  package var reason: String?
  package var message: String?
  package init() {}
  package static let members = endingMembers
}

package protocol EndingLine: Line {
  var outcome: Outcome? { get set }
  var reason: String? { get set }
  var message: String? { get set }
}

extension EndingLine {
  fileprivate static var endingMembers: [Member<Self>] {
    [
      Member("outcome", \.outcome, "one of the outcomes below"),
      Member("reason", \.reason, "a stable word: `boot-failure`, `time-out`, `set-up`, ..."),
      Member("message", \.message, "for people"),
    ]
  }

  package init(_ ending: Ending) {
    self.init()
    outcome = ending.outcome
    reason = ending.reason
    message = ending.message
  }

  /// nil: the line names no outcome.
  package var ending: Ending? { outcome.map { Ending($0, reason: reason, message: message) } }
}

extension Outcome: MemberValue {}

/// A time in which lines could not go where they should.
package struct OutageLine: Line {
  package static let type: StaticString = "outage"
  package static let meaning = """
    Lines could not be written. A guest's own, of `queue`, is the guest's line; any other is the host's.
    """
  package static let traits: LineTraits = [.host, .uncounted]
  package var t: Int64?
  package var from: Int64?
  package var why: String?
  package var kept: Int64?
  package var lost: Keyed<Int64>?
  package init() {}
  package static let members: [Member<Self>] = [
    Member(
      "from", \.from, .nanoseconds, "`t` of the first line that met it; `t` is the last one's"),
    Member("why", \.why, "the errno, or `queue`: the guest's lines had nowhere to go"),
    Member("kept", \.kept, "lines that were written late"),
    Member("lost", \.lost, "lines that are lost, by type"),
  ]
}

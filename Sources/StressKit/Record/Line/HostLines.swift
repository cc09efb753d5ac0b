// SPDX-License-Identifier: Apache-2.0
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
    package var rootDevice: String?
    package var fault: String?
    package var peer: JSON?
    package var stallTime: Int64?
    package var profile: JSON?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("label", \.label, "name of the profile and of its variant"),
      Member("axes", \.axes, "the cell's value on each axis, such as `fs`"),
      Member("number", \.number, "number of the trial in its cell, from 1"),
      Member("seed", \.seed, "seed of all random choices: 64 bits, as a signed integer"),
      Member("start_delay", \.startDelay, .nanoseconds, "time between the pins and the streams"),
      Member("device", \.device, "path of the scratch disk's node"),
      Member(
        "cache_device", \.cacheDevice, "path of the node of the disk that page cache is read from"),
      Member("swap_device", \.swapDevice, "path of the node of the disk for swap"),
      Member(
        "root_device", \.rootDevice, isLeftOut: true,
        "path of the node of the disk with the commands' user land"),
      Member("fault", \.fault, "failure that the harness's own tests ask for"),
      Member("peer", \.peer, "tool that the harness's own tests run beside the trial"),
      Member(
        "stall_time", \.stallTime, .nanoseconds,
        "how long neither the workload nor the storage may make progress until the trial counts as `stalled`"
      ),
      Member("profile", \.profile, "the whole profile, in its canonical form"),
    ]
  }

  package struct Disk: LineObject, MemberValue {
    package var path: String?
    package var model: String?
    package var size: Int64?
    package var used: Int64?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("path", \.path, "path of its node in /dev"),
      Member("model", \.model, "model, as the disk reports it"),
      Member("size", \.size, .bytes, "size of the whole disk"),
      Member("used", \.used, .bytes, "how much of it the trial uses"),
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
      Member("kernel", \.kernel, "release of its kernel"),
      Member("cpus", \.cpus, "number of its CPUs online"),
      Member("loadavg", \.loadavg, "its /proc/loadavg before the trial"),
      Member("qemu", \.qemu, "version of its QEMU"),
      Member("jobs", \.jobs, "number of guests that run at a time"),
      Member(
        "oom_daemons", \.oomDaemons,
        "programs that run there and kill when memory is short, by name"),
    ]
  }

  /// What a kernel was built of that the harness has built itself.
  package struct Build: LineObject, MemberValue {
    package var commit: String?
    package var changes: String?
    package var configuration: String?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("commit", \.commit, "id of the git commit, in full"),
      Member(
        "changes", \.changes,
        "git's id of the tree of files with changes that were in no commit; `null`: there were none"
      ),
      Member("configuration", \.configuration, "64 bits of FNV-1a over its .config"),
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
  package var build: Build?
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
    Member("schema", \.schema, "version of what the lines mean: 1"),
    Member("wbstress", \.wbstress, "version of the program"),
    Member("time", \.time, .seconds, "wall-clock time, since 1970 (UTC)"),
    Member(
      "plan", \.plan,
      "what the machine under test was told to do: axes, seed and the whole profile"),
    Member("kernel", \.kernel, "the kernel, as it was asked for"),
    Member("release", \.release, "the kernel's release, as in uname(2)"),
    Member("package", \.package, "version of the distribution's package that the kernel is from"),
    Member(
      "build", \.build, isLeftOut: true,
      "what the kernel was built of; absent: it was not built here"),
    Member(
      "accelerator", \.accelerator,
      "what executes the kernel's instructions: `kvm`, `tcg`, or `none` (this machine itself)"),
    Member(
      "disk_cache", \.diskCache,
      "cache mode of the disks' images on the host: `none` (O_DIRECT), or another of QEMU's"),
    Member(
      "images_allocated", \.imagesAllocated,
      "on this machine: whether the images had all their blocks before the trial (`false`: their file system cannot do that)"
    ),
    Member("mkfs", \.mkfs, "command that made the file system"),
    Member("mkfs_version", \.mkfsVersion, "version of that program"),
    Member("fs_features", \.fsFeatures, "features of the new file system"),
    Member("disk", \.disk, "the block device that the user named; `null`: none"),
    Member("host", \.host, "the machine that runs the harness"),
  ]
}

/// A guest that said nothing for longer than the host's patience.
package struct SilenceLine: Line {
  package static let type: StaticString = "silence"
  package static let meaning = """
    A guest said nothing for longer than the host's patience. The figures are of the interval since it was last heard. \
    If the host is not to blame, the line also has what the guest could still be made to tell.
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
      Member(
        "workload", \.workload, .nanoseconds, "time since the guest's workload last made progress"),
      Member(
        "interval", \.interval, .nanoseconds, "length of the interval that the figures are of"),
    ] + HostShare.members(\.processors, \.mainLoop, \.pressure, \.requests) + [
      Member(
        "asked", \.asked, isLeftOut: true, "what the guest was asked with: `sysrq l`, ..., `nmi`"),
      Member("console", \.console, isLeftOut: true, "lines that came on the serial console since"),
      Member("backtraces", \.backtraces, isLeftOut: true, "what each CPU was at, by its backtrace"),
      Member("registers", \.registers, isLeftOut: true, "registers of the CPUs, by QEMU"),
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
    Member("cpu", \.cpu, isLeftOut: true, "the guest's CPU that the thread is"),
    Member("ran", \.ran, .share, "share of the interval in which it ran on a CPU of the host"),
    Member(
      "waited", \.waited, .share,
      "share of the interval in which it waited for a CPU of the host (schedstat)"),
    Member("state", \.state, "its state, as in ps(1)"),
  ]
}

/// Stall of the whole host in an interval (/proc/pressure).
package struct HostPressure: LineObject, MemberValue {
  package var cpu: Double?
  package var memory: Double?
  package var io: Double?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cpu", \.cpu, .share, "`some` of /proc/pressure/cpu"),
    Member("memory", \.memory, .share, "`full` of /proc/pressure/memory"),
    Member("io", \.io, .share, "`full` of /proc/pressure/io"),
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
    + [
      Member(
        "interval", \.length, .nanoseconds, isLeftOut: true,
        "length of the interval that the figures are of")
    ]

  static func members<Owner>(
    _ processors: any WritableKeyPath<Owner, [HostThread]?> & Sendable,
    _ mainLoop: any WritableKeyPath<Owner, HostThread?> & Sendable,
    _ pressure: any WritableKeyPath<Owner, HostPressure?> & Sendable,
    _ requests: any WritableKeyPath<Owner, Int64?> & Sendable
  ) -> [Member<Owner>] {
    [
      Member("processors", processors, "a thread of QEMU's for each CPU of the guest"),
      Member("main_loop", mainLoop, "QEMU's main loop, whose locks the other threads wait for"),
      Member("pressure", pressure, "pressure of the whole host in the interval"),
      Member("requests", requests, "requests that QEMU's disks completed in the interval"),
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
      Member("size", \.size, .bytes, "size of the guest's memory"),
      Member(
        "resident_ready", \.residentReady, .bytes,
        "memory that the host had given when the streams began, QEMU's own included"),
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
    Member("seconds", \.seconds, .seconds, "how long the trial took"),
    Member(
      "console_kill_lines", \.consoleKillLines, isLeftOut: true,
      "kill lines on the serial console: an account that owes nothing to the guest's user space"),
    Member(
      "silent", \.silent, .nanoseconds, isLeftOut: true,
      "how long the guest had been silent at the end"),
    Member(
      "guest_memory", \.guestMemory, isLeftOut: true,
      "the guest's memory, and how much of it the host had given"),
    Member(
      "streams", \.streams, isLeftOut: true,
      "what the guest's CPUs got while the streams ran, or until the guest was last heard"),
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
      Member("outcome", \.outcome, "one of the [outcomes](#outcomes)"),
      Member(
        "reason", \.reason,
        "a word that does not change between versions: `boot-failure`, `time-out`, `set-up`, ..."),
      Member("message", \.message, "the reason in words, for people"),
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
    Lines could not be written. The host writes the line when its file could not be written; of `queue`, the guest \
    writes it.
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
      "from", \.from, .nanoseconds,
      "`t` of the first line that could not be written; the outage's own `t` is that of the last one"
    ),
    Member("why", \.why, "the errno; or `queue`: the guest's lines had nowhere to go"),
    Member("kept", \.kept, "number of lines that were kept and written late"),
    Member("lost", \.lost, "number of lines that are lost, by type"),
  ]
}

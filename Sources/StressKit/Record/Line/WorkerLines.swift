// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A worker begins or ends.
package struct WorkerLine: Line {
  package static let type: StaticString = "worker"
  package static let meaning = """
    A worker of the trial begins or ends. The jobs of a stream `NAME` are workers and streams of their own, `NAME-0`, \
    `NAME-1`, ..., in one cgroup.
    """

  package enum Event: String, CaseIterable, MemberValue {
    case start, done, failed, killed, crashed
    /// It did not die of SIGKILL in time.
    case unkillable
    /// By the harness, at the end.
    case stopped
  }

  package var t: Int64?
  package var name: String?
  package var event: Event?
  package var pid: Int64?
  package var cgroup: String?
  package var exit: String?
  package var message: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("name", \.name, "name of the worker"),
    Member(
      "event", \.event,
      "what happened to it. `stopped`: the harness stopped it at the end; `unkillable`: it did not die of SIGKILL in time"
    ),
    Member("pid", \.pid, isLeftOut: true, "of `start`: its pid"),
    Member("cgroup", \.cgroup, isLeftOut: true, "of `start`: path of its cgroup below the base"),
    Member("exit", \.exit, isLeftOut: true, "of its end: its exit status or signal"),
    Member("message", \.message, isLeftOut: true, "what went wrong, for people"),
  ]
}

/// What a worker costs its cgroup.
package struct CostLine: Line {
  package static let type: StaticString = "cost"
  package static let meaning = """
    What a worker costs its cgroup beyond what it pins, measured once before the delay. The first job of a stream \
    stands for all of them.
    """
  package var t: Int64?
  package var worker: String?
  package var pinned: Int64?
  package var anon: Int64?
  package var kernel: Int64?
  package var file: Int64?
  package var overhead: Int64?
  package var mapped: Keyed<Int64>?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("worker", \.worker, "name of the worker"),
    Member("pinned", \.pinned, .bytes, "memory that the profile has it pin"),
    Member("anon", \.anon, .bytes, "`anon` of its memory.stat"),
    Member("kernel", \.kernel, .bytes, "`kernel` of its memory.stat"),
    Member("file", \.file, .bytes, "`file` of its memory.stat"),
    Member("overhead", \.overhead, .bytes, "sum of `anon`, `kernel` and `file`, minus `pinned`"),
    Member(
      "mapped", \.mapped, .bytes,
      "memory of the same worker by its page tables (/proc/PID/smaps_rollup), by key"),
  ]
}

/// A worker's process has ended.
package struct ExitLine: Line {
  package static let type: StaticString = "exit"
  package static let meaning = "A worker's process has ended, as its pidfd tells."
  package var t: Int64?
  package var worker: String?
  package var pid: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("worker", \.worker, "name of the worker"),
    Member("pid", \.pid, "pid of the process"),
  ]
}

/// A command of the profile, when it has ended.
package struct CommandEndLine: Line {
  package static let type: StaticString = "command"
  package static let meaning = """
    A command of the profile that was started, told at the trial's end: how it ended, and what it printed. What its \
    cgroup used is in `snapshot`.
    """

  package enum Ended: String, CaseIterable, MemberValue {
    case itself
    /// By the signal that its profile names.
    case stopped
    /// By the harness's SIGKILL, when its grace was over.
    case killed
    /// By another's SIGKILL: the kernel's, say.
    case killedByOthers = "killed-by-others"
    case unkillable
  }

  package var t: Int64?
  package var command: String?
  package var pid: Int64?
  package var start: Int64?
  package var end: Int64?
  package var exit: String?
  package var ended: Ended?
  package var left: [String]?
  package var printed: Int64?
  package var output: String?
  package var outputEnd: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("command", \.command, "name of the command"),
    Member("pid", \.pid, "pid of its first process"),
    Member("start", \.start, .nanoseconds, "when it was started"),
    Member(
      "end", \.end, .nanoseconds,
      "when its first process was seen to have ended; `null`: it has not"
    ),
    Member("exit", \.exit, "exit status or signal of that process; `null`: it has not ended"),
    Member(
      "ended", \.ended,
      "what ended it: `itself`; `stopped`: the signal of its profile; `killed`: the harness's SIGKILL after its grace; `killed-by-others`: a SIGKILL of somebody else, such as the kernel; `unkillable`: nothing did"
    ),
    Member(
      "left", \.left, isLeftOut: true,
      "names of the processes in its cgroup that outlived the first one"),
    Member("printed", \.printed, .bytes, "bytes that it printed"),
    Member(
      "output", \.output, "what it printed on both streams; of more than 32 KiB the first 8 KiB"),
    Member(
      "output_end", \.outputEnd, isLeftOut: true,
      "of more than 32 KiB the last 24 KiB"),
  ]
}

/// A line that is of one worker, which it names by its role.
package protocol WorkersLine: Line {
  var stream: String? { get set }
  var pinned: String? { get set }
  var task: String? { get set }
}

extension WorkersLine {
  /// - Parameter stream, pinned, task: its own: a path by this protocol is not the same as the structure's.
  static func subject(
    _ stream: any WritableKeyPath<Self, String?> & Sendable,
    _ pinned: any WritableKeyPath<Self, String?> & Sendable,
    _ task: any WritableKeyPath<Self, String?> & Sendable
  ) -> [Member<Self>] {
    [
      Member("stream", stream, isLeftOut: true, "name of the worker, if it is a stream"),
      Member("pinned", pinned, isLeftOut: true, "name of the worker, if it pins memory"),
      Member("task", task, isLeftOut: true, "name of the worker, if it is a task"),
    ]
  }

  /// The name of its worker.
  package var worker: String? { stream ?? pinned ?? task }
}

/// A worker's progress.
package struct ProgressLine: WorkersLine {
  package static let type: StaticString = "progress"
  package static let meaning = "How far a worker has come, once a second."
  package static let traits: LineTraits = .bulk
  package var t: Int64?
  package var stream: String?
  package var pinned: String?
  package var task: String?
  package var bytes: Int64?
  package var oldest: Int64?
  package init() {}
  package static let members: [Member<Self>] =
    subject(\.stream, \.pinned, \.task) + [
      Member(
        "bytes", \.bytes, .bytes, "bytes that it has written, read, copied or pinned so far"),
      Member(
        "oldest", \.oldest, .nanoseconds,
        "age of its oldest operation in flight; `null`: none is in flight"),
    ]
}

/// A pin's end.
package struct PinLine: WorkersLine {
  package static let type: StaticString = "pin"
  package static let meaning = """
    A pin has its memory, has given up, or died of it; of a pin that grows, when the streams have ended. Of memory \
    that is not locked, the line also tells how long the first write to each page took.
    """
  package var t: Int64?
  package var stream: String?
  package var pinned: String?
  package var task: String?
  package var pid: Int64?
  package var size: Int64?
  package var reached: Int64?
  package var errno: String?
  package var touches: Int64?
  package var touchMax: Int64?
  package var logLost: Int64?
  package var touchLatency: JSON?
  package init() {}
  package static let members: [Member<Self>] =
    subject(\.stream, \.pinned, \.task) + [
      Member("pid", \.pid, "pid of the worker"),
      Member("size", \.size, .bytes, "memory that it was to have"),
      Member("reached", \.reached, .bytes, "memory that it has"),
      Member(
        "errno", \.errno,
        "errno with which the kernel refused more; `null`: the kernel refused nothing, but time was up or the worker was killed"
      ),
      Member(
        "touches", \.touches, isLeftOut: true,
        "number of writes to pages of it, each page once in every pass"),
      Member(
        "touch_max", \.touchMax, .nanoseconds, isLeftOut: true,
        "how long the longest such write took"),
      Member(
        "log_lost", \.logLost, isLeftOut: true,
        "number of slow writes of these that have no `slow` line"),
      Member(
        "touch_latency", \.touchLatency, .nanoseconds, isLeftOut: true,
        "histogram of how long all of them took, as `[value, count]` pairs"),
    ]
}

/// What a file is just before a task drops it.
package struct StateLine: WorkersLine {
  package static let type: StaticString = "state"
  package static let meaning = """
    What a file is just before a task drops it. Extents and bytes come from FS_IOC_FIEMAP; btrfs tells of the blocks \
    as they were before what is dirty or under I/O. Pages come from cachestat(2), which Linux 6.5 and later have.
    """
  package static let traits: LineTraits = .bulk
  package var t: Int64?
  package var stream: String?
  package var pinned: String?
  package var task: String?
  package var pid: Int64?
  package var round: Int64?
  package var extents: Int64?
  package var delallocBytes: Int64?
  package var unwrittenBytes: Int64?
  package var dirtyPages: Int64?
  package var writebackPages: Int64?
  package init() {}
  package static let members: [Member<Self>] =
    subject(\.stream, \.pinned, \.task) + [
      Member("pid", \.pid, "pid of the worker"),
      Member("round", \.round, "number of the task's round, from 0"),
      Member("extents", \.extents, "number of the file's extents"),
      Member("delalloc_bytes", \.delallocBytes, .bytes, "bytes that have no blocks yet"),
      Member(
        "unwritten_bytes", \.unwrittenBytes, .bytes, "bytes whose blocks nothing was written to"),
      Member("dirty_pages", \.dirtyPages, .pages, "pages that are dirty"),
      Member("writeback_pages", \.writebackPages, .pages, "pages under writeback"),
    ]
}

/// One operation that took long.
package struct SlowLine: WorkersLine {
  package static let type: StaticString = "slow"
  package static let meaning = """
    One operation that took at least `observe.slow`. `t` is its end.
    """
  package static let traits: LineTraits = .bulk
  package var t: Int64?
  package var stream: String?
  package var pinned: String?
  package var task: String?
  package var pid: Int64?
  package var kind: String?
  package var start: Int64?
  package var latency: Int64?
  package var bytes: Int64?
  package var file: Int64?
  package var offset: Int64?
  package var ahead: Int64?
  package var inFlight: Int64?
  package var inFlightBytes: Int64?
  package var op: Int64?
  package init() {}
  package static let members: [Member<Self>] =
    subject(\.stream, \.pinned, \.task) + [
      Member("pid", \.pid, "pid of the task that did it"),
      Member("kind", \.kind, "kind of the operation, as `of` in `latency`"),
      Member("start", \.start, .nanoseconds, "when it began"),
      Member("latency", \.latency, .nanoseconds, "how long it took"),
      Member("bytes", \.bytes, .bytes, "bytes that it reads or writes"),
      Member("file", \.file, "number of the worker's file"),
      Member("offset", \.offset, .bytes, "offset in the file"),
      Member("ahead", \.ahead, "number of the worker's operations in flight when it began"),
      Member(
        "in_flight", \.inFlight,
        "number of the worker's operations in flight when it ended, itself included"),
      Member("in_flight_bytes", \.inFlightBytes, .bytes, "bytes of those"),
      Member(
        "op", \.op, isLeftOut: true,
        "`user_data` of an io_uring operation (the same is used again once it has ended)"),
    ]
}

/// An operation that had not ended.
package struct InFlightLine: WorkersLine {
  package static let type: StaticString = "in-flight"
  package static let meaning = """
    An operation that had not ended when its worker died or time was up. Operations that ended before the harness had \
    looked are among them.
    """
  package var t: Int64?
  package var stream: String?
  package var pinned: String?
  package var task: String?
  package var pid: Int64?
  package var kind: String?
  package var start: Int64?
  package var age: Int64?
  package var bytes: Int64?
  package var file: Int64?
  package var offset: Int64?
  package var op: Int64?
  package init() {}
  package static let members: [Member<Self>] =
    subject(\.stream, \.pinned, \.task) + [
      Member("pid", \.pid, "pid of the task that did it"),
      Member("kind", \.kind, "kind of the operation, as `of` in `latency`"),
      Member("start", \.start, .nanoseconds, "when it began"),
      Member("age", \.age, .nanoseconds, "its age when its worker died or time was up"),
      Member("bytes", \.bytes, .bytes, "bytes that it reads or writes"),
      Member("file", \.file, "number of the worker's file"),
      Member("offset", \.offset, .bytes, "offset in the file"),
      Member("op", \.op, isLeftOut: true, "`user_data`, as in `slow`"),
    ]
}

/// A worker's totals.
package protocol TotalsLine: WorkersLine {
  var pid: Int64? { get set }
  var ended: String? { get set }
  var bytes: Int64? { get set }
  var firstStart: Int64? { get set }
  var lastEnd: Int64? { get set }
  var inline: Int64? { get set }
  var punted: Int64? { get set }
  var paced: Int64? { get set }
  var logLost: Int64? { get set }
  var begunLater: Int64? { get set }
  var beyondRange: Int64? { get set }
}

/// What became of a worker's operations of one kind.
package struct OperationTotals: Sendable {
  /// As `of` in ``LatencyLine``.
  package var kind: String
  /// That ended.
  package var count: Int64?
  /// The longest, ns, exact.
  package var max: Int64?
  /// `[value, count]` pairs, ns.
  package var latency: JSON?

  package init(kind: String, count: Int64?, max: Int64?, latency: JSON?) {
    self.kind = kind
    self.count = count
    self.max = max
    self.latency = latency
  }

  /// `writes`, `touches`.
  fileprivate static func counts(_ kind: String) -> String {
    switch kind {
    case "copy": "copies"
    case "touch": "touches"
    default: kind + "s"
    }
  }
}

extension TotalsLine {
  package static var keepsRest: Bool { true }

  static var totals: [Member<Self>] {
    subject(\.stream, \.pinned, \.task) + [
      Member("pid", \.pid, "pid of the worker"),
      Member("ended", \.ended, "what ended it: `size`, `rounds`, `time`, `killed`, `failed`"),
      Member("bytes", \.bytes, .bytes, "bytes that it wrote, read or copied"),
      Member("first_start", \.firstStart, .nanoseconds, "when its first operation began"),
      Member("last_end", \.lastEnd, .nanoseconds, "when its last operation ended"),
      Member(
        "inline", \.inline, "number of io_uring operations that ended within their submission"),
      Member(
        "punted", \.punted,
        "number of all other io_uring operations, which ended after their submission"),
      Member("paced", \.paced, "number of operations that waited for their rate"),
      Member(
        "log_lost", \.logLost,
        "number of operations that ended and are in no histogram, for want of room or because they make no sense"
      ),
      Member(
        "begun_later", \.begunLater,
        "number of operations that the worker began between the end of the time and the word to stop; they are in no other figure"
      ),
      Member(
        "beyond_range", \.beyondRange, isLeftOut: true,
        "of older records: number of operations that took more than an hour, which are in no histogram"
      ),
    ]
  }

  /// Members for each kind of operation, in docs/record.md: `KINDs`, `KIND_max`, `KIND_latency`.
  package static var operationMembers:
    [(name: String, kind: String, unit: LineUnit?, meaning: String)]
  {
    [
      (
        "KINDs", Int64.kind, nil,
        "how many operations of a [kind](#spans-and-latencies) ended, exact: `writes`, `fsyncs`, `touches`, ...; of a stream any but the first two only if it did any"
      ),
      (
        "KIND_max", Int64.kind, .nanoseconds,
        "how long the longest of them took, exact: `write_max`, `fsync_max`, ..."
      ),
      (
        "KIND_latency", JSON.kind, .nanoseconds,
        "histogram of how long all of them took, as `[value, count]` pairs (three digits; more than a day counts as a day)"
      ),
    ]
  }

  package func operations(of kind: String) -> OperationTotals? {
    func value(_ key: String) -> JSON? { rest.first { $0.0 == key }?.1 }
    let count = value(OperationTotals.counts(kind))
    let (max, latency) = (value(kind + "_max"), value(kind + "_latency"))
    if count == nil, max == nil, latency == nil { return nil }
    return OperationTotals(kind: kind, count: count?.int, max: max?.int, latency: latency)
  }

  package mutating func add(_ totals: OperationTotals) {
    func number(_ value: Int64?) -> JSON { value.map { .int($0) } ?? .null }
    rest += [
      (OperationTotals.counts(totals.kind), number(totals.count)),
      (totals.kind + "_max", number(totals.max)),
      (totals.kind + "_latency", totals.latency ?? .null),
    ]
  }
}

/// A stream's totals.
package struct StreamLine: TotalsLine {
  package static let type: StaticString = "stream"
  package static let meaning = """
    A stream's totals, and how long its operations took, by their kind.
    """
  package var t: Int64?
  package var stream: String?
  package var pinned: String?
  package var task: String?
  package var pid: Int64?
  package var ended: String?
  package var bytes: Int64?
  package var firstStart: Int64?
  package var lastEnd: Int64?
  package var inline: Int64?
  package var punted: Int64?
  package var paced: Int64?
  package var logLost: Int64?
  package var begunLater: Int64?
  package var beyondRange: Int64?
  package var action: String?
  package var rest: [(String, JSON)] = []
  package init() {}
  package static let members: [Member<Self>] =
    totals + [
      Member(
        "do", \.action, isLeftOut: true,
        "what it did: `write`, `read`, `copy`; of older records: not recorded, `write`")
    ]

  /// Whether its bytes are written, and not only read.
  package var writes: Bool { action != "read" }
}

/// The totals of hot memory.
package struct TouchesLine: TotalsLine {
  package static let type: StaticString = "touches"
  package static let meaning = "The totals of hot memory, as in `stream`."
  package var t: Int64?
  package var stream: String?
  package var pinned: String?
  package var task: String?
  package var pid: Int64?
  package var ended: String?
  package var bytes: Int64?
  package var firstStart: Int64?
  package var lastEnd: Int64?
  package var inline: Int64?
  package var punted: Int64?
  package var paced: Int64?
  package var logLost: Int64?
  package var begunLater: Int64?
  package var beyondRange: Int64?
  package var behind: Int64?
  package var rest: [(String, JSON)] = []
  package init() {}
  package static let members: [Member<Self>] =
    totals + [Member("behind", \.behind, "number of touches that were due at the end and not made")]
}

/// The totals of a task.
package struct RoundsLine: TotalsLine {
  package static let type: StaticString = "rounds"
  package static let meaning = """
    The totals of a task, as in `stream`: rounds, and its `truncates`, `unlinks`, `writes`, ...
    """
  package var t: Int64?
  package var stream: String?
  package var pinned: String?
  package var task: String?
  package var pid: Int64?
  package var ended: String?
  package var bytes: Int64?
  package var firstStart: Int64?
  package var lastEnd: Int64?
  package var inline: Int64?
  package var punted: Int64?
  package var paced: Int64?
  package var logLost: Int64?
  package var begunLater: Int64?
  package var beyondRange: Int64?
  package var rounds: Int64?
  package var statesLost: Int64?
  package var rest: [(String, JSON)] = []
  package init() {}
  package static let members: [Member<Self>] =
    totals + [
      Member("rounds", \.rounds, "number of rounds that have ended"),
      Member("states_lost", \.statesLost, "number of rounds that have no `state` line"),
    ]
}

/// A second's latencies of one kind.
package struct LatencyLine: Line {
  package static let type: StaticString = "latency"
  package static let meaning = """
    How long operations or spans of one kind took that ended between `from` and `t`, a second. A second may have \
    several lines: their counts and sums add up.
    """
  package static let traits: LineTraits = .repeatable
  package var t: Int64?
  package var from: Int64?
  package var of: String?
  package var worker: String?
  package var stream: String?
  package var mount: String?
  package var count: Int64?
  package var sum: Int64?
  package var max: Int64?
  package var values: JSON?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("from", \.from, .nanoseconds, "when the second began"),
    Member("of", \.of, "[the kind](#spans-and-latencies): `write`, `fsync`, ..."),
    Member(
      "worker", \.worker, isLeftOut: true,
      "name of the worker or command, if they are one's; of a command's call left out where it is not known"
    ),
    Member("stream", \.stream, isLeftOut: true, "of older records: `worker`"),
    Member(
      "mount", \.mount, isLeftOut: true,
      "of `write-call` and `sync-call`: [what they went to](#calls-of-commands)"),
    Member("count", \.count, "how many ended, exact"),
    Member("sum", \.sum, .nanoseconds, "sum of how long they took, exact"),
    Member("max", \.max, .nanoseconds, "how long the longest took, exact"),
    Member(
      "v", \.values, .nanoseconds,
      "`[value, count]` pairs; values are cut to their top 11 bits (less than 0.1 % too low)"),
  ]

  /// The name of what is counted alike: its kind, and of a call what it went to.
  package static func kind(_ of: String, mount: String?) -> String {
    mount.map { "\(of):\($0)" } ?? of
  }
}

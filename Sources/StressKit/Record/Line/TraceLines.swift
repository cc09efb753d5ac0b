// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The trace begins.
package struct TraceStartLine: Line {
  package static let type: StaticString = "trace-start"
  package static let meaning = """
    The trace begins. The line says which events are recorded, and how spans are measured.
    """
  package var t: Int64?
  package var clock: String?
  package var hz: Int64?
  package var failures: [String]?
  package var buffer: Int64?
  package var cpus: Int64?
  package var enabling: Int64?
  package var events: [String]?
  package var missing: [String]?
  package var unfiltered: [String]?
  package var definitions: Keyed<String>?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("clock", \.clock, "the trace's clock"),
    Member("hz", \.hz, .perSecond, "frequency of the kernel's jiffies"),
    Member("failures", \.failures, "what else went wrong with an event, as messages"),
    Member("buffer", \.buffer, .bytes, "size of the buffer of each CPU"),
    Member("cpus", \.cpus, "number of CPUs that have a buffer"),
    Member("enabling", \.enabling, .nanoseconds, "time that switching the events on took"),
    Member("events", \.events, "events that are recorded, as `system:event`"),
    Member("missing", \.missing, "events, or `event.field`, that this kernel lacks"),
    Member(
      "unfiltered", \.unfiltered,
      "events that are recorded whole, because the kernel refused the filter"),
    Member(
      "definitions", \.definitions, "how each [span](#spans-and-latencies) is measured, by its name"
    ),
  ]
}

/// An interval of the kernel's.
package struct SpanLine: Line {
  package static let type: StaticString = "span"
  package static let meaning = """
    An interval of the kernel's. There is a line for every interval of at least 100 us in which a task waits, and for \
    every other one of at least `observe.slow`; in a second at most 500 of a kind, 5000 of `off-cpu`, `io-wq-queue` \
    and `io-wq-run`. Further members are what the event told, by the names of its fields.
    """
  package static let traits: LineTraits = .bulk
  package static var keepsRest: Bool { true }
  package var t: Int64?
  package var of: String?
  package var start: Int64?
  package var length: Int64?
  package var pid: Int64?
  package var cpu: Int64?
  package var state: String?
  package var woken: Int64?
  package var stack: Int64?
  package var owner: Int64?
  package var op: Int64?
  package var mount: String?
  package var text: String?
  package var rest: [(String, JSON)] = []
  package init() {}
  package static let members: [Member<Self>] = [
    Member("of", \.of, "[which interval](#spans-and-latencies)"),
    Member("start", \.start, .nanoseconds, "when it began"),
    Member("ns", \.length, .nanoseconds, "its length"),
    Member(
      "pid", \.pid,
      "task in which it ended; of `off-cpu` the task that was off the CPU, of `io-wq-*` the worker"),
    Member("cpu", \.cpu, "CPU on which it ended"),
    Member(
      "state", \.state, isLeftOut: true,
      "of `off-cpu`: the state in which the task left the CPU (`S`, `D`, ... as in ps(1); `R`: it was preempted)"
    ),
    Member(
      "woken", \.woken, .nanoseconds, isLeftOut: true,
      "of `off-cpu`: time from `start` to the task's wakeup; `null`: it did not sleep, or its wakeup was not seen"
    ).where { $0.of == TraceSpan.offCPU.label },
    Member(
      "stack", \.stack, isLeftOut: true,
      "of `off-cpu`: the `stack` in which the task slept, by its `id`; left out where the kernel did not tell it"
    ),
    Member(
      "owner", \.owner, isLeftOut: true, "of `io-wq-*`: pid of the task that submitted the request"),
    Member("op", \.op, isLeftOut: true, "of `io-wq-*`: the request's `user_data`"),
    Member(
      "mount", \.mount, isLeftOut: true,
      "of `write-call` and `sync-call`: [what the call went to](#calls-of-commands)"),
    Member("text", \.text, isLeftOut: true, "a text that the event told"),
  ]
}

/// A kernel stack.
package struct StackLine: Line {
  package static let type: StaticString = "stack"
  package static let meaning = """
    A kernel stack, when it is first seen; after the streams' end once more, with the functions' names. Of several \
    lines of one `id` the last one counts.
    """
  package var t: Int64?
  package var id: Int64?
  package var addresses: [String]?
  package var frames: [String]?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("id", \.id, "number of the stack"),
    Member("addresses", \.addresses, "return addresses, innermost first, 64 at most"),
    Member(
      "frames", \.frames, isLeftOut: true,
      "names of the functions by /proc/kallsyms, from the caller of schedule() outwards, without what the compiler adds to a name behind a dot"
    ),
  ]
}

/// What has no `off-cpu` line.
package struct UnlistedLine: Line {
  package static let type: StaticString = "unlisted"
  package static let meaning = """
    The time that a task was off the CPU and that has no `off-cpu` line (intervals shorter than 100 us, or beyond \
    5000), in the second that ends at `t`.
    """
  package static let traits: LineTraits = .bulk
  package var t: Int64?
  package var pid: Int64?
  package var offCPU: Int64?
  package var count: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("pid", \.pid, "pid of the task"),
    Member("off_cpu", \.offCPU, .nanoseconds, "sum of the intervals"),
    Member("count", \.count, "number of the intervals"),
  ]
}

/// A single event.
package struct EventLine: Line {
  package static let type: StaticString = "event"
  package static let meaning = """
    A single event. `mm_vmscan_lru_shrink_inactive` and `track_foreign_dirty` are the sum of a second. Further members \
    are the event's fields by their names; what the kernel counts in jiffies is in nanoseconds.
    """
  package static let traits: LineTraits = .bulk
  package static var keepsRest: Bool { true }
  package var t: Int64?
  package var of: String?
  package var start: Int64?
  package var events: Int64?
  package var pid: Int64?
  package var cpu: Int64?
  package var text: String?
  package var nowait: Bool?
  package var victim: Int64?
  package var rest: [(String, JSON)] = []
  package init() {}
  package static let members: [Member<Self>] = [
    Member("of", \.of, "the kernel's name for the event"),
    Member("start", \.start, .nanoseconds, isLeftOut: true, "of a sum: when its second began"),
    Member("events", \.events, isLeftOut: true, "of a sum: how many events there were"),
    Member(
      "pid", \.pid, isLeftOut: true,
      "task in which it happened; of `mark_victim` the task that invoked the OOM killer"),
    Member("cpu", \.cpu, isLeftOut: true, "CPU on which it happened"),
    Member("victim", \.victim, isLeftOut: true, "of an OOM event: the victim's pid"),
    Member(
      "text", \.text, isLeftOut: true,
      "a text that the event told; of `mark_victim` the victim's name"),
    Member(
      "nowait", \.nowait, isLeftOut: true,
      "of `balance_dirty_pages`: whether it is io_uring's non-blocking attempt, which does not sleep"
    ),
  ]
}

/// Who a pid is.
package struct TaskLine: Line {
  package static let type: StaticString = "task"
  package static let meaning = """
    Who a `pid` is. Tasks are known from cgroup.threads, io-wq workers by their rename to `iou-wrk-PID`.
    """
  package var t: Int64?
  package var pid: Int64?
  package var comm: String?
  package var cgroup: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("pid", \.pid, "pid of the task"),
    Member("comm", \.comm, "name of the task"),
    Member("cgroup", \.cgroup, "its cgroup, if that is one of the trial's"),
  ]
}

/// A span that had not ended.
package struct OpenLine: Line {
  package static let type: StaticString = "open"
  package static let meaning = "A span that had not ended when the trace did."
  package var t: Int64?
  package var of: String?
  package var start: Int64?
  package var key: [Int64]?
  package var pid: Int64?
  package var state: String?
  package var stack: Int64?
  package var owner: Int64?
  package var op: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("of", \.of, "[which interval](#spans-and-latencies)"),
    Member("start", \.start, .nanoseconds, "when it began"),
    Member("key", \.key, "values by which its two ends are paired"),
    Member("pid", \.pid, isLeftOut: true, "of `off-cpu`: as in `span`"),
    Member("state", \.state, isLeftOut: true, "of `off-cpu`: as in `span`"),
    Member("stack", \.stack, isLeftOut: true, "of `off-cpu`: as in `span`"),
    Member("owner", \.owner, isLeftOut: true, "of `io-wq-*`: as in `span`"),
    Member("op", \.op, isLeftOut: true, "of `io-wq-*`: as in `span`"),
  ]
}

/// The trace's end.
package struct TraceLine: Line {
  package static let type: StaticString = "trace"
  package static let meaning = "The trace's end, or why there is no trace."

  /// What a CPU's buffer has lost.
  package struct Loss: LineObject, MemberValue {
    package var cpu: Int64?
    package var overrun: Int64?
    package var commitOverrun: Int64?
    package var dropped: Int64?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("cpu", \.cpu, "number of the CPU"),
      Member("overrun", \.overrun, "records that newer ones overwrote"),
      Member("commit_overrun", \.commitOverrun, "records lost to nested events"),
      Member("dropped", \.dropped, "records that found no room"),
    ]
  }

  package var t: Int64?
  package var failed: String?
  package var from: Int64?
  package var until: Int64?
  package var failures: [String]?
  package var events: Keyed<Int64>?
  package var decoded: Int64?
  package var unknown: Int64?
  package var lost: [Loss]?
  package var lostInPages: Int64?
  package var droppedRows: Int64?
  package var unpaired: Int64?
  package var tableOverflow: Int64?
  package var resolving: Int64?
  package var unlisted: Keyed<Int64>?
  package var punted: Keyed<Int64>?
  package var cpuTime: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member(
      "failed", \.failed, isLeftOut: true,
      "why there is no trace; then the line has no other member"),
    Member("from", \.from, .nanoseconds, isLeftOut: true, "when the trace began"),
    Member("until", \.until, .nanoseconds, isLeftOut: true, "when the trace ended"),
    Member("failures", \.failures, isLeftOut: true, "what went wrong at its end, as messages"),
    Member("events", \.events, isLeftOut: true, "number of records, by event"),
    Member("decoded", \.decoded, isLeftOut: true, "number of records that were decoded"),
    Member(
      "unknown", \.unknown, isLeftOut: true, "number of records of events that were not asked for"),
    Member("lost", \.lost, isLeftOut: true, "what the buffer of each CPU has lost"),
    Member(
      "lost_in_pages", \.lostInPages, isLeftOut: true,
      "number of records that are lost by the buffer's own pages"),
    Member(
      "dropped_rows", \.droppedRows, isLeftOut: true,
      "number of lines that found no room in the harness"),
    Member(
      "unpaired", \.unpaired, isLeftOut: true,
      "number of ends without a begin, and of intervals in which records were lost"),
    Member(
      "table_overflow", \.tableOverflow, isLeftOut: true,
      "number of begins that found no room in the table"),
    Member(
      "resolving", \.resolving, .nanoseconds, isLeftOut: true,
      "time that reading /proc/kallsyms took"),
    Member(
      "unlisted", \.unlisted, isLeftOut: true,
      "number of lines beyond 500 a second, which are left out, by event"),
    Member(
      "punted", \.punted, isLeftOut: true,
      "number of buffered io_uring writes that went to an io-wq worker, by stream"),
    Member("cpu_time", \.cpuTime, .nanoseconds, isLeftOut: true, "CPU time of the trace's thread"),
  ]
}

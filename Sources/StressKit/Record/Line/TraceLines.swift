import StressCore

/// The trace begins.
package struct TraceStartLine: Line {
  package static let type: StaticString = "trace-start"
  package static let meaning = "The trace begins."
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
    Member("clock", \.clock, "of the trace"),
    Member("hz", \.hz, .perSecond, "jiffies"),
    Member("failures", \.failures, "what went wrong with an event, as messages"),
    Member("buffer", \.buffer, .bytes, "a CPU"),
    Member("cpus", \.cpus, "that have a buffer"),
    Member("enabling", \.enabling, .nanoseconds, "that switching on took"),
    Member("events", \.events, "recorded, as `system:event`"),
    Member("missing", \.missing, "events, or `event.field`, that this kernel lacks"),
    Member("unfiltered", \.unfiltered, "recorded whole: the kernel refused the filter"),
    Member("definitions", \.definitions, "of all spans"),
  ]
}

/// An interval of the kernel's.
package struct SpanLine: Line {
  package static let type: StaticString = "span"
  package static let meaning = """
    An interval of the kernel's. Every one of at least 100 us in which a task waits, of the others those of at least \
    `observe.slow`; 500 of a kind a second, 5000 of `off-cpu`, `io-wq-queue` and `io-wq-run`. Besides these members: \
    what the event told, by the names of its fields.
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
  package var text: String?
  package var rest: [(String, JSON)] = []
  package init() {}
  package static let members: [Member<Self>] = [
    Member("of", \.of, "[which](#spans-and-latencies)"),
    Member("start", \.start, .nanoseconds, "its beginning"),
    Member("ns", \.length, .nanoseconds, "its length"),
    Member("pid", \.pid, "of its end; of `off-cpu` the task, of `io-wq-*` the worker"),
    Member("cpu", \.cpu, "of its end"),
    Member(
      "state", \.state, isLeftOut: true,
      "of `off-cpu`: in which the task left (`S`, `D`, ... as in ps(1); `R`: it was preempted)"),
    Member(
      "woken", \.woken, .nanoseconds, isLeftOut: true,
      "of `off-cpu`: when it was woken, from `start`; `null`: it did not sleep, or its wakeup was not seen"
    ),
    Member(
      "stack", \.stack, isLeftOut: true, "of `off-cpu`: where it slept; none where it was not told"),
    Member("owner", \.owner, isLeftOut: true, "of `io-wq-*`: the task that submitted the request"),
    Member("op", \.op, isLeftOut: true, "of `io-wq-*`: the request's `user_data`"),
    Member("text", \.text, isLeftOut: true, "a text that the event told"),
  ]
}

/// A kernel stack.
package struct StackLine: Line {
  package static let type: StaticString = "stack"
  package static let meaning = """
    A kernel stack, at its first sight; after the streams' end once more, with the functions' names. The last line of \
    an `id` counts.
    """
  package var t: Int64?
  package var id: Int64?
  package var addresses: [String]?
  package var frames: [String]?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("id", \.id, "its number"),
    Member("addresses", \.addresses, "return addresses, innermost first, 64 at most"),
    Member(
      "frames", \.frames, isLeftOut: true,
      "the functions by /proc/kallsyms, from the caller of schedule() outwards, without what the compiler adds to a name behind a dot"
    ),
  ]
}

/// What has no `off-cpu` line.
package struct UnlistedLine: Line {
  package static let type: StaticString = "unlisted"
  package static let meaning = """
    What has no `off-cpu` line (shorter than 100 us, or beyond 5000) in the second that ends at `t`.
    """
  package static let traits: LineTraits = .bulk
  package var t: Int64?
  package var pid: Int64?
  package var offCPU: Int64?
  package var count: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("pid", \.pid, "the task"),
    Member("off_cpu", \.offCPU, .nanoseconds, "the sum"),
    Member("count", \.count, "of intervals"),
  ]
}

/// A single event.
package struct EventLine: Line {
  package static let type: StaticString = "event"
  package static let meaning = """
    A single event. `mm_vmscan_lru_shrink_inactive` and `track_foreign_dirty` are a second's sum. Besides these \
    members: the event's fields by their names; `pid` of an OOM event is the invoker, `victim` the victim. What the \
    kernel counts in jiffies is in ns.
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
    Member("of", \.of, "the kernel's name for it"),
    Member("start", \.start, .nanoseconds, isLeftOut: true, "of a sum: the second's beginning"),
    Member("events", \.events, isLeftOut: true, "of a sum: how many there were"),
    Member("pid", \.pid, isLeftOut: true, "the task in which it happened"),
    Member("cpu", \.cpu, isLeftOut: true, "on which it happened"),
    Member("victim", \.victim, isLeftOut: true, "of an OOM event: the victim's pid"),
    Member("text", \.text, isLeftOut: true, "a text that the event told"),
    Member(
      "nowait", \.nowait, isLeftOut: true,
      "of balance_dirty_pages: io_uring's non-blocking try, which does not sleep"),
  ]
}

/// Who a pid is.
package struct TaskLine: Line {
  package static let type: StaticString = "task"
  package static let meaning = """
    Who a `pid` is (from cgroup.threads; io-wq workers by their rename to `iou-wrk-PID`).
    """
  package var t: Int64?
  package var pid: Int64?
  package var comm: String?
  package var cgroup: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("pid", \.pid, "the task"),
    Member("comm", \.comm, "its name"),
    Member("cgroup", \.cgroup, "when it is one of the trial's"),
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
    Member("of", \.of, "[which](#spans-and-latencies)"),
    Member("start", \.start, .nanoseconds, "its beginning"),
    Member("key", \.key, "what its two ends are paired by"),
    Member("pid", \.pid, isLeftOut: true, "as in `span`"),
    Member("state", \.state, isLeftOut: true, "as in `span`"),
    Member("stack", \.stack, isLeftOut: true, "as in `span`"),
    Member("owner", \.owner, isLeftOut: true, "as in `span`"),
    Member("op", \.op, isLeftOut: true, "as in `span`"),
  ]
}

/// The trace's end.
package struct TraceLine: Line {
  package static let type: StaticString = "trace"
  package static let meaning = "The trace's end, or why it failed."

  /// What a CPU's buffer has lost.
  package struct Loss: LineObject, MemberValue {
    package var cpu: Int64?
    package var overrun: Int64?
    package var commitOverrun: Int64?
    package var dropped: Int64?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("cpu", \.cpu, "its number"),
      Member("overrun", \.overrun, "records"),
      Member("commit_overrun", \.commitOverrun, "records"),
      Member("dropped", \.dropped, "records"),
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
      "failed", \.failed, isLeftOut: true, "why there is no trace; then there is nothing else"),
    Member("from", \.from, .nanoseconds, isLeftOut: true, "its beginning"),
    Member("until", \.until, .nanoseconds, isLeftOut: true, "its end"),
    Member("failures", \.failures, isLeftOut: true, "what went wrong at its end, as messages"),
    Member("events", \.events, isLeftOut: true, "records by event"),
    Member("decoded", \.decoded, isLeftOut: true, "records that were read"),
    Member("unknown", \.unknown, isLeftOut: true, "records of no event that was asked for"),
    Member("lost", \.lost, isLeftOut: true, "what each CPU has lost"),
    Member("lost_in_pages", \.lostInPages, isLeftOut: true, "records lost, by the buffer's pages"),
    Member(
      "dropped_rows", \.droppedRows, isLeftOut: true, "lines that found no room in the harness"),
    Member(
      "unpaired", \.unpaired, isLeftOut: true,
      "ends without a begin, and intervals that records were lost in"),
    Member("table_overflow", \.tableOverflow, isLeftOut: true, "begins that found no room"),
    Member(
      "resolving", \.resolving, .nanoseconds, isLeftOut: true, "that reading /proc/kallsyms took"),
    Member("unlisted", \.unlisted, isLeftOut: true, "by event: lines beyond 500 a second"),
    Member(
      "punted", \.punted, isLeftOut: true,
      "by stream: buffered io_uring writes that went to a worker"),
    Member("cpu_time", \.cpuTime, .nanoseconds, isLeftOut: true, "of the trace's thread"),
  ]
}

import StressCore

/// Names of a lane's values.
package struct ColumnsLine: Line {
  package static let type: StaticString = "columns"
  package static let meaning = """
    Names of a lane's values, before its first sample ([what they mean](#lanes)).
    """
  package var t: Int64?
  package var lane: String?
  package var interval: Int64?
  package var names: [String]?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("lane", \.lane, "`fast`, `slow`, `rstat`"),
    Member("interval", \.interval, .nanoseconds, "between two readings"),
    Member("names", \.names, "of its columns"),
  ]
}

/// One reading of a lane. Written and read by ``RecordWriter`` and ``SampleLine`` themselves: they are most of a record.
package struct ReadingLine: Line {
  package static let type: StaticString = "sample"
  package static let meaning = "One reading of a lane."
  package static let traits: LineTraits = .uncounted
  package var t: Int64?
  package var lane: String?
  package var values: JSON?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("lane", \.lane, "that it is of"),
    Member("v", \.values, "a value per column; `null` where it could not be read"),
  ]
}

/// A lane's health.
package struct LaneLine: Line {
  package static let type: StaticString = "lane"
  package static let meaning = """
    A lane's health. (Before there were two lanes: `worst_lateness` for `lateness.max`.)
    """

  package struct Lateness: LineObject, MemberValue {
    package var p50: Int64?
    package var p99: Int64?
    package var p999: Int64?
    package var max: Int64?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("p50", \.p50, .nanoseconds, "median"),
      Member("p99", \.p99, .nanoseconds, "99th percentile"),
      Member("p99.9", \.p999, .nanoseconds, "99.9th percentile"),
      Member("max", \.max, .nanoseconds, "the largest"),
    ]
  }

  package var t: Int64?
  package var lane: String?
  package var samples: Int64?
  package var late: Int64?
  package var missed: Int64?
  package var dropped: Int64?
  package var lateness: Lateness?
  package var cpu: Int64?
  package var worstLateness: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("lane", \.lane, "its name"),
    Member("samples", \.samples, "that it took"),
    Member("late", \.late, "ticks that began more than half an interval after their deadline"),
    Member("missed", \.missed, "deadlines that passed while an earlier tick was late or at work"),
    Member("dropped", \.dropped, "readings that nobody took in time"),
    Member("lateness", \.lateness, "of ticks"),
    Member("cpu", \.cpu, .nanoseconds, "CPU time of the sampling thread"),
    Member("worst_lateness", \.worstLateness, .nanoseconds, isLeftOut: true, "older records"),
  ]
}

/// What the harness took while the streams ran.
package struct MirrorLine: Line {
  package static let type: StaticString = "mirror"
  package static let meaning = """
    The harness itself between `from`, just before the start delay, and the streams' end; and what else on the machine \
    could have changed the outcome.
    """
  package var t: Int64?
  package var from: Int64?
  package var cpu: Int64?
  package var steal: Int64?
  package var balloon: Int64?
  package var resident: Int64?
  package var recordBytes: Int64?
  package var agents: [String]?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("from", \.from, .nanoseconds, "its beginning"),
    Member("cpu", \.cpu, .nanoseconds, "CPU time of the harness"),
    Member("steal", \.steal, .ticks, "that the hypervisor gave to others"),
    Member("balloon", \.balloon, .pages, "that a balloon driver moved, both ways"),
    Member("resident", \.resident, .bytes, "of the harness"),
    Member("record_bytes", \.recordBytes, .bytes, "of the record so far"),
    Member("agents", \.agents, "programs alive that read cgroup statistics"),
  ]
}

/// What the harness itself used, set-up included.
package struct SupervisorLine: Line {
  package static let type: StaticString = "supervisor"
  package static let meaning = "What the harness itself used, set-up included: files of its cgroup."
  package var t: Int64?
  package var cpuStat: Keyed<Int64>?
  package var memoryCurrent: String?
  package var memoryPeak: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cpu.stat", \.cpuStat, "by key"),
    Member("memory.current", \.memoryCurrent, .bytes, "as text"),
    Member("memory.peak", \.memoryPeak, .bytes, "as text"),
  ]
}

/// The process that kills a trial on this machine when the harness or the machine fails.
package struct WatchdogLine: Line {
  package static let type: StaticString = "watchdog"
  package static let meaning = """
    Of a trial on this machine: the process that kills its cgroups when the harness or the machine fails \
    ([safety](safety.md)).
    """
  package var t: Int64?
  package var pid: Int64?
  package var looks: Int64?
  package var cpu: Int64?
  package var fifo: Int64?
  package var resident: Int64?
  package var locked: Int64?
  package var anon: Int64?
  package var available: Int64?
  package var pressure: Int64?
  package var beside: [String]?
  package var stuck: Int64?
  package var ended: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("pid", \.pid, "of it"),
    Member("looks", \.looks, "that it took, one a second"),
    Member("cpu", \.cpu, .nanoseconds, "CPU time"),
    Member("fifo", \.fifo, "priority of SCHED_FIFO; 0: not allowed"),
    Member("resident", \.resident, .bytes, "of it"),
    Member("locked", \.locked, .bytes, "of it"),
    Member("anon", \.anon, .bytes, "of it, outside the limits"),
    Member("available", \.available, .bytes, "least MemAvailable that it let pass"),
    Member("pressure", \.pressure, .percent, "most memory stall of the cgroups `beside`"),
    Member("beside", \.beside, "the cgroups whose pressure it looked at"),
    Member("stuck", \.stuck, .nanoseconds, "how long the harness might be silent"),
    Member("ended", \.ended, "how it ended, if it did before its time"),
  ]
}

/// When workload and storage last moved.
package struct HeartbeatsLine: Line {
  package static let type: StaticString = "heartbeats"
  package static let meaning = "When workload and storage last moved, at the streams' end."
  package var t: Int64?
  package var workload: Int64?
  package var oldest: Int64?
  package var storage: Int64?
  package var patience: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("workload", \.workload, .nanoseconds, "since an operation last ended"),
    Member("oldest", \.oldest, .nanoseconds, "age of the oldest operation in flight"),
    Member("storage", \.storage, .nanoseconds, "since a disk was last seen to complete a request"),
    Member("patience", \.patience, .nanoseconds, "after which the trial counts as `stalled`"),
  ]
}

/// What a task of a stalled trial waits for.
package struct TaskStackLine: Line {
  package static let type: StaticString = "task-stack"
  package static let meaning = """
    Of a trial that is stalled, what a task waits for: each thread of the workers, and each task in uninterruptible \
    sleep, 100 at most.
    """
  package var t: Int64?
  package var pid: Int64?
  package var tid: Int64?
  package var comm: String?
  package var state: String?
  package var wchan: String?
  package var worker: String?
  package var frames: [String]?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("pid", \.pid, "of the process"),
    Member("tid", \.tid, "of the thread"),
    Member("comm", \.comm, "its name"),
    Member("state", \.state, "as in ps(1)"),
    Member("wchan", \.wchan, "the kernel function that it sleeps in"),
    Member("worker", \.worker, "the trial's, by its name; `null`: another task"),
    Member("frames", \.frames, "kernel functions by /proc/PID/stack, innermost first"),
  ]
}

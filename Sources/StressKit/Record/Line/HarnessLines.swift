// SPDX-License-Identifier: Apache-2.0
import StressCore

/// Names of a lane's values.
package struct ColumnsLine: Line {
  package static let type: StaticString = "columns"
  package static let meaning = """
    The names of a lane's values and its interval. It comes before the lane's first sample ([what the columns \
    mean](#lanes)); a second one applies to the samples after it.
    """
  package var t: Int64?
  package var lane: String?
  package var interval: Int64?
  package var names: [String]?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("lane", \.lane, "name of the lane: `fast`, `slow`, `rstat`; of older records `main`"),
    Member("interval", \.interval, .nanoseconds, "time between two readings"),
    Member("names", \.names, "names of the columns, in the order of `v` in `sample`"),
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
    Member("lane", \.lane, "name of the lane"),
    Member(
      "v", \.values,
      "list of one value per column of the lane; `null` where the value could not be read"),
  ]
}

/// A lane's health.
package struct LaneLine: Line {
  package static let type: StaticString = "lane"
  package static let meaning = """
    A lane's health, at its end. Records from before there were two lanes have `worst_lateness` instead of \
    `lateness.max`.
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
      Member("max", \.max, .nanoseconds, "largest"),
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
    Member("lane", \.lane, "name of the lane"),
    Member("samples", \.samples, "readings that the lane took"),
    Member("late", \.late, "ticks that began more than half an interval after their deadline"),
    Member("missed", \.missed, "deadlines that passed while an earlier tick was late or at work"),
    Member("dropped", \.dropped, "readings that nobody took in time"),
    Member("lateness", \.lateness, "how long after its deadline a tick began"),
    Member("cpu", \.cpu, .nanoseconds, "CPU time of the sampling thread"),
    Member(
      "worst_lateness", \.worstLateness, .nanoseconds, isLeftOut: true,
      "of older records: the largest lateness"),
  ]
}

/// What the harness took while the streams ran.
package struct MirrorLine: Line {
  package static let type: StaticString = "mirror"
  package static let meaning = """
    What the harness itself used between `from`, just before the start delay, and the streams' end, and what else on \
    the machine could have changed the outcome.
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
    Member("from", \.from, .nanoseconds, "begin of the interval, just before the start delay"),
    Member("cpu", \.cpu, .nanoseconds, "CPU time that the harness used in it"),
    Member("steal", \.steal, .ticks, "time that the hypervisor gave to others in it (USER_HZ)"),
    Member(
      "balloon", \.balloon, .pages, "pages that a balloon driver moved in it, both ways added"),
    Member("resident", \.resident, .bytes, "resident memory of the harness at the end"),
    Member("record_bytes", \.recordBytes, .bytes, "size of the record so far"),
    Member("agents", \.agents, "programs that were running and read cgroup statistics, by name"),
  ]
}

/// What the harness itself used, set-up included.
package struct SupervisorLine: Line {
  package static let type: StaticString = "supervisor"
  package static let meaning = """
    What the harness itself used, set-up included, by the files of its cgroup.
    """
  package var t: Int64?
  package var cpuStat: Keyed<Int64>?
  package var memoryCurrent: String?
  package var memoryPeak: String?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("cpu.stat", \.cpuStat, "values of cpu.stat, by key"),
    Member("memory.current", \.memoryCurrent, .bytes, "memory.current, as text"),
    Member("memory.peak", \.memoryPeak, .bytes, "memory.peak, as text"),
  ]
}

/// The process that kills a trial on this machine when the harness or the machine fails.
package struct WatchdogLine: Line {
  package static let type: StaticString = "watchdog"
  package static let meaning = """
    Of a trial on this machine: the process that kills the trial's cgroups when the harness or the machine fails \
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
    Member("pid", \.pid, "pid of the watchdog"),
    Member("looks", \.looks, "how often it looked, once a second"),
    Member("cpu", \.cpu, .nanoseconds, "CPU time that it used"),
    Member("fifo", \.fifo, "its priority of SCHED_FIFO; 0: it was not allowed to have one"),
    Member("resident", \.resident, .bytes, "its resident memory"),
    Member("locked", \.locked, .bytes, "its locked memory"),
    Member("anon", \.anon, .bytes, "its anonymous memory, which is outside the limits"),
    Member(
      "available", \.available, .bytes,
      "MemAvailable of the machine below which it kills; `null`: it does not look for that"),
    Member(
      "pressure", \.pressure, .percent,
      "share of time that tasks of a cgroup of `beside` may stall for memory (`full`) before it kills; `null`: it does not look for that"
    ),
    Member("beside", \.beside, "cgroups beside the trial whose memory pressure it watches"),
    Member("stuck", \.stuck, .nanoseconds, "how long the harness may be silent before it kills"),
    Member("ended", \.ended, "how it ended before its time, if it did"),
  ]
}

/// When workload and storage last moved.
package struct HeartbeatsLine: Line {
  package static let type: StaticString = "heartbeats"
  package static let meaning = """
    When the workload and the storage last made progress, read at the streams' end. It decides whether the trial \
    counts as `stalled`.
    """
  package var t: Int64?
  package var workload: Int64?
  package var oldest: Int64?
  package var storage: Int64?
  package var patience: Int64?
  package init() {}
  package static let members: [Member<Self>] = [
    Member("workload", \.workload, .nanoseconds, "time since an operation last ended"),
    Member(
      "oldest", \.oldest, .nanoseconds, "age of the oldest operation in flight; `null`: none was"),
    Member(
      "storage", \.storage, .nanoseconds, "time since a disk was last seen to complete a request"),
    Member(
      "patience", \.patience, .nanoseconds,
      "how long neither may make progress until the trial counts as `stalled`"),
  ]
}

/// What a task of a stalled trial waits for.
package struct TaskStackLine: Line {
  package static let type: StaticString = "task-stack"
  package static let meaning = """
    Of a trial that is stalled, what a task waits for. There is a line for each thread of the workers, and for each \
    other task in uninterruptible sleep; 100 at most.
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
    Member("pid", \.pid, "pid of the process"),
    Member("tid", \.tid, "id of the thread"),
    Member("comm", \.comm, "name of the thread"),
    Member("state", \.state, "state of the thread, as in ps(1)"),
    Member("wchan", \.wchan, "kernel function in which it sleeps"),
    Member(
      "worker", \.worker,
      "name of the trial's worker that it belongs to; `null`: it is another task"),
    Member(
      "frames", \.frames, "kernel functions of its stack, by /proc/PID/stack, innermost first"),
  ]
}

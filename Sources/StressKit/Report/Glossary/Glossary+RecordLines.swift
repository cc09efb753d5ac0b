extension Glossary {
  static let recordLines: [Entry] = [
    Entry(
      "header", in: .lines,
      """
      Line of a record. First line, by the host: schema, version, the trial's plan with the whole \
      profile, kernel, accelerator, mkfs command. docs/record.md.
      """),
    Entry(
      "guest", in: .lines,
      """
      Line of a record. PID 1 of the guest runs; t is the bare kernel's boot time, ns. \
      docs/record.md.
      """),
    Entry(
      "phase", in: .lines,
      """
      Line of a record. What the trial does from here on: set-up, pin, mounted, ready (the host \
      makes the disk slow), delay, stream, stop, unmount, unmounted. docs/record.md.
      """),
    Entry(
      "modules", in: .lines,
      """
      Line of a record. The last kernel module is loaded. docs/record.md.
      """),
    Entry(
      "environment", in: .lines,
      """
      Line of a record. Settings that decide the outcome, as the trial found them: LRU, THP, dirty \
      limits, zones, mount, scheduler. docs/record.md.
      """),
    Entry(
      "columns", in: .lines,
      """
      Line of a record. Names of a lane's values and its interval, before its first sample. \
      docs/record.md.
      """),
    Entry(
      "sample", in: .lines,
      """
      Line of a record. One reading of a lane: t, and a value per column; null where it could not \
      be read. docs/record.md.
      """),
    Entry(
      "worker", in: .lines,
      """
      Line of a record. A worker of the trial: start with pid and cgroup; done, failed, killed, \
      crashed, unkillable or stopped. docs/record.md.
      """),
    Entry(
      "cost", in: .lines,
      """
      Line of a record. What a worker costs its cgroup beyond what it pins, bytes, measured before \
      the delay. docs/record.md.
      """),
    Entry(
      "snapshot", in: .lines,
      """
      Line of a record. A file that is read only before and after: memory.stat, cpu.stat, io.stat, \
      /proc/vmstat. docs/record.md.
      """),
    Entry(
      "progress", in: .lines,
      """
      Line of a record. Once a second: bytes of a worker, and the age of its oldest operation in \
      flight, ns. docs/record.md.
      """),
    Entry(
      "pin", in: .lines,
      """
      Line of a record. A pin has its memory, has given up, or died of it: size and reached, \
      bytes, and the errno of a refusal. docs/record.md.
      """),
    Entry(
      "state", in: .lines,
      """
      Line of a record. What a file is just before a task drops it: extents, and bytes without \
      blocks, unwritten or under writeback. docs/record.md.
      """),
    Entry(
      "slow", in: .lines,
      """
      Line of a record. One operation of at least observe.slow: start and end, latency (ns), file \
      and offset, and what was in flight ahead of it. docs/record.md.
      """),
    Entry(
      "in-flight", in: .lines,
      """
      Line of a record. An operation that had not ended when its worker died or time was up, with \
      its age, ns. docs/record.md.
      """),
    Entry(
      "stream", in: .lines,
      """
      Line of a record. Totals of a stream at its end: bytes, writes, latencies, how many were \
      carried out inline and how many by io_uring's workers. docs/record.md.
      """),
    Entry(
      "touches", in: .lines,
      """
      Line of a record. Totals of hot memory: how often it was written to, and how long that took. \
      docs/record.md.
      """),
    Entry(
      "rounds", in: .lines,
      """
      Line of a record. Totals of a task: rounds, and what it did in them. docs/record.md.
      """),
    Entry(
      "latency", in: .lines,
      """
      Line of a record. A second's latencies of one kind, as pairs of value and count; values are \
      cut to 11 bits (less than 0.1 % too low), count, sum and max are exact. docs/record.md.
      """),
    Entry(
      "moment", in: .lines,
      """
      Line of a record. A moment of the profile's timeline begins: what is set, started or \
      stopped. docs/record.md.
      """),
    Entry(
      "moment-end", in: .lines,
      """
      Line of a record. All that the moment asked for is done, or what of it failed. \
      docs/record.md.
      """),
    Entry(
      "device", in: .lines,
      """
      Line of a record. What the disk is, or how it is slowed from here on. docs/record.md.
      """),
    Entry(
      "kmsg", in: .lines,
      """
      Line of a record. A line of the kernel log; t is the log's time moved to CLOCK_BOOTTIME by \
      the latest clock line. docs/record.md.
      """),
    Entry(
      "clock", in: .lines,
      """
      Line of a record. One moment on two clocks: the kernel log's lies between before and after \
      of CLOCK_BOOTTIME. docs/record.md.
      """),
    Entry(
      "memcg-event", in: .lines,
      """
      Line of a record. Counters of a cgroup's memory.events that moved; t is when the kernel's \
      notice came, at most one in 10 ms for a file. docs/record.md.
      """),
    Entry(
      "cgroup-event", in: .lines,
      """
      Line of a record. cgroup.events has changed: populated, frozen. docs/record.md.
      """),
    Entry(
      "psi", in: .lines,
      """
      Line of a record. A PSI file went over a trigger: so much stall in a window, both in \
      microseconds. docs/record.md.
      """),
    Entry(
      "exit", in: .lines,
      """
      Line of a record. A worker's process has ended, by its pidfd. docs/record.md.
      """),
    Entry(
      "oom", in: .lines,
      """
      Line of a record. An OOM report of the kernel log, parsed: invoker, cgroups, constraint, \
      memory at that moment, victims. Its memory is free of any observer's effect. docs/record.md.
      """),
    Entry(
      "oom-group-kill", in: .lines,
      """
      Line of a record. A further victim of memory.oom.group. docs/record.md.
      """),
    Entry(
      "oom-without-kill", in: .lines,
      """
      Line of a record. A dump that no kill followed, and why. docs/record.md.
      """),
    Entry(
      "kills", in: .lines,
      """
      Line of a record. memory.events at the end beside the kernel log's kill lines of the trial's: \
      two accounts of the same kills. docs/record.md.
      """),
    Entry(
      "note", in: .lines,
      """
      Line of a record. Something went wrong without touching the result, or others met their own \
      limits beside the trial. docs/record.md.
      """),
    Entry(
      "lane", in: .lines,
      """
      Line of a record. Health of a lane: samples, late and missed ticks, lateness (ns), CPU time \
      of its thread. docs/record.md.
      """),
    Entry(
      "mirror", in: .lines,
      """
      Line of a record. What the harness itself took while streams ran: cpu (ns), resident memory, \
      the machine's steal, balloon, other readers of cgroup statistics. docs/record.md.
      """),
    Entry(
      "supervisor", in: .lines,
      """
      Line of a record. What the harness used in all, set-up included. docs/record.md.
      """),
    Entry(
      "watchdog", in: .lines,
      """
      Line of a record. The process that kills a trial's cgroups when the harness or the machine \
      fails: its memory, CPU time and limits. docs/record.md.
      """),
    Entry(
      "heartbeats", in: .lines,
      """
      Line of a record. At the streams' end, how long ago the workload and the disks last moved, \
      ns. docs/record.md.
      """),
    Entry(
      "task-stack", in: .lines,
      """
      Line of a record. What a task of a stalled trial waits for: state, wchan, kernel stack. \
      docs/record.md.
      """),
    Entry(
      "trace-start", in: .lines,
      """
      Line of a record. The trace begins: events recorded and missing, and the definitions of all \
      spans. docs/record.md.
      """),
    Entry(
      "span", in: .lines,
      """
      Line of a record. An interval of the kernel's, by of; those of at least 100 us in which a \
      task waits, of others those of at least observe.slow. docs/record.md.
      """),
    Entry(
      "event", in: .lines,
      """
      Line of a record. A single event of the kernel, by its name. docs/record.md.
      """),
    Entry(
      "task", in: .lines,
      """
      Line of a record. Who a pid is: comm, and its cgroup when it is one of the trial's. \
      docs/record.md.
      """),
    Entry(
      "open", in: .lines,
      """
      Line of a record. A span that had not ended when the trace did. docs/record.md.
      """),
    Entry(
      "trace", in: .lines,
      """
      Line of a record. The trace's end: records by event, and what each CPU lost. docs/record.md.
      """),
    Entry(
      "alive", in: .lines,
      """
      Line of a record. Nothing else to say for a second. A guest that is silent for longer is \
      taken for hung. docs/record.md.
      """),
    Entry(
      "stack", in: .lines,
      """
      Line of a record. A kernel stack by its id: addresses, and after the streams' end the \
      functions' names. docs/record.md.
      """),
    Entry(
      "unlisted", in: .lines,
      """
      Line of a record. Waits of a task that have no line of their own, summed over a second. \
      docs/record.md.
      """),
    Entry(
      "written", in: .lines,
      """
      Line of a record. How many lines the guest has written, so that lost ones show. \
      docs/record.md.
      """),
    Entry(
      "outage", in: .lines,
      """
      Line of a record. Its file could not be written for a while: why, how many lines came late, and how many \
      are lost, by type. docs/record.md.
      """),
    Entry(
      "guest-end", in: .lines,
      """
      Line of a record. The guest's own account of how the trial ended. docs/record.md.
      """),
    Entry(
      "silence", in: .lines,
      """
      Line of a record. By the host: why a guest said nothing: what its CPUs got, the host's \
      pressure, and backtraces. docs/record.md.
      """),
    Entry(
      "host", in: .lines,
      """
      Line of a record. By the host: seconds, kill lines on the serial console, memory that the \
      guest was given, what its CPUs got while the streams ran. docs/record.md.
      """),
    Entry(
      "end", in: .lines,
      """
      Line of a record. Last line: outcome, reason, message. docs/record.md.
      """),
  ]
}

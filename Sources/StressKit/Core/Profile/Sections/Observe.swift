// SPDX-License-Identifier: Apache-2.0

extension Profile {
  package struct Observe: Equatable, Sendable {
    package enum Level: String, CaseIterable, Sendable {
      case full
      /// Nothing is read while the streams run: a trial's outcome is then its workers' exits, and
      /// memory.events and the kernel log at the end. The other level of the observer as a factor.
      case bare
    }
    package var level: Level = .full
    /// Interval of the sampler's fast lane: pressure, memory.current, memory.events.
    package var fast: UInt64 = 10_000_000
    /// Interval of its slow lane: the rest.
    package var interval: UInt64 = 100_000_000
    /// Whether the kernel's tracepoints are recorded.
    package var trace = true
    /// The trace's ring buffer, for each CPU.
    package var traceBuffer: UInt64 = 4 << 20
    /// Whether it has where the trial's tasks are while they do not run.
    package var sched = true
    /// Whether it has the write and sync calls of the commands' threads.
    package var syscalls = false
    /// How often memory.stat of the stressed cgroup is read during the trial; nil: never. Reading
    /// it flushes rstat and so changes dirty throttling on 6.9 and later.
    package var rstat: UInt64?
    /// Single operations at least this slow are recorded one by one.
    package var slow: UInt64 = 10_000_000
    package init() {}
  }
}

extension Profile.Observe: ProfilePart {
  static let usual = Self()

  static let fields: [ProfileField<Self>] = [
    ProfileField(
      "level", \.level, .choice(),
      "`bare`: nothing is read while the streams run; outcomes, memory.events and the kernel log are "
        + "read at the end"),
    ProfileField(
      "fast", \.fast, .duration(in: 1_000_000...60_000_000_000),
      "sampling interval of pressure, memory.current and memory.events"),
    ProfileField(
      "interval", \.interval, .duration(in: 1_000_000...60_000_000_000),
      "sampling interval of the other counters"),
    ProfileField("trace", \.trace, .flag, "record tracepoints"),
    ProfileField(
      "trace_buffer", \.traceBuffer, .size(in: 64 << 10...4 << 30), "ring buffer per CPU"),
    ProfileField(
      "sched", \.sched, .flag,
      "trace where the trial's tasks sleep (sched_switch with its stack), and how long io_uring's "
        + "workers run and requests wait for them; needs `trace`"),
    ProfileField(
      "syscalls", \.syscalls, ProfileType<Bool>.flag.leftOut { !$0 },
      "trace the write and fsync calls of the `commands`' `threads`: their latency, by command and by "
        + "what they go to. Off because every system call of the machine pays for it "
        + "([record.md](record.md#calls-of-commands))"
    ).where("trace is on") { $0.trace },
    ProfileField(
      "rstat", \.rstat,
      ProfileType<UInt64>.duration(in: 1_000_000...3_600_000_000_000).or("off"),
      "interval at which memory.stat of the limited cgroup is read. This is an experiment: on 6.9 "
        + "and later it changes dirty throttling"),
    ProfileField(
      "slow", \.slow, .duration(in: 0...3_600_000_000_000),
      "operations of at least this latency get their own line in the record"),
  ]
}

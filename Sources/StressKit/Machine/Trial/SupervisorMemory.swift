// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// The memory that the harness itself takes for a trial: outside the limits, touched before the streams start, and
/// not given back while they run. It is computed from the profile alone, so that what finds no room is refused before
/// anything runs: the supervisor is never killed for want of memory, and the kernel panics or takes others instead.
package struct SupervisorMemory: Sendable, Equatable {
  /// Bytes for one purpose, in 128 bits: a profile's numbers can be multiplied beyond 64.
  package struct Part: Sendable, Equatable {
    /// With what of the profile makes it large, such as `stream backup (block 16MiB x depth 64)`.
    package var name: String
    package var bytes: UInt128
    /// How to make it smaller; empty: not at all.
    package var remedy: String
  }

  package private(set) var parts: [Part] = []

  package var total: UInt128 { parts.reduce(0) { $0 + $1.bytes } }

  /// The program, its heap and its threads' stacks. With the queue of the record and what is computed, this is the
  /// 41.6 MiB that half an hour of oracle-backup took at its peak (docs/findings.md).
  private static let program: UInt128 = 24 << 20
  /// Of the guest's kernel: its image, the structs of its pages, what it has allocated by the time that the streams
  /// run, and the modules in the initramfs. The guest's program there is counted above: what runs is the file's pages.
  /// Of a guest of 320 MiB the kernel managed 274. With 3 MiB less smoke lost its pin to a global OOM kill, in half of
  /// six trials in the least guest that was let in then (docs/findings.md).
  private static func kernel(of memory: UInt64) -> UInt128 { 48 << 20 + UInt128(memory) / 64 }

  /// - Parameter cpus: of the machine that the trial runs on; each has a buffer of the trace.
  package init(_ profile: Profile, cpus: Int) {
    add("the harness's program and queues", Self.program + UInt128(RecordWriter.queueSize), "")
    for pin in profile.pinned {
      add(
        "pin \(pin.name)", Self.worker(WorkerProcess.control(pin, slow: 0), [.touch]),
        "pin less")
    }
    for stream in profile.streams {
      let jobs = stream.each.map { StreamRunner.control($0) }
      let buffers = stream.engine == .ioUring ? " x depth \(stream.depth)" : ""
      let count = stream.jobs > 1 ? " x jobs \(stream.jobs)" : ""
      let readBack = stream.readBack == nil ? "" : ", and one to read back into"
      add(
        "stream \(stream.name) (block \(Units.sizeText(stream.block))\(buffers)\(count)\(readBack))",
        jobs.reduce(0) {
          $0
            + Self.worker($1, Self.kinds(of: stream))
        }, "lower block, depth or jobs of \(stream.name)")
    }
    for task in profile.tasks {
      add(
        "task \(task.name) (size \(Units.sizeText(task.size)))",
        Self.worker(TaskRunner.control(task), [.write, .fsync, .fault]),
        "lower size of \(task.name)")
    }
    if !profile.commands.isEmpty {
      add(
        "commands' output",
        UInt128(CommandOutput.sharedMemory + profile.commands.count * CommandOutput.memory), "")
    }
    addObservation(profile, cpus: cpus)
  }

  /// Of a stream's operations. The first two its recorder has in any case.
  private static func kinds(of stream: Profile.Stream) -> [SharedBlock.Kind] {
    var kinds: [SharedBlock.Kind] = [.write, .fsync]
    if stream.action == .read || stream.readBack != nil { kinds.append(.read) }
    if stream.action == .copy { kinds.append(.copy) }
    if stream.dontneed != nil { kinds.append(.advise) }
    return kinds
  }

  private mutating func addObservation(_ profile: Profile, cpus: Int) {
    let observe = profile.observe
    if observe.level == .bare { return }
    let groups = 2 + profile.cgroups.count + profile.workers.count
    add(
      "samples (observe.fast \(Units.durationText(observe.fast)), observe.interval "
        + "\(Units.durationText(observe.interval)))",
      UInt128(Lanes.memory(observe, groups: groups)),
      "raise observe.fast or observe.interval")
    guard observe.trace else { return }
    if observe.syscalls {
      add(
        "calls of commands (observe.syscalls)",
        UInt128(TraceRecorder.callMemory + CallPlaces.memory), "")
    }
    let buffers = UInt128(observe.traceBuffer) + UInt128(TraceFollower.memoryOfBuffer)
    add(
      "trace (observe.trace_buffer \(Units.sizeText(observe.traceBuffer)) x \(cpus) CPUs)",
      UInt128(cpus) * buffers + UInt128(TraceDigest.memory), "lower observe.trace_buffer")
  }

  private mutating func add(_ name: String, _ bytes: UInt128, _ remedy: String) {
    parts.append(Part(name: name, bytes: bytes, remedy: remedy))
  }

  /// A worker's shared block, and what its recorder keeps for each kind of operation.
  private static func worker(
    _ control: SharedBlock.Control<some RoleWords>, _ kinds: [SharedBlock.Kind]
  ) -> UInt128 {
    SharedBlock.length(control) + UInt128(kinds.count * OperationRecorder.Latencies.memory)
  }

  // MARK: What is said of it

  /// The largest part, and those that are at least an eighth of all, the largest first.
  package var largest: [Part] {
    let sorted = parts.sorted { $0.bytes > $1.bytes }
    return sorted.enumerated().filter { $0.offset == 0 || $0.element.bytes * 8 >= total }
      .map(\.element)
  }

  /// As in `1118 MiB, of it stream backup (block 16MiB x depth 64) 1030 MiB`.
  package var text: String {
    "\(total >> 20) MiB, of it "
      + largest.map { "\($0.name) \($0.bytes >> 20) MiB" }.joined(separator: ", ")
  }

  /// How to make it smaller.
  package var remedy: String {
    let remedies = largest.map(\.remedy).filter { !$0.isEmpty }
    return remedies.isEmpty ? "run less at a time" : remedies.joined(separator: ", ")
  }

  /// Why a profile finds no room in its guest: what the harness and the kernel take and what is locked from the
  /// beginning is more than machine.memory. nil: it does.
  package static func refusal(inGuest profile: Profile) -> HarnessError? {
    let memory = profile.machine.memory
    let own = SupervisorMemory(profile, cpus: profile.machine.cpus)
    let locked = profile.pinned.filter { $0.mode == .locked && !$0.isLate }
      .reduce(UInt128(0)) { $0 + UInt128($1.size) }
    let kernel = kernel(of: memory)
    if own.total + locked + kernel <= UInt128(memory) { return nil }
    let pins = locked > 0 ? ", locked pins \(locked >> 20) MiB" : ""
    return HarnessError(
      .usage, profile.name,
      "finds no room in its guest of \(Units.sizeText(memory)) (machine.memory): outside the limits the harness"
        + " itself takes \(own.text); the kernel \(kernel >> 20) MiB\(pins)",
      remedy: "\(own.remedy), or raise machine.memory")
  }

  /// mm/oom_kill.c, out_of_memory(): nothing is left that could be killed. Init and kernel threads never can be.
  private static let deadlock = "System is deadlocked on memory"

  /// Whether a guest's panic is the harness's own doing: nothing was left to be killed, and PID 1, which is the
  /// harness, was the largest user of memory. That it is by what it must have taken: the kernel's list of tasks leaves
  /// init out, and is not on the console.
  package static func hasExhausted(_ profile: Profile, panic line: String) -> Bool {
    let own = SupervisorMemory(profile, cpus: profile.machine.cpus)
    return line.holds(deadlock) && own.total * 2 > UInt128(profile.machine.memory)
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// A worker as its supervisor sees it: process, cgroup and shared memory.
package final class WorkerProcess {
  package let name: String
  /// nil: its supervisor's.
  package let group: Cgroup?
  /// The group's name in the record.
  package var cgroup: String { group?.path ?? "" }
  package let role: Worker.Role
  package let pid: Int32
  private let process: Process
  /// Shared with the process.
  let block: SharedBlock
  private let startPipe: Int32
  private let depth: Int
  /// How the worker ended; nil while it runs.
  package private(set) var exit: Exit?
  /// The harness itself has killed it, at the end.
  package private(set) var wasStopped = false
  private var unread: UInt64 = 0

  /// Slow page touches that may be left unread: a pin is looked at again when all is mounted.
  private static let touchRoom: UInt64 = 4096

  /// Starts a worker that pins `pinned.size` bytes.
  ///
  /// - Parameters:
  ///   - cgroup: the one it is born in; nil: the caller's.
  ///   - slow: first touches of pages at least this long are logged one by one, ns.
  package static func pinning(
    _ pinned: Profile.Pinned, cgroup: Cgroup?, seed: UInt64, slow: UInt64,
    executable: String = ownExecutable
  ) throws(HarnessError) -> WorkerProcess {
    var control = control(pinned, slow: slow)
    control.header.seed = seed
    return try WorkerProcess(pinned.name, control, path: "", cgroup, executable)
  }

  /// What a worker is told of a pin, but for the seed of its touches.
  static func control(_ pinned: Profile.Pinned, slow: UInt64) -> SharedBlock.Control<PinWords> {
    var control = SharedBlock.Control<PinWords>()
    control.header.size = pinned.size
    control.words.mode = pinned.mode.code
    control.words.huge =
      switch pinned.huge {
      case nil: PinnedMemory.Huge.asSet.rawValue
      case false?: PinnedMemory.Huge.off.rawValue
      case true?: PinnedMemory.Huge.on.rawValue
      }
    control.words.growth = pinned.growth ?? 0
    control.words.within = pinned.within
    control.words.compressible = UInt64(pinned.compressible)
    control.words.passes = UInt64(pinned.passes)
    if pinned.mode != .locked {
      control.words.slow = slow
      control.header.buckets = UInt64(LatencyBucket.count)
      control.header.logCapacity = touchRoom
    }
    if pinned.mode == .hot {
      control.words.rate = pinned.rate
      control.words.distribution = pinned.distribution.code
      control.words.workingSet = pinned.workingSet ?? pinned.size
      control.header.logCapacity = SharedBlock.logRoom
    }
    return control
  }

  /// Starts a worker that will do a task, with files called `path`.0 and `path`.1 where it needs some.
  ///
  /// - Parameter cgroup: the one it is born in; nil: the caller's.
  package static func task(
    _ task: Profile.Task, at path: String, cgroup: Cgroup?, seed: UInt64,
    executable: String = ownExecutable
  ) throws(HarnessError) -> WorkerProcess {
    var control = TaskRunner.control(task)
    control.header.seed = seed
    return try WorkerProcess(task.name, control, path: path, cgroup, executable)
  }

  /// Starts a worker that will run a stream, or one of its jobs, on files in `directory` that are called by
  /// its name: `NAME.0`, `NAME.1`, ..., or `NAME-JOB.0`, ...
  package static func streaming(
    _ stream: Profile.Stream, job: Int = 0, in directory: String, cgroup: Cgroup,
    seed: UInt64
  ) throws(HarnessError) -> WorkerProcess {
    let stream = stream.each[job]
    var control = StreamRunner.control(stream)
    control.header.seed = seed
    let path = StreamRunner.prefix(stream, in: directory)
    return try WorkerProcess(stream.name, control, path: path, cgroup, ownExecutable)
  }

  /// The calling process's own.
  package static let ownExecutable = "/proc/self/exe"

  private init<Words: RoleWords>(
    _ name: String, _ control: SharedBlock.Control<Words>, path: String, _ group: Cgroup?,
    _ executable: String
  ) throws(HarnessError) {
    let role = Words.role
    let block = try SharedBlock(name: name, control, path: path)
    var ends: [Int32] = [0, 0]
    try check(cl_pipe(&ends), "worker \(name)", "pipe2")
    let readEnd = Descriptor(owning: ends[0])
    let writeEnd = Descriptor(owning: ends[1])
    #if DEBUG
      let failures = CallFailures.environment(of: role.label)
    #else
      let failures: [String] = []
    #endif
    let descriptors = [-1, 2, 2, block.descriptor, readEnd.raw]
    func start(in cgroup: Int32) throws(HarnessError) -> Process {
      try Process(
        [executable, Worker.command], environment: ["SWIFT_BACKTRACE=enable=no"] + failures,
        descriptors: descriptors, cgroup: cgroup)
    }
    let process: Process
    if let group {
      let directory = try Descriptor(open: group.directory, O_RDONLY | O_DIRECTORY)
      process = try start(in: directory.raw)
    } else {
      process = try start(in: -1)
    }
    self.name = name
    self.group = group
    self.role = role
    self.depth = Int(control.header.depth)
    self.block = block
    self.pid = process.pid
    startPipe = writeEnd.release()
    self.process = process
  }

  deinit { close(startPipe) }

  private var header: UnsafeMutablePointer<SharedBlock.Header> { block.header }
  private var stream: UnsafeMutablePointer<StreamWords> { block.words() }
  private var pin: UnsafeMutablePointer<PinWords> { block.words() }
  private var task: UnsafeMutablePointer<TaskWords> { block.words() }

  var state: SharedBlock.State? { .init(rawValue: cl_load(&header.pointee.state)) }

  package var isReady: Bool { state == .ready }
  package var isDone: Bool { state == .done }

  /// The worker's own account of why it gave up, as an error for the record.
  package var failure: HarnessError? {
    if case .status(let status) = exit, status >= Worker.withoutBlock {
      return HarnessError(
        .harness, "worker \(name)", "map its shared block",
        errno: Errno(rawValue: status - Worker.withoutBlock))
    }
    guard state == .failed else { return nil }
    let errno = Errno(rawValue: Int32(truncatingIfNeeded: header.pointee.failedErrno))
    let step = SharedBlock.Step(rawValue: header.pointee.failedStep) ?? .none
    return HarnessError(
      .harness, "worker \(name)", step.label, errno: errno, remedy: Self.remedy(errno, step))
  }

  private static func remedy(_ errno: Errno, _ step: SharedBlock.Step) -> String? {
    switch (errno, step) {
    case (_, .oomScore), (_, .start): nil
    case (.noSpace, _):
      "the scratch file system is full: raise device.size or lower what is written"
    case (.noMemory, .lock), (.notPermitted, .lock):
      "mlock needs CAP_IPC_LOCK or a larger RLIMIT_MEMLOCK"
    case (.invalidArgument, .advise):
      "this kernel has no transparent huge pages (CONFIG_TRANSPARENT_HUGEPAGE)"
    case (.noFunction, .ring), (.notPermitted, .ring):
      "this kernel has no io_uring, or kernel.io_uring_disabled forbids it: use engine: pwrite or pread"
    case (.notSupportedOnSocket, .write), (.notSupportedOnSocket, .read):
      "RWF_DONTCACHE came with Linux 6.14, and each file system has to have it: leave dontcache out"
    case (.invalidArgument, .open): "this file system has no O_DIRECT: leave direct out"
    case (_, .verify):
      "a file does not read back as it was written: the device, the file system or the kernel lost data"
    default: nil
    }
  }

  /// Sees whether the process has ended; true once it has.
  package func hasEnded() -> Bool {
    if exit == nil { exit = process.poll() }
    return exit != nil
  }

  /// A pidfd for another that waits for the worker's end.
  package func duplicateDescriptor() throws(HarnessError) -> Descriptor {
    try process.duplicateDescriptor()
  }

  /// Lets a ready stream begin at `time` (CLOCK_BOOTTIME, ns).
  package func start(at time: UInt64) throws(HarnessError) {
    var deadline = time
    do throws(HarnessError) {
      try checkErrno(write(startPipe, &deadline, 8), "worker \(name)", "start")
    } catch {
      // It has given up before.
      throw error.errno == .brokenPipe ? failure ?? error : error
    }
  }

  /// Asks a stream to issue nothing more; what is in flight goes on.
  package func requestStop() { cl_store(&header.pointee.stop, 1) }

  /// Kills workers and waits for their end, `timeout` ns at most: one that waits for its last writes in
  /// uninterruptible sleep dies when the device has taken them.
  package static func kill(_ workers: [WorkerProcess], timeout: UInt64) {
    for worker in workers where !worker.hasEnded() {
      worker.wasStopped = true
      worker.process.signal(SIGKILL)
    }
    let deadline = cl_boottime() + timeout
    for worker in workers where worker.exit == nil {
      let now = cl_boottime()
      worker.exit = worker.process.wait(timeout: deadline > now ? deadline - now : 0)
    }
  }

  /// Hands over the operations finished since the last call.
  package func drain(_ body: (SharedBlock.Operation) -> Void) {
    let log = block.log
    block.logRing.empty { body(log[$0]) }
  }

  /// Hands over the evidence of rounds since the last call.
  package func drainEvidence(_ body: (SharedBlock.Evidence) -> Void) {
    let evidence = block.evidence
    block.evidenceRing.empty { body(evidence[$0]) }
  }

  package struct InFlight: Sendable {
    package var kind: SharedBlock.Kind
    package var slot: UInt32
    /// Which of the slot's operations it is.
    package var number: UInt32
    package var start: UInt64
    package var bytes: UInt64
    package var file: UInt32
    package var offset: UInt64
  }

  /// What a stream does; nil: it is none.
  var action: Profile.Stream.Action? {
    role == .stream ? .init(code: stream.pointee.action) : nil
  }

  /// The kind of a stream's operations whose bytes are in no total.
  var uncounted: SharedBlock.Kind? { role == .stream ? stream.pointee.uncounted : nil }

  /// The `user_data` of an operation's io_uring requests; nil for one of plain system calls.
  package func userData(slot: UInt32) -> UInt64? {
    let isRing = role == .stream && stream.pointee.engine == Profile.Stream.Engine.ioUring.code
    return isRing && slot < depth ? UInt64(slot) : nil
  }

  /// Operations that can be in flight at a time, each in a slot of its own.
  var slots: Int { depth + 1 }

  /// Operations in flight: a stall that has not ended is still a stall.
  package func inFlight() -> [InFlight] { (0..<slots).compactMap(inFlight) }

  private func inFlight(_ i: Int) -> InFlight? {
    switch block.look(i) {
    case .free: return nil
    case .operation(let slot):
      if let kind = SharedBlock.Kind(rawValue: slot.kind) {
        return InFlight(
          kind: kind, slot: UInt32(i), number: slot.number, start: slot.start, bytes: slot.bytes,
          file: slot.file, offset: slot.offset)
      }
      fallthrough
    case .unknown:
      unread += 1
      return nil
    }
  }

  /// How often a slot could not be read as a whole since the last call.
  func takeUnread() -> UInt64 {
    defer { unread = 0 }
    return unread
  }

  /// The page touches of a pin, times in ns.
  package struct Touches: Sendable {
    package var count: UInt64
    package var max: UInt64
    package var histogram: [(value: UInt64, count: UInt64)]
  }

  /// nil: none are timed.
  package var touches: Touches? {
    guard header.pointee.buckets > 0 else { return nil }
    return Touches(
      count: pin.pointee.touches, max: pin.pointee.touchMax,
      histogram: LatencyHistogram.pairs(
        UnsafeBufferPointer(start: block.buckets, count: LatencyBucket.count)))
  }

  /// How far a pin has come, bytes.
  package struct Reach: Sendable, CustomStringConvertible {
    package var size: UInt64
    package var reached: UInt64
    /// With which the kernel refused more; nil: it did not.
    package var refusal: Errno?

    /// As in `41.2 MiB of 60MiB`.
    package var description: String {
      let tenths = (reached * 10) >> 20
      return "\(tenths / 10).\(tenths % 10) MiB of \(Units.sizeText(size))"
    }
  }

  package var reach: Reach {
    let errno = cl_load(&pin.pointee.shortfall)
    return Reach(
      size: header.pointee.size, reached: cl_load(&pin.pointee.reached),
      refusal: errno == 0 ? nil : Errno(rawValue: Int32(truncatingIfNeeded: errno)))
  }

  /// A pin that takes its memory from the streams' start on.
  package var isLate: Bool {
    role == .pinned
      && (pin.pointee.growth > 0 || pin.pointee.mode == Profile.Pinned.Mode.churn.code)
  }
  /// A pin that is touched again and again.
  package var isHot: Bool { role == .pinned && pin.pointee.rate > 0 }

  /// Touches of hot memory that were due before `time` (CLOCK_BOOTTIME, ns) and have not been made.
  package func behind(at time: UInt64) -> UInt64 {
    guard isHot else { return 0 }
    let began = cl_load(&pin.pointee.scheduled)
    guard began > 0 else { return 0 }
    let due = Schedule(began: began, rate: pin.pointee.rate).count(before: time)
    let made = cl_load(&pin.pointee.rounds)
    return due > made ? due - made : 0
  }

  /// A worker's totals. Bytes are those of completed operations, without what was read back; times are CLOCK_BOOTTIME in ns, 0: never.
  package struct Totals: Sendable {
    package var bytes: UInt64
    /// Of a stream: writes done inline, and those that another of the kernel's threads did.
    package var inline: UInt64
    package var punted: UInt64
    package var firstStart: UInt64
    package var lastEnd: UInt64
    package var logLost: UInt64
    package var paced: UInt64
    /// Rounds of a task, or touches of hot memory, that have ended.
    package var rounds: UInt64
    package var evidenceLost: UInt64
  }

  package var totals: Totals {
    var totals = Totals(
      bytes: header.pointee.bytes, inline: 0, punted: 0,
      firstStart: cl_load(&header.pointee.firstStart), lastEnd: header.pointee.lastEnd,
      logLost: header.pointee.logLost, paced: header.pointee.paced, rounds: 0,
      evidenceLost: header.pointee.evidenceLost)
    switch role {
    case .stream:
      totals.inline = stream.pointee.inline
      totals.punted = stream.pointee.punted
    case .pinned: totals.rounds = cl_load(&pin.pointee.rounds)
    case .task: totals.rounds = cl_load(&task.pointee.rounds)
    }
    return totals
  }
}

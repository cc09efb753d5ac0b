import CLinux
import Glibc
import SystemPackage

/// A worker as its supervisor sees it: process, cgroup and shared memory.
package final class WorkerProcess {
  package let name: String
  /// cgroup path below the v2 mount.
  package let cgroup: String
  package let role: Worker.Role
  package let pid: Int32
  private let process: Process
  private let block: SharedBlock
  private let startPipe: Int32
  private let depth: Int
  /// How the worker ended; nil while it runs.
  package private(set) var exit: Exit?
  /// The harness itself has killed it, at the end.
  package private(set) var wasStopped = false

  /// Slow page touches that may be left unread: a pin is looked at again when all is mounted.
  private static let touchRoom: UInt64 = 4096

  /// Starts a worker that pins `pinned.size` bytes.
  ///
  /// - Parameter slow: page touches at least this long are logged one by one, ns.
  package static func pinning(
    _ pinned: Profile.Pinned, cgroup: CgroupTree.Group, seed: UInt64, slow: UInt64
  ) throws(HarnessError) -> WorkerProcess {
    var control = SharedBlock.Control()
    control.size = pinned.size
    if pinned.mode == .locked {
      control.locked = 1
    } else {
      control.slow = slow
      control.buckets = UInt64(LatencyBucket.count)
      control.logCapacity = touchRoom
    }
    control.seed = seed
    return try WorkerProcess(pinned.name, control, path: "", cgroup, .pinned)
  }

  /// Starts a worker that will write a stream, or one of its jobs, to files in `directory` that are called by
  /// its name: `NAME.0`, `NAME.1`, ..., or `NAME-JOB.0`, ...
  package static func streaming(
    _ stream: Profile.Stream, job: Int = 0, in directory: String, cgroup: CgroupTree.Group,
    seed: UInt64
  ) throws(HarnessError) -> WorkerProcess {
    let stream = stream.each[job]
    var control = StreamWriter.control(stream)
    control.seed = seed
    let operations = stream.size.map { size -> UInt64 in
      var count = size / stream.block + UInt64(2 * stream.files) + 2
      if case .every(let bytes) = stream.fsync { count += size / bytes * UInt64(stream.files) }
      if stream.readBack != nil { count *= 2 }
      return count
    }
    control.logCapacity = min(operations ?? SharedBlock.logRoom, SharedBlock.logRoom)
    let path = StreamWriter.prefix(stream, in: directory)
    return try WorkerProcess(stream.name, control, path: path, cgroup, .stream)
  }

  private init(
    _ name: String, _ control: SharedBlock.Control, path: String, _ group: CgroupTree.Group,
    _ role: Worker.Role
  ) throws(HarnessError) {
    var control = control
    control.role = role.rawValue
    let block = try SharedBlock(name: name, control, path: path)
    var ends: [Int32] = [0, 0]
    try check(cl_pipe(&ends), "worker \(name)", "pipe2")
    let readEnd = Descriptor(owning: ends[0])
    startPipe = ends[1]
    let directory = try Descriptor(open: group.directory, O_RDONLY | O_DIRECTORY)
    let process = try Process(
      ["/proc/self/exe", Worker.command],
      environment: ["SWIFT_BACKTRACE=enable=no"],
      descriptors: [-1, 2, 2, block.descriptor, readEnd.raw], cgroup: directory.raw)
    self.name = name
    self.cgroup = group.path
    self.role = role
    self.depth = Int(control.depth)
    self.block = block
    self.pid = process.pid
    self.process = process
  }

  deinit { close(startPipe) }

  private var control: UnsafeMutablePointer<SharedBlock.Control> { block.control }

  var state: SharedBlock.State? { .init(rawValue: cl_load(&control.pointee.state)) }

  package var isReady: Bool { state == .ready }
  package var isDone: Bool { state == .done }

  /// The worker's own account of why it gave up, as an error for the record.
  package var failure: HarnessError? {
    guard state == .failed else { return nil }
    let errno = Errno(rawValue: Int32(truncatingIfNeeded: control.pointee.failedErrno))
    let step = SharedBlock.Step(rawValue: control.pointee.failedStep) ?? .none
    return HarnessError(
      .harness, "worker \(name)", step.label, errno: errno, remedy: Self.remedy(errno, step))
  }

  private static func remedy(_ errno: Errno, _ step: SharedBlock.Step) -> String? {
    switch (errno, step) {
    case (.noSpace, _):
      "the scratch file system is full: raise device.size or lower the stream's size"
    case (.noMemory, .lock), (.notPermitted, .lock):
      "mlock needs CAP_IPC_LOCK or a larger RLIMIT_MEMLOCK"
    case (.noFunction, .ring), (.notPermitted, .ring):
      "this kernel has no io_uring, or kernel.io_uring_disabled forbids it: use engine: pwrite"
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
    try checkErrno(write(startPipe, &deadline, 8), "worker \(name)", "start")
  }

  /// Asks a stream to issue nothing more; what is in flight goes on.
  package func requestStop() { cl_store(&control.pointee.stop, 1) }

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
    let head = cl_load(&control.pointee.logHead)
    var tail = control.pointee.logTail
    while tail < head {
      body(block.log[Int(tail % control.pointee.logCapacity)])
      tail += 1
    }
    cl_store(&control.pointee.logTail, tail)
  }

  package struct InFlight: Sendable {
    package var kind: SharedBlock.Kind
    package var start: UInt64
    package var bytes: UInt64
    package var file: UInt32
    package var offset: UInt64
  }

  /// Operations in flight: a stall that has not ended is still a stall.
  package func inFlight() -> [InFlight] {
    (0...depth).compactMap { i in
      let start = cl_load(&block.slots[i].start)
      let slot = block.slots[i]
      guard start != 0, let kind = SharedBlock.Kind(rawValue: slot.kind) else { return nil }
      return InFlight(
        kind: kind, start: start, bytes: slot.bytes, file: slot.file, offset: slot.offset)
    }
  }

  /// The page touches of a pin, times in ns.
  package struct Touches: Sendable {
    package var count: UInt64
    package var max: UInt64
    package var histogram: [(value: UInt64, count: UInt64)]
  }

  /// nil: none are timed.
  package var touches: Touches? {
    guard control.pointee.buckets > 0 else { return nil }
    let histogram = (0..<LatencyBucket.count).compactMap { i in
      block.buckets[i] == 0
        ? nil : (value: LatencyBucket.lowest(i), count: UInt64(block.buckets[i]))
    }
    return Touches(
      count: control.pointee.touches, max: control.pointee.touchMax, histogram: histogram)
  }

  /// A stream's totals. Bytes are those of completed writes; times are CLOCK_BOOTTIME in ns, 0: never.
  package struct Totals: Sendable {
    package var bytes: UInt64
    package var inline: UInt64
    package var punted: UInt64
    package var firstStart: UInt64
    package var lastEnd: UInt64
    package var logLost: UInt64
    package var paced: UInt64
  }

  package var totals: Totals {
    Totals(
      bytes: control.pointee.bytes, inline: control.pointee.inline,
      punted: control.pointee.punted, firstStart: cl_load(&control.pointee.firstStart),
      lastEnd: control.pointee.lastEnd, logLost: control.pointee.logLost,
      paced: control.pointee.paced)
  }
}

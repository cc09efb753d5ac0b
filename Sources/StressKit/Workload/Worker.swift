import CLinux
import CUring
import Glibc

/// The process that runs inside the limits: pins memory or writes a stream.
///
/// It is the supervisor's own binary, executed straight into its cgroup (clone3), and keeps its own
/// footprint out of the experiment: no allocation after it is ready, buffers and log in the
/// supervisor's memory.
package enum Worker {
  /// Descriptors that the supervisor passes.
  static let blockDescriptor: Int32 = 3
  static let startDescriptor: Int32 = 4
  /// First argument of the re-executed binary.
  package static let command = "worker"

  package enum Role: UInt64, Sendable {
    case pinned, stream, task

    /// What records call one, beside its name.
    package var label: String {
      switch self {
      case .pinned: "pinned"
      case .stream: "stream"
      case .task: "task"
      }
    }
  }

  /// The worker's whole life; never returns.
  package static func run() -> Never {
    guard let block = try? SharedBlock(inherited: blockDescriptor) else { exit(70) }
    // Inherited from the supervisor, who must survive what the worker must not.
    do throws(HarnessError) {
      try File.set("/proc/self/oom_score_adj", "0")
    } catch {
      fail(block.control, .oomScore, error.errno?.rawValue ?? EIO)
    }
    let role = Role(rawValue: block.control.pointee.role)
    if let role { cl_set_thread_name("wb-\(role.label)") }
    switch role {
    case .pinned: pin(block)
    case .task: exit(70)
    case .stream:
      var writer = StreamWriter(block: block)
      writer.run()
    case nil: exit(70)
    }
  }

  static func fail(
    _ control: UnsafeMutablePointer<SharedBlock.Control>, _ step: SharedBlock.Step,
    _ errno: Int32
  ) -> Never {
    control.pointee.failedErrno = UInt64(errno)
    control.pointee.failedStep = step.rawValue
    cl_store(&control.pointee.state, SharedBlock.State.failed.rawValue)
    exit(1)
  }

  private static func pin(_ block: SharedBlock) -> Never {
    let control = block.control
    let size = Int(control.pointee.size)
    let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { fail(control, .map, cl_errno()) }
    if control.pointee.locked != 0 {
      if mlock(memory, size) < 0 { fail(control, .lock, cl_errno()) }
    } else {
      touch(memory, size, block)
    }
    control.pointee.bytes = UInt64(size)
    cl_store(&control.pointee.state, SharedBlock.State.ready.rawValue)
    while true { pause() }
  }

  /// Fills memory page by page, and times how long the first access to each page takes.
  private static func touch(_ memory: UnsafeMutableRawPointer, _ size: Int, _ block: SharedBlock) {
    let control = block.control
    var operations = OperationLog(block)
    // Incompressible and different per page: what is swapped out must not shrink in zswap.
    var random = SplitMix64(seed: control.pointee.seed)
    for start in stride(from: 0, to: size, by: 4096) {
      let words = (memory + start).assumingMemoryBound(to: UInt64.self)
      operations.begin(0, .populate, bytes: UInt64(min(4096, size - start)), offset: UInt64(start))
      words[0] = random.next()
      let took = operations.finish(0, at: cl_boottime(), logIf: control.pointee.slow)
      if control.pointee.buckets > 0 { block.buckets[LatencyBucket.of(took)] &+= 1 }
      control.pointee.touches &+= 1
      control.pointee.touchMax = max(control.pointee.touchMax, took)
      for i in 1..<512 where start + 8 * i < size { words[i] = random.next() }
    }
  }

  /// Sleeps until the supervisor says when to start, and until then.
  static func awaitStart(_ control: UnsafeMutablePointer<SharedBlock.Control>) {
    cl_store(&control.pointee.state, SharedBlock.State.ready.rawValue)
    var deadline: UInt64 = 0
    var got: Int
    repeat { got = read(startDescriptor, &deadline, 8) } while got < 0 && cl_errno() == EINTR
    if got != 8 { fail(control, .start, got < 0 ? cl_errno() : EPIPE) }
    cl_sleep_until(deadline)
    cl_store(&control.pointee.state, SharedBlock.State.running.rawValue)
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import CUring
import Glibc
import StressCore

/// The process that runs inside the limits: pins memory, runs a stream, or does a task.
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

  /// Behind this an exit status is the errno of a worker without the block in which it would tell of it.
  static let withoutBlock: Int32 = 128

  /// The worker's whole life; never returns.
  package static func run() -> Never {
    let block: SharedBlock
    do throws(HarnessError) {
      block = try SharedBlock(inherited: blockDescriptor)
    } catch {
      exit(withoutBlock + (error.errno?.rawValue ?? 0))
    }
    // Inherited from the supervisor, who must survive what the worker must not.
    do throws(HarnessError) {
      try File.set("/proc/self/oom_score_adj", "0")
    } catch {
      fail(block.header, .oomScore, error.errno?.rawValue ?? EIO)
    }
    let role = block.role
    if let role { cl_set_thread_name("wb-\(role.label)") }
    switch role {
    case .pinned:
      var memory = PinnedMemory(block: block)
      memory.run()
    case .task:
      var task = TaskRunner(block: block)
      task.run()
    case .stream:
      var stream = StreamRunner(block: block)
      stream.run()
    case nil: exit(70)
    }
  }

  static func fail(
    _ header: UnsafeMutablePointer<SharedBlock.Header>, _ step: SharedBlock.Step,
    _ errno: Int32
  ) -> Never {
    header.pointee.failedErrno = UInt64(errno)
    header.pointee.failedStep = step.rawValue
    cl_store(&header.pointee.state, SharedBlock.State.failed.rawValue)
    exit(1)
  }

  /// Sleeps until the supervisor says when to start, and until then.
  static func awaitStart(_ header: UnsafeMutablePointer<SharedBlock.Header>) {
    cl_store(&header.pointee.state, SharedBlock.State.ready.rawValue)
    var deadline: UInt64 = 0
    var got: Int
    repeat {
      got = attemptErrno(read(startDescriptor, &deadline, 8), "worker", "read the start")
    } while got == -Int(EINTR)
    if got != 8 { fail(header, .start, got < 0 ? Int32(-got) : EPIPE) }
    cl_sleep_until(deadline)
    cl_store(&header.pointee.state, SharedBlock.State.running.rawValue)
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// How a process ended.
package enum Exit: Equatable, Sendable, CustomStringConvertible {
  case status(Int32)
  case signal(Int32)

  package var description: String {
    switch self {
    case .status(let code): "exit status \(code)"
    case .signal(let number): "signal \(number)"
    }
  }
}

/// A child process and its pidfd. It is killed and reaped when its owner goes, unless it outlives that; one that does not die of that within
/// ``patience`` is left behind, for init to reap.
package struct Process: ~Copyable, Sendable {
  package let pid: Int32
  private let pidfd: Int32
  private let object: String
  private let outlivesOwner: Bool

  /// Where a program is executed that is not the harness's own.
  package struct Place {
    /// Its root directory; nil: the caller's.
    package var root: String?
    /// The absolute paths below it that it may have: the first that is there is executed.
    package var paths: [String]
    /// Its oom_score_adj; nil: the caller's.
    package var oomScore: String?

    package init(root: String?, paths: [String], oomScore: String?) {
      self.root = root
      self.paths = paths
      self.oomScore = oomScore
    }
  }

  /// Starts `arguments[0]`, an absolute path unless `place` has others.
  ///
  /// - Parameters:
  ///   - descriptors: element i becomes the child's descriptor i; -1 is /dev/null.
  ///   - cgroup: descriptor of the cgroup v2 directory that the child is born in; -1: the caller's.
  ///   - dieWithThread: the child gets SIGKILL when the calling thread ends.
  ///   - outlivesOwner: it is left alone when its owner goes, for init to reap.
  ///
  /// The corresponding system call is `clone3`.
  package init(
    _ arguments: [String], environment: [String] = [], descriptors: [Int32] = [-1, -1, -1],
    cgroup: Int32 = -1, dieWithThread: Bool = true, newSession: Bool = true,
    outlivesOwner: Bool = false, in place: Place? = nil, waiver: Waiver? = nil
  ) throws(HarnessError) {
    let argv = arguments.map { strdup($0) } + [nil]
    let envp = environment.map { strdup($0) } + [nil]
    let paths = (place?.paths ?? [arguments[0]]).map { strdup($0) }
    let root = place?.root.map { strdup($0) } ?? nil
    let oomScore = place?.oomScore.map { strdup($0) } ?? nil
    defer { for pointer in argv + envp + paths + [root, oomScore] { free(pointer) } }
    let files = paths.map { UnsafePointer($0) } + [nil]
    var fd: Int32 = -1
    let result = descriptors.withUnsafeBufferPointer { fds in
      argv.withUnsafeBufferPointer { argv in
        envp.withUnsafeBufferPointer { envp in
          files.withUnsafeBufferPointer { files in
            var what = cl_spawn(
              paths: files.baseAddress!, root: root, oom_score_adj: oomScore,
              argv: argv.baseAddress!, envp: envp.baseAddress!, fds: fds.baseAddress,
              fd_count: Int32(fds.count), cgroup_fd: cgroup,
              death_signal: dieWithThread ? SIGKILL : 0, new_session: newSession ? 1 : 0)
            return attempt(cl_spawn(&what, &fd), arguments[0], "start", waiver)
          }
        }
      }
    }
    pid = Int32(try accept(Int(result), arguments[0], "start"))
    pidfd = fd
    object = arguments[0]
    self.outlivesOwner = outlivesOwner
  }

  /// How long a killed process is waited for when its owner goes, ns: in uninterruptible sleep (a disk that does not
  /// answer) it may never die.
  private static let patience: UInt64 = 1_000_000_000

  deinit {
    if outlivesOwner {
      close(pidfd)
      return
    }
    cl_signal(pidfd, SIGKILL)
    let deadline = cl_monotonic() + Self.patience
    var exit = cl_exit()
    var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    // Looked at, and never waited for: a dead one that somebody traces can be reaped when the tracer lets it go.
    while cl_wait(pidfd, 1, &exit) == 0, cl_monotonic() < deadline {
      if Glibc.poll(&entry, 1, 100) > 0, cl_wait(pidfd, 1, &exit) == 0 {
        cl_sleep_until(cl_boottime() + 1_000_000)
      }
    }
    close(pidfd)
  }

  package borrowing func signal(_ number: Int32) {
    let descriptor = pidfd
    attempt(cl_signal(descriptor, number), object, "pidfd_send_signal", .again)
  }

  /// Signals all processes of the session that it leads: what it has started, too, unless that has a group of its own.
  /// The corresponding C function is `kill`.
  package borrowing func signalGroup(_ number: Int32) {
    let group = -pid
    attemptErrno(Int(Glibc.kill(group, number)), object, "kill", .again)
  }

  /// How the process ended, nil while it runs. The corresponding C function is `waitid`.
  package borrowing func poll() -> Exit? { wait(noHang: true) }

  /// Waits for the end; after `timeout` ns the answer is nil and the process still runs.
  package borrowing func wait(timeout: UInt64) -> Exit? {
    var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    let deadline = cl_boottime() + timeout
    while true {
      let now = cl_boottime()
      if now >= deadline { return poll() }
      let milliseconds = Int32(clamping: (deadline - now + 999_999) / 1_000_000)
      if Glibc.poll(&entry, 1, milliseconds) > 0 { return poll() }
    }
  }

  /// The pidfd once more, for another that waits: it can be read once the process has ended, reaped or not.
  package borrowing func duplicateDescriptor() throws(HarnessError) -> Descriptor {
    Descriptor(
      owning: Int32(
        try checkErrno(Int(fcntl(pidfd, F_DUPFD_CLOEXEC, 0)), object, "F_DUPFD_CLOEXEC")))
  }

  /// Kills the process, waits for it and gives up the descriptor.
  package consuming func kill() {}

  private borrowing func wait(noHang: Bool) -> Exit? {
    var exit = cl_exit()
    let descriptor = pidfd
    guard attempt(cl_wait(descriptor, noHang ? 1 : 0, &exit), object, "waitid", .again) == 1 else {
      return nil
    }
    return exit.exited == 1 ? .status(exit.code) : .signal(exit.code)
  }
}

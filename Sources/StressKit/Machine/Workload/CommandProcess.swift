// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// A command of the profile that has been started: its process, its cgroup, and what it prints.
package final class CommandProcess {
  package let command: Profile.Command
  package let group: Cgroup
  package let pid: Int32
  /// CLOCK_BOOTTIME, ns.
  package let began: UInt64
  private let process: Process
  private let kept: CommandOutput.Kept

  /// How its own process ended; nil: it runs.
  package private(set) var exit: Exit?
  /// When that was noticed.
  package private(set) var ended: UInt64?
  /// Whether the harness has asked it to end, or killed it.
  package private(set) var wasStopped = false
  /// Whether it went on for all of its grace, and had to be killed.
  package private(set) var wasKilled = false
  /// Names of the processes in its cgroup that outlived its own.
  package private(set) var left: [String] = []
  private var isSettled = false

  /// For how long processes that end with it may take longer than it, ns.
  private static let settling: UInt64 = 1_000_000_000

  /// Starts a command in its cgroup.
  ///
  /// - Parameter root: the directory that its user land is in; nil: the machine's own.
  init(
    _ command: Profile.Command, in group: Cgroup, root: String?, _ output: CommandOutput
  ) throws(HarnessError) {
    let directory = try Descriptor(open: group.directory, O_RDONLY | O_DIRECTORY)
    let (kept, writer) = try output.add()
    defer { close(writer) }
    began = cl_boottime()
    process = try Self.start(
      command.run, of: command, root: root, descriptors: [-1, writer, writer],
      cgroup: directory.raw)
    self.command = command
    self.group = group
    self.kept = kept
    pid = process.pid
  }

  /// Whether `ready` exits with 0.
  ///
  /// - Parameter patience: it is killed when it takes longer, ns.
  static func isReady(
    _ command: Profile.Command, root: String?, patience: UInt64
  ) throws(HarnessError) -> Bool {
    let process = try start(
      command.ready, of: command, root: root, descriptors: [-1, -1, -1], cgroup: -1)
    return process.wait(timeout: patience) == .status(0)
  }

  private static func start(
    _ arguments: [String], of command: Profile.Command, root: String?, descriptors: [Int32],
    cgroup: Int32
  ) throws(HarnessError) -> Process {
    let program = arguments[0]
    let paths =
      program.utf8.contains(0x2f)
      ? [program] : Tool.directories.map { "\($0)/\(program)" }
    do throws(HarnessError) {
      return try Process(
        arguments,
        environment: [
          "PATH=\(Tool.directories.joined(separator: ":"))", "HOME=/root", "LC_ALL=C.UTF-8",
        ] + command.environment.map { "\($0.key)=\($0.value)" },
        descriptors: descriptors, cgroup: cgroup,
        in: Process.Place(root: root ?? "/", paths: paths, oomScore: "0"))
    } catch {
      let place = root == nil ? "this machine" : "machine.root"
      throw HarnessError(
        .environment, "command \(command.name)", "start \(program)", errno: error.errno,
        remedy: error.errno == .noSuchFileOrDirectory
          ? "\(place) has no such program; is its package named there?" : nil)
    }
  }

  /// Sees whether it has ended; true once it has, and nothing that it started is left, or too late to be its end.
  func hasEnded(at now: UInt64) -> Bool {
    if isSettled { return true }
    if exit == nil {
      guard let exit = process.poll() else { return false }
      self.exit = exit
      ended = now
    }
    let others = processes
    if !others.isEmpty, let ended, now < ended + Self.settling, !wasStopped { return false }
    left = others
    isSettled = true
    return true
  }

  /// Names of the processes in its cgroup.
  private var processes: [String] { pids.map { File.line("/proc/\($0)/comm") ?? "?" } }

  private var pids: [Int32] {
    ((try? File.text(group.file("cgroup.procs"))) ?? "").lines.compactMap { Int32($0) }
  }

  /// Whether it works on without its first process, as a service may.
  var isDetached: Bool { exit != nil && !left.isEmpty }

  /// Whether anything of it is there.
  var isPopulated: Bool { exit == nil || !pids.isEmpty }

  /// Asks it to end: its first process, or where that has gone all that are left.
  func requestStop() {
    // What is wrong with one that has ended stays wrong.
    if exit == nil || command.when == .service { wasStopped = true }
    let number: Int32 =
      switch command.stop {
      case .term: SIGTERM
      case .int: SIGINT
      case .quit: SIGQUIT
      case .hup: SIGHUP
      case .kill: SIGKILL
      }
    if exit == nil {
      process.signal(number)
    } else {
      for pid in pids { attemptErrno(Int(Glibc.kill(pid, number)), "pid \(pid)", "kill", .again) }
    }
  }

  /// Kills what is in its cgroup.
  func kill() {
    if exit == nil {
      wasKilled = true
      wasStopped = true
    }
    CgroupTree.kill(group)
  }

  /// For another that waits for its end.
  func duplicateDescriptor() throws(HarnessError) -> Descriptor {
    try process.duplicateDescriptor()
  }

  /// Whether it died by a SIGKILL that was not the harness's.
  var wasKilledByOthers: Bool { exit == .signal(SIGKILL) && !wasStopped }

  /// What is wrong with how it ended; nil: nothing, or it runs, or what it started may still end with it.
  package var failure: HarnessError? {
    guard let exit, isSettled, !wasStopped, !wasKilledByOthers else { return nil }
    let object = "command \(command.name)"
    if command.when == .service {
      if isDetached, exit == .status(0) { return nil }
      return HarnessError(
        .environment, object, "\(exit.description) before the trial was over\(said)",
        remedy: "a service must run until it is stopped")
    }
    if case .status(let status) = exit, command.exit?.contains(Int(status)) ?? true {
      guard !left.isEmpty else { return nil }
      return HarnessError(
        .environment, object,
        "ended with \(left.count) process\(left.count == 1 ? "" : "es") left in its cgroup "
          + "(\(left.prefix(4).joined(separator: ", ")))",
        remedy: "have it stay in the foreground until its work is done, or give it 'when: service'")
    }
    return HarnessError(
      .environment, object, exit.description + said,
      remedy: "if that is no failure, say so with 'exit'")
  }

  /// The end of what it printed, for a message.
  var said: String {
    let text = kept.text
    let lines = (text.tail ?? text.head).lines.suffix(4)
    return lines.isEmpty ? ", without a word" : ": \(lines.joined(separator: " / "))"
  }

  /// For the record, at the end.
  var line: CommandEndLine {
    let text = kept.text
    var line = CommandEndLine()
    line.command = command.name
    line.pid = Int64(pid)
    line.start = Int64(clamping: began)
    line.end = ended.map { Int64(clamping: $0) }
    line.exit = exit?.description
    line.ended =
      if exit == nil {
        .unkillable
      } else if wasKilled {
        .killed
      } else if wasStopped {
        .stopped
      } else if wasKilledByOthers {
        .killedByOthers
      } else {
        .itself
      }
    line.left = left.isEmpty ? nil : left
    line.printed = Int64(clamping: kept.total)
    line.output = text.head
    line.outputEnd = text.tail
    return line
  }
}

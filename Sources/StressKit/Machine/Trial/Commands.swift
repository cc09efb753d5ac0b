// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// The commands of a trial, from the first that prepares something to the last that is stopped.
final class Commands {
  /// Between two looks for a command's end, or two questions whether a service is ready, ns.
  private static let pollInterval: UInt64 = 5_000_000
  private static let readyInterval: UInt64 = 100_000_000
  private static let readyPatience: UInt64 = 10_000_000_000

  private struct Entry {
    let command: Profile.Command
    let group: Cgroup
    var process: CommandProcess?
    /// Its end is told.
    var isEnded = false
  }

  private let context: TrialContext
  private let root: String?
  private let output: CommandOutput
  private var entries: [Entry]
  /// Told of each that is started.
  private let onStart: (CommandProcess) throws(HarnessError) -> Void

  /// - Parameters:
  ///   - groups: of the profile's commands, in their order.
  ///   - root: the directory that their user land is in; nil: the machine's own.
  init(
    _ context: TrialContext, in groups: [Cgroup], root: String?,
    onStart: @escaping (CommandProcess) throws(HarnessError) -> Void
  ) throws(HarnessError) {
    self.context = context
    self.root = root
    self.onStart = onStart
    entries = zip(context.profile.commands, groups).map { Entry(command: $0, group: $1) }
    output = try CommandOutput()
  }

  private var processes: [CommandProcess] { entries.compactMap(\.process) }

  // MARK: Before the streams

  /// Runs what is to come before the streams, in the profile's order, each to its end or until it is ready.
  ///
  /// - Parameter isAborted: asked again and again; nothing more is begun then.
  func prepare(unless isAborted: () -> Bool) throws(HarnessError) {
    for index in entries.indices where !entries[index].command.isTimed {
      let process = try start(index)
      let command = entries[index].command
      let deadline = cl_boottime() + command.within
      var readyDue: UInt64 = 0
      while !isAborted() {
        let now = cl_boottime()
        look(at: now)
        if entries[index].isEnded {
          if let failure = process.failure { throw failure }
          if process.wasKilledByOthers {
            throw HarnessError(
              .environment, "command \(command.name)", "killed before the streams\(process.said)")
          }
          if !process.isDetached { break }
        }
        if command.when == .service, now >= readyDue {
          readyDue = now + Self.readyInterval
          if command.ready.isEmpty { break }
          if try CommandProcess.isReady(command, root: root, patience: Self.readyPatience) { break }
        }
        if now > deadline {
          throw HarnessError(
            .environment, "command \(command.name)",
            (command.when == .before ? "had not ended" : "was not ready") + " after "
              + Units.durationText(command.within) + process.said,
            remedy: "raise its 'within'")
        }
        cl_sleep_until(now + Self.pollInterval)
      }
      if isAborted() { return }
    }
  }

  private func start(_ index: Int) throws(HarnessError) -> CommandProcess {
    let process = try CommandProcess(
      entries[index].command, in: entries[index].group, root: root, output)
    entries[index].process = process
    context.record.emit(WorkerLine.self) {
      $0.name = process.command.name
      $0.event = .start
      $0.pid = Int64(process.pid)
      $0.cgroup = process.group.path
    }
    try onStart(process)
    return process
  }

  // MARK: While the streams run

  /// Starts those that begin with the streams, but for `late`, which the timeline starts.
  func startTimed(except late: Set<String>) throws(HarnessError) {
    for index in entries.indices {
      let command = entries[index].command
      if command.isTimed, !late.contains(command.name) { _ = try start(index) }
    }
  }

  /// Starts or stops the one of that name; false: there is none.
  func start(_ name: String) throws(HarnessError) -> Bool {
    guard let index = entries.firstIndex(where: { $0.command.name == name }) else { return false }
    _ = try start(index)
    return true
  }

  func stop(_ name: String) -> Bool {
    guard let entry = entries.first(where: { $0.command.name == name }) else { return false }
    entry.process?.requestStop()
    return true
  }

  /// Tells those that have ended.
  func look(at now: UInt64) {
    for index in entries.indices where !entries[index].isEnded {
      guard let process = entries[index].process, process.hasEnded(at: now) else { continue }
      entries[index].isEnded = true
      tellEnd(process)
    }
  }

  private func tellEnd(_ process: CommandProcess) {
    context.record.emit(WorkerLine.self) {
      $0.name = process.command.name
      $0.event =
        switch process.exit {
        case .status: process.failure == nil ? .done : .failed
        case .signal(SIGKILL): process.wasStopped ? .stopped : .killed
        case .signal: process.wasStopped ? .stopped : .crashed
        case nil: .unkillable
        }
      $0.exit = process.exit?.description
      $0.message = process.failure?.description
    }
  }

  /// Whether any counts for the trial's end, and whether all of those have ended.
  var counts: Bool { entries.contains { $0.command.when == .with } }
  var haveEnded: Bool { entries.allSatisfy { $0.command.when != .with || $0.isEnded } }
  /// Whether none is running or to be started that begins with the streams.
  var areIdle: Bool { entries.allSatisfy { !$0.command.isTimed || $0.isEnded } }

  /// What ends a trial before its time: a service that has ended, or a command that has failed.
  var failure: HarnessError? { processes.lazy.compactMap(\.failure).first }

  // MARK: The end

  /// Asks all that run to end, and kills what has not when its grace is over.
  ///
  /// - Parameters:
  ///   - gently: else they are killed at once.
  ///   - timeout: for the killed to die, ns.
  func end(gently: Bool, timeout: UInt64) {
    look(at: cl_boottime())
    var asked = processes.filter(\.isPopulated)
    if gently {
      for process in asked { process.requestStop() }
      let begin = cl_boottime()
      while true {
        let now = cl_boottime()
        look(at: now)
        asked.removeAll { !$0.isPopulated || now >= begin + $0.command.grace }
        if asked.isEmpty || context.venue.isInterrupted() { break }
        cl_sleep_until(now + Self.pollInterval)
      }
    }
    let deadline = cl_boottime() + timeout
    for process in processes where process.isPopulated { process.kill() }
    while processes.contains(where: \.isPopulated), cl_boottime() < deadline {
      cl_sleep_until(cl_boottime() + Self.pollInterval)
      look(at: cl_boottime())
      // One that was being born has not been seen before 5.14.
      for process in processes where process.isPopulated { process.kill() }
    }
    look(at: cl_boottime())
    for entry in entries where entry.process != nil && !entry.isEnded {
      if let process = entry.process { tellEnd(process) }
    }
    output.finish()
    for process in processes { context.record.emit(process.line) }
  }

  /// One that outlives its kill, with what it waits for; nil: none does.
  var unkillable: String? {
    processes.first(where: \.isPopulated).map {
      "command \($0.command.name) outlived SIGKILL (\(StuckTask.text(in: $0.group)))"
    }
  }

  /// Names and pids of those that died of a SIGKILL that was not the harness's.
  var killedByOthers: [(name: String, pid: Int32)] {
    processes.filter(\.wasKilledByOthers).map { ($0.command.name, $0.pid) }
  }
}

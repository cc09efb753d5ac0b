// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import StressRecord

/// One trial on this machine that another machine has asked for: a directory with its record and what came of it,
/// and a process that outlives the connection.
package struct RemoteRun: Sendable {
  /// What the process is started with, and the run's name.
  package static let command = "remote-trial"

  let name: String
  var directory: String { "\(Self.root)/\(name)" }

  /// Of the file that has the result, bytes: they are there before the trial, which may fill the disk.
  private static let resultSize = 16 << 10
  /// Time that the process may take to begin, ns.
  private static let beginning: UInt64 = 60_000_000_000

  /// Who is not root has trials in guests only.
  static var root: String {
    geteuid() == 0
      ? CleanupJournal.directory + "/remote"
      : (getenv("HOME").map { String(cString: $0) } ?? "/tmp") + "/.cache/wbstress/remote-trials"
  }

  /// - Parameter name: as the other machine chose it; nil where that is none of ours.
  init?(_ name: String) {
    guard name.utf8.count == 32, name.allSatisfy({ "0123456789abcdef".contains($0) }) else {
      return nil
    }
    self.name = name
  }

  /// One that no other has.
  static func newName() -> String {
    var random = SystemRandomNumberGenerator()
    let digits = (0..<2).map { _ in
      let text = String(random.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }
    return digits.joined()
  }

  private var trialDirectory: String { directory + "/trial" }
  var recordPath: String { "\(trialDirectory)/\(RecordFile.name)" }
  private var requestPath: String { directory + "/request.json" }
  private var ownerPath: String { directory + "/owner.json" }
  private var resultPath: String { directory + "/result.json" }
  /// What the process prints, which is nothing unless it dies.
  private var outputPath: String { directory + "/output" }

  var exists: Bool { File.exists(directory) }

  /// The process; nil: it has not begun.
  var owner: JournalOwner? {
    (try? File.read(ownerPath, atMost: 64 << 10)).flatMap { try? JSON(parsing: $0) }
      .flatMap(JournalOwner.init)
  }

  /// What came of it, as the process has written it; nil: nothing yet.
  var result: JSON? {
    guard let bytes = try? File.read(resultPath, atMost: Self.resultSize) else { return nil }
    return try? JSON(parsing: bytes)
  }

  /// The last lines that the process printed.
  var lastWords: String {
    File.consoleLines(outputPath).suffix(5).joined(separator: " / ")
  }

  /// When the trial began, s since 1970.
  var begun: Int64 { File.modified(requestPath) ?? 0 }

  // MARK: Beginning

  /// Starts the process, in a session of its own and outside of that of the connection, whose cgroup goes with it.
  ///
  /// - Parameter request: what it reads.
  func start(_ request: JSON) throws(HarnessError) {
    try File.makeDirectory(directory)
    try File.write(requestPath, Array(request.text.utf8))
    try File.write(resultPath, [UInt8](repeating: 0x20, count: Self.resultSize))
    try File.makeDirectory(trialDirectory)
    guard let program = ProfileCatalog.executable() else {
      throw HarnessError(.harness, "/proc/self/exe", "readlink", errno: .noSuchFileOrDirectory)
    }
    let output = try Descriptor(
      open: outputPath, O_WRONLY | O_CREAT | O_APPEND, code: .environment)
    let process = try launch([program, Self.command, name], output: output.raw)
    let deadline = cl_monotonic() + Self.beginning
    while owner == nil, process.poll() == nil, cl_monotonic() < deadline {
      cl_sleep_until(cl_boottime() + 20_000_000)
    }
    if owner == nil {
      throw HarnessError(.environment, directory, "its process has not begun: \(lastWords)")
    }
  }

  /// In the root cgroup, which has no limits and which nobody removes; in the caller's where that is none of v2, as the
  /// guards will tell, and of who is not root.
  private func launch(_ arguments: [String], output: Int32) throws(HarnessError) -> Process {
    func start(in group: Int32) throws(HarnessError) -> Process {
      try Process(
        arguments, environment: Tool.wholeEnvironment, descriptors: [-1, output, output],
        cgroup: group, dieWithThread: false, outlivesOwner: true)
    }
    guard geteuid() == 0, File.exists(Cgroup(path: "").file("cgroup.procs")) else {
      return try start(in: -1)
    }
    let root = try Descriptor(open: Cgroup.mount, O_RDONLY | O_DIRECTORY, code: .environment)
    return try start(in: root.raw)
  }

  // MARK: The process

  /// The process's whole life: the trial, behind the guards, and then the wait for whoever fetches the record.
  package static func run() -> Never {
    guard let run = CommandLine.arguments.dropFirst(2).first.flatMap(RemoteRun.init), run.exists
    else { exit(HarnessError.Code.usage.rawValue) }
    do throws(HarnessError) {
      try Interrupt.ofProcess.takeSignals()
      try File.write(run.ownerPath, Array(JournalOwner.current("remote").json.text.utf8))
      let request = try RemoteRequest.read(run.requestPath)
      let result = run.carryOut(request)
      try run.write(result)
      run.awaitFetch(request.patience, isEnding: result["ending"] != nil)
    } catch {
      _ = try? run.write(["errors": [error.json]])
      exit(error.code.rawValue)
    }
    exit(0)
  }

  /// The trial; this machine is free for another when it returns.
  private func carryOut(_ request: RemoteRequest) -> JSON {
    do throws(HarnessErrors) {
      guard let plan = request.plan else {
        throw HarnessErrors([HarnessError(.usage, "request", "has no trial in it")])
      }
      let ending =
        if let guests = request.place.guests {
          try inGuest(guests, plan, request.kernels)
        } else {
          try onMachine(plan, request)
        }
      return ["ending": ending.json]
    } catch {
      return ["errors": [error.inOne.json]]
    }
  }

  private func onMachine(
    _ plan: TrialPlan, _ request: RemoteRequest
  ) throws(HarnessErrors) -> Ending {
    do throws(HarnessError) {
      let place = try request.place.local(results: trialDirectory)
      let guards = Guards([plan.profile], place)
      if let errors = guards.findings.errors { throw errors.inOne }
      var trial = LocalTrial(
        plan: plan, directory: trialDirectory, images: place.images, device: guards.device,
        place: place.cgroups)
      trial.limits = request.limits
      let ending = try trial.run(Interrupt.ofProcess)
      withExtendedLifetime(guards) {}
      return ending
    } catch {
      throw HarnessErrors([error])
    }
  }

  private func inGuest(
    _ guests: RemoteGuests, _ plan: TrialPlan, _ kernels: [String]
  ) throws(HarnessErrors) -> Ending {
    let (venue, cells) = try guests.venue([plan.profile], kernels) { _ in }
    do throws(HarnessError) {
      return try venue.run(
        plan, of: cells[0], directory: trialDirectory, Interrupt.ofProcess
      ) { _ in }
    } catch {
      throw HarnessErrors([error])
    }
  }

  /// Into the room that it has.
  private func write(_ result: JSON) throws(HarnessError) {
    var bytes = Array(result.text.utf8)
    if bytes.count > Self.resultSize {
      let error = HarnessError(.harness, resultPath, "has no room for \(bytes.count) bytes")
      bytes = Array(JSON.object([("errors", .array([error.json]))]).text.utf8)
    }
    let file = try Descriptor(open: resultPath, O_WRONLY, code: .environment)
    try file.writeAll(bytes, resultPath)
    try file.sync(resultPath)
  }

  /// Keeps the record until it was fetched (`forget`), or nobody has asked for it for `patience` ns: then it goes. One
  /// that could not be written in full stays, for `wbstress clean`.
  private func awaitFetch(_ patience: UInt64, isEnding: Bool) {
    var deadline = cl_monotonic() + patience
    while exists, !Interrupt.ofProcess.isRequested {
      if isFollowed { deadline = cl_monotonic() + patience }
      if cl_monotonic() > deadline {
        if isEnding { File.remove(directory) }
        return
      }
      cl_sleep_until(cl_boottime() + 500_000_000)
    }
  }

  /// Whoever follows the run holds this lock; nil: the process asks at this moment, again and again.
  func follow() throws(HarnessError) -> FileLock? {
    for _ in 0..<100 {
      if let lock = try File.lock(trialDirectory, shared: true) { return lock }
      cl_sleep_until(cl_boottime() + 1_000_000)
    }
    return nil
  }

  private var isFollowed: Bool {
    do throws(HarnessError) {
      return try File.lock(trialDirectory) == nil
    } catch {
      return false
    }
  }

  /// Asks the trial to end in order; once more: without waiting.
  func stop() {
    guard let owner, owner.isAlive else { return }
    attemptErrno(Int(kill(owner.pid, SIGINT)), directory, "kill", .again)
  }

  // MARK: The end

  /// Undoes what the trial has left, if its process was killed or the machine rebooted, and removes the directory.
  func forget() throws(HarnessError) {
    if owner?.isAlive != true {
      let end = " \(Self.command) \(name)"
      for left in try LeftJournal.left() where left.owner?.command.hasSuffix(end) == true {
        var told: [String] = []
        if try left.clean(isDry: false, { told.append($0) }) == .incomplete {
          throw HarnessError(
            .harness, left.path, told.joined(separator: "; "), remedy: "wbstress clean")
        }
      }
    }
    File.remove(directory)
  }

  /// What `wbstress clean` finds: runs whose process has gone and that nobody will fetch, and those in use.
  package static func all() -> [RemoteRun] {
    File.names(in: root).compactMap(RemoteRun.init)
  }

  package var path: String { directory }
  package var isInUse: Bool { owner?.isAlive == true }
  package func remove() { File.remove(directory) }
}

extension JournalOwner {
  var json: JSON { .object([("type", "run")] + members) }
}

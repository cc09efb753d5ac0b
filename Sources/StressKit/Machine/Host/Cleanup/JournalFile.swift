// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// The file of a cleanup journal: JSON Lines, each on the disk before what it tells of is done. It is locked
/// for as long as this exists.
final class JournalFile {
  static let schema: Int64 = 1
  static let suffix = ".jsonl"
  private static let remedy =
    "what is made must be written down first: make room there, or name another directory in"
    + " \(CleanupJournal.directoryVariable)"

  let path: String
  private let descriptor: Descriptor
  /// The last line has no end: the machine or the run died in the middle of it.
  private var isTorn = false

  /// Makes the file and its directory, with the line that says whose it is.
  init(_ kind: String, in directory: String) throws(HarnessError) {
    try File.makeDirectory(directory)
    let name = "\(getpid())-\(cl_boottime())\(Self.suffix)"
    path = directory + "/" + name
    // Under a name that nobody looks for, until it is locked and says whose it is.
    let unlocked = directory + "/." + name
    descriptor = try Descriptor(
      open: unlocked, O_RDWR | O_CREAT | O_EXCL | O_APPEND, mode: 0o600, code: .environment)
    let owner = JournalOwner.current(kind)
    do throws(HarnessError) {
      try checkErrno(
        Int(flock(descriptor.raw, LOCK_EX | LOCK_NB)), unlocked, "flock", code: .environment)
      try append("run", owner.members)
      try File.rename(unlocked, path)
      try Self.sync(directory: directory)
    } catch {
      attemptErrno(Int(unlink(unlocked)), unlocked, "unlink")
      attemptErrno(Int(unlink(path)), path, "unlink")
      throw error
    }
  }

  /// Removes the files of runs that were killed before they had made anything.
  static func removeUnborn(in directory: String) {
    for name in File.names(in: directory) where name.hasPrefix(".") && name.hasSuffix(suffix) {
      guard let pid = Int32(name.dropFirst().prefix { $0 != "-" }) else { continue }
      if attemptErrno(Int(kill(pid, 0)), name, "ask for its process") == -Int(ESRCH) {
        attemptErrno(Int(unlink(directory + "/" + name)), name, "unlink")
      }
    }
  }

  /// Opens one that is there; nil while another process has it.
  init?(locking path: String) throws(HarnessError) {
    self.path = path
    descriptor = try Self.open(path, O_RDWR | O_APPEND)
    let fd = descriptor.raw
    let result = attemptErrno(Int(flock(fd, LOCK_EX | LOCK_NB)), path, "flock")
    if result == -Int(EWOULDBLOCK) { return nil }
    try accept(result, path, "flock", code: .environment)
    isTorn = (try Self.read(descriptor, path)).last.map { $0 != 0x0a } ?? false
  }

  /// Opens one that only its reader can have written: what it names is undone with all rights. Whoever may write to
  /// the directory, a sticky one such as /tmp, may have put another there, or a link or a pipe.
  private static func open(_ path: String, _ flags: Int32) throws(HarnessError) -> Descriptor {
    let descriptor = try Descriptor(
      open: path, flags | O_NOFOLLOW | O_NONBLOCK, code: .environment)
    var info = stat()
    let fd = descriptor.raw
    try checkErrno(Int(fstat(fd, &info)), path, "fstat", code: .environment)
    let remedy = "what it says is not believed: look at it, and remove it"
    if info.st_mode & S_IFMT != S_IFREG {
      throw HarnessError(.refused, path, "is no regular file", remedy: remedy)
    }
    if info.st_uid != geteuid() || info.st_mode & 0o022 != 0 {
      let mode = String(info.st_mode & 0o7777, radix: 8)
      throw HarnessError(
        .refused, path, "others can write it (owner \(info.st_uid), mode \(mode))", remedy: remedy)
    }
    return descriptor
  }

  private static func read(
    _ descriptor: borrowing Descriptor, _ path: String
  ) throws(HarnessError) -> [UInt8] {
    // Of a whole campaign there are a few MiB.
    try File.read("/proc/self/fd/\(descriptor.raw)", code: .environment, atMost: 64 << 20)
  }

  /// What is in it, as far as it is locked by this.
  var contents: JournalContents {
    get throws(HarnessError) { JournalContents(parsing: try Self.read(descriptor, path)) }
  }

  /// What is in one that may be in use.
  static func contents(of path: String) throws(HarnessError) -> JournalContents {
    JournalContents(parsing: try read(try open(path, O_RDONLY), path))
  }

  /// As that of `FileLock`: a child between its fork and its exec has the descriptor too.
  deinit { attemptErrno(Int(flock(descriptor.raw, LOCK_UN)), path, "unlock", .closeUnlocks) }

  /// Appends a line, and returns when it is on the disk.
  func append(_ type: String, _ members: [(key: String, value: JSON)]) throws(HarnessError) {
    var bytes: [UInt8] = isTorn ? [0x0a] : []
    JSON.object([("type", .string(type))] + members).write(to: &bytes)
    bytes.append(0x0a)
    // Until the end of the line is known to be there.
    isTorn = true
    let wrote = try checkErrno(
      Glibc.write(descriptor.raw, bytes, bytes.count), path, "write", remedy: Self.remedy,
      code: .environment, waiver: .undone)
    guard wrote == bytes.count else {
      throw HarnessError(
        .environment, path, "write", errno: .noSpace, remedy: Self.remedy)
    }
    isTorn = false
    try checkErrno(
      Int(fsync(descriptor.raw)), path, "fsync", remedy: Self.remedy, code: .environment,
      waiver: .undone)
  }

  /// Takes the file away: all is undone.
  func remove() throws(HarnessError) {
    try checkErrno(Int(unlink(path)), path, "unlink", code: .environment)
    try Self.sync(directory: String(FilePath(path).removingLastComponent().string))
  }

  private static func sync(directory: String) throws(HarnessError) {
    let fd = try Descriptor(open: directory, O_RDONLY | O_DIRECTORY, code: .environment)
    try checkErrno(Int(fsync(fd.raw)), directory, "fsync", code: .environment)
  }
}

/// The process that a journal belongs to: its first line.
package struct JournalOwner: Equatable, Sendable {
  /// /proc/sys/kernel/random/boot_id: another after each boot (random(4)).
  package var bootID: String
  package var pid: Int32
  /// Of the process, in clock ticks after boot: proc(5), /proc/pid/stat, field 22.
  package var startTime: UInt64
  package var command: String
  /// What kind of run it is, such as `trial`.
  package var kind: String

  /// This process, in a run of some kind.
  package static func current(_ kind: String) -> JournalOwner {
    JournalOwner(
      bootID: currentBootID, pid: getpid(), startTime: startTime(of: getpid()) ?? 0,
      command: CommandLine.arguments.joined(separator: " "), kind: kind)
  }

  /// Of the boot that this machine is in.
  private static var currentBootID: String {
    File.line("/proc/sys/kernel/random/boot_id") ?? ""
  }

  /// nil: there is no such process, or it has ended and is not reaped.
  private static func startTime(of pid: Int32) -> UInt64? {
    guard let line = File.line("/proc/\(pid)/stat"), let name = line.lastIndex(of: ")") else {
      return nil
    }
    // Those that follow the name, the state (field 3) first.
    let fields = line[line.index(after: name)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return UInt64(fields[19])
  }

  /// The machine has been booted since.
  package var isOfAnotherBoot: Bool { bootID != Self.currentBootID }

  /// Its process lives.
  package var isAlive: Bool { !isOfAnotherBoot && Self.startTime(of: pid) == startTime }

  package var members: [(key: String, value: JSON)] {
    [
      ("schema", .int(JournalFile.schema)), ("boot_id", .string(bootID)), ("pid", .int(Int64(pid))),
      ("start_time", .uint(startTime)), ("command", .string(command)), ("kind", .string(kind)),
      ("time", .int(Int64(time(nil)))),
    ]
  }

  package init?(_ line: JSON) {
    guard line["type"] == "run", let bootID = line["boot_id"]?.string,
      let pid = line["pid"]?.int.flatMap(Int32.init(exactly:)),
      let startTime = line["start_time"]?.int.flatMap(UInt64.init(exactly:))
    else { return nil }
    self.init(
      bootID: bootID, pid: pid, startTime: startTime, command: line["command"]?.string ?? "?",
      kind: line["kind"]?.string ?? "?")
  }

  private init(bootID: String, pid: Int32, startTime: UInt64, command: String, kind: String) {
    self.bootID = bootID
    self.pid = pid
    self.startTime = startTime
    self.command = command
    self.kind = kind
  }
}

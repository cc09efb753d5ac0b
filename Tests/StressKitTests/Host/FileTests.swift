// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import StressCore
@testable import StressMachine

struct FileTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch {
      return "\(error)"
    }
  }

  // MARK: Errors

  @Test func errorsNameFileOperationAndErrno() throws {
    let none = directory.path("none")
    let text = "ENOENT (no such file or directory)"
    #expect(message { _ = try File.read(none) } == "\(none): open: \(text)")
    #expect(message { try File.set(none, "max") } == "\(none): write max: \(text)")
    #expect(message { try File.write(none + "/x", []) } == "\(none)/x: open: \(text)")
    #expect(
      message { try File.set(none, "1", remedy: "try harder") }
        == "\(none): write 1: \(text); try harder")
    let root = directory.root
    #expect(message { _ = try File.read(root) } == "\(root): read: EISDIR (is a directory)")
  }

  /// What the kernel refuses, not what cannot be opened.
  @Test func refusedValues() {
    let file = "/proc/self/oom_score_adj"
    #expect(
      message { try File.set(file, "banana") }
        == "\(file): write banana: EINVAL (invalid argument)")
    #expect(
      message { try File.write("/dev/full", [1]) }
        == "/dev/full: write: ENOSPC (no space left on device)")
  }

  @Test func codes() {
    func code(_ body: () throws -> Void) -> HarnessError.Code? {
      do {
        try body()
        return nil
      } catch {
        return (error as? HarnessError)?.code
      }
    }
    #expect(code { _ = try File.read("/no/file") } == .harness)
    #expect(code { _ = try File.read("/no/file", code: .usage) } == .usage)
    #expect(code { try File.write("/no/file", []) } == .environment)
  }

  @Test func errnoNames() {
    #expect(Errno(rawValue: EACCES).name == "EACCES" && Errno(rawValue: ENOSPC).name == "ENOSPC")
    #expect(Errno(rawValue: 12_345).name == "errno 12345")
  }

  /// CLinux answers with a negated errno, C with -1 and errno: each has its own check.
  @Test func checks() throws {
    #expect(try check(3, "o", "p") == 3 && checkErrno(0, "o", "p") == 0)
    let negated = #expect(throws: HarnessError.self) {
      try check(-EBUSY, "o", "p", remedy: "r", code: .refused)
    }
    #expect(negated?.errno == .resourceBusy && negated?.code == .refused && negated?.remedy == "r")
    let classic = #expect(throws: HarnessError.self) {
      try checkErrno(Int(close(-1)), "o", "close")
    }
    #expect(classic?.errno == .badFileDescriptor)
  }

  // MARK: Contents

  @Test func readsWhatItWrites() throws {
    let path = directory.path("f")
    let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try File.write(path, bytes)
    #expect(try File.read(path) == bytes && File.size(path) == 200_000)
    try File.write(path, [])
    #expect(try File.read(path).isEmpty && File.size(path) == 0)
    #expect(File.size(directory.path("none")) == nil)
  }

  /// Their size is 0, and reading is all that tells.
  @Test func readsProcfs() throws {
    #expect(try File.text("/proc/self/status").contains("\nVmRSS:"))
    #expect(File.line("/proc/sys/kernel/ostype") == "Linux")
    #expect(File.line("/proc/none") == nil)
  }

  @Test func setReplacesNothingButWrites() throws {
    let path = try directory.write("memory.max", "max\n")
    try File.set(path, "1")
    // As a kernel file: no O_TRUNC, and never made.
    #expect(try File.text(path) == "1ax\n")
  }

  // MARK: Directories

  @Test func makesDirectories() throws {
    let path = directory.path("a/b/c")
    try File.makeDirectory(path)
    try File.makeDirectory(path)
    #expect(File.exists(path))
    try directory.write("a/file", "")
    let error = #expect(throws: HarnessError.self) {
      try File.makeDirectory(directory.path("a/file/x"))
    }
    #expect(error?.errno == .notDirectory && error?.operation == "mkdir")
  }

  @Test func namesAreSorted() throws {
    for name in ["b", "a", ".hidden", "c d"] { try directory.write(name, "") }
    #expect(File.names(in: directory.root) == [".hidden", "a", "b", "c d"])
    #expect(File.names(in: directory.path("none")).isEmpty)
  }

  /// A link goes, what it points to stays.
  @Test func removesTreesButFollowsNoLink() throws {
    try directory.write("keep/file", "x")
    try directory.write("gone/deep/file", "x")
    #expect(symlink(directory.path("keep"), directory.path("gone/link")) == 0)
    File.remove(directory.path("gone"))
    File.remove(directory.path("gone"))
    #expect(File.names(in: directory.root) == ["keep"])
    #expect(File.names(in: directory.path("keep")) == ["file"])
  }

  #if DEBUG
    /// What cannot be unlinked is not what it points to.
    @Test(arguments: [Errno.notPermitted, .readOnlyFileSystem, .ioError, .isDirectory])
    func removesNothingBehindALinkThatStays(_ errno: Errno) throws {
      try directory.write("keep/file", "x")
      let link = directory.path("link")
      #expect(symlink(directory.path("keep"), link) == 0)
      _ = CallFailures.failing(1, errno) { File.remove(link) }
      #expect(File.names(in: directory.path("keep")) == ["file"])
      try directory.write("tree/a", "x")
      #expect(symlink(directory.path("keep"), directory.path("tree/link")) == 0)
      // Whatever call fails, what is outside stays.
      for number in 1...12 {
        _ = CallFailures.failing(number, errno) { File.remove(directory.path("tree")) }
        #expect(File.names(in: directory.path("keep")) == ["file"])
        try directory.write("tree/a", "x")
        _ = symlink(directory.path("keep"), directory.path("tree/link"))
      }
    }
  #endif

  /// What is mounted below a directory belongs to others, also where it is of the same file system.
  @Test(.enabled(if: geteuid() == 0, "needs root"), arguments: ["tree", "tree/mounted"])
  func removesNothingThatIsMounted(_ path: String) throws {
    try directory.write("keep/file", "x")
    try directory.write("tree/mounted/under", "x")
    try directory.write("tree/zz", "x")
    let (from, at) = (directory.path("keep"), directory.path("tree/mounted"))
    guard mount(from, at, "none", UInt(MS_BIND), nil) == 0 else {
      try Test.cancel("nothing may be mounted here")
    }
    defer { umount2(at, Int32(MNT_DETACH)) }
    File.remove(directory.path(path))
    #expect(File.names(in: directory.path("keep")) == ["file"])
    #expect(File.names(in: at) == ["file"])
    if path == "tree" { #expect(File.names(in: directory.path("tree")) == ["mounted"]) }
  }

  // MARK: Descriptors

  @Test func descriptorIsClosedWithItsOwner() throws {
    let path = try directory.write("f", "")
    let raw: Int32
    do {
      let fd = try Descriptor(open: path)
      raw = fd.raw
      #expect(fcntl(raw, F_GETFD) == FD_CLOEXEC)
    }
    // Another test may have got the number meanwhile, but not this file.
    #expect(File.link("/proc/self/fd/\(raw)") != path)
    let released = try Descriptor(open: path).release()
    #expect(File.link("/proc/self/fd/\(released)") == path)
    close(released)
  }

  // MARK: Threads

  @Test func threadRunsAndIsNamed() throws {
    let seen = Mutex<[String]>([])
    let thread = try Thread("wb-0123456789a") {
      let status = (try? File.text("/proc/thread-self/status")) ?? ""
      seen.withLock {
        $0 = status.split(separator: "\n").map(String.init).filter {
          $0.hasPrefix("Name:") || $0.hasPrefix("SigBlk:")
        }
      }
    }
    thread.join()
    let lines = seen.withLock { $0 }
    #expect(lines.first == "Name:\twb-0123456789a")
    // All signals but those that cannot be blocked, KILL (9) and STOP (19), and the two that the C
    // library keeps (32, 33).
    #expect(lines.last == "SigBlk:\tfffffffe7ffbfeff")
  }

  @Test func joinWaits() throws {
    let done = Atomic<Bool>(false)
    let thread = try Thread("slow") {
      cl_sleep_until(cl_boottime() + 20_000_000)
      done.store(true, ordering: .releasing)
    }
    thread.join()
    let isDone = done.load(ordering: .acquiring)
    #expect(isDone)
  }

  /// The caller's own mask is as before.
  @Test func signalsOfTheCallerStay() throws {
    func mask() -> String? {
      (try? File.text("/proc/thread-self/status"))?.split(separator: "\n")
        .first { $0.hasPrefix("SigBlk:") }.map(String.init)
    }
    let before = mask()
    try Thread("x") {}.join()
    #expect(before != nil && mask() == before)
  }

  @Test func interruptCounts() {
    let interrupt = Interrupt()
    #expect(!interrupt.isRequested && interrupt.requests == 0)
    interrupt.request()
    interrupt.request()
    #expect(interrupt.isRequested && interrupt.requests == 2)
  }
}

extension File {
  /// What a symbolic link points to.
  fileprivate static func link(_ path: String) -> String? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let got = bytes.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
    return got < 0 ? nil : String(decoding: bytes[..<got], as: UTF8.self)
  }
}

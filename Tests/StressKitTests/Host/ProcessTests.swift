// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

struct ProcessTests {
  private let second: UInt64 = 1_000_000_000

  private func shell(_ script: String) -> [String] { ["/bin/sh", "-c", script] }

  @Test(arguments: [0, 1, 70, 255] as [Int32]) func exitStatus(_ status: Int32) throws {
    let process = try Process(shell("exit \(status)"))
    let exit = process.wait(timeout: 10 * second)
    #expect(exit == .status(status))
    #expect(exit?.description == "exit status \(status)")
  }

  @Test func signal() throws {
    let process = try Process(["/bin/sleep", "60"])
    #expect(process.poll() == nil)
    process.signal(SIGTERM)
    let exit = process.wait(timeout: 10 * second)
    #expect(exit == .signal(SIGTERM) && exit?.description == "signal 15")
  }

  @Test func waitGivesUp() throws {
    let process = try Process(["/bin/sleep", "60"])
    let started = cl_boottime()
    let exit = process.wait(timeout: 10_000_000)
    #expect(exit == nil && cl_boottime() - started >= 10_000_000)
  }

  @Test func ownersEndKillsAndReaps() throws {
    let process = try Process(["/bin/sleep", "60"])
    let pid = process.pid
    #expect(File.exists("/proc/\(pid)/stat"))
    process.kill()
    // Reaped too: not even a zombie is left.
    #expect(!File.exists("/proc/\(pid)/stat"))
  }

  /// One that cannot be reaped, as in uninterruptible sleep: here a tracer keeps it from being.
  @Test func ownersEndDoesNotWaitForEver() throws {
    let process = try Process(["/bin/sleep", "60"])
    #if arch(x86_64)
      let ptrace = 101
    #else
      let ptrace = 117
    #endif
    // PTRACE_SEIZE: a tracee's parent hears of its death when its tracer has.
    let tracer = try TracingProcess(
      "$| = 1; print syscall(\(ptrace), 0x4206, \(process.pid), 0, 0) == 0 ? 'y' : 'n'; sleep 20")
    guard tracer.attached else { try Test.cancel("a process may not be traced here") }
    let pid = process.pid
    let started = cl_boottime()
    process.kill()
    #expect(cl_boottime() - started < 5 * second)
    // Killed it is.
    let stat = try File.text("/proc/\(pid)/stat")
    #expect(stat.contains(" Z ") || stat.contains(" X "), "\(stat)")
    // Nobody else would: the runner of tests that end their process, which waits for any child, never gets past it.
    tracer.end()
    #expect(waitpid(pid, nil, 0) == pid)
  }

  @Test(arguments: [("/no/such/program", ENOENT), ("/etc/passwd", EACCES), ("/", EACCES)])
  func whatCannotBeExecuted(_ path: String, _ errno: Int32) {
    let error = #expect(throws: HarnessError.self) { _ = try Process([path]) }
    #expect(error?.errno?.rawValue == errno)
    #expect(error?.object == path && error?.operation == "start")
  }

  // MARK: Descriptors

  /// What a process writes to its descriptors 1, 2 and 5, and finds at its others.
  private func output(
    _ script: String, _ map: (_ writer: Int32) -> [Int32]
  ) throws -> String {
    var ends: [Int32] = [0, 0]
    try checkErrno(Int(pipe(&ends)), "pipe", "pipe")
    let reader = Descriptor(owning: ends[0])
    let writer = Descriptor(owning: ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let process = try Process(shell(script), descriptors: map(writer.raw))
    _ = close(writer.release())
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let got = read(reader.raw, &chunk, chunk.count), got > 0 {
      text += chunk[..<got]
    }
    #expect(process.wait(timeout: 10 * second) == .status(0))
    return String(decoding: text, as: UTF8.self)
  }

  @Test func descriptorsAreMapped() throws {
    #expect(
      try output("echo a; echo b >&2; echo c >&5") { [-1, $0, $0, -1, -1, $0] } == "a\nb\nc\n")
    // -1 is /dev/null, which reads as empty.
    #expect(try output("cat; echo end") { [-1, $0, -1] } == "end\n")
    #expect(try output("echo lost; echo kept >&2") { [-1, -1, $0] } == "kept\n")
  }

  /// A source may stand where another's target is: 0 and 1 change places.
  @Test func descriptorsMayBeSwapped() throws {
    let directory = try RecordFixture()
    let file = try Descriptor(open: try directory.write("in", "from the file\n"))
    #expect(try output("exec 3>&0; cat <&1 >&3") { [$0, file.raw, 2] } == "from the file\n")
  }

  /// /dev/null is opened for each -1, and once: what it was opened as before it was put there is closed.
  @Test func noDescriptorIsLeftOver() throws {
    let directory = try RecordFixture()
    let file = try Descriptor(open: try directory.write("f", ""))
    let script = "ls -l /proc/$$/fd | grep -c ' -> /dev/null$'; exit 0"
    func count(_ descriptor: Int32) throws -> Int? {
      Int(try output(script) { [descriptor, $0, descriptor] }.dropLast())
    }
    // Whoever runs the tests may have left them some.
    let others = try #require(try count(file.raw))
    #expect(try count(-1) == others + 2)
  }

  /// A descriptor that a child keeps by accident keeps a pipe from ending or a disk from being free.
  @Test func othersAreNotInherited() throws {
    let directory = try RecordFixture()
    let file = try Descriptor(open: try directory.write("f", ""))
    let script = "if test -e /proc/self/fd/\(file.raw); then echo yes; else echo no; fi"
    #expect(try output(script) { [-1, $0, -1] } == "no\n")
  }

  @Test func environmentIsExact() throws {
    let process = try Process(
      shell("test \"$A\" = 'b c' && test -z \"$HOME\""), environment: ["A=b c"])
    #expect(process.wait(timeout: 10 * second) == .status(0))
  }

  /// No child outlives the harness, however that ends.
  @Test func diesWithItsThread() throws {
    final class Box: @unchecked Sendable {
      var process: Process?
      var error: HarnessError?
    }
    let box = Box()
    let thread = try Thread("parent") {
      do throws(HarnessError) {
        box.process = try Process(["/bin/sleep", "60"])
      } catch { box.error = error }
    }
    thread.join()
    try #require(box.error == nil)
    #expect(box.process?.wait(timeout: 10 * second) == .signal(SIGKILL))
  }

  // MARK: Tools

  @Test func toolGivesBothStreams() throws {
    let output = try Tool.run("sh", ["-c", "echo a; echo b >&2; echo c"], package: "dash")
    #expect(String(decoding: output, as: UTF8.self) == "a\nb\nc\n")
  }

  @Test func toolRunsInADirectory() throws {
    let directory = try RecordFixture()
    let output = try Tool.run("pwd", ["-P"], package: "coreutils", directory: directory.root)
    #expect(String(decoding: output, as: UTF8.self).hasSuffix(directory.root + "\n"))
  }

  @Test func failedToolSaysItsLastLines() {
    let error = #expect(throws: HarnessError.self) {
      try Tool.run(
        "sh", ["-c", "for i in 1 2 3 4 5; do echo l$i; done; echo six >&2; exit 3"],
        package: "dash", remedy: "do better")
    }
    #expect(error?.code == .environment)
    #expect(error?.operation == "exit status 3: l3 / l4 / l5 / six")
    #expect(error?.object.hasPrefix("sh -c for i") == true && error?.remedy == "do better")
  }

  @Test func killedToolSaysItsSignal() {
    let error = #expect(throws: HarnessError.self) {
      try Tool.run("sh", ["-c", "kill -KILL $$"], package: "dash")
    }
    #expect(error?.operation == "signal 9: ")
  }

  /// A child of a tool may keep its pipe open, and the tool itself may hang.
  @Test(arguments: ["sleep 20 & echo begun", "echo begun; sleep 20"])
  func aToolThatSaysNothingMoreIsKilled(_ script: String) throws {
    let started = cl_boottime()
    let error = #expect(throws: HarnessError.self) {
      try Tool.run("sh", ["-c", script], package: "dash", patience: second)
    }
    #expect(cl_boottime() - started < 10 * second)
    #expect(error?.operation == "said nothing for 1 s, and was killed: begun")
  }

  /// What it goes on to say counts.
  @Test func aToolThatGoesOnIsWaitedFor() throws {
    let output = try Tool.run(
      "sh", ["-c", "for i in 1 2 3 4; do echo $i; sleep 0.5; done"], package: "dash",
      patience: second)
    #expect(String(decoding: output, as: UTF8.self) == "1\n2\n3\n4\n")
  }

  @Test(arguments: ["no-such-tool-here", "/no/such/tool"]) func missingTool(_ name: String) {
    #expect(Tool.path(name) == nil)
    let error = #expect(throws: HarnessError.self) {
      try Tool.run(name, [], package: "the-package")
    }
    #expect(error?.code == .environment)
    #expect(
      error?.description
        == "\(name): not found in PATH; install it with: apt-get install the-package")
  }

  @Test func toolPath() throws {
    #expect(Tool.path("sh")?.hasSuffix("/sh") == true)
    #expect(Tool.path("/bin/sh") == "/bin/sh")
  }

  @Test func passesVariablesAndTellsWhatIsPrinted() throws {
    var heard: [UInt8] = []
    let (exit, output) = try Tool.output(
      "sh", ["-c", "echo $WORD; exit 3"], package: "dash", environment: ["WORD=said"]
    ) { heard += $0 }
    #expect(exit == .status(3) && output == Array("said\n".utf8) && heard == output)
  }

  /// A program and its children end in order where they are let; what it has begun to write it can remove.
  @Test func endsAGroupInOrder() throws {
    let directory = try TemporaryDirectory()
    let (mark, child) = (directory.path("mark"), directory.path("child"))
    let script =
      "trap 'rm \(mark); exit 1' TERM; touch \(mark); sleep 60 & echo $! >\(child); wait"
    let error = #expect(throws: HarnessError.self) {
      try Tool.output(
        "sh", ["-c", script], package: "dash", patience: second / 2, grace: 5 * second)
    }
    #expect(error?.operation.hasPrefix("said nothing for 0 s, and was killed") == true)
    #expect(!File.exists(mark))
    let pid = try #require(File.line(child))
    let deadline = cl_boottime() + 5 * second
    while File.exists("/proc/\(pid)"), cl_boottime() < deadline,
      File.line("/proc/\(pid)/stat")?.contains(") Z ") != true
    {
      cl_sleep_until(cl_boottime() + 10_000_000)
    }
    #expect(
      !File.exists("/proc/\(pid)") || File.line("/proc/\(pid)/stat")?.contains(") Z ") == true)
  }
}

/// A perl process that traces another for as long as it lives.
private struct TracingProcess: ~Copyable {
  private let process: Process
  let attached: Bool

  init(_ script: String) throws {
    var ends: [Int32] = [0, 0]
    try check(cl_pipe(&ends), "tracer", "pipe2")
    let reader = Descriptor(owning: ends[0])
    let writer = Descriptor(owning: ends[1])
    process = try Process(["/usr/bin/perl", "-e", script], descriptors: [-1, writer.raw, 2])
    var answer: UInt8 = 0
    attached = read(reader.raw, &answer, 1) == 1 && answer == UInt8(ascii: "y")
  }

  consuming func end() {}
}

// SPDX-License-Identifier: Apache-2.0
#if DEBUG
  import Glibc
  import SystemPackage
  import Testing

  @testable import StressCore
  @testable import StressLab
  @testable import StressMachine

  /// Calls that fail by choice: which one, how it is told, and that nothing is left open by it.
  struct CallFailuresTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func theChosenCallIsNotMade() throws {
      let path = directory.path("file")
      let calls = try CallFailures.calls { try File.write(path, [1, 2, 3]) }
      #expect(
        calls.map(\.operation) == ["open", "write"] && calls.allSatisfy { $0.object == path })
      File.remove(path)

      var failed = CallFailures.failing(1, .noSpace) {
        #expect(message { try File.write(path, [1]) } == "\(path): open: \(Self.full)")
      }
      #expect(failed == calls[0] && !File.exists(path))
      failed = CallFailures.failing(2, .noSpace) {
        #expect(message { try File.write(path, [1]) } == "\(path): write: \(Self.full)")
      }
      #expect(failed == calls[1] && File.size(path) == 0)
      failed = CallFailures.failing(3, .noSpace) {
        #expect(message { try File.write(path, [1]) } == "")
      }
      #expect(failed == nil && File.size(path) == 1)
      // An interrupted call is made again.
      failed = CallFailures.failing(2, .interrupted) {
        #expect(message { try File.write(path, [1, 2]) } == "")
      }
      #expect(failed != nil && File.size(path) == 2)
    }

    private static let full = "ENOSPC (no space left on device)"

    @Test func onlyTheCallingThreadFails() throws {
      let path = try directory.write("file", "text")
      let isRead = Flag()
      // The first call is this thread's own, the start of the other.
      let failed = try CallFailures.failing(2, .ioError) {
        let thread = try Thread("wb-test") { isRead.set((try? File.text(path)) == "text") }
        thread.join()
      }
      #expect(failed == nil && isRead.value)
      #expect(throws: HarnessError(.harness, "thread wb-test", "pthread_create", errno: .ioError)) {
        try CallFailures.failing(1, .ioError) { _ = try Thread("wb-test") {} }
      }
    }

    @Test func sitesAreTheSameButForNumbers() {
      let call = CallFailures.Call(object: "/proc/1234/stat", operation: "write a=12\n")
      #expect(call.site == "/proc/#/stat\twrite a=# ")
    }

    /// The environment of a process of its own, with a list of all that it calls.
    @Test func processIsToldByItsEnvironment() throws {
      let profile = try directory.write("p.yaml", "x: 1")
      func run(_ failure: String) throws -> (exit: Exit?, calls: [String]) {
        let list = directory.path("list")
        File.remove(list)
        let tool = try Process(
          [try BuiltTool.path(), "profiles", "check", profile],
          environment: ["WBSTRESS_FAIL=\(failure)", "WBSTRESS_FAIL_LIST=\(list)"])
        let exit = tool.wait(timeout: 60_000_000_000)
        return (exit, ((try? File.text(list)) ?? "").split(separator: "\n").map(String.init))
      }
      let site = CallFailures.Call(object: profile, operation: "open").site
      let all = try run("")
      #expect(all.exit == .status(2) && all.calls.contains(site + "\t"))
      let number = try #require(all.calls.firstIndex(of: site + "\t")) + 1
      #expect(try run("\(number):EMFILE").calls == [site + "\tEMFILE"])
      #expect(try run("1:EMFILE:\(site)").calls == [site + "\tEMFILE"])
      // A worker's, not its own.
      #expect(try run("stream:1:EMFILE:\(site)").calls == [])
    }

    /// What a call says of its failure is listed with it, and belongs to no other of the same words.
    @Test func aWaiverIsTheCallsOwn() throws {
      let path = directory.path("file")
      let waived = CallFailures.failing(1, .ioError) { File.remove(path, .nothingToRemove) }
      #expect(waived?.waiver == .nothingToRemove)
      let other = CallFailures.failing(1, .ioError) { File.remove(path) }
      #expect(other?.waiver == nil && other?.site == waived?.site)
    }

    // MARK: Each call of a step

    /// Steps of set-up as this machine can do them, or begin to.
    enum Step: String, CaseIterable {
      case write, read, lock, makeDirectory, mount, loop, delay, cgroups, thread, process, block
      case announcements, mkfs, worker, cache
    }

    private static func take(_ step: Step, _ root: String) throws {
      let image = root + "/image"
      switch step {
      case .write: try File.write(root + "/new", [1])
      case .read: _ = try File.read(image)
      case .lock: _ = try File.lock(root)
      case .makeDirectory: try File.makeDirectory(root + "/a/b/c")
      case .mount: _ = try Mount("none", at: root + "/mnt", type: "no-such-type")
      case .loop: _ = try LoopDevice(image).path
      case .delay:
        let journal = CleanupJournal()
        let made = MadeDelayedDevice("wbstress-test")
        _ = try journal.make(made) { () throws(HarnessError) in
          try DelayedDevice(made, over: "/dev/vda", delay: 0)
        }
        for failure in journal.finish() { throw failure }
      case .cgroups: try CgroupTree.check(["memory"])
      case .thread: try Thread("wb-test") {}.join()
      case .process:
        let process = try Process(["/bin/true"])
        _ = process.wait(timeout: 10_000_000_000)
      case .block: _ = try SharedBlock(name: "test", SharedBlock.Control<PinWords>(), path: "/x")
      case .announcements:
        _ = try Announcements(cgroups: [], pressure: ["/proc/pressure/memory"]) { _, _ in }
      case .mkfs:
        try Scratch.sparse(root + "/scratch", size: 64 << 20)
        try Tool.run("mkfs.ext4", ["-q", "-F", root + "/scratch"], package: "e2fsprogs")
      case .worker:
        let task = Profile.Task(name: "t", action: .compact)
        _ = try WorkerProcess.task(
          task, at: root + "/t", cgroup: nil, seed: 1, executable: "/bin/true")
      case .cache: _ = try PageCache(from: image, bytes: 4096)
      }
    }

    /// Whatever the n-th call is: the error names it, or it may fail, and no descriptor stays open.
    @Test(arguments: Step.allCases) func eachCallOfAStepIsNamedAndLeavesNothingOpen(
      _ step: Step
    ) throws {
      try directory.write("image", String(repeating: "x", count: 8192))
      let root = directory.root
      let ended = Flag()
      try OwnDescriptors.run {
        let before = OwnDescriptors.all
        for number in 1..<100 {
          var text = ""
          let failed = CallFailures.failing(number, .tooManyOpenFiles) {
            do { try Self.take(step, root) } catch { text = "\(error)" }
          }
          #expect(OwnDescriptors.all == before, "\(step), call \(number)")
          guard let failed else { return ended.set(number > 1) }
          let isNamed =
            text.hasPrefix(failed.object) && text.contains(": \(failed.operation): EMFILE")
          #expect(isNamed || Self.mayFail(failed), "\(failed): \(text)")
        }
      }
      #expect(ended.value)
    }

    /// Calls that a step does without.
    private static func mayFail(_ call: CallFailures.Call) -> Bool {
      // Questions whose answer is then no; what was there already is found by the call that follows.
      ["access", "unlock", "waitid", "pidfd_send_signal", "opendir"].contains(call.operation)
        // Of a device that could not be made the undoing asks, and the journal's end asks again.
        || call.object == "/dev/mapper/control"
        // What the kernel refuses to announce is in the record.
        || call.object.hasPrefix("/proc/pressure/")
    }

    private func message(_ body: () throws -> Void) -> String {
      do {
        try body()
        return ""
      } catch {
        return "\(error)"
      }
    }
  }
#endif

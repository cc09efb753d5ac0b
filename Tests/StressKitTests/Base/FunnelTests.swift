// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// Every system call passes the funnel, where a debug build can make it fail: a scan of the sources.
struct FunnelTests {
  /// Functions of the funnel; `call` is libcgroup's.
  private static let funnel: Set<Substring> = [
    "check", "checkErrno", "attempt", "attemptErrno", "attemptPointer", "call",
  ]

  /// C functions that make a system call: those of the C library, and all of the libraries'.
  private static let functions = """
    open openat read write pread pwrite mmap ioctl mkdir rmdir unlink rename mount umount2 flock fsync \
    fdatasync ftruncate truncate fallocate stat fstat lstat statfs statvfs pipe pipe2 dup dup2 fcntl \
    readlink opendir fdopendir unlinkat symlink link access pthread_create eventfd signalfd timerfd_create inotify_init1 \
    inotify_add_watch epoll_create1 epoll_ctl madvise mlock mlockall lseek prctl setrlimit kill waitpid \
    waitid socket connect bind chmod chown utimensat swapon swapoff setns unshare
    """.split(separator: " ")
  private static let pattern =
    functions.joined(separator: "|") + "|(?:cl|cu|cgroup)_[a-z_]+"

  private static let structures: Set<Substring> = [
    "stat", "statvfs", "cl_disk", "cl_dm", "cl_exit", "cl_file", "cl_extents", "cl_pages",
    "cu_completion",
  ]

  /// What may pass by it anywhere.
  private static let always: [String: String] = [
    "cl_boottime": "vDSO", "cl_monotonic": "vDSO", "cl_tick": "vDSO", "cl_load": "no call",
    "cl_store": "no call",
    "cl_fence": "no call", "cl_errno": "no call", "cl_errno_name": "no call",
    "cl_sleep_until": "only waits",
    "cl_set_thread_name": "a name that is not there is missed by nobody",
    "cl_set_fifo": "without it stamps are later",
    "cgroup_free": "memory", "cgroup_add_value_string": "memory", "cgroup_strerror": "memory",
    "cgroup_get_last_errno": "memory", "cu_reap": "memory",
    "cu_queue_write": "memory", "cu_queue_read": "memory", "cl_o_direct": "no call",
  ]

  /// What may pass by it in one file, by folder and file name.
  private static let sometimes: [String: [String: String]] = [
    "Machine/Host/Process.swift": ["cl_signal": "deinit, the last resort", "cl_wait": "deinit"],
    "Machine/Host/Watchdog/Watchdog.swift": ["cl_watch": "the watchdog's own life"],
    "Machine/Trial/Heartbeats.swift": ["pread": "sampled"],
    "Machine/Host/Interrupt.swift": ["read": "on a thread that waits for a signal all its life"],
    "Machine/Host/CgroupTree.swift": ["cgroup_add_controller": "in `set` and `remove`: memory"],
    "Machine/Observe/Counters/CounterFile.swift": ["pread": "sampled; `sample` asks instead"],
    "Machine/Observe/KernelLogReader.swift": ["lseek": "to the end of what can only be followed"],
    "Record/RecordTail.swift": ["fstat": "the display's", "pread": "the display's"],
    "Machine/Guest/Guest.swift": [
      "cl_power_off": "the guest ends", "read": "waits for the host's word",
    ],
    "Lab/VM/QMP.swift": [
      "fcntl": "F_SETFL of a socket that is open", "read": "QEMU's end is found",
    ],
    "Lab/VM/AcceleratorProbe.swift": ["access": "a question, on the host"],
    "Lab/Kernel/Initramfs.swift": ["stat": "a question, on the host"],
    "Lab/Kernel/Kernel.swift": ["stat": "a question, on the host"],
    "Lab/Kernel/KernelStore.swift": ["lstat": "a question, on the host"],
    "Lab/Kernel/ContentKey.swift": [
      "stat": "a question, on the host", "lstat": "a question, on the host",
    ],
    "Lab/Kernel/RootImage.swift": ["stat": "a question, on the host"],
  ]

  private struct RawCall: Hashable {
    var line: Int
    var name: String
  }

  /// Calls that no function of the funnel has among its arguments.
  private static func rawCalls(in source: String) throws -> [RawCall] {
    // As bytes, and without comments: what is around a call is found by its brackets.
    let text = source.split(separator: "\n", omittingEmptySubsequences: false)
      .map { line in line.range(of: "//").map { line[..<$0.lowerBound] } ?? line }
      .joined(separator: "\n")
    let regex = try NSRegularExpression(
      pattern: #"(?<![A-Za-z_.])(Glibc\.)?("# + pattern + #")\((?!\s*[a-z_]+:)"#)
    let whole = NSRange(text.startIndex..., in: text)
    return regex.matches(in: text, range: whole).compactMap { match in
      guard let range = Range(match.range, in: text), let name = Range(match.range(at: 2), in: text)
      else { return nil }
      let isQualified = match.range(at: 1).location != NSNotFound
      // A member of that name comes before the C function.
      let isMember = ["func \(text[name])(", "\(text[name]): ("].contains { text.contains($0) }
      if !isQualified, isMember { return nil }
      // A structure, empty.
      if text[range.upperBound...].first == ")", Self.structures.contains(text[name]) { return nil }
      if text[..<range.lowerBound].hasSuffix("func ") { return nil }
      if isFunnelled(text[..<range.lowerBound]) { return nil }
      return RawCall(
        line: text[..<range.lowerBound].count { $0 == "\n" } + 1, name: String(text[name]))
    }
  }

  private static func isFunnelled(_ before: Substring) -> Bool {
    var depth = 0
    var at = before.endIndex
    while at > before.startIndex {
      at = before.index(before: at)
      switch before[at] {
      case ")", "}", "]": depth += 1
      case "(", "{", "[":
        if depth > 0 {
          depth -= 1
        } else if before[at] == "(" {
          let name = before[..<at].reversed().prefix { $0.isLetter }.reversed()
          if funnel.contains(Substring(String(name))) { return true }
        }
      default: break
      }
    }
    return false
  }

  @Test func findsWhatPassesBy() throws {
    func names(_ source: String) throws -> [String] { try Self.rawCalls(in: source).map(\.name) }
    #expect(try names("let fd = open(path, 0)") == ["open"])
    #expect(try names("try checkErrno(Int(open(path, 0)), path, \"open\")") == [])
    #expect(try names("x = { Glibc.write(1, $0, 2) }()\n// write(1)") == ["write"])
    #expect(try names("attemptErrno(b.withBytes { Glibc.write(1, $0, 2) }, \"x\", \"y\")") == [])
    #expect(try names("file.write(text); func read(_ a: Int) {}; read(5)") == [])
    #expect(try names("check(1, \"x\", \"y\"); cl_swapoff(path)") == ["cl_swapoff"])
    #expect(try names("var what = cl_spawn(path: path); var exit = cl_exit()") == [])
  }

  /// Whoever reads errno later may read another's: the funnel reads it behind the call, and hands it on.
  @Test func errnoIsReadInTheFunnelAlone() throws {
    let regex = try NSRegularExpression(
      pattern: #"Errno\.current|errno: \.current|cl_errno\(|Glibc\.errno"#)
    try forEachSource { name, text in
      // Right behind poll(2), on a thread that waits in it all its life.
      if name == "Machine/Observe/Announcements.swift" { return }
      let matches = regex.matches(in: text, range: NSRange(text.startIndex..., in: text))
      #expect(matches.isEmpty, "\(name)")
    }
  }

  /// One that no call has any more would excuse nothing, and is to go.
  @Test func everyWaiverIsSomeCalls() throws {
    var unused = Set(Waiver.allCases.map(\.rawValue))
    try forEachSource { _, text in
      for name in unused where text.contains(try Regex("[ (]\\.\(name)\\)")) {
        unused.remove(name)
      }
    }
    #expect(unused.isEmpty)
  }

  @Test func everySystemCallPasses() throws {
    var scanned = 0
    var excused: Set<String> = []
    try forEachSource { name, text in
      scanned += 1
      for call in try Self.rawCalls(in: text) {
        if Self.always[call.name] != nil { continue }
        if Self.sometimes[name]?[call.name] != nil {
          excused.insert(name + call.name)
          continue
        }
        Issue.record("\(name):\(call.line): \(call.name) passes by the funnel (Base/Funnel.swift)")
      }
    }
    #expect(scanned > 100)
    for (file, names) in Self.sometimes {
      for name in names.keys where !excused.contains(file + name) {
        Issue.record("\(file) has no \(name) to be excused any more")
      }
    }
  }

  /// The files of what runs trials, but for the funnel's own: by folder and name, and their text.
  private func forEachSource(_ body: (_ name: String, _ text: String) throws -> Void) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../Sources/StressKit").standardized
    for folder in ["Core", "Record", "Machine", "Lab"] {
      let files = try #require(
        FileManager.default.enumerator(
          at: root.appending(path: folder), includingPropertiesForKeys: nil))
      for case let file as URL in files where file.pathExtension == "swift" {
        let name = String(file.path.dropFirst(root.path.count + 1))
        if ["Core/Base/Funnel.swift", "Core/Base/CallFailures.swift"].contains(name) { continue }
        try body(name, String(contentsOf: file, encoding: .utf8))
      }
    }
  }
}

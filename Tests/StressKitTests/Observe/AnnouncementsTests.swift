// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Synchronization
import Testing

@testable import StressCore
@testable import StressMachine

/// On plain files, which inotify watches as it does the kernel's; POLLPRI and PSI are for the guest tests.
struct AnnouncementsTests {
  private final class Log: Sendable {
    let events = Mutex<[(time: UInt64, event: Announcements.Event)]>([])
    var all: [Announcements.Event] { events.withLock { $0.map(\.event) } }
    func take(_ time: UInt64, _ event: Announcements.Event) {
      events.withLock { $0.append((time, event)) }
    }
  }

  private let directory: RecordFixture
  private let log = Log()

  init() throws {
    directory = try RecordFixture()
    try directory.write("group/memory.events", "low 0\nmax 3\noom 0\noom_kill 0\n")
    try directory.write("group/memory.events.local", "low 0\nmax 3\noom 0\noom_kill 0\n")
    try directory.write("group/cgroup.events", "populated 0\nfrozen 0\n")
  }

  private func announcements(pressure: [String] = []) throws -> Announcements {
    let log = log
    return try Announcements(
      cgroups: [("group", directory.path("group"))], pressure: pressure
    ) { log.take($0, $1) }
  }

  /// In place and in one write, as the kernel's files change.
  private func change(_ name: String, _ text: String) throws {
    let fd = try Descriptor(open: directory.path("group/" + name), O_WRONLY)
    try fd.writeAll(Array(text.utf8), name)
  }

  @Test func deltasOfCounters() throws {
    let announcements = try announcements()
    #expect(announcements.refused.isEmpty)
    try announcements.start()
    let before = cl_boottime()
    try change("memory.events", "low 0\nmax 5\noom 1\noom_kill 1\n")
    let first = Announcements.Event.counters(
      cgroup: "group", file: "memory.events",
      deltas: [.init("max", 2), .init("oom", 1), .init("oom_kill", 1)])
    #expect(eventually { log.all.contains(first) })
    try change("memory.events", "low 0\nmax 6\noom 1\noom_kill 1\n")
    let second = Announcements.Event.counters(
      cgroup: "group", file: "memory.events", deltas: [.init("max", 1)])
    #expect(eventually { log.all.contains(second) })
    // Written, but not changed.
    try change("memory.events.local", "low 0\nmax 3\noom 0\noom_kill 0\n")
    // What it says, not by how much.
    try change("cgroup.events", "populated 1\nfrozen 0\n")
    #expect(
      eventually {
        log.all.last == .state(cgroup: "group", values: [.init("populated", 1)])
      })
    announcements.stop()
    #expect(log.all.count == 3)
    let now = cl_boottime()
    #expect(log.events.withLock { $0 }.allSatisfy { (before...now).contains($0.time) })
  }

  @Test func processThatEnds() throws {
    let announcements = try announcements()
    try announcements.start()
    let process = try StressMachine.Process(["/bin/sleep", "1000"])
    try announcements.add("sleeper", pid: process.pid, try process.duplicateDescriptor())
    process.signal(SIGKILL)
    #expect(eventually { log.all == [.exit(name: "sleeper", pid: process.pid)] })
    // Its owner reaps it.
    #expect(process.wait(timeout: 5_000_000_000) == .signal(SIGKILL))
    announcements.stop()
    #expect(log.all.count == 1)
  }

  @Test func whatTheKernelRefuses() throws {
    File.remove(directory.path("group/memory.events.local"))
    let announcements = try announcements(pressure: [directory.path("no.pressure")])
    #expect(
      announcements.refused.map(\.object) == [
        directory.path("group/memory.events.local"), directory.path("no.pressure"),
        directory.path("no.pressure"),
      ])
    #expect(announcements.refused.allSatisfy { $0.errno == .noSuchFileOrDirectory })
    try announcements.start()
    announcements.stop()
  }

  @Test func closesWhatItOpened() throws {
    func descriptors() -> Int { File.names(in: "/proc/self/fd").count }
    let process = try StressMachine.Process(["/bin/sleep", "1000"])
    func once(started: Bool) throws {
      let announcements = try announcements()
      if started { try announcements.start() }
      try announcements.add("sleeper", pid: process.pid, try process.duplicateDescriptor())
      announcements.stop()
    }
    // Other tests open and close descriptors meanwhile: a leak would show at every round.
    let before = descriptors()
    for i in 0..<200 { try once(started: i % 2 == 0) }
    #expect(descriptors() < before + 200)
  }
}

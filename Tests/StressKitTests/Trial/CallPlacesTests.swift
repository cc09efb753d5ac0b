// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// What is behind descriptors of this very process, by the real /proc.
struct CallPlacesTests {
  private static let second: UInt64 = 1_000_000_000
  private let pid = getpid()

  private func places(scratch: [String] = [], root: String = "/none") throws -> CallPlaces {
    CallPlaces([("work", try CgroupTree.own())], scratch: scratch, root: root)
  }

  /// The mount that a descriptor is of; it is closed.
  private func mount(of descriptor: Int32, _ places: CallPlaces) -> String? {
    defer { close(descriptor) }
    return places.place(task: pid, descriptor: Int64(descriptor), began: 1, now: cl_boottime())?
      .mount
  }

  /// Each is asked for anew: other tests use their numbers again.
  @Test func descriptorsAreToldApart() throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    #expect(mount(of: ends[1], try places()) == "pipe")
    close(ends[0])
    #expect(mount(of: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0), try places()) == "socket")
    #expect(mount(of: inotify_init1(0), try places()) == "other")
    let status = open("/proc/self/status", O_RDONLY)
    #expect(mount(of: status, try places()) == "/proc")
    // Of none that is open.
    #expect(mount(of: 1_000_000, try places()) == "unknown")
    let none = try places().place(task: pid, descriptor: SampleLine.unknown, began: 1, now: 1)
    #expect(none == CallPlaces.Place(command: "work", mount: "unknown"))
  }

  @Test func theFileSystemUnderTestHasItsName() throws {
    let superblock = try #require(Mount.superblock(at: "/proc"))
    let places = try places(scratch: [superblock])
    #expect(mount(of: open("/proc/self/status", O_RDONLY), places) == "scratch")
  }

  /// As the command sees it.
  @Test func pathsAreWithoutTheRoot() throws {
    let file = { open("/proc/self/status", O_RDONLY) }
    #expect(mount(of: file(), try places(root: "/proc")) == "/")
    let below = try #require(MountTable.entries().first { $0.point == "/proc" })
    #expect(mount(of: file(), try places(root: "")) == below.point)
  }

  /// Another's task is no command's, whatever its name.
  @Test func othersAreLeftOut() throws {
    let places = CallPlaces(
      [("work", Cgroup(path: "wbstress/work"))], scratch: [], root: "/none")
    #expect(places.place(task: pid, descriptor: 0, began: 1, now: 1) == nil)
  }

  @Test func whatHasEndedIsUnknown() throws {
    let places = try places()
    let never = places.place(task: Int32.max, descriptor: 1, began: 1, now: 1)
    #expect(never == CallPlaces.Place(command: nil, mount: "unknown"))
  }

  /// Descriptors are used again: what begins within a second of an answer has it, what begins later is asked anew.
  @Test func anAnswerStandsForASecond() throws {
    let places = try places()
    let now = 10 * Self.second
    // A number that no other test of this process is given.
    let status = open("/proc/self/status", O_RDONLY)
    let file = fcntl(status, F_DUPFD_CLOEXEC, 700)
    try #require(file >= 700)
    func place(began: UInt64, now: UInt64) -> String? {
      places.place(task: pid, descriptor: Int64(file), began: began, now: now)?.mount
    }
    #expect(place(began: now, now: now) == "/proc")
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    try #require(dup2(ends[1], file) == file)
    #expect(place(began: now + Self.second - 1, now: now + 2 * Self.second) == "/proc")
    #expect(place(began: now + Self.second, now: now + 2 * Self.second) == "pipe")
    for descriptor in ends + [file] { close(descriptor) }
    // Of one that is closed the last answer, for a tenth of that.
    let later = now + 4 * Self.second
    #expect(place(began: later, now: later) == "pipe")
    try #require(dup2(status, file) == file)
    #expect(place(began: later + Self.second / 20, now: later + Self.second / 20) == "pipe")
    #expect(place(began: later + Self.second / 10, now: later + Self.second / 10) == "/proc")
    close(file)
    close(status)
  }
}

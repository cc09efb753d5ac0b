// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

struct TraceInstanceTests {
  private let target = TraceInstance.Target(
    devices: ["254:0", "254:32"], superblock: "0:44", backing: "btrfs-1")

  @Test func filtersAreTheKernelsLanguage() {
    func filter(_ event: TraceEvent) -> String? {
      TraceInstance.filter(event.definition.scope, target)
    }
    #expect(filter(.throttled) == nil)
    #expect(filter(.blockIssue) == "dev == 266338304 || dev == 266338336")
    #expect(filter(.markInode) == "dev == 44")
    #expect(filter(.balanceDirtyPages) == "bdi == \"btrfs-1\"")
    #expect(filter(.workStart) == "name == \"btrfs-1\"")
    #expect(filter(.taskRename) == "newcomm ~ \"iou-wrk-*\"")
    let tasks = ["wb-stream", "wb-pinned", "wb-task", "iou-wrk-"]
    func of(_ field: String) -> String {
      tasks.map { "\(field) ~ \"\($0)*\"" }.joined(separator: " || ")
    }
    #expect(filter(.schedWakeup) == of("comm"))
    #expect(filter(.schedSwitch) == of("prev_comm") + " || " + of("next_comm"))
  }

  /// By number first, which costs least; then by the name of the task, which is in no field.
  @Test func callsAreThoseOfTheCommandsThreads() throws {
    let filter = try #require(
      TraceInstance.filter(TraceEvent.sysEnter.definition.scope, target, ["dd", "pg_basebackup"]))
    let numbers = SystemCall.allCases.map { "id == \($0.number)" }.joined(separator: " || ")
    #expect(filter == "(\(numbers)) && (comm ~ \"dd\" || comm ~ \"pg_basebackup\")")
  }

  /// The workers take their names from what these begin with.
  @Test func theWorkersNamesAreThoseOfTheFilter() {
    for role in [Worker.Role.stream, .pinned, .task] {
      #expect(TraceEvent.taskNames.contains("wb-\(role.label)"))
    }
  }

  @Test func probesAreTheKernelsLanguage() {
    let probes = TraceProbes()
    let group = "wbstress_\(getpid())"
    let begin = probes.text(TraceEvent.ioWqBegin.definition)
    #expect(begin == "p:\(group)/io_wq_submit_work io_wq_submit_work work=$arg1:x64")
    let end = probes.text(TraceEvent.ioWqEnd.definition)
    #expect(end == "r1024:\(group)/io_wq_submit_work__return io_wq_submit_work")
    let none = probes.text(TraceEvent.schedSwitch.definition)
    #expect(none == nil)
  }

  @Test func nothingToFilterByIsNoFilter() {
    let nothing = TraceInstance.Target(devices: [], superblock: "", backing: "x")
    #expect(TraceInstance.filter(.device("dev"), nothing) == nil)
    #expect(TraceInstance.filter(.superblock("dev"), nothing) == nil)
  }

  @Test(
    arguments: [
      ("254:0", 266_338_304), ("0:44", 44), ("8:1", 8_388_609), ("4096:0", nil), ("8", nil),
      ("a:b", nil), ("8:1048576", nil),
    ] as [(String, UInt32?)])
  func deviceNumbers(_ text: String, _ number: UInt32?) {
    #expect(TraceInstance.deviceNumber(text) == number)
  }

  @Test func losses() {
    let text = """
      entries: 12
      overrun: 3
      commit overrun: 2
      bytes: 4000
      oldest event ts:    13.000001
      now ts:    14.000001
      dropped events: 5
      read events: 99

      """
    let losses = TraceInstance.losses(text, cpu: 1)
    #expect(
      losses == .init(cpu: 1, overrun: 3, commitOverrun: 2, dropped: 5, read: 99))
    #expect(losses.total == 10)
  }

  @Test func jiffiesAgainstTheClock() throws {
    let clock = JiffyClock(tick: 4_000_000, jiffies: 4_294_900_126, at: 1_500_000_000)
    #expect(clock.hz == 250)
    #expect(clock.nanoseconds(3) == 12_000_000 && clock.nanoseconds(-1) == 0)
    // 100 jiffies before the reading, half a second after it.
    #expect(clock.age(of: 4_294_900_026, at: 2_000_000_000) == 900_000_000)
    #expect(clock.age(of: 4_294_999_999, at: 2_000_000_000) == 0)
    #expect(clock.age(of: .min, at: .max) >= 0 && clock.age(of: .max, at: 0) >= 0)
    let rates = [10_000_000: 100, 3_333_333: 300, 1_000_000: 1000, 976_563: 1024]
    for (tick, hz) in rates {
      #expect(JiffyClock(tick: UInt64(tick), jiffies: 1, at: 1).hz == UInt64(hz))
    }
  }

  @Test func theClockOfThisKernel() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(
      "schedstat", "version 15\ntimestamp 4294900126\ncpu0 0 0\n")
    let clock = try #require(JiffyClock(path: path))
    #expect((100...1024).contains(clock.hz))
    #expect(clock.age(of: 4_294_900_126, at: cl_boottime()) < 60_000_000_000)
    try directory.write("schedstat", "version 15\n")
    #expect(JiffyClock(path: path) == nil)
    #expect(JiffyClock(path: directory.path("none")) == nil)
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine

/// The watchdog as it runs beside a trial, over what it finds where no cgroup v2 is.
struct WatchdogTests {
  private let second: UInt64 = 1_000_000_000

  private func limits(_ change: (inout MachineLimits) -> Void = { _ in }) -> MachineLimits {
    var limits = MachineLimits()
    change(&limits)
    return limits
  }

  private func watchdog(
    _ limits: MachineLimits, beside: [Cgroup] = []
  ) throws -> Watchdog {
    try Watchdog(over: [], limits, beside: beside, executable: Executable.path)
  }

  private func verdict(_ watchdog: Watchdog) -> Watchdog.Verdict? {
    let deadline = cl_boottime() + 20 * second
    while watchdog.verdict == nil, cl_boottime() < deadline {
      cl_sleep_until(cl_boottime() + 10_000_000)
    }
    return watchdog.verdict
  }

  @Test func aDeadlineThatIsMovedOnHolds() throws {
    let watchdog = try watchdog(limits())
    for _ in 0..<15 {
      watchdog.expect(within: second / 2)
      cl_sleep_until(cl_boottime() + second / 10)
    }
    #expect(watchdog.verdict == nil)
    watchdog.rest()
    cl_sleep_until(cl_boottime() + 2 * second)
    #expect(watchdog.verdict == nil)
  }

  @Test func aDeadlineThatPasses() throws {
    let watchdog = try watchdog(limits())
    watchdog.expect(within: second / 2)
    guard case .stuck(let message) = verdict(watchdog) else {
      Issue.record("\(String(describing: watchdog.verdict))")
      return
    }
    #expect(message.contains("s after its deadline"))
  }

  /// A machine that sleeps for a day has not been stuck for one: to the watchdog CLOCK_BOOTTIME is a day ahead,
  /// as on waking.
  @Test func aSuspendIsNoDelay() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("watchdog")
    try File.write(
      path,
      Array(
        """
        #!/bin/sh
        exec /usr/bin/unshare --time --boottime 86400 --fork --kill-child \(Executable.path) "$@"

        """.utf8))
    #expect(chmod(path, 0o755) == 0)
    let probe = try Tool.output(
      "unshare", ["--time", "--boottime", "86400", "--fork", "true"], package: "util-linux")
    guard probe.exit == .status(0) else { try Test.cancel("no time namespace may be made here") }
    let watchdog = try Watchdog(over: [], limits(), beside: [], executable: path)
    watchdog.expect(within: 60 * second)
    cl_sleep_until(cl_boottime() + 3 * second)
    #expect(watchdog.verdict == nil)
    watchdog.expect(within: second / 2)
    guard case .stuck(let message) = verdict(watchdog) else {
      Issue.record("\(String(describing: watchdog.verdict))")
      return
    }
    // By the clock of the deadline, and not by the other.
    #expect(message.firstMatch(of: /until [0-3]\.\d s after/) != nil, "\(message)")
  }

  /// More than any machine has.
  @Test func tooLittleMemory() throws {
    let watchdog = try watchdog(limits { $0.available = 1 << 60 })
    guard case .machine(let message) = verdict(watchdog) else {
      Issue.record("\(String(describing: watchdog.verdict))")
      return
    }
    #expect(message.contains("MemAvailable") && message.contains("--abort-available"))
  }

  @Test func enoughMemory() throws {
    let watchdog = try watchdog(limits { $0.available = 1 })
    cl_sleep_until(cl_boottime() + 2 * second)
    #expect(watchdog.verdict == nil)
    let line = watchdog.line
    #expect(line.looks ?? 0 >= 2)
    let resident = try #require(line.resident)
    // Its own, beside the program's pages that it shares with the supervisor.
    let anon = try #require(line.anon)
    #expect(anon > 0 && anon <= resident && anon < 16 << 20, "\(line)")
  }

  /// Of a group whose tasks all wait for memory nine tenths of the time.
  @Test func tooMuchPressureForTooLong() throws {
    let group = try FakePressure(share: 0.9)
    let limits = limits {
      $0.pressure = 50
      $0.pressureTime = second
    }
    let watchdog = try watchdog(limits, beside: [group.group])
    guard case .machine(let message) = try group.grows(until: { watchdog.verdict }) else {
      Issue.record("no verdict")
      return
    }
    #expect(message.contains("above the limit of 50 % (--abort-pressure)"), "\(message)")
  }

  @Test func littlePressure() throws {
    let group = try FakePressure(share: 0.1)
    let limits = limits {
      $0.pressure = 50
      $0.pressureTime = second
    }
    let watchdog = try watchdog(limits, beside: [group.group])
    let end = cl_boottime() + 4 * second
    let verdict = try group.grows(until: { watchdog.verdict }, end)
    #expect(verdict == nil && watchdog.line.looks != nil)
  }

  /// Linux 6.0 counts centuries within seconds: that is nobody's stall, and kills no trial.
  @Test func pressureThatCannotBe() throws {
    let group = try FakePressure(share: 100)
    let limits = limits {
      $0.pressure = 50
      $0.pressureTime = second
    }
    let watchdog = try watchdog(limits, beside: [group.group])
    let verdict = try group.grows(until: { watchdog.verdict }, cl_boottime() + 4 * second)
    #expect(verdict == nil && watchdog.line.looks != nil)
  }

  @Test func endsWithItsOwner() throws {
    let pid = try #require(try watchdog(limits()).line.pid)
    #expect(!File.exists("/proc/\(pid)"))
  }

  /// Tasks outside the limits have a cgroup each: all of them die, or the trial does not begin.
  @Test func everyGroupIsKilled() throws {
    let directory = try TemporaryDirectory()
    let groups = try (0..<Watchdog.mostKills).map { number in
      try directory.write("g\(number)/cgroup.kill", "")
      return Cgroup(path: "../../.." + directory.path("g\(number)"))
    }
    let watchdog = try Watchdog(
      over: groups, limits(), beside: [], executable: Executable.path)
    watchdog.expect(within: second / 2)
    #expect(verdict(watchdog) != nil)
    #expect(
      eventually { groups.allSatisfy { File.size($0.file("cgroup.kill")) ?? 0 > 0 } })
    let error = #expect(throws: HarnessError.self) {
      _ = try Watchdog(
        over: groups + [groups[0]], limits(), beside: [], executable: Executable.path)
    }
    #expect(error?.operation == "has 33 cgroups to kill, and holds 32")
  }

  @Test func usualLimits() {
    #expect(MachineLimits.usualAvailable(256 << 20) == 32 << 20)
    #expect(MachineLimits.usualAvailable(1 << 30) == 64 << 20)
    #expect(MachineLimits.usualAvailable(16 << 30) == (16 << 30) / 50)
    #expect(MachineLimits.usualAvailable(512 << 30) == 1 << 30)
    #expect(MachineLimits.memTotal() > 64 << 20)
  }
}

/// A file as a cgroup's memory.pressure, whose `full` time grows as if tasks were stalled a share of the time.
private final class FakePressure {
  private let directory = try! TemporaryDirectory()
  private let share: Double
  private let begin = cl_boottime()
  /// It is looked for below the mount of the cgroups.
  var group: Cgroup {
    Cgroup(path: "../../.." + directory.root)
  }

  init(share: Double) throws {
    self.share = share
    try grow()
  }

  private func grow() throws {
    let stalled = UInt64(share * Double(cl_boottime() - begin) / 1000) + 1
    // In place, since the watchdog has the file open, and at one width, so that it never reads half a number.
    let digits = String(stalled)
    let total = String(repeating: "0", count: 12 - digits.count) + digits
    let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=\(total)\n"
    let path = directory.path("memory.pressure")
    let file = try Descriptor(open: path, O_WRONLY | O_CREAT)
    try file.writeAll(Array((text + text.replacing("some", with: "full")).utf8), path)
  }

  func grows(
    until verdict: () -> Watchdog.Verdict?, _ end: UInt64 = cl_boottime() + 20_000_000_000
  ) throws -> Watchdog.Verdict? {
    while verdict() == nil, cl_boottime() < end {
      try grow()
      cl_sleep_until(cl_boottime() + 20_000_000)
    }
    return verdict()
  }
}

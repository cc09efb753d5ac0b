import CLinux
import Glibc
import Testing

@testable import StressKit

/// The watchdog as it runs beside a trial, over what it finds where no cgroup v2 is.
struct WatchdogTests {
  private let second: UInt64 = 1_000_000_000

  private func limits(_ change: (inout MachineLimits) -> Void = { _ in }) -> MachineLimits {
    var limits = MachineLimits()
    change(&limits)
    return limits
  }

  private func watchdog(_ limits: MachineLimits) throws -> Watchdog {
    try Watchdog(over: [], limits, beside: [], executable: Executable.path)
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
    func member(_ key: String) -> Int64? { watchdog.members.first { $0.0 == key }?.1.int }
    #expect(member("looks") ?? 0 >= 2)
    let resident = try #require(member("resident"))
    // Its own, beside the program's pages that it shares with the supervisor.
    let anon = try #require(member("anon"))
    #expect(anon > 0 && anon <= resident && anon < 16 << 20, "\(watchdog.members)")
  }

  @Test func endsWithItsOwner() throws {
    let pid = try #require(try watchdog(limits()).members.first { $0.0 == "pid" }?.1.int)
    #expect(!File.exists("/proc/\(pid)"))
  }

  @Test func usualLimits() {
    #expect(MachineLimits.usualAvailable(256 << 20) == 32 << 20)
    #expect(MachineLimits.usualAvailable(1 << 30) == 64 << 20)
    #expect(MachineLimits.usualAvailable(16 << 30) == (16 << 30) / 50)
    #expect(MachineLimits.usualAvailable(512 << 30) == 1 << 30)
    #expect(MachineLimits.memTotal() > 64 << 20)
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Testing

@testable import StressCore

struct DoorbellTests {
  @Test func endsAWait() throws {
    let bell = Doorbell()
    let start = cl_monotonic()
    let ringer = try Thread("ringer") {
      cl_sleep_until(cl_boottime() + 20_000_000)
      bell.ring()
    }
    bell.wait(atMost: 60_000_000_000)
    ringer.join()
    #expect((20_000_000..<30_000_000_000).contains(cl_monotonic() - start))
  }

  /// A ring that nobody waits for ends the next wait, and only that one.
  @Test func isKeptForTheNextWait() {
    let bell = Doorbell()
    bell.ring()
    bell.ring()
    let start = cl_monotonic()
    bell.wait(atMost: 60_000_000_000)
    let rung = cl_monotonic()
    #expect(rung - start < 30_000_000_000)
    bell.wait(atMost: 10_000_000)
    #expect(cl_monotonic() - rung >= 10_000_000)
  }
}

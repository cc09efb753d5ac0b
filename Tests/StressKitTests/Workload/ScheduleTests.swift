// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressMachine

struct ScheduleTests {
  @Test(arguments: [1, 3, 1000, 1_000_000, 1 << 40] as [UInt64])
  func countsWhatIsDue(_ rate: UInt64) {
    let schedule = Schedule(began: 77, rate: rate)
    #expect(schedule.due(after: 0) == 77 && schedule.due(after: rate) == 1_000_000_077)
    #expect(schedule.count(before: 77) == 0 && schedule.count(before: 0) == 0)
    #expect(schedule.count(before: 1_000_000_077) == rate)
    #expect(schedule.count(before: 78) >= 1)
  }

  /// A terabyte at any rate: no product is too large.
  @Test func isExactForALongTime() {
    let schedule = Schedule(began: 0, rate: 1 << 30)
    #expect(schedule.due(after: 1 << 40) == 1024 * 1_000_000_000)
    #expect(schedule.count(before: 1024 * 1_000_000_000) == 1 << 40)
  }
}

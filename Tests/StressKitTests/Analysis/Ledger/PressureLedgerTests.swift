// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressRecord

/// Stalls of the whole cgroup, by PSI.
struct PressureLedgerTests {
  /// Readings every 10 ms from 100 on, in each of which `full` grew by so many ms; nil: that reading is missing.
  private func pressure(
    _ growth: [Int64?], of resource: String = "io", _ more: (inout LedgerFixture) -> Void = { _ in }
  ) throws -> [StallEpisode] {
    var record = try LedgerFixture()
    var total: Int64 = 7
    var readings: [(Int64, Int64?)] = [(100, total)]
    for (i, step) in growth.enumerated() {
      total += step ?? 0
      readings.append((110 + 10 * Int64(i), step == nil ? nil : total))
    }
    record.pressure(resource, readings)
    more(&record)
    return try record.ledger().pressure
  }

  @Test func consecutiveReadingsMakeAStall() throws {
    let stalls = try pressure([0, 8, 10, 2, 1, 9, 0])
    // The fourth grew by a tenth, which is not more than that; what follows is too short.
    #expect(stalls.map(\.start) == [110_000_000] && stalls.map(\.end) == [140_000_000])
    #expect(stalls.map(\.time) == [20_000_000] && stalls.map(\.kind) == ["io.pressure"])
    #expect(stalls.map(\.victim) == ["wbstress"])
  }

  @Test func aMissingReadingEndsIt() throws {
    let stalls = try pressure([9, 9, nil, 9, 9])
    #expect(stalls.map(\.time) == [18_000_000])
    #expect(try pressure([10, 10], of: "memory").map(\.kind) == ["memory.pressure"])
  }

  @Test func onlyWhileTheStreamsRun() throws {
    func times(_ readings: [(Int64, Int64?)]) throws -> [Int64] {
      var record = try LedgerFixture()
      record.pressure("io", readings)
      return try record.ledger().pressure.map(\.time)
    }
    #expect(try times([(80, 10), (90, 20), (100, 30), (110, 40), (120, 41)]) == [10_000_000])
    #expect(try times([(890, 0), (900, 10), (910, 20), (920, 30)]) == [10_000_000])
    #expect(try times([(70, 0), (80, 10), (90, 20), (920, 30), (930, 40)]).isEmpty)
  }

  @Test func noMoreThanTheTimeAllows() throws {
    #expect(try pressure([11, 10, 10]).map(\.time) == [30_000_000])
  }

  @Test func dividedAsItsTasksWait() throws {
    let stalls = try pressure([10, 10]) { record in
      record.stack(1, Stacks.writeback)
      record.stack(2, Stacks.journal)
      record.stack(3, Stacks.throttled)
      for pid in 5...8 as ClosedRange<Int64> { record.task(pid, in: "wbstress/s") }
      record.task(9, in: "wbstressed")
      record.wait(5, 90, 120, stack: 1)
      record.wait(6, 100, 110, stack: 2)
      // Memory's; not its own task; for a CPU.
      record.wait(7, 100, 120, stack: 3)
      record.wait(9, 100, 120, stack: 2)
      record.wait(8, 100, 120, stack: 2, woken: 0)
    }
    // 20 and 10 of 30, scaled to 20; whole ns, and no less.
    #expect(
      stalls.first?.parts == [
        .init(.folioWriteback, 13_333_333), .init(.journal, 6_666_667),
      ])
  }

  @Test func whatNobodyWaitedForIsUnexplained() throws {
    let stalls = try pressure([10, 10], of: "memory") { record in
      record.stack(1, Stacks.throttled)
      record.stack(2, Stacks.unknown)
      record.task(5, in: "wbstress")
      record.wait(5, 102, 110, stack: 1)
      record.span("VMSCAN_THROTTLE_WRITEBACK", 5, 101, 110)
      record.wait(5, 114, 117, stack: 2)
    }
    let stall = try #require(stalls.first)
    #expect(
      LedgerFixture.parts(stall) == [.throttledWriteback: 8, .unknownWait: 3, .untraced: 9])
    #expect(stall.unexplainedShare == 0.6)
  }

  @Test func aTaskThatReclaimsIsStalledWithoutACPUToo() throws {
    let stalls = try pressure([10, 10], of: "memory") { record in
      record.task(5, in: "wbstress")
      record.span("memcg-reclaim", 5, 95, 115)
      record.wait(5, 108, 118, state: "R")
    }
    let stall = try #require(stalls.first)
    #expect(LedgerFixture.parts(stall) == [.memcgReclaim: 8, .cpuWait: 7, .untraced: 5])
  }

  @Test func aRecordWithoutPressure() throws {
    #expect(try LedgerFixture().ledger().pressure.isEmpty)
  }

  @Test func sharesSumToTheWhole() {
    var sums = CauseSums()
    for (i, cause) in StallCause.allCases.enumerated() { sums[cause] = Int64(1 + i * i) << 40 }
    for target in [0, 1, 2, 999_999_999_999_999, sums.total] as [Int64] {
      #expect(sums.scaled(to: target).total == target)
    }
    #expect(CauseSums().scaled(to: 0).total == 0)
    // Equal parts: the first ones have what is left.
    var equal = CauseSums()
    for cause in [StallCause.journal, .idle, .running] { equal[cause] = 5 }
    #expect(equal.scaled(to: 11).parts.map(\.time) == [4, 4, 3])
  }
}

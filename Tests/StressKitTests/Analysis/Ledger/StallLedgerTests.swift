// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

/// Operations that one task carries from their beginning to their end.
struct StallLedgerTests {
  @Test func waitThenCPUWaitThenRunning() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.wait(5, 120, 180, stack: 1, woken: 40)
    record.slow(5, 100, 200, kind: "fsync")
    #expect(try record.parts() == [.journal: 40, .cpuWait: 20, .running: 40])
    let stall = try #require(try record.ledger().operations.first)
    #expect(stall.kind == "fsync" && stall.victim == "s" && !stall.isInFlight)
    #expect(stall.start == 100_000_000 && stall.time == 100_000_000 && stall.unexplained == 0)
    #expect(stall.parts.map(\.time) == [40_000_000, 40_000_000, 20_000_000])
  }

  @Test func preemptedIsCPUWait() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.wait(5, 110, 150, stack: 1, state: "R")
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.cpuWait: 40, .running: 60])
  }

  @Test func anUnseenWakeupLeavesTheWholeWait() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.wait(5, 110, 150, stack: 1, state: "S")
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.journal: 40, .running: 60])
  }

  @Test func waitsThatBeginBeforeOrEndAfter() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.stack(2, Stacks.writeback)
    record.wait(5, 50, 130, stack: 1, woken: 70)
    record.wait(5, 180, 400, stack: 2, woken: 200)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.journal: 20, .cpuWait: 10, .running: 50, .folioWriteback: 20])
  }

  @Test func anotherTasksWaitsAreNotItsOwn() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.wait(4, 100, 200, stack: 1)
    record.wait(6, 100, 200, stack: 1)
    record.wait(5, 10, 20, stack: 1)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.running: 100])
  }

  @Test func waitsThatOverlapAreNotCountedTwice() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.stack(2, Stacks.writeback)
    record.wait(5, 110, 150, stack: 1)
    record.wait(5, 130, 170, stack: 2)
    record.wait(5, 110, 150, stack: 1)
    record.wait(5, 120, 125, stack: 2)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.journal: 40, .folioWriteback: 20, .running: 40])
  }

  // MARK: Sections

  @Test func onTheCPUInReclaim() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.stack(2, Stacks.unknown)
    record.span("memcg-reclaim", 5, 110, 180)
    record.span("compaction", 5, 170, 175)
    record.wait(5, 120, 140, stack: 1)
    record.wait(5, 150, 160, stack: 2)
    record.slow(5, 100, 200)
    // An unknown wait within reclaim is reclaim's; a known one is what it is.
    #expect(
      try record.parts() == [.memcgReclaim: 45, .journal: 20, .compaction: 5, .running: 30])
  }

  @Test func whatIsAnnouncedIsNoTimeOnTheCPU() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    // A pause that was planned, and cut short.
    record.span("dirty-throttle", 5, 110, 160)
    record.wait(5, 110, 120)
    record.wait(5, 190, 195, stack: 1)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.dirtyThrottle: 10, .journal: 5, .running: 85])
  }

  @Test func theReasonOfThrottlingIsTheEventBehindIt() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.throttled)
    record.wait(5, 110, 120, stack: 1)
    // In jiffies it was longer than that.
    record.span("VMSCAN_THROTTLE_CONGESTED", 5, 105, 121)
    record.wait(5, 130, 140, stack: 1)
    record.span("VMSCAN_THROTTLE_WRITEBACK", 5, 141, 141)
    record.wait(5, 150, 160, stack: 1)
    // Of the next one.
    record.wait(5, 170, 180, stack: 1)
    record.span("VMSCAN_THROTTLE_NOPROGRESS", 5, 171, 181)
    record.slow(5, 100, 200)
    #expect(
      try record.parts() == [
        .throttledCongested: 10, .throttled: 10, .throttledNoprogress: 10,
        .throttledWriteback: 10, .running: 60,
      ])
  }

  @Test func withoutASchedulerTheSectionsTell() throws {
    var record = try LedgerFixture()
    record.span("direct-reclaim", 5, 100, 190)
    record.span("memcg-reclaim", 5, 110, 150)
    record.span("VMSCAN_THROTTLE_ISOLATED", 5, 120, 130)
    record.span("dirty-throttle", 5, 140, 160)
    record.slow(5, 90, 200)
    // The most specific at each moment, and none twice.
    #expect(
      try record.parts() == [
        .directReclaim: 40, .memcgReclaim: 20, .throttledIsolated: 10, .dirtyThrottle: 20,
        .untraced: 20,
      ])
    #expect(try !record.ledger().hasScheduler)
  }

  // MARK: What is not seen

  @Test func lostRecordsMakeRunningDoubtful() throws {
    var record = try LedgerFixture(lost: 1)
    record.stack(1, Stacks.journal)
    record.wait(5, 120, 180, stack: 1, woken: 40)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.journal: 40, .cpuWait: 20, .lostRecords: 40])
  }

  @Test func lostLinesDoSoToo() throws {
    var record = try LedgerFixture()
    record.add(#"{"type":"span","of":"off-c"#)
    record.wait(5, 120, 180, state: "R")
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.cpuWait: 60, .lostRecords: 40])
  }

  @Test func aTraceWithoutAnEndMayHaveLostAnything() throws {
    var record = try LedgerFixture(traced: nil)
    record.stack(1, Stacks.journal)
    record.wait(5, 120, 150, stack: 1)
    record.wait(6, 10, 180, stack: 1)
    record.slow(5, 100, 200)
    // Seen until 180.
    #expect(try record.parts() == [.journal: 30, .lostRecords: 50, .untraced: 20])
  }

  @Test func outsideTheTraceNothingIsKnown() throws {
    var record = try LedgerFixture(from: 110, traced: 150)
    record.wait(5, 115, 120)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.untraced: 10 + 50, .unknownWait: 5, .running: 35])
  }

  @Test func aTaskThatIsNotFollowed() throws {
    var record = try LedgerFixture()
    record.wait(6, 10, 20)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.untraced: 100])
    #expect(try record.ledger().hasScheduler)
  }

  @Test func waitsWithoutALineAreSharedOut() throws {
    var record = try LedgerFixture(traced: 2000)
    record.stack(1, Stacks.journal)
    // 800 ms on the CPU, 80 of them in short waits: a tenth of any time in it.
    record.wait(5, 0, 200, stack: 1)
    record.unlisted(5, before: 1000, 80)
    record.slow(5, 150, 300)
    #expect(try record.parts() == [.journal: 50, .running: 90, .unlistedWait: 10])
  }

  @Test func aTaskOfShortWaitsOnlyIsFollowed() throws {
    var record = try LedgerFixture(traced: 2000)
    record.unlisted(5, before: 2000, 400)
    record.slow(5, 900, 1100)
    #expect(try record.parts() == [.running: 160, .unlistedWait: 40])
  }

  @Test func moreShortWaitsThanTime() throws {
    var record = try LedgerFixture(traced: 1000)
    record.unlisted(5, before: 1000, 5_000)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.unlistedWait: 100])
  }

  @Test func aSumThatIsToldTwice() throws {
    var record = try LedgerFixture(traced: 1000)
    record.unlisted(5, before: 1000, 900)
    record.unlisted(5, before: 1000, 900)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.unlistedWait: 90, .running: 10])
  }

  @Test func afterItsDeathATaskDoesNothing() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.wait(5, 110, 130, stack: 1)
    record.exit(5, at: 150)
    record.slow(5, 100, 200, inFlight: true)
    #expect(try record.parts() == [.journal: 20, .running: 30, .exited: 50])
    #expect(try record.ledger().operations.first?.isInFlight == true)
  }

  @Test func aWaitThatDoesNotEnd() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.writeback)
    record.wait(5, 150, nil, stack: 1)
    record.slow(5, 100, 300, inFlight: true)
    #expect(try record.parts() == [.running: 50, .folioWriteback: 150])
  }

  @Test func unknownStacksAreKept() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.unknown)
    // Its functions are told when the trial is over.
    record.add(#"{"type":"stack","id":2,"addresses":["0x10"]}"#)
    record.stack(2, Stacks.journal)
    record.add(#"{"type":"stack","id":3,"addresses":["0x20"]}"#)
    record.stack(4, Stacks.unknown)
    record.wait(5, 110, 120, stack: 1)
    record.wait(5, 120, 140, stack: 2)
    record.wait(5, 140, 155, stack: 3)
    record.wait(5, 160, 170)
    record.wait(5, 170, 180, stack: 4)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.journal: 20, .unknownWait: 45, .running: 35])
    let ledger = try record.ledger()
    #expect(ledger.unknownStacks.map(\.frames) == [Stacks.unknown, ["0x20"], []])
    #expect(ledger.unknownStacks.map(\.time) == [20_000_000, 15_000_000, 10_000_000])
    #expect(ledger.operations.first?.unexplainedShare == 0.45)
  }

  // MARK: Which stalls

  @Test func shortOperationsAreLeftOut() throws {
    var record = try LedgerFixture()
    record.slow(5, 200, 210, kind: "touch")
    record.slow(5, 100, 109)
    record.slow(5, 300, 309, inFlight: true)
    record.slow(5, 100, 900, kind: "fsync", inFlight: true)
    #expect(try record.ledger().operations.map(\.kind) == ["fsync", "touch"])
  }

  @Test func olderRecordsNameTheWorker() throws {
    var record = try LedgerFixture()
    record.worker("s", 5)
    record.span("dirty-throttle", 5, 110, 160)
    record.slow(nil, 100, 200)
    #expect(try record.parts() == [.dirtyThrottle: 50, .untraced: 50])
  }

  @Test func nobodyKnowsWho() throws {
    var record = try LedgerFixture()
    record.slow(nil, 100, 200)
    #expect(try record.parts() == [.untraced: 100])
  }

  @Test(arguments: [
    #"{"type":"span","of":"off-cpu","start":-5,"ns":9223372036854775807,"pid":5,"state":"D"}"#,
    #"{"type":"span","of":"off-cpu","start":9223372036854775807,"ns":5,"pid":5,"state":"D"}"#,
    #"{"type":"span","of":"off-cpu","start":110000000,"ns":-1,"pid":5,"state":"D"}"#,
    #"{"type":"span","of":"off-cpu","start":110000000,"pid":5,"state":7}"#,
    #"{"type":"span","of":"off-cpu","pid":5,"ns":1}"#,
    #"{"type":"span","of":"memcg-reclaim","start":120000000,"ns":0,"pid":5}"#,
    #"{"type":"span","of":"io-wq-run","start":120000000,"ns":4,"pid":5}"#,
    #"{"type":"unlisted","t":-9223372036854775808,"pid":5,"off_cpu":3}"#,
    #"{"type":"unlisted","t":1000000000,"pid":5,"off_cpu":-3}"#,
    #"{"type":"stack","id":-1,"frames":["a"]}"#,
    #"{"type":"stack","id":9223372036854775807,"frames":["a"]}"#,
    #"{"type":"slow","kind":"write","start":9223372036854775807,"latency":9223372036854775807}"#,
    #"{"type":"slow","kind":"write","start":-1,"latency":50000000}"#,
    #"{"type":"slow","start":1,"latency":50000000}"#,
  ])
  func damagedLinesTellNothing(_ line: String) throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.wait(5, 120, 180, stack: 1, woken: 40)
    record.slow(5, 100, 200)
    record.add(line)
    let parts = try record.parts()
    #expect(parts[.journal] == 40 && parts[.cpuWait] == 20 && parts.count == 3)
    // Where the reader leaves a line out, it may have told of a wait.
    #expect((parts[.running] ?? parts[.lostRecords]) == 40)
  }

  @Test func aWakeupAfterTheWait() throws {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.wait(5, 120, 180, stack: 1, woken: 5_000_000)
    record.slow(5, 100, 200)
    #expect(try record.parts() == [.journal: 60, .running: 40])
  }
}

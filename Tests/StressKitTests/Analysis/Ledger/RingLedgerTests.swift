// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Operations of io_uring: task 5 submits, workers 7 and 8 are its io-wq's.
struct RingLedgerTests {
  private func fixture() throws -> LedgerFixture {
    var record = try LedgerFixture()
    record.stack(1, Stacks.ring)
    record.stack(2, Stacks.idle)
    record.stack(3, Stacks.writeback)
    record.stack(4, Stacks.unknown)
    return record
  }

  private func stall(_ record: LedgerFixture, at start: Int64 = 100) throws -> StallEpisode {
    try #require(try record.ledger().operations.first { $0.start == start * 1_000_000 })
  }

  @Test func submitterThenQueueThenWorkerThenSubmitter() throws {
    var record = try fixture()
    record.wait(5, 120, 190, stack: 1, woken: 60)
    record.work(.queue, 3, of: 5, by: 7, 110, 130)
    record.work(.run, 3, of: 5, by: 7, 130, 170)
    record.wait(7, 20, 130, stack: 2, woken: 102)
    record.wait(7, 140, 160, stack: 3, woken: 15)
    record.slow(5, 100, 200, op: 3)
    // 100-110 submitting; queued until the worker is woken at 122, then it waits for a CPU; 140-155 under
    // writeback; the submitter wakes at 180 and runs at 190.
    #expect(
      try record.parts() == [
        .running: 10 + 10 + 10 + 10, .ioWqQueue: 12, .cpuWait: 8 + 5 + 10, .folioWriteback: 15,
        .completion: 10,
      ])
    #expect(try stall(record).behind == 0)
  }

  /// Where no event tells who queued a request, nothing is known of how long it was behind others.
  @Test func aQueueThatNothingTellsOf() throws {
    var record = try fixture()
    record.wait(5, 100, 200, stack: 1)
    record.slow(5, 100, 200, op: 3)
    #expect(try stall(record).behind == 0)
    record.add(#"{"type":"trace","t":1,"events":{"sched:sched_switch":9}}"#)
    #expect(try stall(record).behind == nil)
    #expect(CellLedger([(1, try record.ledger())]).operations["write"]?.behind == .some(nil))
    record.add(#"{"type":"trace","t":2,"events":{"io_uring:io_uring_queue_async_work":0}}"#)
    #expect(try stall(record).behind == 0)
  }

  @Test func queuedBehindAnotherOperation() throws {
    var record = try fixture()
    record.work(.run, 2, of: 5, by: 7, 50, 150)
    record.work(.queue, 3, of: 5, by: 7, 100, 150)
    record.work(.run, 3, of: 5, by: 7, 150, 200)
    record.wait(7, 110, 130, stack: 3, woken: 15)
    record.wait(5, 100, 200, stack: 1)
    record.slow(5, 100, 200, op: 3)
    // The worker's wait is what it waits for, the worker's time on the CPU is the queue's.
    #expect(
      try record.parts() == [.folioWriteback: 15, .cpuWait: 5, .ioWqQueue: 30, .running: 50])
    #expect(try stall(record).behind == 50_000_000)
  }

  @Test func anUnknownWaitOfTheWorkerIsNoQueue() throws {
    var record = try fixture()
    record.work(.run, 2, of: 5, by: 7, 50, 150)
    record.work(.queue, 3, of: 5, by: 7, 100, 150)
    record.work(.run, 3, of: 5, by: 7, 150, 200)
    record.wait(7, 110, 130, stack: 4)
    record.slow(5, 100, 200, op: 3)
    #expect(try record.parts() == [.unknownWait: 20, .ioWqQueue: 30, .running: 50])
  }

  @Test func whileItsWorkerIsIdleTheOthersAreWaitedFor() throws {
    var record = try fixture()
    // 8 has the inode (io_wq_hash_work) until 150; 7 takes the next one.
    record.work(.run, 2, of: 5, by: 8, 90, 150)
    record.work(.run, 1, of: 5, by: 7, 90, 110)
    record.work(.queue, 3, of: 5, by: 7, 100, 160)
    record.work(.run, 3, of: 5, by: 7, 160, 200)
    record.wait(8, 105, 140, stack: 3)
    record.wait(7, 112, 158, stack: 2, woken: 44)
    record.slow(5, 100, 200, op: 3)
    // 100-110 behind 7; 110-140 8 waits, 140-150 it runs; 150-156 7 sleeps, 156-158 it waits for a CPU.
    #expect(
      try record.parts() == [
        .folioWriteback: 30, .ioWqQueue: 10 + 10 + 6 + 2, .cpuWait: 2, .running: 40,
      ])
    #expect(try stall(record).behind == 50_000_000)
  }

  @Test func theWorkersOfAnotherRingAreNot() throws {
    var record = try fixture()
    record.work(.run, 3, of: 6, by: 9, 100, 200)
    record.work(.queue, 3, of: 5, by: 7, 100, 150)
    record.work(.run, 3, of: 5, by: 7, 150, 200)
    record.wait(9, 100, 200, stack: 3)
    record.slow(5, 100, 200, op: 3)
    #expect(try record.parts() == [.ioWqQueue: 50, .untraced: 50])
  }

  /// Lines come in the order of their ends.
  @Test func twoSubmittersAndTwoOperationsInAnyOrder() throws {
    var record = try fixture()
    record.work(.run, 4, of: 5, by: 8, 130, 200)
    record.work(.run, 3, of: 6, by: 9, 100, 180)
    record.work(.run, 3, of: 5, by: 7, 120, 200)
    record.work(.queue, 4, of: 5, by: 8, 110, 130)
    record.work(.queue, 3, of: 5, by: 7, 100, 120)
    record.wait(7, 150, 160, stack: 3)
    record.wait(8, 150, 190, stack: 3)
    record.wait(9, 110, 120, stack: 3)
    record.slow(5, 100, 200, op: 3)
    record.slow(5, 101, 200, op: 4)
    record.slow(6, 99, 180, op: 3)
    #expect(
      LedgerFixture.parts(try stall(record)) == [.ioWqQueue: 20, .running: 70, .folioWriteback: 10])
    #expect(LedgerFixture.parts(try stall(record, at: 101))[.folioWriteback] == 40)
    #expect(LedgerFixture.parts(try stall(record, at: 99))[.folioWriteback] == 10)
  }

  @Test func aUserDataIsUsedAgain() throws {
    var record = try fixture()
    // The first one is let go of after its completion was seen.
    record.work(.queue, 3, of: 5, by: 7, 40, 50)
    record.work(.run, 3, of: 5, by: 7, 50, 104)
    record.work(.queue, 3, of: 5, by: 7, 110, 120)
    record.work(.run, 3, of: 5, by: 7, 120, 205)
    record.work(.queue, 3, of: 5, by: 7, 210, 300)
    record.wait(5, 10, 20, stack: 1)
    record.wait(7, 100, 103, stack: 4)
    record.wait(7, 130, 190, stack: 3)
    record.slow(5, 100, 200, op: 3)
    #expect(try record.parts() == [.running: 30, .ioWqQueue: 10, .folioWriteback: 60])
  }

  @Test func aWriteThatIsQueuedAgainWithAnotherWorker() throws {
    var record = try fixture()
    record.work(.queue, 3, of: 5, by: 7, 100, 110)
    record.work(.run, 3, of: 5, by: 7, 110, 120)
    record.work(.queue, 3, of: 5, by: 8, 130, 140)
    record.work(.run, 3, of: 5, by: 8, 140, 200)
    record.wait(7, 20, 100, stack: 2)
    record.wait(8, 145, 200, stack: 3)
    record.wait(5, 100, 200, stack: 1)
    record.slow(5, 100, 200, op: 3)
    #expect(
      try record.parts() == [
        .ioWqQueue: 20, .running: 15, .completion: 10, .folioWriteback: 55,
      ])
  }

  @Test func nobodyIsSeenAtWork() throws {
    var record = try fixture()
    record.wait(5, 110, 180, stack: 1, woken: 60)
    record.slow(5, 100, 200, op: 3)
    #expect(try record.parts() == [.unseenCompletion: 60, .cpuWait: 10, .running: 30])
  }

  @Test func inFlightAndStillQueued() throws {
    var record = try fixture()
    record.work(.run, 2, of: 5, by: 7, 50, nil)
    record.work(.queue, 3, of: 5, by: nil, 110, nil)
    record.wait(7, 60, nil, stack: 3)
    record.wait(5, 90, 95, stack: 1)
    record.slow(5, 100, 200, op: 3, inFlight: true)
    #expect(try record.parts() == [.running: 10, .folioWriteback: 90])
    #expect(try stall(record).behind == 90_000_000)
  }

  @Test func inFlightAndNoWorkerAtAll() throws {
    var record = try fixture()
    record.work(.queue, 3, of: 5, by: nil, 110, nil)
    record.wait(5, 90, 95, stack: 1)
    record.slow(5, 100, 200, op: 3, inFlight: true)
    #expect(try record.parts() == [.running: 10, .ioWqQueue: 90])
  }

  @Test func inFlightAndBegun() throws {
    var record = try fixture()
    record.work(.queue, 3, of: 5, by: 7, 110, 120)
    record.wait(7, 130, nil, stack: 3)
    record.wait(5, 90, 95, stack: 1)
    record.slow(5, 100, 200, op: 3, inFlight: true)
    #expect(try record.parts() == [.running: 20, .ioWqQueue: 10, .folioWriteback: 70])
  }

  @Test func aRunThatDoesNotEndIsTheWorkersOfItsQueueing() throws {
    var record = try fixture()
    record.work(.queue, 3, of: 5, by: 7, 110, 120)
    record.work(.run, 3, of: 5, by: nil, 120, nil)
    record.work(.queue, 4, of: 5, by: nil, 130, nil)
    record.wait(7, 125, nil, stack: 3)
    record.wait(5, 90, 95, stack: 1)
    record.slow(5, 100, 200, op: 3, inFlight: true)
    record.slow(5, 130, 200, op: 4, inFlight: true)
    #expect(
      LedgerFixture.parts(try stall(record)) == [
        .running: 15, .ioWqQueue: 10, .folioWriteback: 75,
      ])
    let second = try stall(record, at: 130)
    #expect(LedgerFixture.parts(second) == [.folioWriteback: 70] && second.behind == second.time)
  }

  @Test func nobodyKnowsWhichWorkerRunsIt() throws {
    var record = try fixture()
    record.work(.run, 3, of: 5, by: nil, 120, nil)
    record.wait(5, 90, 95, stack: 1)
    record.slow(5, 100, 200, op: 3, inFlight: true)
    #expect(try record.parts() == [.running: 20, .untraced: 80])
  }

  @Test func aWorkerDiesWithItsSubmitter() throws {
    var record = try fixture()
    record.work(.queue, 3, of: 5, by: 7, 100, 110)
    record.work(.run, 3, of: 5, by: 7, 110, nil)
    record.wait(7, 120, 130, stack: 3)
    record.exit(5, at: 160)
    record.slow(5, 100, 200, op: 3, inFlight: true)
    #expect(
      try record.parts() == [.ioWqQueue: 10, .running: 40, .folioWriteback: 10, .exited: 40])
  }

  @Test func anEndThatWasNotSeenIsNoLaterThanTheNextBegin() throws {
    var record = try fixture()
    record.work(.run, 9, of: 5, by: 7, 5, 10)
    record.work(.run, 0, of: 5, by: 7, 10, 15)
    record.work(.run, 1, of: 5, by: 7, 20, nil)
    record.work(.run, 2, of: 5, by: 7, 60, 90)
    record.work(.queue, 3, of: 5, by: 7, 100, 150)
    record.work(.run, 3, of: 5, by: 7, 150, 200)
    record.wait(7, 100, 150, stack: 4)
    record.slow(5, 100, 200, op: 3)
    // It runs nothing meanwhile, whatever it sleeps in.
    #expect(try record.parts() == [.ioWqQueue: 50, .running: 50])
    #expect(try stall(record).behind == 0)
  }

  @Test func aWorkerThatSleepsForWorkIsNotAtWork() throws {
    var record = try fixture()
    // That it was done with the first one was not seen.
    record.work(.run, 1, of: 5, by: 7, 20, nil)
    record.work(.queue, 3, of: 5, by: 7, 100, 150)
    record.work(.run, 3, of: 5, by: 7, 150, 200)
    record.wait(7, 100, 150, stack: 2, woken: 45)
    record.slow(5, 100, 200, op: 3)
    #expect(try record.parts() == [.ioWqQueue: 45, .cpuWait: 5, .running: 50])
  }

  @Test func lostRecordsLeaveTheQueueKnown() throws {
    var record = try LedgerFixture(lost: 3)
    record.work(.run, 2, of: 5, by: 7, 50, 150)
    record.work(.queue, 3, of: 5, by: 7, 100, 160)
    record.work(.run, 3, of: 5, by: 7, 160, 200)
    record.wait(7, 20, 30)
    record.slow(5, 100, 200, op: 3)
    #expect(try record.parts() == [.ioWqQueue: 60, .lostRecords: 40])
  }

  @Test func manyOperationsEachHaveTheirOwn() throws {
    var record = try fixture()
    // Four at once, run one after the other.
    for i in 0..<4 as Range<Int64> {
      let begin = 110 + 20 * i
      record.work(.queue, i, of: 5, by: 7, 100, begin)
      record.work(.run, i, of: 5, by: 7, begin, begin + 20)
      record.slow(5, 100 - i, begin + 20, op: i)
    }
    record.wait(7, 20, 110, stack: 2)
    record.wait(5, 90, 95, stack: 1)
    let stalls = try record.ledger().operations
    #expect(stalls.map(\.time) == [93, 72, 51, 30].map { $0 * 1_000_000 })
    #expect(stalls.map { $0.behind.map { $0 / 1_000_000 } } == [60, 40, 20, 0])
    #expect(stalls.map { $0.time(of: .ioWqQueue) / 1_000_000 } == [70, 50, 30, 10])
    #expect(stalls.allSatisfy { $0.unexplained == 0 })
  }
}

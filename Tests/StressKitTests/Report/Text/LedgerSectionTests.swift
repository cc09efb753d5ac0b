// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressReport

struct LedgerSectionTests {
  private func ledger(_ make: (inout LedgerFixture) -> Void) throws -> StallLedger {
    var record = try LedgerFixture()
    record.stack(1, Stacks.journal)
    record.stack(2, Stacks.unknown)
    record.stack(3, Stacks.writeback)
    make(&record)
    return try record.ledger()
  }

  private func text(_ cells: [[StallLedger]], width: Int = 80) -> [String] {
    let cells = cells.map { CellLedger($0.enumerated().map { ($0.offset + 1, $0.element) }) }
    return LedgerSection(cells).lines(width: width) { "<\($0)>" }
  }

  @Test func whereTheTimeWent() throws {
    let first = try ledger { record in
      record.wait(5, 110, 190, stack: 1)
      record.slow(5, 100, 200, kind: "fsync")
      record.slow(5, 100, 150)
    }
    let second = try ledger { record in
      record.wait(5, 100, 200, stack: 3)
      record.wait(5, 300, 340, stack: 2)
      record.slow(5, 100, 200, kind: "fsync")
      record.slow(5, 300, 400, kind: "fsync", inFlight: true)
      record.pressure("io", [(100, 0), (110, 10), (120, 20)])
      record.task(5, in: "wbstress/s")
    }
    let old = try {
      var record = try LedgerFixture()
      record.slow(5, 100, 200, kind: "touch")
      return try record.ledger()
    }()
    let lines = text([[first, second], [old]])
    #expect(lines.allSatisfy { $0.count <= 82 })
    #expect(
      lines.joined(separator: "\n") == """
        <fsync stalls, % of time        #1  #2>
        folio under writeback        33.3   -
        journal or log commit        26.7   -
        running                      26.7   -
        unexplained                  13.3   -
          wait in unknown stack      13.3   -
        stalls                          3   0
        their time, s                0.30   -
        unexplained, median/p90  0.0/40.0   -

        <touch stalls, % of time  #1           #2>
        unexplained               -        100.0
          task not followed       -        100.0
        stalls                    0            1
        their time, s             -         0.10
        unexplained, median/p90   -  100.0/100.0

        <write stalls, % of time       #1  #2>
        journal or log commit       80.0   -
        running                     20.0   -
        unexplained                  0.0   -
        stalls                         1   0
        their time, s               0.05   -
        unexplained, median/p90  0.0/0.0   -

        <io.pressure full, % of time       #1  #2>
        folio under writeback          100.0   -
        unexplained                      0.0   -
        stalls                             1   0
        their time, s                   0.02   -
        unexplained, median/p90      0.0/0.0   -

        Stalls: operations that took at least 10ms, or were in flight for as long at the
        end. full: periods of the streams' time in which full in the cgroup's PSI grew
        by more than 10.0 % of each interval. The causes and unexplained add up to 100
        %; operations that wait for the same thing all count. unexplained, median/p90:
        of the single stalls. docs/ledger.md defines each cause.
        #2: records without the scheduler's events; what no other event tells is
            unexplained
        worst of #1, trial 1: fsync of s, 0.10 s from t = 0.100: journal or log commit
            80.0 %, running 20.0 %, unexplained 0.0 %
        worst of #1, trial 2: fsync of s, 0.10 s from t = 0.100: folio under writeback
            100.0 %, unexplained 0.0 %
        worst of #2, trial 1: touch of s, 0.10 s from t = 0.100: unexplained 100.0 %
        unknown stack, 0.04 s: frobnicate < do_syscall_64
        """)
  }

  @Test func whatWasQueuedAndWhatWasInFlight() throws {
    let only = try ledger { record in
      record.work(.run, 2, of: 5, by: 7, 50, 150)
      record.work(.queue, 3, of: 5, by: 7, 100, 150)
      record.work(.run, 3, of: 5, by: 7, 150, 190)
      record.wait(7, 20, 30)
      record.wait(5, 80, 90)
      record.slow(5, 100, 200, op: 3, inFlight: true)
    }
    let lines = text([[only]])
    #expect(lines.contains("queued behind others        50.0"))
    #expect(
      lines.suffix(2) == [
        "worst of #1, trial 1: write of s, 0.10 s from t = 0.100, in flight: io-wq",
        "    queueing 50.0 %, running 50.0 %, unexplained 0.0 %",
      ])
  }

  @Test func stacksWithoutNames() throws {
    let only = try ledger { record in
      record.add(#"{"type":"stack","id":9,"addresses":["0x10","0x20"]}"#)
      record.wait(5, 100, 150, stack: 9)
      record.wait(5, 150, 170)
      record.slow(5, 100, 200)
    }
    #expect(
      text([[only]]).suffix(2) == [
        "unknown stack, 0.05 s: 0x10 < 0x20", "unknown stack, 0.02 s: none in the record",
      ])
  }

  @Test func nothingToSay() throws {
    #expect(text([[try ledger { _ in }], []]).isEmpty)
  }
}

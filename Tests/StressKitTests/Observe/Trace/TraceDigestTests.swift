// SPDX-License-Identifier: Apache-2.0
import CAllocationCount
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

struct TraceDigestTests {
  private struct Row: Equatable {
    var span: TraceSpan?
    var event: TraceEvent
    var pid: Int32
    var start: UInt64
    var end: UInt64
    var values: [Int64]
  }

  private func record(
    _ event: TraceEvent, _ time: UInt64, pid: Int32 = 7, _ values: [Int64] = [], text: String = ""
  ) -> TraceRecord {
    var record = TraceRecord(event, cpu: 0, pid: pid, time: time)
    for (i, value) in values.enumerated() { record.values[i] = value }
    for (i, byte) in text.utf8.enumerated() { record.text[i] = byte }
    return record
  }

  private func rows(_ digest: TraceDigest, values: Int = 0) -> [Row] {
    var rows: [Row] = []
    digest.drain { row in
      rows.append(
        Row(
          span: row.span, event: row.event, pid: row.pid, start: row.start, end: row.end,
          values: (0..<values).map { row.values[$0] }))
    }
    return rows
  }

  private func digested(_ records: [TraceRecord], values: Int = 0) -> [Row] {
    let digest = TraceDigest(capacity: 64)
    for record in records { digest.take(record) }
    return rows(digest, values: values)
  }

  // MARK: The table

  /// Of an event, a record in which each field has a value of its own, but for the key's, which are the same in all
  /// records of one number.
  private func sample(
    _ event: TraceEvent, _ time: UInt64, number: Int64, key: [SpanTraits.Key] = []
  ) -> TraceRecord {
    var record = record(event, time, pid: Int32(number))
    for (i, name) in event.definition.names.enumerated() {
      let part = key.firstIndex(of: .field(name)).map { 10 * number + Int64($0) }
      record.values[i] = part ?? 1000 * Int64(event.rawValue) + 100 * number + Int64(i)
    }
    return record
  }

  private func value(_ field: String, of record: TraceRecord) -> Int64? {
    record.event.definition.names.firstIndex(of: field).map { record.values[$0] }
  }

  /// Of two intervals that overlap, that which began last ends first.
  @Test(arguments: TraceSpan.allCases)
  func intervalsAreAsTheTableSays(_ span: TraceSpan) {
    let digest = TraceDigest(capacity: 64)
    let count = span.traits.values.count
    func rowsOfSpan() -> [Row] {
      rows(digest, values: min(count + 1, 8)).filter { $0.span == span }
    }
    switch span.traits.interval {
    case .pair(let begin, let end, let key, let endsAlone):
      let begun = (1...2).map { sample(begin, 90 + 10 * UInt64($0), number: $0, key: key) }
      let ended = (1...2).map { sample(end, 170 - 10 * UInt64($0), number: $0, key: key) }
      for record in begun { digest.take(record) }
      for record in ended.reversed() { digest.take(record) }
      let told = rowsOfSpan()
      #expect(told.map(\.start) == [110, 100] && told.map(\.end) == [150, 160], "\(span.label)")
      for (row, i) in zip(told, [1, 0]) {
        let values = span.traits.values.map {
          value($0.field, of: ended[i]) ?? value($0.field, of: begun[i])
        }
        #expect(row.values.prefix(count).map(Optional.some) == values, "\(span.label)")
        #expect(row.event == end && row.pid == ended[i].pid)
      }
      let before = digest.unpaired
      digest.take(ended[0])
      #expect(digest.unpaired == before + (endsAlone ? 0 : 1), "\(span.label)")
    case .told(let event, let field, let unit, let side, let condition):
      var record = sample(event, 1_000_000_000, number: 1)
      let names = event.definition.names
      for (name, value) in [(field, Int64(3))] + (condition.map { [($0.field, $0.value)] } ?? []) {
        record.values[names.firstIndex(of: name) ?? 8] = value
      }
      digest.take(record)
      let told = rowsOfSpan()
      let length = 3 * unit.rawValue
      #expect(told.map(\.start) == [1_000_000_000 - (side == .behind ? length : 0)])
      #expect(told.map(\.end) == [1_000_000_000 + (side == .ahead ? length : 0)])
      let values = span.traits.values.map { value($0.field, of: record) }
      #expect(told.first.map { $0.values.prefix(count).map(Optional.some) } == values)
    case .since(let event, let field):
      let record = sample(event, 1_000_000_000, number: 1)
      digest.take(record)
      #expect(rowsOfSpan().map { Optional(Int64($0.start)) } == [value(field, of: record)])
    case .sinceJiffy(let event, let field):
      let record = sample(event, 1_000_000_000, number: 1)
      digest.take(record)
      // Behind the values that the record names.
      let told = rowsOfSpan()
      #expect(told.first?.values.last == value(field, of: record))
      #expect(
        told.first.map { $0.values.dropLast().map(Optional.some) }
          == span.traits.values.map { value($0.field, of: record) })
    case .own: break
    }
  }

  // MARK: System calls

  private func enter(
    _ call: SystemCall, _ time: UInt64, pid: Int32 = 7, _ first: Int64, _ third: Int64 = 0
  ) -> TraceRecord { record(.sysEnter, time, pid: pid, [call.number, first, third]) }

  private func leave(
    _ call: SystemCall, _ time: UInt64, pid: Int32 = 7, _ returned: Int64 = 0
  ) -> TraceRecord { record(.sysExit, time, pid: pid, [call.number, returned]) }

  /// Paired by task; which argument is the descriptor depends on the call, and it is an int.
  @Test func callsAreIntervals() {
    let rows = digested(
      [
        enter(.write, 100, 0x7fff_0000_0003, 512), enter(.copyFileRange, 110, pid: 8, 4, 5),
        enter(.msync, 120, pid: 9, 0x7f00_0000, 4), leave(.write, 150, 512),
        enter(.fdatasync, 160, 3), leave(.copyFileRange, 170, pid: 8, 1 << 33),
        leave(.msync, 180, pid: 9, -5), leave(.fdatasync, 190),
      ], values: 3)
    func row(
      _ span: TraceSpan, _ pid: Int32, _ start: UInt64, _ end: UInt64, _ values: [Int64]
    ) -> Row {
      Row(span: span, event: .sysExit, pid: pid, start: start, end: end, values: values)
    }
    #expect(
      rows == [
        row(.writeCall, 7, 100, 150, [3, SystemCall.write.number, 512]),
        row(.writeCall, 8, 110, 170, [5, SystemCall.copyFileRange.number, 1 << 33]),
        row(.syncCall, 9, 120, 180, [SampleLine.unknown, SystemCall.msync.number, -5]),
        row(.syncCall, 7, 160, 190, [3, SystemCall.fdatasync.number, 0]),
      ])
  }

  /// Of another call, of one whose begin was not seen, and of a call that is none of those: no interval.
  @Test func callsThatAreNotWhole() {
    let digest = TraceDigest(capacity: 64)
    let reads = record(.sysEnter, 90, [0, 3, 0])
    for record in [reads, record(.sysExit, 95, [0, 1]), record(.sysEnter, 96, [-1, 3, 0])] {
      digest.take(record)
    }
    #expect(digest.unpaired == 0)
    digest.take(leave(.write, 100))
    digest.take(enter(.write, 110, 3))
    digest.take(leave(.pwrite64, 120))
    #expect(rows(digest).isEmpty && digest.unpaired == 2)
  }

  /// A reason of throttling that the table does not have is an event by itself, as what makes no interval is.
  @Test func whatMakesNoIntervalIsToldByItself() {
    let rows = digested([
      record(.throttled, 100, [4000, 32, 4000, 0]), record(.folioWait, 200, [12, 1]),
      record(.pagesWritten, 300, [64]), record(.wakeReaper, 400, [7]),
    ])
    #expect(rows.map(\.event) == [.throttled, .folioWait] && rows.allSatisfy { $0.span == nil })
    #expect(rows.map(\.start) == [100, 200])
  }

  // MARK: Each for itself

  @Test func reclaimPairsByTask() {
    let rows = digested(
      [
        record(.memcgReclaimBegin, 100, pid: 1, [3, 0x10]),
        record(.memcgReclaimBegin, 110, pid: 2, [0, 0x20]),
        record(.memcgReclaimEnd, 150, pid: 2, [32]), record(.memcgReclaimEnd, 170, pid: 1, [5]),
      ], values: 3)
    #expect(
      rows == [
        Row(
          span: .memcgReclaim, event: .memcgReclaimEnd, pid: 2, start: 110, end: 150,
          values: [32, 0, 0x20]),
        Row(
          span: .memcgReclaim, event: .memcgReclaimEnd, pid: 1, start: 100, end: 170,
          values: [5, 3, 0x10]),
      ])
  }

  /// A reclaim that found no room in the table has no end either: after it nobody reclaims.
  @Test func aFullTableLeavesNobodyReclaiming() {
    let digest = TraceDigest(capacity: 1 << 15)
    for inode in 0..<(1 << 14) { digest.take(record(.markInode, 50, [1, Int64(inode)])) }
    #expect(digest.overflowed > 0)
    digest.take(record(.memcgReclaimBegin, 100, pid: 1, [0, 0]))
    digest.take(record(.memcgReclaimEnd, 110, pid: 1, [1]))
    for inode in 0..<(1 << 14) { digest.take(record(.clearInode, 120, [1, Int64(inode)])) }
    _ = rows(digest)
    digest.take(record(.workStart, 1000, [10, 0, 1, 7]))
    #expect(!rows(digest).contains { $0.span == .flusherWake })
  }

  @Test func aPassOfKswapdHasWhatItReclaimed() {
    let rows = digested(
      [
        record(.kswapdWake, 90, [1, 0]), record(.balanceBegin, 100, [1, 0]),
        record(.balanceBegin, 105, [0, 3]), record(.kswapdFail, 150, [1, 16, 0]),
        record(.balanceEnd, 160, [1, 0, 0]), record(.balanceEnd, 180, [0, 2, 512]),
        record(.kswapdClearHopeless, 190, [1, 2, 0]),
      ], values: 3)
    #expect(
      rows == [
        Row(span: nil, event: .kswapdFail, pid: 7, start: 150, end: 150, values: [1, 16, 0]),
        Row(span: .balance, event: .balanceEnd, pid: 7, start: 100, end: 160, values: [1, 0, 0]),
        Row(span: .balance, event: .balanceEnd, pid: 7, start: 105, end: 180, values: [0, 2, 512]),
        Row(
          span: nil, event: .kswapdClearHopeless, pid: 7, start: 190, end: 190, values: [1, 2, 0]),
      ])
  }

  @Test func aThrottleEndsWhenItIsTold() {
    let rows = digested([record(.throttled, 10_000_000, [4000, 8, 4000, 0])])
    #expect(
      rows == [
        Row(
          span: .throttledCongested, event: .throttled, pid: 7, start: 6_000_000, end: 10_000_000,
          values: [])
      ])
  }

  @Test func aPauseBeginsWhenItIsTold() {
    let rows = digested([
      record(.balanceDirtyPages, 5, [12, 156]), record(.balanceDirtyPages, 6, [0, 156]),
      record(.balanceDirtyPages, 7, [-3, 156]),
    ])
    #expect(rows.count == 1)
    #expect(rows.first?.start == 5 && rows.first?.end == 12_000_005)
  }

  @Test func requestsPairBySector() {
    let rows = digested(
      [
        record(.blockIssue, 10, [1, 800, 4096, 8], text: "WS"),
        record(.blockIssue, 11, [1, 900, 4096, 8], text: "R"),
        record(.blockComplete, 20, pid: 0, [1, 900, 8, 0], text: "R"),
        record(.blockComplete, 25, pid: 0, [1, 800, 8, 0], text: "WS"),
      ], values: 3)
    #expect(rows.map(\.span) == [.blockRead, .blockWrite])
    #expect(
      rows.map(\.start) == [11, 10] && rows.map(\.values) == [[1, 900, 4096], [1, 800, 4096]])
  }

  /// As kernel 6.18 told them for an fsync: the flush completes for another sector than it was issued for,
  /// and the data once more behind it.
  @Test func writesWithAFlushBehind() {
    let digest = TraceDigest(capacity: 64)
    for record in [
      record(.blockIssue, 10, [1, 278_530, 1024, 2], text: "WSM"),
      record(.blockComplete, 12, [1, 278_530, 2, 0], text: "WSM"),
      record(.blockIssue, 13, [1, 0, 0, 0], text: "FF"),
      record(.blockComplete, 30, [1, -1, 0, 0], text: "FF"),
      record(.blockComplete, 31, [1, 278_530, 0, 0], text: "WSM"),
    ] { digest.take(record) }
    #expect(rows(digest).map(\.span) == [.blockWrite, .blockFlush])
    #expect(digest.unpaired == 0)
  }

  @Test func aFlushBeforeIsItsWrites() {
    let rows = digested([
      record(.blockIssue, 1, [1, 5, 512, 1], text: "FWFS"),
      record(.blockComplete, 2, [1, 5, 1, 0], text: "FWFS"),
      record(.blockIssue, 3, [1, 5, 512, 1], text: "DS"),
      record(.blockComplete, 4, [1, 5, 1, 0], text: "DS"),
    ])
    #expect(rows.map(\.span) == [.blockWrite, .blockDiscard])
  }

  @Test func aRequestMayCompleteInParts() {
    let rows = digested(
      [
        record(.blockIssue, 10, [1, 100, 4096, 8], text: "W"),
        record(.blockComplete, 20, [1, 100, 3, 0], text: "W"),
        record(.blockComplete, 30, [1, 103, 5, 0], text: "W"),
      ], values: 3)
    #expect(rows.map(\.start) == [10, 10] && rows.map(\.end) == [20, 30])
    #expect(rows.map { $0.values[2] } == [1536, 2560])
  }

  @Test func inodeUnderWriteback() {
    let rows = digested([
      record(.markInode, 10, [1, 12]), record(.markInode, 11, [1, 13]),
      record(.clearInode, 40, [1, 12]),
    ])
    #expect(rows.map(\.span) == [.inodeWriteback] && rows.map(\.start) == [10])
  }

  @Test func theFlusherWakesForTheReclaimThatMetDirtyPages() {
    let rows = digested([
      record(.memcgReclaimBegin, 100, pid: 1, [0, 0]),
      record(.shrinkInactive, 110, pid: 1, [32, 32, 0, 0, 0, 0]),
      record(.memcgReclaimEnd, 120, pid: 1, [32]),
      record(.memcgReclaimBegin, 200, pid: 1, [0, 0]),
      record(.shrinkInactive, 210, pid: 1, [32, 0, 32, 0, 0, 32]),
      record(.workStart, 250, pid: 9, [512, 0, 1, 156, 0, 0]),
      record(.memcgReclaimEnd, 300, pid: 1, [0]),
      // For another reason: no wake-up by reclaim.
      record(.workStart, 900, pid: 9, [512, 0, 3, 156, 0, 1]),
    ])
    let wakes = rows.filter { $0.span == .flusherWake }
    #expect(wakes.map(\.start) == [200] && wakes.map(\.end) == [250])
  }

  @Test func theFlusherMayBeThereBeforeTheScanIsTold() {
    let rows = digested([
      record(.memcgReclaimBegin, 100, pid: 1, [0, 0]),
      record(.workStart, 130, pid: 9, [512, 0, 1, 156, 0, 0]),
    ])
    #expect(rows.first { $0.span == .flusherWake }?.start == 100)
  }

  @Test func aPassIsToldOnce() {
    let rows = digested([
      record(.workStart, 1, [512, 0, 0, 1, 1, 0]),
      record(.workStart, 50_000_000, [256, 0, 0, 1, 1, 0]),
      record(.workStart, 50_000_001, [256, 0, 0, 2, 1, 0]),
      record(.workStart, 300_000_000, [512, 0, 0, 1, 1, 0]),
    ])
    #expect(rows.map(\.end) == [1, 50_000_001, 300_000_000])
  }

  @Test func explicitWorkWaitsInItsQueue() {
    let rows = digested([
      record(.workQueue, 10, [579, 0, 2, 156, 0, 0]),
      record(.workExec, 30, [579, 0, 2, 156, 0, 0]),
    ])
    #expect(rows.map(\.span) == [.workQueue] && rows.map(\.start) == [10])
  }

  @Test func scansAreSummedByTheSecond() {
    let second: UInt64 = 1_000_000_000
    let digest = TraceDigest(capacity: 64)
    digest.flushSums(second)
    for time in [second + 1, second + 2, 2 * second + 1] {
      digest.take(record(.shrinkInactive, time, [32, 1, 30, 2, 0, 4]))
    }
    digest.flushSums(2 * second + 5)
    let rows = rows(digest, values: 7)
    #expect(rows.map(\.values) == [[2, 64, 2, 60, 4, 0, 8], [1, 32, 1, 30, 2, 0, 4]])
    #expect(rows.map(\.start) == [second, 2 * second])
    #expect(digest.counts[Int(TraceEvent.shrinkInactive.rawValue)] == 3)
  }

  @Test func puntedWritesByTask() {
    let digest = TraceDigest(capacity: 64)
    for (pid, opcode) in [(1, 23), (1, 23), (2, 23), (1, 3)] as [(Int32, Int64)] {
      digest.take(record(.queueAsyncWork, 1, pid: pid, [opcode, 0]))
    }
    #expect(digest.puntedWrites().map(\.pid) == [1, 2])
    #expect(digest.puntedWrites().map(\.count) == [2, 1])
  }

  @Test func aTicketHasItsBeginWithIt() {
    let rows = digested([record(.btrfsTicket, 900, [400, 4096, 2, 0])], values: 3)
    #expect(rows.map(\.start) == [400] && rows.map(\.values) == [[4096, 2, 0]])
  }

  @Test func endsWithoutABeginAreCounted() {
    let digest = TraceDigest(capacity: 64)
    digest.take(record(.memcgReclaimEnd, 10, [1]))
    digest.take(record(.clearInode, 10, [1, 2]))
    // It goes to sleep without having been woken, too.
    digest.take(record(.kcompactdSleep, 10, [0]))
    #expect(digest.unpaired == 2 && rows(digest).isEmpty)
  }

  /// Found by the fuzzer: sums that do not fit.
  @Test func nonsenseIsSurvived() {
    let digest = TraceDigest(capacity: 64)
    for event in TraceEvent.allCases {
      for value in [Int64.max, .min, -1] {
        for _ in 0..<2 {
          digest.take(record(event, .max, pid: -1, [Int64](repeating: value, count: 8), text: "W"))
          digest.take(record(event, 0, pid: -1, [Int64](repeating: value, count: 8), text: "FF"))
        }
      }
    }
    digest.flushSums(.max)
    #expect(digest.counts[Int(TraceEvent.markVictim.rawValue)] == 12)
  }

  @Test func whatHasNotEndedIsTold() {
    let digest = TraceDigest(capacity: 64)
    digest.take(record(.memcgReclaimBegin, 10, pid: 5, [0, 0]))
    digest.take(record(.workStart, 20, [512, 0, 0, 1, 1, 0]))
    var open: [TraceSpan: UInt64] = [:]
    digest.visitOpen { span, _, _, start in open[span] = start }
    #expect(open == [.memcgReclaim: 10])
  }

  @Test func aFullRingIsCountedAndNothingIsAllocated() {
    let digest = TraceDigest(capacity: 64)
    var records: [TraceRecord] = []
    for i in 0..<1000 as Range<Int32> {
      records.append(record(.memcgReclaimBegin, UInt64(i), pid: i % 9))
      records.append(record(.memcgReclaimEnd, UInt64(i), pid: i % 9))
    }
    // The first of each makes the runtime look up its types, once.
    for i in 0..<2 { digest.take(records[i]) }
    let before = ac_allocations()
    for i in 2..<records.count { digest.take(records[i]) }
    #expect(ac_allocations() == before)
    #expect(digest.droppedRows == 1000 - 64)
  }

  /// With data=journal it came by the ten thousand while the record's thread was late, and the only
  /// mark_victim found the ring full.
  @Test func foreignDirtyingIsSummedByTheSecond() {
    let second: UInt64 = 1_000_000_000
    let digest = TraceDigest(capacity: 64)
    digest.flushSums(second)
    for i in 0..<200 as Range<UInt64> { digest.take(record(.trackForeign, second + i)) }
    digest.take(record(.trackForeign, 2 * second + 1))
    digest.flushSums(2 * second + 5)
    let rows = rows(digest, values: 1)
    #expect(rows.map(\.values) == [[200], [1]] && rows.map(\.start) == [second, 2 * second])
    #expect(rows.allSatisfy { $0.event == .trackForeign } && digest.droppedRows == 0)
  }

  @Test func aFloodOfEventsLeavesRoomForAKill() {
    let digest = TraceDigest(capacity: 64)
    for i in 0..<200 as Range<UInt64> { digest.take(record(.flushForeign, i)) }
    #expect(digest.droppedRows == 200 - 32)
    digest.take(record(.markVictim, 300, [7]))
    digest.take(record(.memcgReclaimBegin, 301, pid: 1))
    digest.take(record(.memcgReclaimEnd, 302, pid: 1))
    var last: [TraceEvent] = []
    digest.drain { if $0.event != .flushForeign { last.append($0.event) } }
    #expect(last == [.markVictim, .memcgReclaimEnd] && digest.droppedRows == 200 - 32)
  }
}

// SPDX-License-Identifier: Apache-2.0
import CAllocationCount
import Testing

@testable import StressMachine
@testable import StressRecord

/// Where tasks are while they do not run: through the digest, as the trace's thread feeds it.
struct TaskTimesTests {
  private struct Row: Equatable {
    var span: TraceSpan?
    var pid: Int32
    var start: UInt64
    var end: UInt64
    var values: [Int64]
  }
  private static let unknown = SampleLine.unknown

  private func digest(capacity: Int = 64) -> TraceDigest {
    let digest = TraceDigest(capacity: capacity)
    digest.tasks.submitters = [5, 1_234_567]
    digest.tasks.followsRequests = true
    return digest
  }

  /// A switch; states as in sched_switch: 0 runs, 1 S, 2 D, 256 preempted.
  private func schedSwitch(
    _ time: UInt64, from previous: Int64, _ name: String, _ state: Int64, to next: Int64,
    cpu: Int32 = 0
  ) -> TraceRecord {
    var record = TraceRecord(.schedSwitch, cpu: cpu, pid: Int32(previous), time: time)
    record.values[0] = previous
    record.values[1] = state
    record.values[2] = next
    for (i, byte) in name.utf8.enumerated() { record.text[i] = byte }
    return record
  }

  /// A task of the trial goes to sleep, for the idle task, or comes back for it.
  private func out(_ pid: Int64, _ time: UInt64, _ state: Int64 = 2, cpu: Int32 = 0) -> TraceRecord
  {
    schedSwitch(time, from: pid, "wb-stream", state, to: 0, cpu: cpu)
  }
  private func back(_ pid: Int64, _ time: UInt64, cpu: Int32 = 0) -> TraceRecord {
    schedSwitch(time, from: 0, "swapper/0", 0, to: pid, cpu: cpu)
  }
  private func wakeup(_ pid: Int64, _ time: UInt64) -> TraceRecord {
    var record = TraceRecord(.schedWakeup, pid: 0, time: time)
    record.values[0] = pid
    return record
  }

  private func takeStack(
    _ digest: TraceDigest, _ pid: Int32, _ time: UInt64, _ addresses: [UInt64], cpu: Int32 = 0,
    size: Int64? = nil
  ) {
    addresses.withUnsafeBytes { bytes in
      var record = TraceRecord(.kernelStack, cpu: cpu, pid: pid, time: time)
      record.values[0] = size ?? Int64(addresses.count)
      record.words = bytes
      digest.take(record)
    }
  }

  private func take(_ digest: TraceDigest, _ records: TraceRecord...) {
    for record in records { digest.take(record) }
  }

  private func rows(_ digest: TraceDigest, values: Int = 3) -> [Row] {
    var rows: [Row] = []
    digest.drain { row in
      rows.append(
        Row(
          span: row.span, pid: row.pid, start: row.start, end: row.end,
          values: (0..<values).map { row.values[$0] }))
    }
    return rows
  }

  // MARK: Tasks

  @Test func aSleepHasItsWakeup() {
    let digest = digest()
    take(digest, out(5, 100), wakeup(5, 170), wakeup(5, 180), back(5, 200, cpu: 1))
    let found = rows(digest)
    #expect(
      found == [Row(span: .offCPU, pid: 5, start: 100, end: 200, values: [2, 70, Self.unknown])])
  }

  @Test func aWakeupThatWasNotSeenIsUnknown() {
    let digest = digest()
    take(digest, wakeup(5, 90), out(5, 100, 1), back(5, 200))
    #expect(rows(digest).map(\.values) == [[1, Self.unknown, Self.unknown]])
  }

  /// One that could run was not woken, whatever a signal says meanwhile.
  @Test(arguments: [0, 256] as [Int64])
  func whoIsPreemptedDoesNotSleep(_ state: Int64) {
    let digest = digest()
    take(digest, out(5, 100, state), wakeup(5, 150), back(5, 200))
    #expect(rows(digest).map(\.values) == [[state, Self.unknown, Self.unknown]])
  }

  /// From one task of the trial to another: one ends its interval where the other begins its own.
  @Test func aSwitchBetweenTwo() {
    let digest = digest()
    take(
      digest, out(5, 100), schedSwitch(150, from: 6, "iou-wrk-5", 1, to: 5),
      schedSwitch(190, from: 5, "wb-stream", 256, to: 6))
    let found = rows(digest, values: 1)
    #expect(
      found == [
        Row(span: .offCPU, pid: 5, start: 100, end: 150, values: [2]),
        Row(span: .offCPU, pid: 6, start: 150, end: 190, values: [1]),
      ])
    var open: [Int64: UInt64] = [:]
    digest.tasks.visitTasks { pid, start, _ in open[pid] = start }
    #expect(open == [5: 190])
  }

  /// The harness's own threads, and names that only begin as ours do.
  @Test(arguments: ["wb-trace", "wb-str", "iou-sqp-5", "iou-wrk-6", "iou-wrk-", "kworker/u4:1", ""])
  func othersAreNotFollowed(_ name: String) {
    let digest = digest()
    take(digest, schedSwitch(100, from: 5, name, 2, to: 0), back(5, 200))
    #expect(rows(digest).isEmpty && digest.unpaired == 0)
  }

  @Test(arguments: ["wb-stream", "wb-pinned", "wb-task", "iou-wrk-5", "iou-wrk-1234567"])
  func theTrialsAre(_ name: String) {
    let digest = digest()
    take(digest, schedSwitch(100, from: 5, name, 2, to: 0), back(5, 200))
    #expect(rows(digest).count == 1)
  }

  /// Its number may be another's the next time.
  @Test(arguments: [0x10, 0x20, 0x30] as [Int64])
  func theDeadDoNotComeBack(_ state: Int64) {
    let digest = digest()
    take(digest, out(5, 100, state), back(5, 200))
    #expect(rows(digest).isEmpty)
  }

  /// Killed while it sleeps: it is woken to die.
  @Test func aSleeperThatIsKilled() {
    let digest = digest()
    take(digest, out(5, 100, 1), wakeup(5, 110), back(5, 120), out(5, 130, 0x10), back(5, 900))
    #expect(rows(digest).map(\.end) == [120])
    var open = 0
    digest.tasks.visitTasks { _, _, _ in open += 1 }
    #expect(open == 0)
  }

  // MARK: Stacks

  @Test func aStackFollowsItsSwitch() {
    let digest = digest()
    take(digest, out(5, 100, cpu: 1))
    takeStack(digest, 5, 101, [0xa, 0xb], cpu: 1)
    take(digest, back(5, 200), out(5, 300, cpu: 0))
    takeStack(digest, 5, 301, [0xa, 0xc])
    take(digest, back(5, 400), out(5, 500))
    takeStack(digest, 5, 501, [0xa, 0xb])
    take(digest, back(5, 600))
    #expect(rows(digest).map { $0.values[2] } == [0, 1, 0])
    #expect(digest.stacks.addresses(0) == [0xa, 0xb] && digest.stacks.addresses(1) == [0xa, 0xc])
    #expect(digest.unpaired == 0)
  }

  /// Never by guess: of another CPU, of a task that is not off, before its switch, and a second one.
  @Test func aStackWithoutItsSwitchIsNobodys() {
    let digest = digest()
    takeStack(digest, 5, 99, [0xa])
    take(digest, out(5, 100, cpu: 1))
    takeStack(digest, 5, 101, [0xa], cpu: 0)
    takeStack(digest, 6, 101, [0xa], cpu: 1)
    take(digest, back(5, 200))
    #expect(rows(digest).map { $0.values[2] } == [Self.unknown])
    #expect(digest.unpaired == 3)
    take(digest, out(5, 300))
    takeStack(digest, 5, 301, [0xb])
    takeStack(digest, 5, 302, [0xc])
    take(digest, back(5, 400))
    #expect(rows(digest).map { $0.values[2] } == [0] && digest.unpaired == 4)
  }

  /// What a record says of its own length is not believed.
  @Test(
    arguments: [(-1, 0), (0, 0), (1, 1), (2, 2), (3, 2), (.max, 2), (.min, 0)] as [(Int64, Int)])
  func aStackIsAsLongAsItsRecord(_ size: Int64, _ length: Int) {
    let digest = digest()
    take(digest, out(5, 100))
    takeStack(digest, 5, 101, [0xa, 0xb], size: size)
    #expect(digest.stacks.addresses(0).count == length)
  }

  // MARK: Losses

  /// The lost records may have held its return and another switch.
  @Test func whatRecordsWereLostInIsNotTold() {
    let digest = digest()
    take(digest, out(5, 100), out(6, 160))
    digest.lose(before: 150)
    take(digest, back(5, 200), back(6, 210))
    #expect(rows(digest).map(\.pid) == [6])
    #expect(digest.unpaired == 1)
  }

  @Test func aFullTableIsCounted() {
    let digest = digest()
    for pid in 1...4000 as ClosedRange<Int64> { take(digest, out(pid, 100)) }
    #expect(digest.overflowed == 4000 - 3072)
    take(digest, back(4000, 200), back(1, 200))
    #expect(rows(digest).map(\.pid) == [1])
  }

  // MARK: io_uring

  private func request(_ time: UInt64, work: Int64, op: Int64, pid: Int32 = 5) -> TraceRecord {
    var record = TraceRecord(.queueAsyncWork, pid: pid, time: time)
    record.values[0] = 23
    record.values[1] = op
    record.values[2] = work
    return record
  }
  private func begin(_ time: UInt64, work: Int64, by pid: Int32) -> TraceRecord {
    var record = TraceRecord(.ioWqBegin, pid: pid, time: time)
    record.values[0] = work
    return record
  }
  private func end(_ time: UInt64, by pid: Int32) -> TraceRecord {
    TraceRecord(.ioWqEnd, pid: pid, time: time)
  }

  /// Two requests of one submitter, which two workers run at once; the kernel uses a work's memory again.
  @Test func requestsAreFollowedByTheirWork() {
    let digest = digest()
    let work = Int64(bitPattern: 0xffff_8880_0123_4500)
    take(
      digest, request(100, work: work, op: 3), request(110, work: work + 0x100, op: 4),
      begin(120, work: work + 0x100, by: 8), begin(130, work: work, by: 9), end(150, by: 8),
      end(190, by: 9), request(200, work: work, op: 1 << 40), begin(210, work: work, by: 8))
    let found = rows(digest, values: 2)
    #expect(
      found == [
        Row(span: .ioWqQueue, pid: 8, start: 110, end: 120, values: [5, 4]),
        Row(span: .ioWqQueue, pid: 9, start: 100, end: 130, values: [5, 3]),
        Row(span: .ioWqRun, pid: 8, start: 120, end: 150, values: [5, 4]),
        Row(span: .ioWqRun, pid: 9, start: 130, end: 190, values: [5, 3]),
        Row(span: .ioWqQueue, pid: 8, start: 200, end: 210, values: [5, 1 << 40]),
      ])
    var open: [TraceSpan: [Int64]] = [:]
    digest.tasks.visitRequests { span, key, start, request in
      open[span] = [key, Int64(start), Int64(request.owner), request.op]
    }
    #expect(open == [.ioWqRun: [8, 210, 5, 1 << 40]])
  }

  /// Another program's io_uring.
  @Test func othersRequestsAreNotFollowed() {
    let digest = digest()
    take(digest, request(100, work: 7, op: 3, pid: 6), begin(120, work: 7, by: 8), end(150, by: 8))
    #expect(rows(digest).isEmpty && digest.puntedWrites().map(\.pid) == [6])
  }

  @Test func aRequestThatWasNotSeenQueuedIsNotTold() {
    let digest = digest()
    take(digest, begin(120, work: 7, by: 8), end(150, by: 8))
    #expect(rows(digest).isEmpty)
  }

  @Test func aRequestThatRecordsWereLostInIsNotTold() {
    let digest = digest()
    take(digest, request(100, work: 7, op: 3))
    digest.lose(before: 110)
    take(digest, begin(120, work: 7, by: 8), end(150, by: 8), request(160, work: 7, op: 3))
    take(digest, begin(170, work: 7, by: 8), end(190, by: 8))
    #expect(rows(digest).map(\.start) == [160, 170])
  }

  /// A kernel without kprobes: none would ever leave the queue.
  @Test func withoutProbesNothingIsQueued() {
    let digest = TraceDigest(capacity: 64)
    for i in 0..<10_000 as Range<Int64> { take(digest, request(100, work: i, op: 3)) }
    #expect(digest.overflowed == 0 && digest.puntedWrites().map(\.count) == [10_000])
  }

  @Test func nothingIsAllocated() {
    let digest = digest(capacity: 8192)
    var records: [TraceRecord] = []
    let addresses: [UInt64] = [1, 2, 3]
    addresses.withUnsafeBytes { bytes in
      for i in 0...1000 as ClosedRange<UInt64> {
        let pid = Int64(i % 7 + 1)
        var stack = TraceRecord(.kernelStack, pid: Int32(pid), time: i * 100 + 1)
        stack.values[0] = 3
        stack.words = bytes
        records += [
          out(pid, i * 100), stack, wakeup(pid, i * 100 + 2), back(pid, i * 100 + 3),
          request(i * 100 + 4, work: 7, op: 3), begin(i * 100 + 5, work: 7, by: 8),
          end(i * 100 + 6, by: 8),
        ]
      }
      // The first of each makes the runtime look up its types, once.
      for i in 0..<7 { digest.take(records[i]) }
      let before = ac_allocations()
      for i in 7..<records.count { digest.take(records[i]) }
      #expect(ac_allocations() == before)
    }
    #expect(digest.droppedRows == 0 && rows(digest).count == 3003)
  }
}

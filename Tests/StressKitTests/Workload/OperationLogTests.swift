// SPDX-License-Identifier: Apache-2.0
import CLinux
import Testing

@testable import StressMachine

struct OperationLogTests {
  private func block(depth: UInt64, log: UInt64) throws -> SharedBlock {
    var control = SharedBlock.Control<StreamWords>()
    control.header.depth = depth
    control.header.logCapacity = log
    return try SharedBlock(name: "w", control, path: "")
  }

  @Test func tellsOperationsApart() throws {
    let block = try block(depth: 3, log: 10)
    var log = OperationLog(block)
    let before = cl_boottime()
    log.begin(2, .write, bytes: 100, file: 7, offset: 4096)
    log.begin(0, .write, bytes: 20, file: 8, offset: 0)
    #expect(log.inFlight == 2)
    #expect(block.slots[2].start >= before && !block.slots[1].isTaken)
    let end = block.slots[2].start + 500
    #expect(log.finish(2, at: end) == 500)
    log.begin(3, .fsync, bytes: 0)
    log.finish(0, at: end + 1)
    log.finish(3, at: end + 1)
    #expect((0...3).allSatisfy { !block.slots[$0].isTaken } && log.inFlight == 0)
    let header = block.header.pointee
    #expect(header.bytes == 120 && header.lastEnd == end + 1)
    #expect(header.logHead == 3 && header.logLost == 0)
    let first = block.log[0]
    #expect(first.end == end && first.end - first.start == 500)
    #expect(first.file == 7 && first.offset == 4096 && first.bytes == 100)
    #expect(first.ahead == 0 && first.inFlight == 2 && first.bytesInFlight == 120)
    let second = block.log[1]
    #expect(second.ahead == 1 && second.inFlight == 2 && second.bytesInFlight == 20)
    let sync = block.log[2]
    #expect(sync.kind == SharedBlock.Kind.fsync.rawValue && sync.ahead == 1 && sync.inFlight == 1)
  }

  /// What a reader finds after each of the worker's steps.
  @Test func aSlotTellsHowFarItsOperationIs() throws {
    let block = try block(depth: 1, log: 10)
    var log = OperationLog(block)
    func number() -> UInt32? {
      guard case .operation(let slot) = block.look(0) else { return nil }
      return slot.number
    }
    for round in UInt32(1)...3 {
      #expect(number() == nil)
      log.begin(0, .write, bytes: 4096)
      #expect(number() == round && block.slots[0].sequence & 1 == 0)
      log.finish(0, at: cl_boottime())
      #expect(block.log[Int(round) - 1].number == round && block.log[Int(round) - 1].slot == 0)
    }
  }

  @Test func logsTheSlowOnly() throws {
    let block = try block(depth: 1, log: 2)
    var log = OperationLog(block)
    for latency: UInt64 in [9, 10, 11, 12] {
      log.begin(0, .touch, bytes: 4096)
      log.finish(0, at: block.slots[0].start + latency, logIf: 10)
    }
    let header = block.header.pointee
    #expect(header.logHead == 2 && header.logLost == 1 && header.bytes == 4 * 4096)
    #expect(block.log[0].end - block.log[0].start == 10)
  }
}

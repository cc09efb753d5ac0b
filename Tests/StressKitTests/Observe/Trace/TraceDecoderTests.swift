// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressMachine
@testable import StressRecord

/// Records made by hand as a kernel's own format lays them out.
struct TraceDecoderTests {
  private static let kernels = ["k61", "k612"]

  /// A record of an event: its fields by their names, and `tail` behind the last byte that they need.
  private func record(
    _ format: TraceFormat, pid: Int32, _ fields: [String: Int64], text: [String: String] = [:],
    length: Int, tail: [UInt64] = []
  ) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: length)
    func put(_ value: Int64, at offset: Int, size: Int) {
      for i in 0..<size { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
    }
    put(Int64(format.id), at: 0, size: 2)
    put(Int64(pid), at: 4, size: 4)
    for (name, value) in fields {
      let field = try #require(format[name])
      put(value, at: field.offset, size: field.size)
    }
    for (name, value) in text {
      let field = try #require(format[name])
      for (i, byte) in value.utf8.enumerated() { bytes[field.offset + i] = byte }
    }
    for word in tail { withUnsafeBytes(of: word.littleEndian) { bytes += $0 } }
    return bytes
  }

  private func decode<Result>(
    _ event: TraceEvent, _ format: TraceFormat, _ bytes: [UInt8],
    _ body: (TraceRecord?) throws -> Result
  ) rethrows -> Result {
    let decoder = TraceDecoder()
    _ = decoder.learn(event, format)
    return try bytes.withUnsafeBytes { try body(decoder.decode($0, time: 7, cpu: 1)) }
  }

  @Test(arguments: kernels)
  func aSwitch(_ kernel: String) throws {
    let format = try #require(try TraceFormats.format(kernel, .schedSwitch))
    let bytes = try record(
      format, pid: 153, ["prev_pid": 153, "prev_state": 256, "next_pid": 1 << 21],
      text: ["prev_comm": "iou-wrk-1234567", "next_comm": "swapper/1"], length: 64)
    try decode(.schedSwitch, format, bytes) { found in
      let found = try #require(found)
      #expect((0..<3).map { found.values[$0] } == [153, 256, 1 << 21])
      #expect((0..<16).map { found.text[$0] } == Array("iou-wrk-1234567\0".utf8))
      #expect(found.cpu == 1 && found.pid == 153 && found.words.isEmpty)
    }
  }

  @Test(arguments: kernels)
  func aWakeup(_ kernel: String) throws {
    let format = try #require(try TraceFormats.format(kernel, .schedWakeup))
    let bytes = try record(format, pid: 0, ["pid": 153, "target_cpu": 1], length: 36)
    decode(.schedWakeup, format, bytes) { #expect($0?.values[0] == 153) }
  }

  /// Its format says eight addresses; a record has as many as the stack is deep, be it fewer.
  @Test(arguments: kernels, [0, 1, 8, 30])
  func aStack(_ kernel: String, _ depth: Int) throws {
    let format = try #require(try TraceFormats.format(kernel, .kernelStack))
    let addresses = (0..<depth).map { 0xffff_ffff_8100_0000 + UInt64($0) }
    let bytes = try record(
      format, pid: 153, ["size": Int64(depth)], length: 16, tail: addresses)
    try decode(.kernelStack, format, bytes) { found in
      let found = try #require(found)
      #expect(found.values[0] == depth && found.words.count == depth * 8)
      let words = (0..<depth).map {
        found.words.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)
      }
      #expect(words == addresses)
    }
    // Shorter than where the addresses begin.
    decode(.kernelStack, format, Array(bytes.prefix(12))) { #expect($0 == nil) }
  }

  @Test(arguments: kernels)
  func aRequest(_ kernel: String) throws {
    let queued = try #require(try TraceFormats.format(kernel, .queueAsyncWork))
    let work = Int64(bitPattern: 0xffff_8880_0123_4500)
    var bytes = try record(
      queued, pid: 153, ["opcode": 23, "user_data": 6, "work": work], length: 64)
    try decode(.queueAsyncWork, queued, bytes) { found in
      let found = try #require(found)
      #expect((0..<3).map { found.values[$0] } == [23, 6, work])
    }
    let taken = try #require(try TraceFormats.format(kernel, .ioWqBegin))
    bytes = try record(taken, pid: 155, ["work": work], length: 24)
    decode(.ioWqBegin, taken, bytes) { #expect($0?.values[0] == work) }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Lines of a record in memory that was taken before they came; the oldest make room for new ones.
struct LineRing: ~Copyable {
  /// Of a line: its time and its length.
  private static let headSize = 16

  private let memory: UnsafeMutableRawBufferPointer
  /// Bytes that ever went out and in.
  private var head = 0
  private var tail = 0
  /// Lines that made room before their time.
  private(set) var overwritten = 0

  /// - Parameter capacity: bytes.
  init(capacity: Int) {
    memory = .allocate(byteCount: capacity, alignment: 16)
    // Touched: a page fault in need may find no memory.
    memory.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit { memory.deallocate() }

  /// - Parameter time: CLOCK_BOOTTIME, ns.
  mutating func append(_ line: UnsafeRawBufferPointer, at time: UInt64) {
    let needed = Self.headSize + line.count
    if needed > memory.count {
      overwritten += 1
      return
    }
    while memory.count - (tail - head) < needed {
      removeFirst()
      overwritten += 1
    }
    var words = (time, UInt64(line.count))
    withUnsafeBytes(of: &words) { put($0) }
    put(line)
  }

  /// Forgets the lines from the oldest on, until one is of this time or later.
  mutating func remove(before time: UInt64) {
    while let first = firstTime, first < time { removeFirst() }
  }

  mutating func removeAll() {
    head = tail
    overwritten = 0
  }

  /// Of the oldest line; nil: there is none.
  var firstTime: UInt64? { head < tail ? word(at: head) : nil }

  /// Gives the lines, the oldest first.
  func visit(_ body: (UnsafeRawBufferPointer) -> Void) {
    var line: [UInt8] = []
    var at = head
    while at < tail {
      let count = Int(word(at: at + 8))
      line.removeAll(keepingCapacity: true)
      line.append(contentsOf: repeatElement(0, count: count))
      line.withUnsafeMutableBytes { get($0, at: at + Self.headSize) }
      line.withUnsafeBytes(body)
      at += Self.headSize + count
    }
  }

  private mutating func removeFirst() { head += Self.headSize + Int(word(at: head + 8)) }

  private func word(at position: Int) -> UInt64 {
    var word: UInt64 = 0
    withUnsafeMutableBytes(of: &word) { get($0, at: position) }
    return word
  }

  private mutating func put(_ bytes: UnsafeRawBufferPointer) {
    let start = tail % memory.count
    let first = min(bytes.count, memory.count - start)
    UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + first])
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<first]))
    memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[first...]))
    tail += bytes.count
  }

  private func get(_ bytes: UnsafeMutableRawBufferPointer, at position: Int) {
    let start = position % memory.count
    let first = min(bytes.count, memory.count - start)
    bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[start..<start + first]))
    UnsafeMutableRawBufferPointer(rebasing: bytes[first...])
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<(bytes.count - first)]))
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Lines that could not be written yet, in memory that was taken before they came.
struct RecordBacklog: ~Copyable {
  private let memory: UnsafeMutableRawBufferPointer
  private var head = 0
  private var tail = 0

  /// - Parameter capacity: bytes; 0: nothing is ever kept.
  init(capacity: Int) {
    memory = .allocate(byteCount: capacity, alignment: 16)
    // Touched: a page fault in need may find no memory.
    memory.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit { memory.deallocate() }

  var isEmpty: Bool { head == tail }

  /// What is kept, the oldest first.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[head..<tail]) }

  /// Keeps a line, or what is left of one, if there is room for such.
  mutating func append(_ line: UnsafeRawBufferPointer, _ worth: RecordWorth) -> Bool {
    guard worth.admits(line.count, used: tail - head, capacity: memory.count) else { return false }
    if tail + line.count > memory.count {
      memory.copyMemory(from: bytes)
      tail -= head
      head = 0
    }
    UnsafeMutableRawBufferPointer(rebasing: memory[tail..<tail + line.count]).copyMemory(from: line)
    tail += line.count
    return true
  }

  /// Forgets the first `count` bytes.
  mutating func removeFirst(_ count: Int) {
    head += count
    if head == tail { (head, tail) = (0, 0) }
  }
}

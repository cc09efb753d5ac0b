// SPDX-License-Identifier: Apache-2.0
import CLinux

/// Numbers the places of a ring that one thread or process fills and another empties. Neither waits for the other, and
/// nothing is allocated; the places themselves belong to the owner of the ring.
struct SPSCRing: @unchecked Sendable {
  /// How many places have been filled and emptied. Each is written by one side and read by the other.
  private let head: UnsafeMutablePointer<UInt64>
  private let tail: UnsafeMutablePointer<UInt64>
  let capacity: UInt64
  /// Of a capacity that is a power of two, to avoid the division; else 0.
  private let mask: UInt64

  /// - Parameters:
  ///   - head: written by the side that fills; it may be in memory that processes share, as `tail`.
  ///   - tail: written by the side that empties.
  init(
    head: UnsafeMutablePointer<UInt64>, tail: UnsafeMutablePointer<UInt64>, capacity: UInt64
  ) {
    (self.head, self.tail, self.capacity) = (head, tail, capacity)
    mask = capacity.nonzeroBitCount == 1 ? capacity - 1 : 0
  }

  /// A ring within this process, to be deallocated.
  init(capacity: Int) {
    let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 2)
    words.initialize(repeating: 0, count: 2)
    self.init(head: words, tail: words + 1, capacity: UInt64(capacity))
  }

  /// Of one that was made within this process.
  func deallocate() { head.deallocate() }

  private func place(_ number: UInt64) -> Int {
    Int(truncatingIfNeeded: mask != 0 ? number & mask : number % capacity)
  }

  // MARK: The side that fills

  /// How many places have been filled in all.
  var filled: UInt64 { cl_load(head) }

  /// The place that is next; nil: there is no room.
  ///
  /// - Parameter room: how many places may be full.
  func next(room: UInt64) -> Int? {
    let number = head.pointee
    return number &- cl_load(tail) < room ? place(number) : nil
  }

  var next: Int? { next(room: capacity) }

  /// The next place has been filled.
  func fill() { cl_store(head, head.pointee &+ 1) }

  // MARK: The side that empties

  /// Hands over the places filled since the last call, and frees each after that.
  func empty(_ body: (Int) -> Void) {
    let end = cl_load(head)
    var number = tail.pointee
    while number < end {
      body(place(number))
      number &+= 1
      cl_store(tail, number)
    }
  }
}

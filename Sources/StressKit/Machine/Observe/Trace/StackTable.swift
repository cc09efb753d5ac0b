// SPDX-License-Identifier: Apache-2.0

/// The distinct kernel stacks that were met, numbered from 0: of fixed size, allocates nothing after it is made.
///
/// One thread adds; another may read a stack whose number it was handed, which does not change any more.
package final class StackTable: @unchecked Sendable {
  /// Return addresses kept of a stack, the innermost: a writer in reclaim has some forty.
  package static let deepest = 64

  private struct Place {
    var start: Int32 = 0
    var count: Int32 = 0
  }
  /// By hash: the number of a stack and 1; 0: free. Linear probing, and nothing is ever taken out.
  private let slots: UnsafeMutablePointer<Int32>
  private let places: UnsafeMutablePointer<Place>
  private let words: UnsafeMutablePointer<UInt64>
  private let mask: Int
  private let most: Int
  private let room: Int
  private var used = 0
  package private(set) var count = 0
  /// Times that a stack was met and there was no room for it.
  package private(set) var overflowed = 0

  /// - Parameter capacity: a power of two; half as many stacks find room, of 24 addresses on average.
  package init(capacity: Int = 1 << 12) {
    precondition(capacity.nonzeroBitCount == 1)
    mask = capacity - 1
    most = capacity / 2
    room = most * 24
    slots = .allocate(capacity: capacity)
    slots.initialize(repeating: 0, count: capacity)
    places = .allocate(capacity: most)
    places.initialize(repeating: Place(), count: most)
    words = .allocate(capacity: room)
    words.initialize(repeating: 0, count: room)
  }

  deinit {
    slots.deallocate()
    places.deallocate()
    words.deallocate()
  }

  /// The number of a stack; nil when there is no room for it.
  ///
  /// - Parameter bytes: its return addresses, innermost first; 64 bits each, unaligned.
  package func number(_ bytes: UnsafeRawBufferPointer) -> Int32? {
    let depth = min(bytes.count / 8, Self.deepest)
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for i in 0..<depth { hash = (hash ^ Self.word(bytes, i)) &* 0xff51_afd7_ed55_8ccd }
    var at = Int(truncatingIfNeeded: hash ^ hash >> 32) & mask
    while slots[at] != 0 {
      if isSame(slots[at] - 1, bytes, depth) { return slots[at] - 1 }
      at = (at + 1) & mask
    }
    guard count < most, used + depth <= room else {
      overflowed += 1
      return nil
    }
    for i in 0..<depth { words[used + i] = Self.word(bytes, i) }
    let number = Int32(count)
    places[count] = Place(start: Int32(used), count: Int32(depth))
    slots[at] = number + 1
    used += depth
    count += 1
    return number
  }

  private static func word(_ bytes: UnsafeRawBufferPointer, _ i: Int) -> UInt64 {
    bytes.loadUnaligned(fromByteOffset: i * 8, as: UInt64.self)
  }

  private func isSame(_ number: Int32, _ bytes: UnsafeRawBufferPointer, _ depth: Int) -> Bool {
    let place = places[Int(number)]
    guard place.count == depth else { return false }
    for i in 0..<depth where words[Int(place.start) + i] != Self.word(bytes, i) { return false }
    return true
  }

  /// A stack's return addresses, innermost first.
  package func addresses(_ number: Int32) -> [UInt64] {
    let place = places[Int(number)]
    return (0..<Int(place.count)).map { words[Int(place.start) + $0] }
  }
}

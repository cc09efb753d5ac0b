// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What a stream's blocks hold: in each page a stamp, then zeros if it is to be compressible, then noise.
enum StreamContent {
  static let pageSize = 4096
  private static let stampSize = 16

  /// Fills a buffer with random words, but for `zeros` percent of each page: these lie behind its stamp.
  static func fill(
    _ buffer: UnsafeMutableRawBufferPointer, zeros: Int, _ random: inout SplitMix64
  ) {
    for place in stride(from: 0, to: buffer.count - 7, by: 8) {
      buffer.storeBytes(of: random.next(), toByteOffset: place, as: UInt64.self)
    }
    for page in stride(from: 0, to: buffer.count, by: pageSize) {
      let room = min(pageSize, buffer.count - page)
      let count = min(room * zeros / 100, room - stampSize)
      if count > 0 {
        UnsafeMutableRawBufferPointer(rebasing: buffer[(page + stampSize)...].prefix(count))
          .initializeMemory(as: UInt8.self, repeating: 0)
      }
    }
  }

  /// Makes every page of a block unlike every other of the files of one key, at the cost of two words a page.
  static func stamp(
    _ buffer: UnsafeMutableRawBufferPointer, _ key: UInt64, _ offset: UInt64
  ) {
    for page in stride(from: 0, to: buffer.count - (stampSize - 1), by: pageSize) {
      buffer.storeBytes(of: key, toByteOffset: page, as: UInt64.self)
      buffer.storeBytes(of: offset + UInt64(page), toByteOffset: page + 8, as: UInt64.self)
    }
  }

  /// Whether a buffer has the stamps of `key` and `offset`.
  ///
  /// - Parameter lead: bytes before the first.
  static func isStamped(
    _ buffer: UnsafeRawBufferPointer, _ key: UInt64, _ offset: UInt64, lead: Int
  ) -> Bool {
    for page in stride(from: lead, to: buffer.count - (stampSize - 1), by: pageSize) {
      if buffer.loadUnaligned(fromByteOffset: page, as: UInt64.self) != key
        || buffer.loadUnaligned(fromByteOffset: page + 8, as: UInt64.self)
          != offset + UInt64(page)
      {
        return false
      }
    }
    return true
  }
}

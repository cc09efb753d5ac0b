// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import Synchronization
import SystemPackage

/// Where a line stands in a record's file.
package struct LinePlace: Hashable, Comparable {
  /// Offset in the upper 40 bits, length in the others: ordered as in the file.
  private let bits: UInt64

  /// A line of more bytes is no line of ours.
  package static let longest = 1 << 24 - 1

  init(offset: Int, length: Int) { bits = UInt64(offset) << 24 | UInt64(length) }

  var offset: Int { Int(bits >> 24) }
  var length: Int { Int(bits & UInt64(Self.longest)) }
  var end: Int { offset + length }

  package static func < (a: LinePlace, b: LinePlace) -> Bool { a.bits < b.bits }
}

/// A record's file, of which only the lines that somebody asks for are held in memory, for so long as that.
///
/// It is not mapped: pages of a mapping count as resident, the page cache behind pread(2) does not.
final class RecordStorage: Sendable {
  let path: String
  private let descriptor: Descriptor
  private let shrunk = Atomic<Bool>(false)

  /// Lines that lie no farther apart are read at once, with what is between them: that is copied sooner than
  /// another pread(2) is made.
  private static let gap = 4096
  /// So many bytes at a time, unless one line is longer.
  private static let window = 256 << 10

  /// - Throws: when the file cannot be opened, or can be read only once, such as a pipe.
  init(_ path: String) throws(HarnessError) {
    self.path = path
    descriptor = try Descriptor(open: path, code: .usage)
    try checkErrno(
      lseek(descriptor.raw, 0, SEEK_CUR), path, "seek",
      remedy: "save the record in a file: its lines are read more than once", code: .usage)
  }

  /// Whether something that had been there was not there any more.
  var hasShrunk: Bool { shrunk.load(ordering: .relaxed) }

  /// Reads up to `buffer.count` bytes from `offset` on; fewer only at the file's end.
  func read(
    _ offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(HarnessError) -> Int {
    var got = 0
    while got < buffer.count {
      let count = attemptErrno(
        pread(descriptor.raw, buffer.baseAddress! + got, buffer.count - got, off_t(offset + got)),
        path, "read")
      if count == -Int(EINTR) { continue }
      if try accept(count, path, "read", code: .usage) == 0 { break }
      got += count
    }
    return got
  }

  /// Gives the lines at `places`, in that order; each is valid only within its call, and has a newline or the
  /// file's end, which becomes one, behind it.
  func forEach(
    _ places: some Sequence<LinePlace>,
    _ body: (LinePlace, UnsafeBufferPointer<UInt8>) throws -> Void
  ) rethrows {
    var buffer: [UInt8] = []
    var batch: [LinePlace] = []
    var iterator = places.makeIterator()
    var next = iterator.next()
    while let first = next {
      batch.removeAll(keepingCapacity: true)
      var end = first.offset
      while let place = next, place.offset >= end, place.offset - end <= Self.gap,
        batch.isEmpty || place.end - first.offset <= Self.window
      {
        batch.append(place)
        end = place.end
        next = iterator.next()
      }
      let needed = end - first.offset + 1
      if needed > buffer.count {
        // One line is asked for as often as all of them.
        buffer = [UInt8](repeating: 0, count: max(needed, min(16 * buffer.count, Self.window)))
      }
      try buffer.withUnsafeMutableBytes { bytes in
        let wanted = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(needed - 1)])
        let got = (try? read(first.offset, into: wanted)) ?? 0
        bytes[got] = 0x0a
        let lines = UnsafeRawBufferPointer(rebasing: bytes[..<got])
          .assumingMemoryBound(to: UInt8.self)
        for place in batch {
          let start = place.offset - first.offset
          guard start + place.length <= got else {
            shrunk.store(true, ordering: .relaxed)
            continue
          }
          try body(place, UnsafeBufferPointer(rebasing: lines[start..<start + place.length]))
        }
      }
    }
  }
}

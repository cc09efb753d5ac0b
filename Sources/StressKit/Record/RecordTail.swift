// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// Follows a record that is being written: complete lines, as they come.
///
/// A file that became shorter is read anew from its beginning. A line longer than any that a record has
/// (`LinePlace.longest`) is passed over, so that what is held stays bounded.
package struct RecordTail: ~Copyable {
  private let descriptor: Descriptor
  private var offset: off_t = 0
  private var partial: [UInt8] = []
  private var isTooLong = false
  private var chunk = [UInt8](repeating: 0, count: 256 << 10)

  package init(_ path: String) throws(HarnessError) {
    descriptor = try Descriptor(open: path)
  }

  /// Whether `path` is another file by now, or none.
  package func isReplaced(_ path: String) -> Bool {
    var info = stat()
    return fstat(descriptor.raw, &info) < 0 || File.inode(path) != UInt64(info.st_ino)
  }

  /// The lines that were completed since the last call.
  ///
  /// - Parameter limit: bytes to read at most; what is beyond them comes with the next call.
  package mutating func lines(atMost limit: Int = .max) -> [[UInt8]] {
    startOverIfShortened()
    var lines: [[UInt8]] = []
    var rest = limit
    while rest > 0 {
      let got = pread(descriptor.raw, &chunk, min(chunk.count, rest), offset)
      if got <= 0 { break }
      offset += off_t(got)
      rest -= got
      split(got, into: &lines)
    }
    return lines
  }

  private mutating func startOverIfShortened() {
    var info = stat()
    guard fstat(descriptor.raw, &info) == 0, info.st_size < offset else { return }
    offset = 0
    partial = []
    isTooLong = false
  }

  /// Ends lines with what the chunk begins with.
  private mutating func split(_ count: Int, into lines: inout [[UInt8]]) {
    var start = 0
    while let end = chunk[start..<count].firstIndex(of: 0x0a) {
      if !isTooLong { lines.append(partial + chunk[start..<end]) }
      partial = []
      isTooLong = false
      start = end + 1
    }
    if !isTooLong { partial += chunk[start..<count] }
    if partial.count > LinePlace.longest {
      partial = []
      isTooLong = true
    }
  }
}

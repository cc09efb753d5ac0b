// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// Blocks ahead of a file's end, which nothing else that fills the file system can take.
///
/// fallocate(2) with FALLOC_FL_KEEP_SIZE; a file system that cannot do that, or has no room, does without.
struct RecordReserve {
  private let step: Int64
  /// The file's end, and up to where it was asked for, bytes.
  private var end: Int64
  private var reserved: Int64

  init(_ file: borrowing Descriptor, size: Int64) {
    step = size
    var info = stat()
    let descriptor = file.raw
    end =
      attemptErrno(Int(fstat(descriptor, &info)), "record", "fstat", .reserve) == 0
      ? Int64(info.st_size) : 0
    reserved = end
    extend(file)
  }

  /// The file has grown by `count` bytes.
  mutating func advance(_ count: Int, _ file: borrowing Descriptor) {
    end += Int64(count)
    if reserved - end < step / 2 { extend(file) }
  }

  private mutating func extend(_ file: borrowing Descriptor) {
    // A part of it would be the room that the rest of the campaign needs.
    let (descriptor, start, length) = (file.raw, end, step)
    let result = attempt(cl_reserve(descriptor, start, length), "record", "fallocate", .reserve)
    if result < 0 { giveBack(file) }
    reserved = end + step
  }

  /// Frees what lies behind the end: ftruncate(2) to the same size does.
  func giveBack(_ file: borrowing Descriptor) {
    let (descriptor, length) = (file.raw, off_t(end))
    attemptErrno(Int(ftruncate(descriptor, length)), "record", "ftruncate", .reserve)
  }
}

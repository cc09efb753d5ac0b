// SPDX-License-Identifier: Apache-2.0

/// Goes through the records of one sub-buffer of the kernel's trace ring buffer, as a read(2) of
/// `trace_pipe_raw` returns it.
///
/// Written here although libtraceevent has one (kbuffer): that one trusts the lengths in the page, goes back
/// and forth behind its ends on a damaged one, and calls through pointers for each word. Little endian, 64
/// bits. Source: Documentation/trace/ring-buffer-design.rst, include/linux/ring_buffer.h, events/header_page.
package struct TracePage {
  /// Bytes of a page that a kernel may have been set to (`buffer_subbuf_size_kb`); ours is never changed.
  package static let size = 4096
  private static let header = 16

  private let base: UnsafeRawPointer
  private let end: Int
  private var next: Int
  /// CLOCK of the instance, ns: of the record that `advance` went to.
  package private(set) var time: UInt64
  /// The record that `advance` went to: from `common_type` on.
  package private(set) var record: UnsafeRawBufferPointer
  /// Records that were overwritten before this page was; 1 when the kernel had no room for their number.
  package let lost: UInt64

  /// nil when the bytes cannot be a page. They must stay as they are while this is used.
  package init?(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count >= Self.header else { return nil }
    let commit = base.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    let length = Int(commit & 0xf_ffff)
    guard length <= bytes.count - Self.header else { return nil }
    self.base = base
    time = base.loadUnaligned(as: UInt64.self)
    next = Self.header
    end = Self.header + length
    record = UnsafeRawBufferPointer(start: base, count: 0)
    if commit & 1 << 31 == 0 {
      lost = 0
    } else if commit & 1 << 30 != 0, end + 8 <= bytes.count {
      lost = max(1, base.loadUnaligned(fromByteOffset: end, as: UInt64.self))
    } else {
      lost = 1
    }
  }

  /// Goes to the next record; false behind the last, or where the page is damaged.
  @inline(__always)
  package mutating func advance() -> Bool {
    while next + 4 <= end {
      let word = base.loadUnaligned(fromByteOffset: next, as: UInt32.self)
      let kind = Int(word & 31)
      let delta = UInt64(word >> 5)
      var start = next + 4
      switch kind {
      case 29:
        // Discarded; without a time it fills the page's rest.
        guard delta > 0, start + 4 <= end else { return false }
        let length = Int(base.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        guard length > 0, length <= end - start else { return false }
        time &+= delta
        next = start + length
        continue
      case 30, 31:
        guard start + 4 <= end else { return false }
        let more = UInt64(base.loadUnaligned(fromByteOffset: start, as: UInt32.self)) << 27
        // An absolute stamp has 59 bits; the rest is as it was.
        time = kind == 30 ? time &+ (more + delta) : (more | delta) | time & 0xf800_0000_0000_0000
        next = start + 4
        continue
      case 0:
        guard start + 4 <= end else { return false }
        let length = Int(base.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        // Counts itself; records begin at multiples of 4.
        guard length >= 4, length <= end - start else { return false }
        record = UnsafeRawBufferPointer(start: base + start + 4, count: length - 4)
        start += (length + 3) & ~3
      default:
        guard kind * 4 <= end - start else { return false }
        record = UnsafeRawBufferPointer(start: base + start, count: kind * 4)
        start += kind * 4
      }
      time &+= delta
      next = start
      return true
    }
    return false
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// How long operations of one kind took, second by second: a histogram a second, told to the record.
///
/// Values are told by their `LatencyBucket`. There is no range to fall out of; count, sum and maximum are
/// exact. A second may be told in several lines, whose counts add up: when more
/// different values come than there is room for, or when an operation is heard of late.
///
/// Seconds are whole ones of CLOCK_BOOTTIME, so that the series of a trial line up.
package struct LatencySeries: ~Copyable {
  private static let second: UInt64 = 1_000_000_000
  /// Entries that hold every latency of ordinary seconds.
  private static let usualCapacity = 8192
  /// What a series of the usual capacity takes, bytes.
  package static let memory = usualCapacity * MemoryLayout<UInt64>.stride

  private let of: String
  private let worker: String?
  private let mount: String?
  private let record: RecordWriter
  /// Bucket in the upper 16 bits, count in the others; in no order, a bucket more than once.
  private let entries: UnsafeMutableBufferPointer<UInt64>
  private var used = 0
  private var second: UInt64 = 0
  private var count: UInt64 = 0
  private var sum: UInt64 = 0
  private var max: UInt64 = 0

  /// - Parameters:
  ///   - of: what takes that long: `write`, `fsync`, `block-read`, ...
  ///   - worker: whose operations these are; nil: the whole machine's.
  ///   - mount: what they go to; nil: they are not told apart by that.
  ///   - capacity: room for so many entries of 8 bytes.
  package init(
    of: String, worker: String? = nil, mount: String? = nil, capacity: Int = usualCapacity,
    _ record: RecordWriter
  ) {
    self.of = of
    self.worker = worker
    self.mount = mount
    self.record = record
    entries = .allocate(capacity: capacity)
  }

  deinit { entries.deallocate() }

  /// Counts an operation. Allocates nothing, but where the buffer is full or a second is over.
  ///
  /// - Parameters:
  ///   - value: how long it took, ns.
  ///   - end: when it ended, CLOCK_BOOTTIME in ns: it belongs to that second.
  package mutating func record(_ value: UInt64, at end: UInt64) {
    let itsSecond = end / Self.second
    if itsSecond != second {
      flush()
      second = itsSecond
    }
    if used == entries.count {
      merge()
      // Merging again and again to gain a few entries would cost more than a line does.
      if used > entries.count / 2 { flush() }
    }
    entries.initializeElement(at: used, to: UInt64(LatencyBucket.of(value)) << 48 | 1)
    used += 1
    count += 1
    sum += value
    max = Swift.max(max, value)
  }

  /// Tells a second that is over at `now` (CLOCK_BOOTTIME, ns): to be called when nothing may come for long.
  package mutating func tell(before now: UInt64) {
    if now / Self.second > second { flush() }
  }

  /// Tells what there is.
  package mutating func flush() {
    if count == 0 { return }
    merge()
    var line = LatencyLine()
    line.from = Int64(clamping: second * Self.second)
    line.of = of
    line.worker = worker
    line.mount = mount
    line.count = Int64(clamping: count)
    line.sum = Int64(clamping: sum)
    line.max = Int64(clamping: max)
    line.values = .array(
      entries[..<used].map { entry in
        [.uint(LatencyBucket.lowest(Int(entry >> 48))), .uint(entry & Self.countMask)]
      })
    record.emit(line, at: (second + 1) * Self.second)
    used = 0
    (count, sum, max) = (0, 0, 0)
  }

  /// Sorts the entries and makes one of those that share a bucket.
  private mutating func merge() {
    var all = entries[..<used]
    all.sort()
    var last = 0
    for i in 1..<used {
      if entries[i] >> 48 == entries[last] >> 48 {
        entries[last] += entries[i] & Self.countMask
      } else {
        last += 1
        entries[last] = entries[i]
      }
    }
    used = last + 1
  }

  private static let countMask: UInt64 = 1 << 48 - 1
}

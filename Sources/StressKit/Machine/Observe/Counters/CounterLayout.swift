// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressRecord

/// Where a kernel file keeps its numbers: the columns that its first reading had, and how a later reading's
/// bytes become their values.
///
/// Values are looked for in the order of the first reading, and every key is compared before its value is
/// taken: a line that a kernel adds, leaves out or moves costs a search, and what is not there is unknown;
/// no value ever stands under another's name.
package final class CounterLayout: @unchecked Sendable {
  package enum Format: Sendable {
    /// `name value` lines: /proc/vmstat, memory.events, memory.stat.
    case keyed
    /// `name:  value [unit]` lines: bdi/MAJ:MIN/stats in debugfs. The unit is not part of the name; `state`
    /// is hexadecimal. Source: mm/backing-dev.c (`bdi_debug_stats_show`).
    case labelled
    /// One number, or `max`: memory.current.
    case single
    /// Pressure stall information: the `total=` of each line, microseconds (Documentation/accounting/psi.rst).
    case pressure
    /// One line of numbers that have no names in the file: /sys/block/DISK/stat, /proc/PID/schedstat. With a
    /// label the line begins with that word: the first of /proc/stat with `cpu`.
    case fields([String], label: String = "")
    /// Blocks of labelled lines, of which the first says whose block it is: bdi/MAJ:MIN/wb_stats in debugfs
    /// (6.10 and later), one block for each cgroup that has dirtied pages of the device. They come and go,
    /// so that the columns are those of the given owners: a name for each, and the number in `WbCgIno`, the
    /// inode of the cgroup's directory. Source: mm/backing-dev.c (`cgwb_debug_stats_show`).
    case blocks([Owner])

    /// /sys/block/DISK/stat: sectors are 512 bytes, ticks milliseconds (Documentation/block/stat.rst).
    package static let disk = Format.fields([
      "read_ios", "read_merges", "read_sectors", "read_ticks",
      "write_ios", "write_merges", "write_sectors", "write_ticks",
      "in_flight", "io_ticks", "time_in_queue",
      "discard_ios", "discard_merges", "discard_sectors", "discard_ticks",
      "flush_ios", "flush_ticks",
    ])

    /// All CPUs' line of /proc/stat, in USER_HZ: hundredths of a second (Documentation/filesystems/proc.rst).
    package static let processors = Format.fields(
      [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest",
        "guest_nice",
      ], label: "cpu")

    /// /proc/PID/schedstat: ns on a CPU, ns waiting for one, time slices
    /// (Documentation/scheduler/sched-stats.rst).
    package static let task = Format.fields(["run", "wait", "slices"])

    package struct Owner: Sendable {
      /// Put before each key of its block.
      package var prefix: String
      package var inode: UInt64
      package init(prefix: String, inode: UInt64) {
        self.prefix = prefix
        self.inode = inode
      }
    }
  }

  private enum Shape { case lines, single, pressure, fields, blocks }

  /// One key: its bytes, the separator included, and what base its values are in.
  private struct Key {
    var start: Int
    var length: Int
    var base: UInt64
  }

  /// Column names: the prefix and the file's own keys.
  package let names: [String]
  private let shape: Shape
  /// Keys of lines (of each block, where there are some), in the order of the first reading.
  private let keys: UnsafeMutableBufferPointer<Key>
  private let text: UnsafeMutableBufferPointer<UInt8>
  /// Blocks: the key of their first line, and their owners.
  private let head: Key
  private let owners: UnsafeMutableBufferPointer<UInt64>

  private static let blank = UInt8(ascii: " ")
  private static let newline = UInt8(ascii: "\n")

  /// Learns the columns from a first reading.
  ///
  /// - Parameter prefix: put before each key, such as `wbstress/memory.events:`.
  package init(_ format: Format, prefix: String, learning first: String) {
    let lines = first.split(separator: "\n")
    var bytes: [UInt8] = []
    var table: [Key] = []
    var names: [String] = []
    var head = Key(start: 0, length: 0, base: 10)
    var owners: [UInt64] = []
    func key(_ name: Substring, _ separator: String, base: UInt64 = 10) -> Key {
      let start = bytes.count
      bytes.append(contentsOf: name.utf8)
      bytes.append(contentsOf: separator.utf8)
      return Key(start: start, length: bytes.count - start, base: base)
    }
    func labelled(_ lines: some Sequence<Substring>) -> [Substring] {
      let labels = lines.compactMap { $0.contains(":") ? $0.prefix { $0 != ":" } : nil }
      for label in labels { table.append(key(label, ":", base: label == "state" ? 16 : 10)) }
      return labels
    }
    switch format {
    case .keyed, .pressure:
      for line in lines {
        let name = line.prefix { $0 != " " }
        table.append(key(name, " "))
        names.append(prefix + name)
      }
      if case .keyed = format { shape = .lines } else { shape = .pressure }
    case .labelled:
      names = labelled(lines).map { prefix + $0 }
      shape = .lines
    case .single:
      names = [prefix]
      shape = .single
    case .fields(let given, let label):
      if !label.isEmpty { head = key(label[...], " ") }
      let numbers = (lines.first ?? "").split(separator: " ")
        .dropFirst(label.isEmpty ? 0 : 1).count
      names = given.prefix(numbers).map { prefix + $0 }
      shape = .fields
    case .blocks(let given):
      let label = (lines.first ?? "").prefix { $0 != ":" }
      let block = lines.dropFirst().prefix { !$0.hasPrefix(label + ":") }
      head = key(label, ":")
      let labels = labelled(block)
      owners = given.map(\.inode)
      names = given.flatMap { owner in labels.map { prefix + owner.prefix + $0 } }
      shape = .blocks
    }
    self.names = names
    self.head = head
    keys = .allocate(capacity: table.count)
    _ = keys.initialize(from: table)
    text = .allocate(capacity: bytes.count)
    _ = text.initialize(from: bytes)
    self.owners = .allocate(capacity: owners.count)
    _ = self.owners.initialize(from: owners)
  }

  deinit {
    keys.deallocate()
    text.deallocate()
    owners.deallocate()
  }

  /// Whether all there is to know is in the file's first line.
  var isOneLine: Bool { shape == .fields || shape == .single }

  /// Takes the values out of a reading, one per column; what is missing becomes `SampleLine.unknown`.
  /// Allocates nothing.
  package func parse(
    _ reading: UnsafeRawBufferPointer, into values: UnsafeMutableBufferPointer<Int64>
  ) {
    values.update(repeating: SampleLine.unknown)
    guard var at = reading.baseAddress else { return }
    let end = at + reading.count
    let count = min(values.count, names.count)
    switch shape {
    case .single:
      if count > 0 { values[0] = Self.number(&at, end, base: 10) }
    case .fields:
      if head.length > 0 {
        guard has(head, at, end) else { return }
        at += head.length
      }
      for column in 0..<count {
        let value = Self.number(&at, end, base: 10)
        if value == SampleLine.unknown { return }
        values[column] = value
      }
    case .lines, .pressure: parseLines(at, end, count, into: values)
    case .blocks: parseBlocks(at, end, into: values)
    }
  }

  private func parseLines(
    _ start: UnsafeRawPointer, _ end: UnsafeRawPointer, _ count: Int,
    into values: UnsafeMutableBufferPointer<Int64>
  ) {
    var at = start
    var expected = 0
    while at < end {
      if let column = find(at, end, expected), column < count {
        at += keys[column].length
        if shape == .pressure { Self.skipToTotal(&at, end) }
        values[column] = Self.number(&at, end, base: keys[column].base)
        expected = column + 1
      }
      Self.skipLine(&at, end)
    }
  }

  private func parseBlocks(
    _ start: UnsafeRawPointer, _ end: UnsafeRawPointer,
    into values: UnsafeMutableBufferPointer<Int64>
  ) {
    var at = start
    var first: Int?
    var expected = 0
    while at < end {
      if has(head, at, end) {
        at += head.length
        let inode = Self.number(&at, end, base: 10)
        first = nil
        for owner in 0..<owners.count where Int64(bitPattern: owners[owner]) == inode {
          let column = owner * keys.count
          if column + keys.count > values.count { break }
          first = column
          // Of two blocks for one owner all values are the last one's.
          for i in column..<column + keys.count { values[i] = SampleLine.unknown }
        }
        expected = 0
      } else if let first, let key = find(at, end, expected) {
        at += keys[key].length
        values[first + key] = Self.number(&at, end, base: keys[key].base)
        expected = key + 1
      }
      Self.skipLine(&at, end)
    }
  }

  /// Which key a line has: mostly the one after the last line's.
  private func find(
    _ line: UnsafeRawPointer, _ end: UnsafeRawPointer, _ expected: Int
  ) -> Int? {
    if expected < keys.count, has(keys[expected], line, end) { return expected }
    for key in 0..<keys.count where has(keys[key], line, end) { return key }
    return nil
  }

  private func has(_ key: Key, _ line: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Bool {
    guard end - line >= key.length, let bytes = text.baseAddress else { return false }
    return memcmp(line, bytes + key.start, key.length) == 0
  }

  private static func skipLine(_ at: inout UnsafeRawPointer, _ end: UnsafeRawPointer) {
    while at < end {
      let byte = at.load(as: UInt8.self)
      at += 1
      if byte == newline { return }
    }
  }

  /// To behind the line's last `=`: the total is its last member.
  private static func skipToTotal(_ at: inout UnsafeRawPointer, _ end: UnsafeRawPointer) {
    var scan = at
    while scan < end, scan.load(as: UInt8.self) != newline {
      if scan.load(as: UInt8.self) == UInt8(ascii: "=") { at = scan + 1 }
      scan += 1
    }
  }

  /// A number behind any blanks; unknown when there is none, when it does not fit, and when nothing ends it,
  /// as in a reading that was cut short.
  private static func number(
    _ at: inout UnsafeRawPointer, _ end: UnsafeRawPointer, base: UInt64
  ) -> Int64 {
    while at < end, at.load(as: UInt8.self) == blank { at += 1 }
    var value: UInt64 = 0
    var digits = 0
    while at < end {
      let byte = at.load(as: UInt8.self)
      var digit = UInt64(byte &- UInt8(ascii: "0"))
      if digit > 9 {
        guard base == 16, byte >= UInt8(ascii: "a"), byte <= UInt8(ascii: "f") else { break }
        digit = UInt64(byte - UInt8(ascii: "a")) + 10
      }
      value = value &* base &+ digit
      digits += 1
      at += 1
    }
    guard digits > 0, at < end, value <= UInt64(Int64.max), digits <= (base == 10 ? 19 : 16),
      at.load(as: UInt8.self) == newline || at.load(as: UInt8.self) == blank
    else { return SampleLine.unknown }
    return Int64(value)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What was sampled at one interval: its columns, each kept as the changes of its value.
package struct Lane: Sendable {
  package let name: String
  /// Between two deadlines, ns; nil when its `columns` line does not say.
  package let interval: Int64?
  package let names: [String]
  /// Of each sample, CLOCK_BOOTTIME in ns, strictly ascending.
  package let times: [Int64]
  private let changes: [[UInt8]]
  private let numbers: [String: Int]

  init(name: String, interval: Int64?, names: [String], times: [Int64], changes: [[UInt8]]) {
    self.name = name
    self.interval = interval
    self.names = names
    self.times = times
    self.changes = changes
    numbers = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
  }

  /// The first sample at `time` or after it; nil: there is none.
  package func first(from time: Int64) -> Int? {
    let count = below { $0 < time }
    return count < times.count ? count : nil
  }

  /// The last sample at `time` or before it; nil: there is none.
  package func last(until time: Int64) -> Int? {
    let count = below { $0 <= time }
    return count > 0 ? count - 1 : nil
  }

  /// How many samples, from the first on, are `early`: by halves.
  private func below(_ early: (Int64) -> Bool) -> Int {
    var low = 0
    var high = times.count
    while low < high {
      let middle = (low + high) / 2
      if early(times[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// A column by its name; nil: this kernel, or this profile, has none.
  package func column(_ name: String) -> LaneColumn? {
    numbers[name].map { LaneColumn(changes: changes[$0], count: times.count) }
  }

  /// All columns, in the order of `names`.
  package var columns: some Sequence<LaneColumn> {
    changes.lazy.map { [count = times.count] in LaneColumn(changes: $0, count: count) }
  }
}

/// The values of one counter, as many as its lane has samples.
public struct LaneColumn: Sendable {
  /// Of each change, how many samples after the one before it (LEB128), and by how much (LEB128 of the
  /// zigzag code, https://protobuf.dev/programming-guides/encoding; unknown is `SampleLine.unknown`).
  @usableFromInline let changes: [UInt8]
  public let count: Int

  init(changes: [UInt8], count: Int) {
    self.changes = changes
    self.count = count
  }

  /// Gives the values: each with the samples, counted from 0, that have it one after the other; nil is
  /// unknown.
  @inlinable public func forEachRun(_ body: (Range<Int>, Int64?) -> Void) {
    var at = 0
    var start = 0
    var value: Int64 = 0
    while at < changes.count {
      let next = start + Int(number(&at))
      if next > start { give(start..<min(next, count), value, body) }
      start = next
      let coded = number(&at)
      value &+= Int64(bitPattern: coded >> 1) ^ -Int64(bitPattern: coded & 1)
    }
    if start < count { give(start..<count, value, body) }
  }

  /// The value of each sample; nil: unknown.
  package var values: [Int64?] {
    var values: [Int64?] = []
    values.reserveCapacity(count)
    forEachRun { run, value in values.append(contentsOf: repeatElement(value, count: run.count)) }
    return values
  }

  /// The value of one sample; nil: unknown.
  package func value(at sample: Int) -> Int64? {
    var found: Int64?
    forEachRun { run, value in if run.contains(sample) { found = value } }
    return found
  }

  /// By how much the value is larger in one sample than in another; nil: one of them is unknown.
  package func growth(from first: Int, to last: Int) -> Double? {
    guard let before = value(at: first), let after = value(at: last) else { return nil }
    return Double(after) - Double(before)
  }

  @inlinable func give(_ run: Range<Int>, _ value: Int64, _ body: (Range<Int>, Int64?) -> Void) {
    body(run, value == SampleLine.unknown ? nil : value)
  }

  @inlinable func number(_ at: inout Int) -> UInt64 {
    var number: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = changes[at]
      at += 1
      number |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return number }
      shift += 7
    }
  }
}

/// The changes of a column while they are read.
struct ColumnBuilder {
  private var bytes: UnsafeMutablePointer<UInt8>?
  private var count = 0
  private var capacity = 0
  private var value: Int64 = 0
  private var last = 0
  /// Two numbers of 64 bits, seven bits a byte.
  private static let longest = 20

  /// Takes the value of a sample; samples come in their order, and the first must come.
  @inline(__always)
  mutating func add(_ value: Int64, at sample: Int) {
    if value != self.value || sample == 0 { change(to: value, at: sample) }
  }

  private mutating func change(to value: Int64, at sample: Int) {
    if capacity - count < Self.longest {
      capacity = max(64, capacity + capacity / 2)
      let grown = realloc(bytes, capacity)!
      bytes = grown.bindMemory(to: UInt8.self, capacity: capacity)
    }
    let delta = value &- self.value
    append(UInt64(sample - last))
    append(UInt64(bitPattern: delta << 1 ^ delta >> 63))
    self.value = value
    last = sample
  }

  private mutating func append(_ number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes![count] = UInt8(truncatingIfNeeded: rest) | 0x80
      count += 1
      rest >>= 7
    }
    bytes![count] = UInt8(truncatingIfNeeded: rest)
    count += 1
  }

  /// The changes; nothing can be added afterwards.
  mutating func finish() -> [UInt8] {
    let all = Array(UnsafeBufferPointer(start: bytes, count: count))
    drop()
    return all
  }

  /// Forgets all. `finish` without a use of its result is not the same: the optimizer of Swift 6.3.1 fills that array
  /// after it has freed it.
  mutating func drop() {
    free(bytes)
    self = ColumnBuilder()
  }
}

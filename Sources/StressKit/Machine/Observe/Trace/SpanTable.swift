// SPDX-License-Identifier: Apache-2.0

/// What has begun and not ended: a hash table of fixed size that allocates nothing after it is made.
///
/// Linear probing; a removal moves the entries behind it up, so that no tombstones gather in a long trial.
package struct SpanTable<Extra: BitwiseCopyable>: ~Copyable {
  private struct Entry {
    /// 0: free.
    var kind: UInt64 = 0
    var a: UInt64 = 0
    var b: UInt64 = 0
    var start: UInt64 = 0
    var extra: Extra
  }
  /// Owns the entries. A class: in debug builds Swift 6.3 does not run the deinit of such a struct, generic and
  /// noncopyable, where it is a stored property; each trial left 1.3 MB behind.
  private final class Storage {
    let entries: UnsafeMutablePointer<Entry>
    init(_ count: Int, _ nothing: Extra) {
      entries = .allocate(capacity: count)
      entries.initialize(repeating: Entry(extra: nothing), count: count)
    }
    deinit { entries.deallocate() }
  }
  private let storage: Storage
  private let nothing: Extra
  private let entries: UnsafeMutablePointer<Entry>
  private let mask: Int
  private let most: Int
  package private(set) var count = 0
  /// Beginnings that found no room: their ends are not seen either.
  package private(set) var overflowed = 0

  /// - Parameters:
  ///   - capacity: a power of two; three quarters of it are used.
  ///   - nothing: what is kept with a beginning that tells nothing more.
  package init(capacity: Int, nothing: Extra) {
    precondition(capacity.nonzeroBitCount == 1)
    self.nothing = nothing
    storage = Storage(capacity, nothing)
    entries = storage.entries
    mask = capacity - 1
    most = capacity / 4 * 3
  }

  private func home(_ kind: UInt64, _ a: UInt64, _ b: UInt64) -> Int {
    var hash = (a ^ b &* 0x9e37_79b9_7f4a_7c15 ^ kind &<< 56) &* 0xff51_afd7_ed55_8ccd
    hash ^= hash >> 32
    return Int(truncatingIfNeeded: hash) & mask
  }

  private func find(_ kind: UInt64, _ a: UInt64, _ b: UInt64) -> (at: Int, isThere: Bool) {
    var at = home(kind, a, b)
    while entries[at].kind != 0 {
      if entries[at].kind == kind, entries[at].a == a, entries[at].b == b { return (at, true) }
      at = (at + 1) & mask
    }
    return (at, false)
  }

  /// Notes a beginning; one of the same key that has not ended is forgotten.
  ///
  /// - Returns: false where there is no room, so that no end will be told.
  @discardableResult
  package mutating func begin(
    _ kind: UInt64, _ a: UInt64, _ b: UInt64 = 0, at time: UInt64, extra: Extra? = nil
  ) -> Bool {
    let (at, isThere) = find(kind + 1, a, b)
    if !isThere {
      if count >= most {
        overflowed += 1
        return false
      }
      count += 1
    }
    entries[at] = Entry(kind: kind + 1, a: a, b: b, start: time, extra: extra ?? nothing)
    return true
  }

  /// The beginning of a key, which stays.
  package func began(
    _ kind: UInt64, _ a: UInt64, _ b: UInt64 = 0
  ) -> (start: UInt64, extra: Extra)? {
    let (at, isThere) = find(kind + 1, a, b)
    return isThere ? (entries[at].start, entries[at].extra) : nil
  }

  /// Changes what is kept with the beginning of a key, if there is one.
  package mutating func update(
    _ kind: UInt64, _ a: UInt64, _ b: UInt64 = 0, _ body: (_ extra: inout Extra) -> Void
  ) {
    let (at, isThere) = find(kind + 1, a, b)
    if isThere { body(&entries[at].extra) }
  }

  /// Takes the beginning of a key out; nil when there was none.
  package mutating func end(
    _ kind: UInt64, _ a: UInt64, _ b: UInt64 = 0
  ) -> (start: UInt64, extra: Extra)? {
    let found = find(kind + 1, a, b)
    guard found.isThere else { return nil }
    let entry = entries[found.at]
    var hole = found.at
    var at = (hole + 1) & mask
    while entries[at].kind != 0 {
      // It may move up unless its home lies between the hole and itself.
      let home = home(entries[at].kind, entries[at].a, entries[at].b)
      if (at - home) & mask >= (at - hole) & mask {
        entries[hole] = entries[at]
        hole = at
      }
      at = (at + 1) & mask
    }
    entries[hole].kind = 0
    count -= 1
    return (entry.start, entry.extra)
  }

  /// All that has begun.
  package func visit(
    _ body: (_ kind: UInt64, _ a: UInt64, _ b: UInt64, _ start: UInt64, _ extra: Extra) -> Void
  ) {
    for at in 0...mask where entries[at].kind != 0 {
      let entry = entries[at]
      body(entry.kind - 1, entry.a, entry.b, entry.start, entry.extra)
    }
  }
}

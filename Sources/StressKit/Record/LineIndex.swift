// SPDX-License-Identifier: Apache-2.0

/// Where the lines of a record are, by their type and, within it, by what divides it (`of`, `lane`).
struct LineIndex: Sendable {
  struct Lines: Sendable {
    let type: String
    /// In the order of the file.
    fileprivate(set) var places: [LinePlace] = []
    /// Of each place its index in `kinds`.
    private var kindOf: [UInt32] = []
    private var kinds = NameTable()
    /// Of each place a hash of its bytes, until duplicates are told.
    private var hashes: [UInt32] = []

    fileprivate init(type: String) { self.type = type }

    fileprivate mutating func add(
      _ place: LinePlace, kind: UnsafeBufferPointer<UInt8>, hash: UInt32
    ) {
      places.append(place)
      kindOf.append(UInt32(kinds.index(of: kind)))
      hashes.append(hash)
    }

    /// The places of one kind, in the order of the file.
    func places(of kind: String) -> some Sequence<LinePlace> {
      let index = kinds.names.firstIndex(of: kind).map { UInt32($0) }
      return zip(index == nil ? [] : places, kindOf).lazy.filter { $0.1 == index }.map(\.0)
    }

    /// Of each place, in the order of the file, which of some kinds it is of; nil: none of them.
    func numbers(of wanted: [String]) -> some Sequence<Int?> {
      let numbers = kinds.names.map { wanted.firstIndex(of: $0) }
      return kindOf.lazy.map { numbers[Int($0)] }
    }

    /// Pairs of lines whose hashes are the same, the earlier one first: candidates for duplicates.
    fileprivate func likely() -> [(first: Int, second: Int)] {
      // Sixteen bits for each line, of which its hash sets one: only lines that meet at a bit are sorted.
      var size = 1024
      while size < 16 * hashes.count { size *= 2 }
      let mask = UInt32(truncatingIfNeeded: size - 1)
      var seen = BitSet(size)
      var met = BitSet(size)
      for hash in hashes where !seen.insert(hash & mask) { _ = met.insert(hash & mask) }
      var keys: [UInt64] = []
      for (line, hash) in hashes.enumerated() where met.contains(hash & mask) {
        keys.append(UInt64(hash) << 32 | UInt64(line))
      }
      keys.sort()
      return zip(keys, keys.dropFirst()).filter { $0 >> 32 == $1 >> 32 }
        .map { (Int($0 & 0xffff_ffff), Int($1 & 0xffff_ffff)) }
    }

    fileprivate mutating func forgetHashes() { hashes = [] }

    mutating func remove(_ gone: Set<Int>) {
      if gone.isEmpty { return }
      let kept = places.indices.filter { !gone.contains($0) }
      kindOf = kept.map { kindOf[$0] }
      places = kept.map { places[$0] }
    }
  }

  private var names = NameTable()
  private(set) var types: [Lines] = []

  /// - Parameters:
  ///   - kind: empty for a line that has none.
  ///   - hash: of the line's bytes.
  mutating func add(
    _ place: LinePlace, type: UnsafeBufferPointer<UInt8>, kind: UnsafeBufferPointer<UInt8>,
    hash: UInt32
  ) {
    let index = names.index(of: type)
    if index == types.count { types.append(Lines(type: names.names[index])) }
    types[index].add(place, kind: kind, hash: hash)
  }

  /// Adds a sample, whose duplicates are found by their times.
  mutating func addSample(_ place: LinePlace, of lane: String) {
    var lane = lane
    lane.withUTF8 { add(place, type: RecordFile.sample.bytes, kind: $0, hash: 0) }
  }

  subscript(type: String) -> Lines? { types.first { $0.type == type } }

  mutating func remove(_ places: Set<LinePlace>, from type: String) {
    guard !places.isEmpty, let index = types.firstIndex(where: { $0.type == type }) else { return }
    let all = types[index].places
    types[index].remove(Set(all.indices.filter { places.contains(all[$0]) }))
  }

  /// Takes out lines that stand there twice, word for word.
  ///
  /// Lines of `repeatable` types stay: two may well tell of the same. Samples are left to their lanes.
  mutating func removeDuplicates(_ storage: RecordStorage, _ defects: inout RecordDefects) {
    for (index, lines) in types.enumerated() where lines.type != "\(RecordFile.sample)" {
      var gone: Set<Int> = []
      for (first, second) in lines.likely() {
        var texts: [[UInt8]] = []
        storage.forEach([lines.places[first], lines.places[second]]) { texts.append(Array($1)) }
        if texts.count == 2, texts[0] == texts[1] { gone.insert(second) }
      }
      let isRepeatable = LineTypes.repeatable.contains(lines.type)
      defects.add(isRepeatable ? .repeated : .duplicate, gone.count)
      types[index].forgetHashes()
      if !isRepeatable { types[index].remove(gone) }
    }
  }
}

/// Names, numbered from 0 as they come.
private struct NameTable: Sendable {
  private(set) var names: [String] = []
  private var utf8: [[UInt8]] = []
  /// Open addressing: the index and 1, or 0.
  private var slots = [UInt32](repeating: 0, count: 128)
  /// The number that was given last: most names come several times in a row.
  private var last = 0

  /// The number of a name; a new one gets the next.
  mutating func index(of name: UnsafeBufferPointer<UInt8>) -> Int {
    if last < names.count, isName(last, name) { return last }
    last = found(name)
    return last
  }

  private mutating func found(_ name: UnsafeBufferPointer<UInt8>) -> Int {
    var slot = slot(of: name)
    if slots[slot] > 0 { return Int(slots[slot]) - 1 }
    if 2 * names.count >= slots.count {
      slots = [UInt32](repeating: 0, count: 2 * slots.count)
      for (index, known) in utf8.enumerated() {
        let at = known.withUnsafeBufferPointer { self.slot(of: $0) }
        slots[at] = UInt32(index) + 1
      }
      slot = self.slot(of: name)
    }
    names.append(String(decoding: name, as: UTF8.self))
    utf8.append(Array(name))
    slots[slot] = UInt32(names.count)
    return names.count - 1
  }

  private func isName(_ index: Int, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
    utf8[index].withUnsafeBufferPointer { $0.isSame(as: name) }
  }

  /// Where a name is, or would be.
  private func slot(of name: UnsafeBufferPointer<UInt8>) -> Int {
    var slot = Int(truncatingIfNeeded: lineHash(name)) & (slots.count - 1)
    while slots[slot] > 0, !isName(Int(slots[slot]) - 1, name) {
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }
}

/// So many bits.
private struct BitSet {
  private var words: [UInt64]

  init(_ count: Int) { words = [UInt64](repeating: 0, count: count / 64) }

  /// Sets a bit; false: it was set.
  mutating func insert(_ bit: UInt32) -> Bool {
    defer { words[Int(bit >> 6)] |= 1 << UInt64(bit & 63) }
    return !contains(bit)
  }

  func contains(_ bit: UInt32) -> Bool { words[Int(bit >> 6)] & 1 << UInt64(bit & 63) != 0 }
}

/// A hash that is cheap for many bytes: eight at a time, by the multiplier of MurmurHash64A (A. Appleby).
func lineHash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
  let raw = UnsafeRawBufferPointer(bytes)
  var hash = UInt64(raw.count)
  func mix(_ word: UInt64) {
    hash = (hash ^ word) &* 0xc6a4_a793_5bd1_e995
    hash ^= hash >> 47
  }
  var at = 0
  while at + 8 <= raw.count {
    mix(raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    at += 8
  }
  var rest: UInt64 = 0
  while at < raw.count {
    rest = rest << 8 | UInt64(raw[at])
    at += 1
  }
  mix(rest)
  return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
}

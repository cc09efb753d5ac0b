// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A record, read once: its samples as lanes, of all other lines where they are in the file, from which they
/// are read when they are asked for. What a record of hours costs is little more than what is asked of it.
///
/// Lines that cannot be understood, or that contradict others, are left out and counted among the `defects`;
/// types and members that are not known are left alone.
package struct RecordReader: Sendable {
  private let storage: RecordStorage
  private let index: LineIndex
  private let found: RecordDefects
  /// In the order in which their first lines come.
  package let lanes: [Lane]

  /// Reads a whole record.
  ///
  /// - Throws: when the file cannot be read, or not more than once.
  package init(_ path: String) throws(HarnessError) {
    storage = try RecordStorage(path)
    let scanner = try RecordScanner(storage)
    index = scanner.index
    lanes = scanner.lanes
    found = scanner.defects
  }

  package func lane(_ name: String) -> Lane? { lanes.first { $0.name == name } }

  /// What is wrong with the record, as far as it shows.
  package var defects: RecordDefects {
    var defects = found
    defects.add(.shrunk, storage.hasShrunk ? 1 : 0)
    return defects
  }

  /// Lines that were no JSON objects.
  package var torn: Int { found[.torn] }

  // MARK: Lines

  /// The types that there are, in the order in which they first come.
  package var types: [String] { index.types.map(\.type) }

  /// How many lines there are of a type, samples included.
  ///
  /// - Parameter kind: only those whose `of` (or `lane`) is this.
  package func count(_ type: String, of kind: String? = nil) -> Int {
    guard let lines = index[type] else { return 0 }
    return kind.map { lines.places(of: $0).reduce(0) { count, _ in count + 1 } }
      ?? lines.places.count
  }

  /// The lines of some types, in the order of the file. For what comes by the thousand use `forEach`.
  package func lines(_ types: String...) -> [JSON] { json(at: places(types)) }

  package func first(_ type: String) -> JSON? {
    json(at: index[type]?.places.prefix(1) ?? []).first
  }

  package func last(_ type: String) -> JSON? { json(at: index[type]?.places.suffix(1) ?? []).first }

  /// The lines of a type, in the order of the file. For what comes by the thousand use `forEach`.
  ///
  /// - Parameter kind: only those whose `of` (or `lane`) is this.
  package func lines<L: Line>(_ type: L.Type, of kind: String? = nil) -> [L] {
    var lines: [L] = []
    forEach(type, of: kind) { lines.append(L($0)) }
    return lines
  }

  package func first<L: Line>(_ type: L.Type) -> L? {
    let found: [L] = lines(at: index[L.typeName]?.places.prefix(1) ?? [])
    return found.first
  }

  package func last<L: Line>(_ type: L.Type) -> L? {
    let found: [L] = lines(at: index[L.typeName]?.places.suffix(1) ?? [])
    return found.first
  }

  /// How many lines there are of a type.
  ///
  /// - Parameter kind: only those whose `of` (or `lane`) is this.
  package func count(_ type: any Line.Type, of kind: String? = nil) -> Int {
    count(type.typeName, of: kind)
  }

  /// Gives the lines of a type, in the order of the file, each valid only within its call: what a look at a million
  /// lines can afford.
  ///
  /// - Parameter kind: only those whose `of` (or `lane`) is this.
  package func forEach(
    _ type: any Line.Type, of kind: String? = nil, _ body: (RecordLine) throws -> Void
  ) rethrows {
    try forEach(type.typeName, of: kind, body)
  }

  /// The same of some types, in the order of the file.
  package func forEach(
    _ types: [any Line.Type], _ body: (RecordLine) throws -> Void
  ) rethrows {
    try storage.forEach(places(types.map { $0.typeName })) { try body(RecordLine($1)) }
  }

  private func lines<L: Line>(at places: some Sequence<LinePlace>) -> [L] {
    var lines: [L] = []
    storage.forEach(places) { lines.append(L(RecordLine($1))) }
    return lines
  }

  /// Gives the lines of a type, in the order of the file, each valid only within its call.
  ///
  /// - Parameter kind: only those whose `of` (or `lane`) is this.
  package func forEach(
    _ type: String, of kind: String? = nil, _ body: (RecordLine) throws -> Void
  ) rethrows {
    guard let lines = index[type] else { return }
    if let kind {
      try storage.forEach(lines.places(of: kind)) { try body(RecordLine($1)) }
    } else {
      try storage.forEach(lines.places) { try body(RecordLine($1)) }
    }
  }

  /// Gives the lines of a type that are of one of some kinds (their `of` or `lane`), in the order of the file: they are
  /// read once for all kinds.
  ///
  /// - Parameter body: is given the kind's index in `kinds`, and the line, which is valid only within the call.
  package func forEach(
    _ type: any Line.Type, ofEach kinds: [String],
    _ body: (_ kind: Int, RecordLine) throws -> Void
  ) rethrows {
    guard let lines = index[type.typeName] else { return }
    var numbers = zip(lines.places, lines.numbers(of: kinds)).makeIterator()
    try storage.forEach(lines.places) { place, bytes in
      // A place that is passed over is not in the file any more.
      while let (next, number) = numbers.next() {
        guard next == place else { continue }
        if let number { try body(number, RecordLine(bytes)) }
        return
      }
    }
  }

  /// Gives all lines but samples by their time, as they stand in the file where it is the same; those without
  /// one come last.
  package func forEachInTime(_ body: (RecordLine, _ time: Int64?) throws -> Void) rethrows {
    let types = types.filter { $0 != "\(RecordFile.sample)" }
    var all: [(time: Int64, place: LinePlace)] = []
    storage.forEach(places(types)) { place, bytes in
      all.append((RecordLine(bytes).int("t") ?? .max, place))
    }
    all.sort { ($0.time, $0.place) < ($1.time, $1.place) }
    try storage.forEach(all.lazy.map(\.place)) { _, bytes in
      let line = RecordLine(bytes)
      try body(line, line.int("t"))
    }
  }

  private func places(_ types: [String]) -> [LinePlace] {
    let all = types.compactMap { index[$0]?.places }
    return all.count == 1 ? all[0] : all.flatMap(\.self).sorted()
  }

  private func json(at places: some Sequence<LinePlace>) -> [JSON] {
    var lines: [JSON] = []
    storage.forEach(places) { lines.append(RecordLine($1).json) }
    return lines
  }

  /// Bytes of a page, in which /proc/vmstat counts; of older records, all of x86-64, 4096.
  package var pageSize: Int64 { Self.pageSize(first(EnvironmentLine.self)?.pageSize) }

  /// - Parameter told: by the `environment` line.
  package static func pageSize(_ told: Int64?) -> Int64 {
    let told = told ?? 4096
    // More than any architecture has would be damage.
    return 1...1 << 24 ~= told ? told : 4096
  }

  // MARK: The end

  /// How the trial ended; nil for a record without an `end`, whose harness was lost. Behind it may be what could not
  /// be written in time: `outage` lines, and all that a second place had kept.
  package static func ending(_ path: String) -> Ending? {
    RecordFile.lastLine(path, of: EndLine.type)?
      .withUnsafeBufferPointer { EndLine(RecordLine($0)) }.ending
  }

  /// The same of a record that is read.
  package var ending: Ending? { last(EndLine.self)?.ending }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// Puts a lane together from its `columns` and `sample` lines, in whatever order they come.
///
/// Samples become columns at once, for as long as they come after their `columns` line and each later than
/// the one before. Otherwise they are read a second time, when all are known, in the order of their times.
///
/// It must be ended by `finish` or `drop`. (A class would do that by itself, and have each access to its members checked
/// at run time: 5 % of what reading a record takes.)
struct LaneBuilder {
  /// What one `columns` line says: where it stands, and for each of its values the number of its column.
  private struct Layout {
    var offset: Int
    var columns: [Int]
  }

  let name: String
  private let middle: [UInt8]
  private var layouts: [Layout] = []
  private var current: Layout?
  /// Of all layouts.
  private var names: [String] = []
  private var numbers: [String: Int] = [:]
  private var interval: Int64?
  private var columns: [ColumnBuilder] = []
  private var times: [Int64] = []
  private var mustSort = false
  /// Of each column that is a total of PSI, what makes it unknown.
  private var pressures: [(column: Int, total: PressureTotal)] = []
  /// The values of a sample while it is taken.
  private var row: [Int64] = []

  init(_ name: String) {
    self.name = name
    middle = SampleLine.middle(of: name)
  }

  /// Forgets what it has.
  mutating func drop() {
    for i in columns.indices { columns[i].drop() }
    columns = []
  }

  // MARK: Columns

  /// Takes a `columns` line; whether it says other than the one before it.
  mutating func addColumns(_ line: JSON, at offset: Int) -> Bool {
    let named = (line["names"]?.array ?? []).map { $0.string ?? "" }
    if let last = layouts.last, last.columns.map({ names[$0] }) == named { return false }
    interval = interval ?? line["interval"]?.int.flatMap { 1...LineHead.latest ~= $0 ? $0 : nil }
    var used: Set<Int> = []
    let layout = Layout(
      offset: offset,
      columns: named.map { name in
        // A name that stands there twice is two columns.
        let number = numbers[name].flatMap { used.contains($0) ? nil : $0 } ?? append(name)
        used.insert(number)
        return number
      })
    layouts.append(layout)
    use(layout)
    return layouts.count > 1
  }

  private mutating func append(_ name: String) -> Int {
    names.append(name)
    if PressureTotal.isOne(column: name) { pressures.append((names.count - 1, PressureTotal())) }
    if numbers[name] == nil { numbers[name] = names.count - 1 }
    return names.count - 1
  }

  private mutating func use(_ layout: Layout) {
    current = layout
    row = [Int64](repeating: SampleLine.unknown, count: names.count)
    while columns.count < names.count {
      columns.append(ColumnBuilder())
      if !times.isEmpty { columns[columns.count - 1].add(SampleLine.unknown, at: 0) }
    }
  }

  // MARK: Samples

  enum Answer: Equatable {
    case taken
    case refused(RecordDefects.Kind)
    /// Not formed as the record's writer does it, or another lane's.
    case unlike
  }

  /// Takes a line as the writer forms it.
  ///
  /// - Parameters:
  ///   - time: the sample's, which ends at `end` in `bytes`.
  mutating func add(_ bytes: UnsafeBufferPointer<UInt8>, time: Int64, end: Int) -> Answer {
    let rest = UnsafeBufferPointer(rebasing: bytes[end...])
    let isOurs =
      rest.count > middle.count
      && middle.withUnsafeBufferPointer {
        $0.isSame(as: UnsafeBufferPointer(rebasing: rest[..<$0.count]))
      }
    guard let current, isOurs else { return .unlike }
    let values = UnsafeBufferPointer(rebasing: rest[middle.count...])
    let count = row.withUnsafeMutableBufferPointer { SampleLine.values(values, into: $0) }
    guard let count else { return .unlike }
    return count == current.columns.count ? keep(time) : .refused(.wrongWidth)
  }

  /// Takes any sample of this lane. Without columns yet it is kept for later.
  mutating func add(time: Int64, _ values: [Int64]) -> Answer {
    guard let current else {
      mustSort = true
      return .taken
    }
    guard values.count == current.columns.count else { return .refused(.wrongWidth) }
    row.replaceSubrange(values.indices, with: values)
    return keep(time)
  }

  /// Keeps the sample in `row`.
  private mutating func keep(_ time: Int64) -> Answer {
    if mustSort { return .taken }
    if let last = times.last, last >= time {
      mustSort = true
      return .taken
    }
    store(time)
    return .taken
  }

  private mutating func store(_ time: Int64) {
    let sample = times.count
    times.append(time)
    if layouts.count == 1 {
      Self.check(&row, &pressures, at: time)
      columns.withUnsafeMutableBufferPointer { columns in
        row.withUnsafeBufferPointer { row in
          for i in columns.indices { columns[i].add(row[i], at: sample) }
        }
      }
    } else if let current {
      var all = [Int64](repeating: SampleLine.unknown, count: names.count)
      for (value, column) in zip(row, current.columns) { all[column] = value }
      Self.check(&all, &pressures, at: time)
      for i in columns.indices { columns[i].add(all[i], at: sample) }
    }
  }

  /// Makes those totals of PSI unknown that cannot be.
  ///
  /// - Parameter values: by their columns.
  private static func check(
    _ values: inout [Int64], _ pressures: inout [(column: Int, total: PressureTotal)],
    at time: Int64
  ) {
    for i in pressures.indices {
      let column = pressures[i].column
      values[column] = pressures[i].total.known(values[column], at: time) ?? SampleLine.unknown
    }
  }

  // MARK: The end

  /// The lane; nil: it has no columns.
  ///
  /// - Parameter places: of its samples, in the order of the file.
  /// - Returns: also those of them that were left out after all.
  mutating func finish(
    _ places: some Sequence<LinePlace>, _ storage: RecordStorage, _ defects: inout RecordDefects
  ) -> (lane: Lane?, left: Set<LinePlace>) {
    guard let first = layouts.first else {
      let left = Set(places)
      defects.add(.unnamedSample, left.count)
      return (nil, left)
    }
    let left = mustSort ? sort(places, from: first, storage, &defects) : []
    defects.add(.impossiblePressure, pressures.reduce(0) { $0 + $1.total.refused })
    let changes = columns.indices.map { columns[$0].finish() }
    let lane = Lane(name: name, interval: interval, names: names, times: times, changes: changes)
    return (lane, left)
  }

  /// Reads all samples again, by their times; those that were left out.
  private mutating func sort(
    _ places: some Sequence<LinePlace>, from first: Layout, _ storage: RecordStorage,
    _ defects: inout RecordDefects
  ) -> Set<LinePlace> {
    drop()
    times = []
    for i in pressures.indices { pressures[i].total = PressureTotal() }
    mustSort = false
    var samples: [(time: Int64, place: LinePlace)] = []
    var latest = Int64.min
    storage.forEach(places) { place, bytes in
      let line = RecordLine(bytes)
      guard let time = SampleLine.time(bytes)?.time ?? line.int("t") else { return }
      samples.append((time, place))
      defects.add(.disorder, time < latest ? 1 : 0)
      latest = max(latest, time)
    }
    samples.sort { ($0.time, $0.place) < ($1.time, $1.place) }
    var left: Set<LinePlace> = []
    storage.forEach(samples.lazy.map(\.place)) { place, bytes in
      if case .refused(let kind) = addAgain(bytes, at: place.offset, first) {
        defects.add(kind)
        left.insert(place)
      }
    }
    return left
  }

  private mutating func addAgain(
    _ bytes: UnsafeBufferPointer<UInt8>, at offset: Int, _ first: Layout
  ) -> Answer {
    // Which of several layouts a sample before the first has, nothing tells.
    guard
      let layout = layouts.last(where: { $0.offset < offset })
        ?? (layouts.count == 1 ? first : nil)
    else { return .refused(.unnamedSample) }
    if current?.offset != layout.offset || columns.isEmpty { use(layout) }
    if let (time, end) = SampleLine.time(bytes) {
      if time == times.last { return .refused(.doubleSample) }
      let answer = add(bytes, time: time, end: end)
      if answer != .unlike { return answer }
    }
    guard let sample = SampleLine.parse(RecordLine(bytes).json) else {
      return .refused(.wrongValue)
    }
    if sample.time == times.last { return .refused(.doubleSample) }
    return add(time: sample.time, sample.values)
  }
}

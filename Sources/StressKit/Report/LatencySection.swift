/// The part of the terminal report that says what took how long, and what each figure is.
struct LatencySection {
  private let cells: [CellSummary]
  private static let cellsAcross = 6

  init(_ cells: [CellSummary]) { self.cells = cells }

  /// What user space measures, which a report names first; the rest are the kernel's own.
  private static let operations = [
    (of: "write", definition: "submission of a write to its completion, as the worker sees it"),
    (of: "fsync", definition: "call of fsync(2) to its return, all of the stream's"),
    (of: "touch", definition: "touch of one page of pinned memory"),
  ]

  /// Primary figures first, then what explains them.
  private static let order: [(of: String, definition: String)] =
    operations
    + ([.inodeWriteback, .blockWrite]
    + TraceSpan.allCases.filter { $0 != .inodeWriteback && $0 != .blockWrite })
    .map { ($0.label, $0.definition) }

  private var kinds: [(of: String, definition: String)] {
    let present = Set(cells.flatMap { $0.counted.flatMap(\.latencies.keys) })
    return Self.order.filter { present.contains($0.of) }
  }

  func lines(width: Int, _ paint: (String) -> String) -> [String] {
    let kinds = kinds
    if kinds.isEmpty { return [] }
    var lines: [String] = []
    var rest = Array(cells.enumerated())[...]
    while !rest.isEmpty {
      var across = min(Self.cellsAcross, rest.count)
      func table() -> Table { self.table(kinds.map(\.of), rest.prefix(across)) }
      while across > 1, !table().fits(width) { across -= 1 }
      var text = table().lines(within: width)
      text[0] = paint(text[0])
      lines += text
      rest = rest.dropFirst(across)
    }
    lines += Format.broken(
      "Each: p99 of a trial, median over trials / the longest of all trials.", width: width)
    for kind in kinds {
      lines += Format.broken("\(kind.of): \(kind.definition)", width: width, indent: 4)
    }
    if cells.contains(where: { $0.counted.contains { $0.reaction != nil } }) {
      lines += Format.broken(
        "throttle reaction (median): \(ThrottleReaction.definition)", width: width, indent: 4)
    }
    return lines
  }

  private func table(_ kinds: [String], _ part: ArraySlice<(offset: Int, element: CellSummary)>)
    -> Table
  {
    var table = Table(
      [("latency, p99 / max in ms", .left)]
        + part.map { ("#\($0.offset + 1)", Table.Alignment.right) })
    for kind in kinds {
      table.add([kind] + part.map { Self.figure($0.element, kind) })
    }
    let reactions = part.map { Self.reaction($0.element) }
    if reactions.contains(where: { $0 != "-" }) {
      table.add(["throttle reaction"] + reactions)
    }
    return table
  }

  private static func figure(_ cell: CellSummary, _ kind: String) -> String {
    let p99 = cell.sample { $0.latencies[kind]?.percentile(0.99) }.median
    let longest = cell.sample { $0.latencies[kind]?.max }.max
    guard let p99, let longest else { return "-" }
    return "\(short(p99)) / \(short(longest))"
  }

  /// Milliseconds, with a decimal where that says something.
  private static func short(_ nanoseconds: Double) -> String {
    Format.fixed(nanoseconds / 1e6, nanoseconds < 100e6 ? 1 : 0)
  }

  /// Median of the trials in which a pause came; in how many none came before the kill.
  private static func reaction(_ cell: CellSummary) -> String {
    let all = cell.counted.compactMap(\.reaction)
    if all.isEmpty { return "-" }
    let after = OrderedSample(
      all.compactMap { reaction in
        if case .after(let time) = reaction { time } else { nil }
      })
    let never = all.count {
      switch $0 {
      case .neverBeforeKill, .never: true
      case .after, .notCrossed: false
      }
    }
    let parts = [
      after.median.map { short($0) }, never > 0 ? "never in \(never):\(all.count)" : nil,
    ].compactMap { $0 }
    return parts.isEmpty ? "not crossed" : parts.joined(separator: ", ")
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// The part of a report that says where the time of stalls went: a table for each kind of stall, the worst
/// stalls of each cell, and what the table of wait channels lacks.
package struct LedgerSection {
  private typealias Row = (label: String, figures: [String])

  /// Unknown stacks shown, and functions of each.
  private static let stacks = 5
  private static let frames = 8
  /// Trials of a cell whose worst stall is spelled out.
  private static let spelledOut = 3
  /// Of a worst stall, causes shown besides what is unexplained.
  private static let causes = 4

  private let cells: [CellLedger]

  package init(_ cells: [CellLedger]) { self.cells = cells }

  package func lines(width: Int, _ paint: (String) -> String) -> [String] {
    let operations = cells.map(\.operations)
    let pressure = cells.map(\.pressure)
    let tables =
      Self.tables(operations, "stalls", width, paint) + Self.tables(pressure, "full", width, paint)
    if tables.isEmpty { return [] }
    return tables.flatMap { $0 + [""] } + legend(width) + worst(width) + unknown(width)
  }

  // MARK: Tables

  private static func tables(
    _ cells: [[String: CellLedger.Kind]], _ what: String, _ width: Int,
    _ paint: (String) -> String
  ) -> [[String]] {
    kinds(cells).map { kind in
      Table.across(
        "\(kind) \(what), % of time", rows(cells.map { $0[kind] }), width: width, paint)
    }
  }

  /// The kinds of stalls of some cells, those that took the most time first.
  static func kinds(_ cells: [[String: CellLedger.Kind]]) -> [String] {
    func time(_ kind: String) -> Int64 { cells.reduce(0) { $0 + ($1[kind]?.time ?? 0) } }
    return Set(cells.flatMap(\.keys)).sorted { (time($1), $0) < (time($0), $1) }
  }

  /// The causes of one kind of stalls, likewise.
  static func causes(_ cells: [CellLedger.Kind?]) -> [StallCause] {
    func total(_ cause: StallCause) -> Int64 {
      cells.reduce(0) { $0 + ($1?.time(of: cause) ?? 0) }
    }
    return StallCause.allCases.filter { total($0) > 0 }
      .sorted { (total($1), $0.rawValue) < (total($0), $1.rawValue) }
  }

  private static func rows(_ cells: [CellLedger.Kind?]) -> [Row] {
    func shares(_ label: String, _ time: (CellLedger.Kind) -> Int64) -> Row {
      (label, cells.map { cell in percent(cell.flatMap { $0.share(time($0)) }) })
    }
    let present = causes(cells)
    var rows = present.filter { !$0.isUnexplained }.map { cause in
      shares(cause.label) { $0.time(of: cause) }
    }
    rows.append(shares("unexplained", \.unexplained))
    rows += present.filter(\.isUnexplained).map { cause in
      shares("\u{a0}\u{a0}" + cause.label) { $0.time(of: cause) }
    }
    if cells.contains(where: { ($0?.behind ?? 0) > 0 }) {
      rows.append(
        (
          "queued behind others",
          cells.map { cell in percent(cell.flatMap { kind in kind.behind.flatMap(kind.share) }) }
        ))
    }
    rows.append(("stalls", cells.map { "\($0?.count ?? 0)" }))
    rows.append(("their time, s", cells.map { Format.seconds($0.map { Double($0.time) }) }))
    rows.append(
      (
        "unexplained, median/p90",
        cells.map { cell in
          let shares = cell?.unexplainedShares
          guard let shares, shares.count > 0 else { return "-" }
          return percent(shares.median) + "/" + percent(shares.percentile(0.9))
        }
      ))
    return rows
  }

  static func percent(_ share: Double?) -> String {
    share.map { Format.fixed(100 * $0, 1) } ?? "-"
  }

  // MARK: Words

  private func legend(_ width: Int) -> [String] {
    let threshold = Units.durationText(UInt64(StallLedger.threshold))
    var lines = Format.broken(
      "Stalls: operations that took at least \(threshold), or were in flight for as long at the end. full: periods"
        + " of the streams' time in which full in the cgroup's PSI grew by more than"
        + " \(Self.percent(PressureStall.share)) % of each interval. The causes and unexplained add up to 100 %;"
        + " operations that wait for the same thing all count. unexplained, median/p90: of the single stalls."
        + " docs/ledger.md defines each cause.",
      width: width)
    let blind = cells.indices.filter { i in
      cells[i].trials.contains { !$0.ledger.hasScheduler }
    }
    if !blind.isEmpty {
      lines += Format.broken(
        blind.map { "#\($0 + 1)" }.joined(separator: ", ")
          + ": records without the scheduler's events; what no other event tells is unexplained",
        width: width, indent: 4)
    }
    return lines
  }

  /// Of each trial the longest stall, in words.
  private func worst(_ width: Int) -> [String] {
    cells.enumerated().flatMap { i, cell in
      let worst = cell.trials.compactMap { number, ledger in
        ledger.operations.max { $0.time < $1.time }.map { (number: number, stall: $0) }
      }
      return worst.sorted { ($1.stall.time, $0.number) < ($0.stall.time, $1.number) }
        .prefix(Self.spelledOut).flatMap { number, stall in
          Format.broken(
            "worst of #\(i + 1), trial \(number): \(Self.text(stall))", width: width, indent: 4)
        }
    }
  }

  private static func text(_ stall: StallEpisode) -> String {
    func share(_ time: Int64) -> String {
      Format.fixed(100 * Double(time) / Double(max(1, stall.time)), 1) + "\u{a0}%"
    }
    let causes = stall.parts.filter { !$0.cause.isUnexplained }.prefix(Self.causes)
      .map { "\($0.cause.label) \(share($0.time))" }
    return "\(stall.kind)\(stall.victim.map { " of \($0)" } ?? ""),"
      + " \(Format.seconds(Double(stall.time))) s from t = \(Format.fixed(Double(stall.start) / 1e9, 3))"
      + (stall.isInFlight ? ", in flight: " : ": ")
      + (causes + ["unexplained \(share(stall.unexplained))"]).joined(separator: ", ")
  }

  private func unknown(_ width: Int) -> [String] {
    var sums: [[String]: Int64] = [:]
    for stack in cells.flatMap(\.unknownStacks) { sums[stack.frames, default: 0] += stack.time }
    return StallLedger.UnknownStack.ordered(sums).prefix(Self.stacks).flatMap { stack in
      let text = WaitChannels.text(stack.frames, atMost: Self.frames)
      return Format.broken(
        "unknown stack, \(Format.seconds(Double(stack.time))) s: "
          + (text.isEmpty ? "none in the record" : text), width: width, indent: 4)
    }
  }
}

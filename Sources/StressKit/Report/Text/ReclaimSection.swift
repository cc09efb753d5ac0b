// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// The part of the terminal report that says what reclaim did: always the same rows, since what it did not do
/// is as much of an answer.
struct ReclaimSection {
  private typealias Row = (label: String, figures: [String])

  private let cells: [CellSummary]

  init(_ cells: [CellSummary]) { self.cells = cells }

  /// Intervals whose number and whole length are shown.
  private static let spans: [(label: String, span: TraceSpan)] = {
    var rows: [(rank: Int, label: String, span: TraceSpan)] = []
    for span in TraceSpan.allCases {
      guard case .reclaim(let row, let rank) = span.traits.section else { continue }
      rows.append((rank, row ?? span.label, span))
    }
    return rows.sorted { $0.rank < $1.rank }.map { ($0.label, $0.span) }
  }()

  /// Unlike the others of /proc/vmstat these count a memcg's own reclaim, too.
  private static let counters = [
    "pgscan_file", "pgsteal_file", "nr_throttled_written", "oom_kill",
  ]

  /// Whether a counter of /proc/vmstat stands here.
  static func shows(_ counter: String) -> Bool { counters.contains(counter) }

  func lines(width: Int, _ paint: (String) -> String) -> [String] {
    if cells.allSatisfy(\.counted.isEmpty) { return [] }
    var rows = Self.spans.map { (label: $0.label, figures: figures($0.span)) }
    rows.append(
      (
        "kswapd CPU s",
        cells.map { cell in
          cell.sample(\.kswapd).median.map { Format.seconds($0) } ?? "-"
        }
      ))
    rows.append(
      (
        "flusher woken by reclaim",
        figures { trial in
          trial.trace?.saw(TraceSpan.flusherWake.traits.end) == true
            ? Double(trial.latencies[TraceSpan.flusherWake.label]?.count ?? 0) : nil
        }
      ))
    rows.append(
      (
        "kswapd passes, no progress",
        figures { trial in trial.trace?.count(.kswapdFail).map(Double.init) }
      ))
    rows += Self.counters.map { name in (name, figures { $0.vmstat[name].map(Double.init) }) }
    return Table.across("what reclaim did", rows, width: width, paint)
      + Format.broken(
        "Median over trials; count / total seconds, over the whole trace. Counters: growth from the"
          + " start delay to the streams' end, memcg reclaim included. -: not recorded, or not counted"
          + " by this kernel.",
        width: width)
  }

  private func figures(_ value: (TrialSummary) -> Double?) -> [String] {
    cells.map { cell in cell.sample(value).median.map { Format.fixed($0, 0) } ?? "-" }
  }

  private func figures(_ span: TraceSpan) -> [String] {
    cells.map { cell in
      func median(_ value: (Distribution?) -> Double) -> Double? {
        cell.sample { trial in
          trial.trace?.saw(span.traits.end) == true ? value(trial.latencies[span.label]) : nil
        }.median
      }
      guard let count = median({ Double($0?.count ?? 0) }), let sum = median({ $0?.sum ?? 0 })
      else { return "-" }
      return "\(Format.fixed(count, 0)) / \(Format.seconds(sum))"
    }
  }
}

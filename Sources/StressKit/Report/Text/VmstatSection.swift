// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// The part of the terminal report that mm developers read at sight: /proc/vmstat under mmtests' names.
struct VmstatSection {
  private let cells: [CellSummary]

  init(_ cells: [CellSummary]) { self.cells = cells }

  /// Of each figure its name, and the median over trials of each cell; those that are nowhere but zero are left out.
  var rows: [(label: String, figures: [String])] {
    // A trial that made no end has no growth.
    let figures = cells.map { cell in
      cell.counted.filter { !$0.vmstat.isEmpty }.map { trial in
        VmstatNames.figures(trial.vmstat, seconds: trial.vmstatTime.map { $0 / 1e9 })
      }
    }
    guard let shape = figures.lazy.compactMap(\.first).first else { return [] }
    return shape.indices.compactMap { i in
      let medians = figures.map { trials in
        OrderedSample(trials.compactMap { $0[i].value }).median
      }
      if !shape[i].isAlwaysShown, medians.allSatisfy({ ($0 ?? 0) == 0 }) { return nil }
      return (
        shape[i].name, medians.map { $0.map { Format.fixed($0, shape[i].digits) } ?? "-" }
      )
    }
  }

  func lines(width: Int, _ paint: (String) -> String) -> [String] {
    let rows = rows
    if rows.isEmpty { return [] }
    return Table.across("vmstat by mmtests' names", rows, width: width, paint)
      + Format.broken(
        "Median over trials. Kswapd and Direct, scanned or reclaimed, are pgscan_ and pgsteal_;"
          + " efficiency is reclaimed of scanned, velocity pages scanned a second; Page writes by"
          + " reclaim is nr_vmscan_write, Page reclaim immediate nr_vmscan_immediate_reclaim; Sector"
          + " Reads and Writes are KiB. " + scope,
        width: width)
  }

  /// Whose reclaim is counted, which depends on the kernel.
  private var scope: String {
    let kinds = cells.map { cell in cell.counted.compactMap(\.vmstatReclaim).first }
    let all = kinds.indices.filter { kinds[$0] == .all }
    if all.isEmpty {
      return
        "All of pgscan_kswapd, pgscan_direct and allocstall leave out a memcg's own reclaim: zero there"
        + " does not mean that nobody reclaimed."
    }
    if all.count == kinds.count {
      return
        "pgscan_kswapd and pgscan_direct count a memcg's own reclaim, too; allocstall leaves it out."
    }
    let these = all.map { "#\($0 + 1)" }.joined(separator: ", ")
    return
      "In \(these) pgscan_kswapd and pgscan_direct count a memcg's own reclaim, elsewhere they leave it out;"
      + " allocstall leaves it out everywhere."
  }
}

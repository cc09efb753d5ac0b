// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// How well an imitation agrees with what was watched: the same figures of both.
package struct AgreementReport {
  private let watched: WorkloadFigures
  private let trials: [WorkloadFigures]
  private let style: TerminalReport.Style

  /// - Parameter trials: of the imitation.
  package init(
    _ watched: WorkloadFigures, _ trials: [WorkloadFigures], style: TerminalReport.Style
  ) {
    self.watched = watched
    self.trials = trials
    self.style = style
  }

  private typealias Row = (
    name: String, value: (WorkloadFigures) -> Double?, text: (Double) -> String
  )

  private static var rows: [Row] {
    let percent = { (share: Double) in Format.fixed(share * 100, 1) }
    let rate = { (bytes: Double) in Format.mebibytes(bytes) }
    let seconds = { (time: Double) in Format.seconds(time * 1e9) }
    return [
      ("written, MiB/s", { $0.written }, rate), ("read, MiB/s", { $0.read }, rate),
      ("dirty and writeback, machine, MiB", { $0.dirty }, rate),
      ("memory PSI some, % of time", { $0.memorySome }, percent),
      ("memory PSI full, % of time", { $0.memoryFull }, percent),
      ("io PSI some, % of time", { $0.ioSome }, percent),
      ("io PSI full, % of time", { $0.ioFull }, percent),
      ("D state, p50, s", { $0.waits?.quantile(0.5) }, seconds),
      ("D state, p99, s", { $0.waits?.quantile(0.99) }, seconds),
      ("D state, longest, s", { $0.waits?.max }, seconds),
    ]
  }

  package var text: String {
    var table = Table([
      ("", .left), ("watched", .right), ("imitated", .right), ("range", .left), ("ratio", .right),
    ])
    for row in Self.rows {
      let own = row.value(watched)
      let all = OrderedSample(trials.compactMap(row.value))
      let range = zip([all.min], [all.max]).compactMap { low, high in
        low.flatMap { low in high.map { "\(row.text(low))-\(row.text($0))" } }
      }
      let ratio = own.flatMap { own in
        all.median.flatMap { own > 0 ? "x" + Format.significant($0 / own) : nil }
      }
      table.add([
        row.name, own.map(row.text) ?? "-", all.median.map(row.text) ?? "-", range.first ?? "-",
        ratio ?? "-",
      ])
    }
    var lines = table.lines(within: TerminalReport.width)
    lines[0] = style.bold(lines[0])
    return
      (lines + [
        "",
        "imitated: median over \(TerminalReport.count(trials.count, "trial")). D state: sleep of the cgroup's",
        "threads that no signal ends, of at least 0.1 ms. -: not recorded.",
      ]).joined(separator: "\n")
  }
}

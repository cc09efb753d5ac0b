// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// Which variant of a profile does best.
extension TerminalReport {
  var ranking: [String] {
    let rankings = VariantRanking.all(cells)
    // Where half of the trials are meant to die, no variant does best.
    if rankings.isEmpty || summary.threshold != nil { return [] }
    let names = rankings.count > 1 ? [("kernel", Table.Alignment.left)] : []
    var table = Table(
      [("rank", .right)] + names + [
        ("variant", .left), ("pins killed", .right), ("others killed", .right),
        ("tasks' p99", .right), ("MiB/s", .right),
      ])
    for ranking in rankings {
      for (place, row) in ranking.rows.enumerated() {
        table.add(
          ["\(place + 1)"] + (rankings.count > 1 ? [ranking.kernel ?? ""] : []) + [
            row.variant, "\(row.pinsKilled.events):\(row.pinsKilled.trials)",
            "\(row.othersKilled.events):\(row.othersKilled.trials)", Format.seconds(row.wait),
            Format.mebibytes(row.throughput),
          ])
      }
    }
    var lines = table.lines(within: Self.width)
    lines[0] = style.bold(lines[0])
    return lines + [
      "Best first: no pin killed, nothing else killed, then by the time that tasks",
      "waited (p99 in s, median over trials), then by the streams' speed. Cells that",
      "differ otherwise are taken together; equal places with few trials are chance.",
    ]
  }
}

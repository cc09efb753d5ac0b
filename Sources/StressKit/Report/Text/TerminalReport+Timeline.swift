// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// What the timeline wrote, and how long the kernel took for it.
extension TerminalReport {
  var timelineWrites: [String] {
    var table = Table([
      ("#", .right), ("at", .right), ("write", .text), ("trials", .right), ("median", .right),
      ("max", .right),
    ])
    var isEmpty = true
    for (i, cell) in cells.enumerated() {
      var seen: [(at: Int64, what: String)] = []
      for write in cell.counted.flatMap(\.timelineWrites)
      where !seen.contains(where: { $0.at == write.at && $0.what == write.what }) {
        seen.append((write.at, write.what))
      }
      for (at, what) in seen.sorted(by: { $0.at < $1.at }) {
        let all = cell.counted.flatMap(\.timelineWrites).filter { $0.at == at && $0.what == what }
        let times = OrderedSample(all.map(\.duration))
        let refused = all.count { $0.errno != nil }
        let names = distinct(all.compactMap(\.errno)).joined(separator: ", ")
        isEmpty = false
        table.add([
          "\(i + 1)", Format.seconds(Double(at)),
          refused == 0 ? what : "\(what) (\(names) in \(refused))", "\(all.count)",
          Format.seconds(times.median), Format.seconds(times.max),
        ])
      }
    }
    if isEmpty { return [] }
    var lines = table.lines(within: Self.width)
    lines[0] = style.bold(lines[0])
    return lines + [
      "Seconds from the streams' start, and until write(2) or rmdir(2) returned; one that",
      "had not returned when the trial ended is not counted. EAGAIN: less was reclaimed than",
      "asked for; EBUSY: the group had a process, and stays.",
    ]
  }
}

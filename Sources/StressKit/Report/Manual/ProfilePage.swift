// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The parts of docs/profiles.md that say what keys a profile has.
package enum ProfilePage {
  package static let parts: [GeneratedPage.Part] =
    Profile.pages.map { ($0.section.isEmpty ? "profile" : $0.section, table($0.keys)) }
    + [("bytes", table(of: .bytes)), ("flags", table(of: .flag)), ("texts", table(of: .text))]
    + [("expect", metrics)]

  private static func table(of kind: Profile.Limit.Kind) -> String {
    let limits = Profile.Limit.all.filter { $0.kind == kind }
    return GeneratedPage.table(["key", "meaning"], limits.map { ["`\($0.file)`", $0.meaning] })
  }

  private static func table(_ keys: [ProfileKeyDescription]) -> String {
    GeneratedPage.table(["key", "value", "default", "meaning"], keys.flatMap(rows))
  }

  /// One; of a key whose words are told one by one, one for each.
  private static func rows(_ key: ProfileKeyDescription) -> [[String]] {
    let names = key.names.map { "`\($0)`" }.joined(separator: ", ")
    let condition = key.condition.map { "; only where \($0)" } ?? ""
    let words = key.words.filter { !$0.meaning.isEmpty }
    guard let first = words.first else {
      return [[names, key.form, key.usual(), key.meaning + condition]]
    }
    let meaning = key.meaning.isEmpty ? first.meaning : "\(key.meaning): \(first.meaning)"
    return [[names, "`\(first.word)`", key.usual(), meaning + condition]]
      + words.dropFirst().map { ["", "`\($0.word)`", "", $0.meaning] }
  }

  // MARK: Metrics

  private typealias Metric = Profile.Expectation.Metric

  /// Those that differ by a word alone share a row.
  private static var metrics: String {
    var rows: [[String]] = []
    for metric in Metric.known.compactMap(Metric.init) {
      let row = ["`\(metric.name)`", unit(metric), meaning(metric)]
      if let last = rows.indices.last, rows[last][1...] == row[1...] {
        rows[last][0] += ", \(row[0])"
      } else {
        rows.append(row)
      }
    }
    let worker = Metric.latency(worker: "WORKER", of: "fsync", .p99)
    rows.append(["`\(worker.name)` and the like", unit(worker), "of one worker instead of all"])
    let counter = Metric.vmstat("COUNTER")
    rows.append(["`\(counter.name)`", unit(counter), meaning(counter)])
    for metric in [Metric.commandTime("NAME"), .figure(command: "NAME", "FIGURE")] {
      rows.append(["`\(metric.name)`", unit(metric), meaning(metric)])
    }
    return GeneratedPage.table(["key", "unit", "meaning"], rows)
  }

  private static func unit(_ metric: Metric) -> String {
    switch metric.unit {
    case .count: "count"
    case .duration: "duration"
    case .rate: "rate"
    }
  }

  private static func meaning(_ metric: Metric) -> String {
    switch metric {
    case .oomKill: "processes killed"
    case .throughput: "of all streams that write or copy, from the first to the last write"
    case .readThroughput: "of all streams that read"
    case .stall: "writes of all streams; those in flight at the end count with their age"
    case .memoryPressure, .ioPressure: "pressure of the limited cgroup: total stalled time"
    case .latency(_, let kind, _):
      LatencySection.operations.first { $0.of == kind }?.definition ?? ""
    case .vmstat: "growth of a /proc/vmstat counter: `vmstat.nr_vmscan_write`"
    case .throttled:
      "tasks throttled in reclaim, by reason (VMSCAN_THROTTLE_*); needs `trace`"
    case .kswapd: "CPU time of all kswapd threads while the streams ran"
    case .commandTime: "from a command's start to the end of its first process"
    case .figure: "of a command, by its `figures`"
    }
  }
}

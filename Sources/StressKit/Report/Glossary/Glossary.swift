// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What the words of reports, records and profiles mean: `wbstress explain`.
package struct Glossary: Sendable {
  package enum Group: String, CaseIterable, Sendable {
    case headings = "headings of tables"
    case outcomes = "outcomes and findings on kills"
    case comparison = "comparison"
    case metrics = "profile metrics"
    case latencies = "latencies of operations"
    case spans = "spans and latencies of the kernel"
    case causes = "causes of stalls"
    case lines = "types of record lines"
    case memcg = "files of the cgroup"
    case memoryStat = "memory.stat"
    case dirty = "vmstat: dirty pages and writeback"
    case reclaim = "vmstat: reclaim"
    case lists = "vmstat: LRU lists, workingset, swap"
    case pages = "vmstat: allocation, faults, huge pages, NUMA, compaction"
    case machine = "processors, kernel threads, disk, backing device"
  }

  package struct Entry: Sendable, Equatable {
    /// As it is written there; a `*` stands for any letters.
    package var names: [String]
    /// The file that it is a key of, such as `vmstat`.
    package var file: String?
    package var group: Group
    package var text: String

    init(_ name: String, in group: Group, _ text: String) {
      self.init(names: [name], file: nil, in: group, text)
    }

    init(names: [String], file: String?, in group: Group, _ text: String) {
      self.names = names
      self.file = file
      self.group = group
      self.text = text
    }

    /// What it is looked for by, with the file where that says more.
    package var title: String { (file.map { $0 + " " } ?? "") + names.joined(separator: ", ") }
  }

  package static let all = Glossary(
    Group.allCases.flatMap { group in
      let tabled: [Entry] =
        switch group {
        case .outcomes: findings
        case .metrics: metrics
        case .latencies: latencies
        case .spans: spans
        case .lines: recordLines
        default: []
        }
      return group.written.map(\.completed) + tabled
    })

  package let entries: [Entry]

  package init(_ entries: [Entry]) { self.entries = entries }

  /// All that can be asked for, each once.
  package var names: [String] { Set(entries.flatMap(\.names)).sorted() }

  // MARK: Looking up

  /// The entries of a term: those that have its very name, else those whose pattern it fits. Of a name that is in
  /// several files, and of none that was named, all.
  package func find(_ term: String) -> [Entry] {
    for query in Query.readings(of: term) {
      let candidates = entries.filter { query.file == nil || $0.file == query.file }
      for isExact in [true, false] {
        let found = candidates.filter { entry in
          entry.names.contains { name in
            let name = name.lowercased()
            return isExact ? name == query.name : Self.matches(name[...], query.name[...])
          }
        }
        if !found.isEmpty { return found }
      }
    }
    return []
  }

  /// Whether a name fits a pattern, in which each `*` stands for one letter or more.
  private static func matches(_ pattern: Substring, _ name: Substring) -> Bool {
    guard let star = pattern.firstIndex(of: "*") else { return pattern == name }
    let lead = pattern[..<star]
    guard name.hasPrefix(lead) else { return false }
    var rest = name.dropFirst(lead.count)
    while !rest.isEmpty {
      rest.removeFirst()
      if matches(pattern[pattern.index(after: star)...], rest) { return true }
    }
    return false
  }

  /// The names that are most like a term, by how many letters must change; none that has little of it.
  package func nearest(_ term: String, count: Int = 3) -> [String] {
    let asked = Query.folded(term)
    let length = asked.utf8.count
    let ranked = names.map { name in
      let letters = name.lowercased()
      // A part that was remembered is as good as a letter that was missed.
      let contains = length > 2 && letters.contains(asked)
      return (name, contains ? 1 : EditDistance.bytes(asked, letters))
    }
    let bound = max(2, length / 2)
    return ranked.filter { $0.1 <= bound }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(count)
      .map(\.0)
  }
}

/// A term as it may be meant.
private struct Query {
  var file: String?
  var name: String

  static func folded(_ term: String) -> String {
    term.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// The term itself; then `FILE:KEY` and `FILE KEY` of a lane's column or a counter, `vmstat.KEY` of a metric, a
  /// latency of one worker.
  static func readings(of term: String) -> [Query] {
    let whole = folded(term)
    var readings = [Query(file: nil, name: whole)]
    for separator in [":", " "] {
      let parts = whole.split(separator: separator, maxSplits: 1).map(String.init)
      guard parts.count == 2, let file = file(parts[0]) else { continue }
      readings.append(Query(file: file, name: parts[1]))
    }
    if let column = file(whole) { readings.append(Query(file: nil, name: column)) }
    let parts = whole.split(separator: ".").map(String.init)
    if whole.hasPrefix("vmstat.") {
      let counter = Query(file: "vmstat", name: String(whole.dropFirst("vmstat.".count)))
      readings.insert(counter, at: 0)
    } else if parts.count == 3 {
      readings.append(Query(file: nil, name: parts[1...].joined(separator: ".")))
    }
    return readings
  }

  /// The file's name in entries: without the group, the path and the node.
  private static func file(_ text: String) -> String? {
    guard !text.isEmpty else { return nil }
    if text.hasPrefix("pressure/") || text.hasPrefix("/proc/pressure/") {
      return text.split(separator: "/").last.map { $0 + ".pressure" }
    }
    let last = text.split(separator: "/").last.map(String.init) ?? text
    if last == "u" { return "kworker/u" }
    if last.hasPrefix("kswapd") { return "kswapd" }
    return last == "memory.events.local" ? "memory.events" : last
  }
}

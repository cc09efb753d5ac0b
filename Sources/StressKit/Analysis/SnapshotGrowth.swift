import StressCore
import StressRecord

/// Which reclaim /proc/vmstat's counters by reclaimer are of.
///
/// Source: JP Kobryn, linux-mm 2026-02-19, "mm: move pgscan, pgsteal, pgrefill to node stats"; not in 6.18, in 7.2.
package enum VmstatReclaim: Sendable {
  /// That of a cgroup at its own limit left out.
  case global
  case all

  /// What changed with it; pgscan_anon, _file and pgsteal_anon, _file have always been of all reclaim.
  static let counters: Set<String> = Set(
    ["pgscan", "pgsteal"].flatMap { kind in
      ["kswapd", "direct", "khugepaged", "proactive"].map { "\(kind)_\($0)" }
    } + ["pgrefill"])
}

/// What the counters of a record's snapshots grew by, from before the streams until after them.
enum SnapshotGrowth {
  static func vmstat(_ record: RecordReader) -> [String: Int64] {
    growth(record, "/proc/vmstat") { CounterKind(vmstat: $0) == .cumulative }
  }

  /// Which reclaim pgscan_direct and its like count: they stand among the counters of nodes, before pgpgin, since they
  /// count all. nil: no such reading.
  static func vmstatReclaim(_ record: RecordReader) -> VmstatReclaim? {
    let names = snapshots(record, "/proc/vmstat")?.before["values"]?.members?.map(\.key) ?? []
    guard let scan = names.firstIndex(of: "pgscan_direct"),
      let events = names.firstIndex(of: "pgpgin")
    else { return nil }
    return scan < events ? .all : .global
  }

  /// Between the readings of /proc/vmstat, ns; nil where it was not read twice.
  static func vmstatTime(_ record: RecordReader) -> Double? {
    guard let (before, after) = snapshots(record, "/proc/vmstat"), let from = before["t"]?.int,
      let until = after["t"]?.int
    else { return nil }
    return Double(until &- from)
  }

  /// The limited cgroup's file: those of the groups in it have longer paths.
  private static let limited = "/wbstress/"

  static func memoryStat(_ record: RecordReader) -> [String: Int64] {
    growth(record, limited + "memory.stat") { CounterKind(memoryStat: $0) == .cumulative }
  }

  /// ns; nil where it was not read twice.
  static func cpuTime(_ record: RecordReader) -> Double? {
    let growth = growth(record, limited + "cpu.stat") { $0 == "user_usec" || $0 == "system_usec" }
    return growth.isEmpty ? nil : growth.values.reduce(0) { $0 + Double($1) } * 1000
  }

  /// - Parameter file: the end of its path.
  private static func growth(
    _ record: RecordReader, _ file: String, where isCounter: (String) -> Bool
  ) -> [String: Int64] {
    guard let (first, last) = snapshots(record, file), let before = first["values"]?.members,
      let after = last["values"]
    else { return [:] }
    var deltas: [String: Int64] = [:]
    for (key, value) in before where isCounter(key) {
      guard let a = value.int, let b = after[key]?.int else { continue }
      let (delta, isBeyond) = b.subtractingReportingOverflow(a)
      if !isBeyond { deltas[key] = delta }
    }
    return deltas
  }

  private static func snapshots(
    _ record: RecordReader, _ file: String
  ) -> (before: JSON, after: JSON)? {
    let all = record.lines("snapshot").filter { $0["file"]?.string?.hasSuffix(file) == true }
    func snapshot(_ when: String) -> JSON? { all.first { $0["when"]?.string == when } }
    guard let before = snapshot("before"), let after = snapshot("after") else { return nil }
    return (before, after)
  }
}

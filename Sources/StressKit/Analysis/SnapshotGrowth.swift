// SPDX-License-Identifier: Apache-2.0
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
struct SnapshotGrowth {
  private let all: [SnapshotLine]

  init(_ record: RecordReader) { all = record.lines(SnapshotLine.self) }

  private static let vmstat = "/proc/vmstat"

  var vmstat: [String: Int64] {
    growth(Self.vmstat) { CounterKind(vmstat: $0) == .cumulative }
  }

  /// Which reclaim pgscan_direct and its like count: they stand among the counters of nodes, before pgpgin, since they
  /// count all. nil: no such reading.
  var vmstatReclaim: VmstatReclaim? {
    let names = snapshots(Self.vmstat)?.before.values?.members?.map(\.key) ?? []
    guard let scan = names.firstIndex(of: "pgscan_direct"),
      let events = names.firstIndex(of: "pgpgin")
    else { return nil }
    return scan < events ? .all : .global
  }

  /// Between the readings of /proc/vmstat, ns; nil where it was not read twice.
  var vmstatTime: Double? {
    guard let (before, after) = snapshots(Self.vmstat), let from = before.t, let until = after.t
    else { return nil }
    return Double(until &- from)
  }

  /// The limited cgroup's file: those of the groups in it have longer paths.
  private static let limited = "/wbstress/"

  var memoryStat: [String: Int64] {
    growth(Self.limited + "memory.stat") { CounterKind(memoryStat: $0) == .cumulative }
  }

  /// ns; nil where it was not read twice.
  var cpuTime: Double? {
    let growth = growth(Self.limited + "cpu.stat") { $0 == "user_usec" || $0 == "system_usec" }
    return growth.isEmpty ? nil : growth.values.reduce(0) { $0 + Double($1) } * 1000
  }

  /// - Parameter file: the end of its path.
  private func growth(
    _ file: String, where isCounter: (String) -> Bool
  ) -> [String: Int64] {
    guard let (first, last) = snapshots(file), let before = first.values?.members,
      let after = last.values
    else { return [:] }
    var deltas: [String: Int64] = [:]
    for (key, value) in before where isCounter(key) {
      guard let a = value.int, let b = after[key]?.int else { continue }
      let (delta, isBeyond) = b.subtractingReportingOverflow(a)
      if !isBeyond { deltas[key] = delta }
    }
    return deltas
  }

  private func snapshots(_ file: String) -> (before: SnapshotLine, after: SnapshotLine)? {
    let own = all.filter { $0.file?.hasSuffix(file) == true }
    guard let before = own.first(where: { $0.when == .before }),
      let after = own.first(where: { $0.when == .after })
    else { return nil }
    return (before, after)
  }
}

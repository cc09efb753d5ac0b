// SPDX-License-Identifier: Apache-2.0

/// The growth of /proc/vmstat over a trial under the names by which mm developers read it: those of mmtests'
/// comparison ("Ops Direct pages scanned", ...), with its derived figures.
///
/// Source: mmtests, bin/lib/MMTests/MonitorMmtestsvmstat.pm. Where nothing was scanned an efficiency is
/// undefined here; mmtests prints 100.
package enum VmstatNames {
  package struct Figure: Sendable, Equatable {
    package var name: String
    /// Pages, events, % or pages per second; nil: this kernel does not count it, or it is undefined.
    package var value: Double?
    /// Shown also where nothing of it happened: that is an answer too.
    package var isAlwaysShown: Bool
    /// Decimals that it is printed with: mmtests prints two for all.
    package var digits: Int
  }

  /// - Parameters:
  ///   - growth: of each counter, after minus before.
  ///   - seconds: between the two readings.
  package static func figures(_ growth: [String: Int64], seconds: Double?) -> [Figure] {
    func sum(_ keys: [String]) -> Double? {
      let values = keys.compactMap { growth[$0] }
      return values.isEmpty ? nil : values.reduce(0) { $0 + Double($1) }
    }
    func difference(_ a: String, _ b: String) -> Double? {
      guard let a = growth[a], let b = growth[b] else { return nil }
      return Double(a) - Double(b)
    }
    func share(_ part: Double?, _ whole: Double?) -> Double? {
      guard let part, let whole, whole > 0 else { return nil }
      return part * 100 / whole
    }
    func velocity(_ scanned: Double?) -> Double? {
      guard let scanned, let seconds, seconds > 0 else { return nil }
      return scanned / seconds
    }
    func derived(_ name: String, _ value: Double?, always: Bool = false) -> Figure {
      Figure(name: name, value: value, isAlwaysShown: always, digits: 2)
    }
    let (directScan, directSteal) = (sum(["pgscan_direct"]), sum(["pgsteal_direct"]))
    let (kswapdScan, kswapdSteal) = (sum(["pgscan_kswapd"]), sum(["pgsteal_kswapd"]))
    func counters(_ rows: [(name: String, keys: [String], always: Bool)]) -> [Figure] {
      rows.map { row in
        Figure(name: row.name, value: sum(row.keys), isAlwaysShown: row.always, digits: 0)
      }
    }
    let minor = difference("pgfault", "pgmajfault")
    let written = difference("nr_vmscan_write", "pswpout")
    return [Figure(name: "Minor Faults", value: minor, isAlwaysShown: false, digits: 0)]
      + counters(before) + [
        derived("Kswapd efficiency %", share(kswapdSteal, kswapdScan), always: true),
        derived("Kswapd velocity", velocity(kswapdScan)),
        derived("Direct efficiency %", share(directSteal, directScan), always: true),
        derived("Direct velocity", velocity(directScan)),
        derived(
          "Percentage direct scans",
          directScan.flatMap { direct in share(direct, kswapdScan.map { $0 + direct }) }),
      ] + counters(writes)
      + [Figure(name: "Page writes file", value: written, isAlwaysShown: false, digits: 0)]
      + counters(after)
  }

  /// Of all figures.
  package static let names = figures([:], seconds: nil).map(\.name)

  /// Whether a counter is in one of the figures under another name.
  package static func shows(_ counter: String) -> Bool { keys.contains(counter) }

  private static let stalls = ["dma", "dma32", "normal", "movable", "highmem", "device"]
    .map { "allocstall_" + $0 }

  private static let before: [(name: String, keys: [String], always: Bool)] = [
    ("Major Faults", ["pgmajfault"], false),
    ("Swap Ins", ["pswpin"], false),
    ("Swap Outs", ["pswpout"], false),
    ("Allocation stalls", stalls, true),
    ("Direct pages scanned", ["pgscan_direct"], true),
    ("Kswapd pages scanned", ["pgscan_kswapd"], true),
    ("Kswapd pages reclaimed", ["pgsteal_kswapd"], true),
    ("Direct pages reclaimed", ["pgsteal_direct"], true),
  ]

  private static let writes: [(name: String, keys: [String], always: Bool)] = [
    ("Page writes by reclaim", ["nr_vmscan_write"], true)
  ]

  private static let after: [(name: String, keys: [String], always: Bool)] = [
    ("Page writes anon", ["pswpout"], false),
    ("Page reclaim immediate", ["nr_vmscan_immediate_reclaim"], true),
    // KiB, whatever the name says: both count as /proc/vmstat does.
    ("Sector Reads", ["pgpgin"], false),
    ("Sector Writes", ["pgpgout"], false),
    ("Slabs scanned", ["slabs_scanned"], false),
    ("Direct inode steals", ["pginodesteal"], false),
    ("Kswapd inode steals", ["kswapd_inodesteal"], false),
    ("THP fault alloc", ["thp_fault_alloc"], false),
    ("THP fault fallback", ["thp_fault_fallback"], false),
    ("THP collapse alloc", ["thp_collapse_alloc"], false),
    ("THP split", ["thp_split_page"], false),
    ("Compaction stalls", ["compact_stall"], false),
    ("Compaction success", ["compact_success"], false),
    ("Compaction failures", ["compact_fail"], false),
    ("Page migrate success", ["pgmigrate_success"], false),
    ("Page migrate failure", ["pgmigrate_fail"], false),
    ("Compaction pages isolated", ["compact_isolated"], false),
    ("Compaction migrate scanned", ["compact_migrate_scanned"], false),
    ("Compaction free scanned", ["compact_free_scanned"], false),
    ("Kcompactd wake", ["compact_daemon_wake"], false),
  ]

  private static let keys = Set(
    ["pgfault"] + (before + writes + after).flatMap(\.keys))
}

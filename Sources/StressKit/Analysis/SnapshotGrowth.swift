/// What the counters of a record's snapshots grew by, from before the streams until after them.
enum SnapshotGrowth {
  static func vmstat(_ record: RecordReader) -> [String: Int64] {
    growth(record, "/proc/vmstat") { CounterKind(vmstat: $0) == .cumulative }
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
    return growth.isEmpty ? nil : Double(growth.values.reduce(0, +)) * 1000
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
      if let a = value.int, let b = after[key]?.int { deltas[key] = b &- a }
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

// SPDX-License-Identifier: Apache-2.0

/// All numbers of a trial by one name each, for programs that want a table.
package enum TrialFigures {
  package struct Figure: Equatable, Sendable {
    package var metric: String
    /// `ns`, `bytes`, `B/s`, `s`, `count`, or 1 for a share and for what is true or not.
    package var unit: String
    /// nil: the trial has no such value.
    package var value: Double?
  }

  /// Those that every trial has first, known or not; then what was found in this one, by name.
  package static func all(of trial: TrialSummary) -> [Figure] {
    fixed(trial) + latencies(trial) + counters(trial)
  }

  private static func fixed(_ trial: TrialSummary) -> [Figure] {
    func count(_ value: Int?) -> Double? { value.map(Double.init) }
    let rows: [(String, String, Double?)] =
      [
        ("killed", "1", trial.hasKill ? 1 : 0), ("failed", "1", trial.hasFailed ? 1 : 0),
        ("kills.kernel_log", "count", count(trial.kills.kernelLog)),
        ("kills.memory_events", "count", count(trial.kills.memoryEvents)),
        ("kills.console", "count", count(trial.kills.console)),
        ("bytes", "bytes", Double(trial.bytes)), ("throughput", "B/s", trial.throughput),
        ("read_throughput", "B/s", trial.readThroughput),
        ("stall.p50", "ns", trial.stall?.p50), ("stall.p99", "ns", trial.stall?.p99),
        ("stall.max", "ns", trial.stall?.max), ("stall.count", "count", count(trial.stall?.count)),
        ("longest_write", "ns", trial.longestWrite), ("longest_fsync", "ns", trial.longestSync),
        ("psi.memory.some", "ns", trial.memoryPressure?.some),
        ("psi.memory.full", "ns", trial.memoryPressure?.full),
        ("psi.io.some", "ns", trial.ioPressure?.some),
        ("psi.io.full", "ns", trial.ioPressure?.full),
        ("survival.time", "ns", trial.survival?.time),
        ("survival.killed", "1", trial.survival.map { $0.isKill ? 1 : 0 }),
        ("cpu_time", "ns", trial.cpuTime), ("kswapd_time", "ns", trial.kswapd),
        ("duration", "s", trial.duration), ("boot_time", "ns", trial.bootTime),
        ("set_up_time", "ns", trial.setUpTime),
        ("harness.cpu_share", "1", trial.mirror?.cpuShare),
        ("harness.lateness_p99", "ns", trial.mirror?.latenessP99),
        ("trace.lost", "count", count(trial.trace?.lostRecords)),
        ("dropped_samples", "count", count(trial.droppedSamples)),
      ] + commands(trial)
    return rows.map { Figure(metric: $0.0, unit: $0.1, value: $0.2) }
  }

  private static func commands(_ trial: TrialSummary) -> [(String, String, Double?)] {
    trial.commands.flatMap { command -> [(String, String, Double?)] in
      let name = "command.\(command.name)"
      return [
        ("\(name).time", "ns", command.time), ("\(name).cpu_time", "ns", command.cpuTime),
        ("\(name).bytes_read", "bytes", command.readBytes.map(Double.init)),
        ("\(name).bytes_written", "bytes", command.writtenBytes.map(Double.init)),
      ]
        + command.figures.sorted { $0.key < $1.key }.map { ("\(name).\($0.key)", "1", $0.value) }
    }
  }

  private static func latencies(_ trial: TrialSummary) -> [Figure] {
    let workers = trial.workerLatencies.sorted { $0.key < $1.key }.flatMap { worker, all in
      all.map { ("latency.\(worker).\($0.key)", $0.value) }.sorted { $0.0 < $1.0 }
    }
    let all = trial.latencies.map { ("latency.\($0.key)", $0.value) }.sorted { $0.0 < $1.0 }
    return (all + workers).flatMap { name, one -> [Figure] in
      let times = LatencyPercentile.allCases.map { ($0.rawValue, one.percentile($0.share)) }
      return [Figure(metric: "\(name).count", unit: "count", value: Double(one.count))]
        + (times + [("mean", one.mean), ("max", one.count > 0 ? one.max : nil)])
        .map { Figure(metric: "\(name).\($0.0)", unit: "ns", value: $0.1) }
    }
  }

  private static func counters(_ trial: TrialSummary) -> [Figure] {
    func growth(
      _ prefix: String, _ counters: [String: Int64], _ unit: (String) -> CounterUnit
    ) -> [Figure] {
      counters.sorted { $0.key < $1.key }.map { name, value in
        Figure(metric: "\(prefix).\(name)", unit: unit(name).rawValue, value: Double(value))
      }
    }
    let events = (trial.trace?.events ?? [:]).mapValues { Int64($0) }
    return growth("vmstat", trial.vmstat) { CounterUnit(vmstat: $0) }
      + growth("memory.stat", trial.memoryStat) { CounterUnit(memoryStat: $0) }
      + growth("trace", events) { _ in .count }
  }
}

/// The percentiles of a trial's latencies that data formats tell.
package enum LatencyPercentile: String, CaseIterable, Sendable {
  case p50, p90, p99
  case p999 = "p99.9"

  package var share: Double {
    switch self {
    case .p50: 0.5
    case .p90: 0.9
    case .p99: 0.99
    case .p999: 0.999
    }
  }
}

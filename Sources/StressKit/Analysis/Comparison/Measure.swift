// SPDX-License-Identifier: Apache-2.0

/// A number of each trial that the arms of a comparison are held against each other by.
package enum Measure: String, CaseIterable, Sendable {
  /// Whether the trial ended badly: in an OOM kill, or with a machine that panicked, hung or made no end.
  case failed = "OOM or hang"
  /// Of completed writes, bytes per second.
  case throughput
  /// Of a trial's writes, those in flight included, ns. Operations of several trials are never pooled.
  case stallP99 = "stall p99"
  case stallMax = "stall max"
  case fsyncMax = "fsync max"
  /// CPU time of the limited cgroup for each GiB written, ns.
  case cpuPerGiB = "CPU per GiB"
  /// Reclaim's efficiency by memory.stat of the limited cgroup: pages reclaimed of pages scanned.
  case reclaimEfficiency = "pgsteal/pgscan"
  /// Share of the streams' time in which all of the limited cgroup's tasks waited.
  case memoryFull = "memory PSI full"
  case ioFull = "io PSI full"

  /// Those that a verdict rests on, declared before any trial is run. Of speed and stalls only trials tell
  /// that have not failed: with a kill their streams end, or go on with the memory of the dead.
  package static let primary: [Measure] = [.failed, .throughput, .stallP99]
  package static let secondary = allCases.filter { !primary.contains($0) }

  package enum Unit: Sendable { case events, rate, duration, share }

  package var unit: Unit {
    switch self {
    case .failed: .events
    case .throughput: .rate
    case .stallP99, .stallMax, .fsyncMax, .cpuPerGiB: .duration
    case .reclaimEfficiency, .memoryFull, .ioFull: .share
    }
  }

  /// How two arms are held against each other by it.
  package var endpoint: Endpoint {
    var endpoint: Endpoint =
      switch self {
      case .failed: .killed
      case .throughput: .throughput
      case .stallP99, .stallMax, .fsyncMax: .stallP99
      case .cpuPerGiB: .cpuPerGiB
      case .reclaimEfficiency: Endpoint(rawValue, .shift, moreIsWorse: false, matters: 0.1)
      case .memoryFull, .ioFull: Endpoint(rawValue, .shift, moreIsWorse: true, matters: 0.1)
      }
    endpoint.name = rawValue
    return endpoint
  }

  package func measurement(
    _ base: [TrialSummary], _ new: [TrialSummary], _ endpoint: Endpoint
  ) -> Measurement {
    Measurement(
      endpoint, base: OrderedSample(base.compactMap(value)),
      new: OrderedSample(new.compactMap(value)))
  }

  private static let gibibyte = 1_073_741_824.0

  /// nil: the trial has no such value.
  package func value(of trial: TrialSummary) -> Double? {
    func share(_ pressure: TrialSummary.Pressure?) -> Double? {
      guard let pressure, let time = trial.streaming, !time.isEmpty else { return nil }
      let length = Double(time.upperBound - time.lowerBound)
      return length > 0 ? pressure.full / length : nil
    }
    switch self {
    case .failed: return trial.hasFailed ? 1 : 0
    case .throughput: return trial.hasFailed ? nil : trial.throughput
    case .stallP99: return trial.hasFailed ? nil : trial.stall?.p99
    case .stallMax: return trial.longestWrite
    case .fsyncMax: return trial.longestSync
    case .cpuPerGiB:
      guard let cpu = trial.cpuTime, trial.bytes > 0 else { return nil }
      return cpu * Self.gibibyte / Double(trial.bytes)
    case .reclaimEfficiency:
      guard let scanned = trial.memoryStat["pgscan"], scanned > 0,
        let stolen = trial.memoryStat["pgsteal"]
      else { return nil }
      return Double(stolen) / Double(scanned)
    case .memoryFull: return share(trial.memoryPressure)
    case .ioFull: return share(trial.ioPressure)
    }
  }
}

extension TrialSummary {
  /// A machine that made no end is no better than one that killed.
  package var hasFailed: Bool {
    hasKill || [.panic, .hang, .stalled].contains(ending.outcome)
  }

  /// How long the trial went without a kill since its streams' start, ns; `isKill` is false where it ended
  /// otherwise, and nobody knows how long it would have gone on. nil: its streams never began.
  package var survival: (time: Double, isKill: Bool)? {
    guard let streaming else { return nil }
    let kills = killStamps.compactMap { $0.time(.trace) ?? $0.time(.kernelLog) }
    let end = kills.min() ?? streaming.upperBound
    return (Double(max(0, end - streaming.lowerBound)), !kills.isEmpty)
  }
}

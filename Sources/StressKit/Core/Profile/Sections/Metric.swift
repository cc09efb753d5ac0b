// SPDX-License-Identifier: Apache-2.0
extension Profile.Expectation {
  /// As a profile spells it.
  package var text: String {
    let bound: String =
      switch metric.unit {
      case .count: value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
      case .rate: Units.sizeText(UInt64(value)) + "/s"
      case .duration: Units.durationText(UInt64(value))
      }
    return "\(metric.name) \(relation.rawValue) \(bound)"
  }

  /// A number that a trial has, by the name that profiles and reports give it.
  package enum Metric: Equatable, Sendable {
    /// Of a trial's latencies of one kind.
    package enum Quantile: String, CaseIterable, Sendable {
      case p50, p99, max
    }
    package enum Unit: Sendable { case count, duration, rate }

    case oomKill
    /// Write latency over all streams, writes in flight included.
    case stall(Quantile)
    /// Of the streams that write or copy.
    case throughput
    case readThroughput
    /// PSI of the limited cgroup: the stalled time of the whole trial.
    case memoryPressure(full: Bool)
    case ioPressure(full: Bool)
    /// How long operations of a kind took: of one worker, or of all that have such.
    case latency(worker: String?, of: String, Quantile)
    /// Growth of a counter of /proc/vmstat while the streams ran.
    case vmstat(String)
    /// How often a task was throttled in reclaim, by reason.
    case throttled(Reason)
    /// CPU time of all kswapd threads.
    case kswapd
    /// From a command's start to its end.
    case commandTime(String)
    /// A number that a command prints of itself.
    case figure(command: String, String)

    /// VMSCAN_THROTTLE_* of enum vmscan_throttle_state (include/linux/mmzone.h).
    package enum Reason: String, CaseIterable, Sendable {
      case writeback, isolated, noprogress, congested
    }

    /// Kinds of operations that user space times.
    package static let operations = [
      "write", "fsync", "read", "touch", "fault", "truncate", "unlink", "rename", "compact", "huge",
      "copy", "advise",
    ]

    /// All that are not named after a counter or a worker, and how those are formed.
    package static let known: [String] =
      ["oom_kill", "throughput", "read_throughput"]
      + Quantile.allCases.map { "stall.\($0.rawValue)" }
      + ["psi.memory.some", "psi.memory.full", "psi.io.some", "psi.io.full"]
      + operations.flatMap { kind in Quantile.allCases.map { "\(kind).\($0.rawValue)" } }
      + Reason.allCases.map { "throttled.\($0.rawValue)" } + ["kswapd.cpu"]
    package static let forms = [
      "WORKER.fsync.p99 and the like", "vmstat.COUNTER", "command.NAME.time",
      "command.NAME.FIGURE",
    ]

    package init?(_ name: String) {
      let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      func latency(_ worker: String?, _ kind: String, _ quantile: String) -> Metric? {
        guard Self.operations.contains(kind), let quantile = Quantile(rawValue: quantile) else {
          return nil
        }
        return .latency(worker: worker, of: kind, quantile)
      }
      let found: Metric? =
        switch (parts.first, parts.count) {
        case ("oom_kill", 1): .oomKill
        case ("throughput", 1): .throughput
        case ("read_throughput", 1): .readThroughput
        case ("kswapd", 2) where parts[1] == "cpu": .kswapd
        case ("stall", 2): Quantile(rawValue: parts[1]).map { .stall($0) }
        case ("throttled", 2): Reason(rawValue: parts[1]).map { .throttled($0) }
        case ("vmstat", 2) where !parts[1].isEmpty && parts[1].utf8.allSatisfy(Self.isCounter):
          .vmstat(parts[1])
        case ("psi", 3) where ["some", "full"].contains(parts[2]):
          switch parts[1] {
          case "memory": .memoryPressure(full: parts[2] == "full")
          case "io": .ioPressure(full: parts[2] == "full")
          default: nil
          }
        case ("command", 3)
        where ProfileCursor.isName(parts[1]) && ProfileCursor.isName(parts[2])
          && !Self.operations.contains(parts[1]):
          parts[2] == Profile.Command.time
            ? .commandTime(parts[1]) : .figure(command: parts[1], parts[2])
        case (_, 2): latency(nil, parts[0], parts[1])
        case (_, 3) where ProfileCursor.isName(parts[0]): latency(parts[0], parts[1], parts[2])
        default: nil
        }
      guard let found else { return nil }
      self = found
    }

    private static func isCounter(_ byte: UInt8) -> Bool {
      (0x61...0x7a ~= byte) || (0x30...0x39 ~= byte) || byte == 0x5f
    }

    package var name: String {
      switch self {
      case .oomKill: "oom_kill"
      case .stall(let quantile): "stall.\(quantile.rawValue)"
      case .throughput: "throughput"
      case .readThroughput: "read_throughput"
      case .memoryPressure(let full): "psi.memory.\(full ? "full" : "some")"
      case .ioPressure(let full): "psi.io.\(full ? "full" : "some")"
      case .latency(let worker, let kind, let quantile):
        (worker.map { $0 + "." } ?? "") + "\(kind).\(quantile.rawValue)"
      case .vmstat(let counter): "vmstat.\(counter)"
      case .throttled(let reason): "throttled.\(reason.rawValue)"
      case .kswapd: "kswapd.cpu"
      case .commandTime(let command): "command.\(command).\(Profile.Command.time)"
      case .figure(let command, let figure): "command.\(command).\(figure)"
      }
    }

    /// The command that it is of, and the name of its figure there.
    var command: (name: String, figure: String)? {
      switch self {
      case .commandTime(let name): (name, Profile.Command.time)
      case .figure(let name, let figure): (name, figure)
      default: nil
      }
    }

    /// What the metric counts in.
    package var unit: Unit {
      switch self {
      case .oomKill, .vmstat, .throttled, .figure: .count
      case .throughput, .readThroughput: .rate
      case .stall, .memoryPressure, .ioPressure, .latency, .kswapd, .commandTime: .duration
      }
    }
  }
}

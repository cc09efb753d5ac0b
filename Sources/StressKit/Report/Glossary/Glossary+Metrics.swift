// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

extension Glossary {
  private typealias Metric = Profile.Expectation.Metric

  static let metrics: [Entry] =
    Metric.known.compactMap(Metric.init).map { metric in
      Entry(
        metric.name, in: .metrics,
        "\(text(metric)) Unit in a profile: \(unit(metric)). docs/profiles.md.")
    } + [
      Entry(
        "vmstat.*", in: .metrics,
        "Growth of that counter of /proc/vmstat while the streams ran, as a count. docs/profiles.md."
      )
    ]

  private static func unit(_ metric: Metric) -> String {
    switch metric.unit {
    case .count: "a count"
    case .duration: "a duration, such as 500ms"
    case .rate: "a size per second, such as 4MiB/s"
    }
  }

  private static func text(_ metric: Metric) -> String {
    switch metric {
    case .oomKill: "OOM kills in the trial."
    case .throughput: "Bytes of completed writes and copies over the streams' time."
    case .readThroughput: "Bytes that streams with `do: read` read, over their time."
    case .stall(let which):
      "Latency of writes over all streams, those in flight at the end with their age: \(text(which))."
    case .memoryPressure(let full): pressure(full, "memory")
    case .ioPressure(let full): pressure(full, "I/O")
    case .latency(_, let kind, let which):
      """
      Latency of operations of kind \(kind): \(text(which)). Of one worker with its name in front, \
      as in WORKER.\(metric.name).
      """
    case .vmstat(let counter): "Growth of \(counter) of /proc/vmstat while the streams ran."
    case .throttled(let reason):
      "How often reclaim made a task wait for reason \(TraceSpan.throttled(reason).label)."
    case .kswapd: "CPU time of all kswapd threads."
    case .commandTime: "From a command's start until its first process had ended."
    case .figure: "A number that a command printed of itself: the profile says which (figures)."
    }
  }

  private static func text(_ quantile: Metric.Quantile) -> String {
    switch quantile {
    case .p50: "half of them took no longer"
    case .p99: "99 of 100 took no longer"
    case .max: "the longest"
    }
  }

  private static func pressure(_ full: Bool, _ resource: String) -> String {
    """
    PSI of the limited cgroup over the whole trial: how long \(full ? "all" : "one or more") of \
    its tasks waited for \(resource).
    """
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressRecord

extension Glossary {
  static let latencies: [Entry] = LatencySection.operations.map { kind in
    Entry(
      kind.of, in: .latencies,
      """
      Latency of an operation, timed in user space: \(kind.definition). Every one counts; those of at least \
      observe.slow also have a line of type slow.
      """)
  }

  static let spans: [Entry] =
    TraceSpan.allCases.map { span in
      // A call is told with what it goes to, as in write-call:scratch.
      Entry(
        names: [span.label] + (TraceSpan.calls.contains(span) ? [span.label + ":*"] : []),
        file: nil,
        in: .spans, "Measured: \(span.definition). \(span.traits.remark)")
    } + [
      Entry(
        "reclaim-throttle", in: .spans,
        "In older records the intervals of all four VMSCAN_THROTTLE_ reasons together.")
    ]
}

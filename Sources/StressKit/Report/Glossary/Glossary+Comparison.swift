// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

extension Glossary {
  static let comparison: [Entry] =
    Verdict.Call.allCases.map { Entry($0.rawValue, in: .comparison, text($0)) }
    + Measure.allCases.map { Entry($0.rawValue, in: .comparison, text($0)) } + [
      Entry(
        "REFUSED", in: .comparison,
        """
        The cells differ in more than what is compared, as by device or observer; --allow KEY puts \
        up with one difference. Exit code 4.
        """),
      Entry(
        "base", "new", "change", in: .comparison,
        """
        The two arms, and how the new one differs from the base: points (pp) of a rate or share, a \
        factor (x) of a speed or latency, with a 95 % interval \
        (Newcombe for rates, Hodges-Lehmann over all pairs else). n in brackets.
        """),
      Entry(
        "p", "adj.", "adjusted p", in: .comparison,
        """
        The chance of a difference as large if the arms were alike, two-sided and exact \
        (Fisher, Mann-Whitney). adj.: after Holm over the endpoints that were declared beforehand, \
        and the comparisons judged; only this decides the verdict. 3 against 3 trials cannot reach \
        0.05. docs/statistics.md.
        """),
      Entry(
        "q", in: .comparison,
        """
        The false discovery rate by Benjamini and Hochberg: of all counters with a q below 0.05, \
        about 5 % are expected to be there by chance.
        """),
      Entry(
        "counters that differ", "of", in: .comparison,
        """
        Counters whose growth in a trial differs between the arms (Mann-Whitney); 'of' is the \
        file: vmstat, memory.stat, or trace for counts of events.
        """),
      Entry(
        "points", "pp", in: .comparison, "Percentage points: 0:12 against 11:12 is +92 points."),
      Entry(
        "log-rank p", "mean without one until", in: .comparison,
        """
        Of the time to the first OOM kill: the log-rank test, and the mean time without a kill up \
        to the last moment that both arms reached. Described, not judged: the rate of kills is of \
        the same kills.
        """),
      Entry(
        "noise", in: .comparison,
        """
        What 'run --calibrate' found between arms that differ in nothing. With --noise no change \
        within it is called one.
        """),
      Entry(
        "control", in: .comparison,
        """
        A profile or variant whose result is known: positive, every trial must end in a kill; \
        negative, none may. If one fails the campaign says so first, and no verdict holds.
        """),
    ]

  private static func text(_ call: Verdict.Call) -> String {
    switch call {
    case .regression:
      """
      An endpoint got significantly worse, by more than the noise and perhaps by as much as matters. Exit \
      code 1.
      """
    case .improvement: "An endpoint got significantly better and none worse. Exit code 0."
    case .noChange:
      """
      Of each endpoint a change that matters is excluded. What would have been seen with a chance of 80 % is \
      printed beside it. Exit code 0.
      """
    case .inconclusive:
      """
      Neither: too few trials, or noise above the effect. Beside it about how many more trials of \
      each arm would settle it. Exit code 3.
      """
    }
  }

  private static func text(_ measure: Measure) -> String {
    let judged =
      Measure.primary.contains(measure)
      ? "The verdict rests on it." : "Described, not judged."
    let meaning =
      switch measure {
      case .failed: "Whether a trial ended in an OOM kill, a panic, a hang or without an end."
      case .throughput:
        "Bytes of completed writes per second of the streams' time, of trials that did not fail."
      case .stallP99:
        "p99 of a trial's write latencies, those in flight included, of trials that did not fail."
      case .stallMax: "A trial's longest write."
      case .fsyncMax: "A trial's longest fsync."
      case .cpuPerGiB:
        "CPU time of the limited cgroup (cpu.stat, io_uring's workers included) per GiB written."
      case .reclaimEfficiency:
        """
        Pages reclaimed of pages scanned, by memory.stat of the limited cgroup: low where reclaim \
        met pages that it could not take.
        """
      case .memoryFull, .ioFull:
        "Share of the streams' time in which all tasks of the limited cgroup waited (PSI full)."
      }
    return "\(meaning) \(judged)"
  }
}

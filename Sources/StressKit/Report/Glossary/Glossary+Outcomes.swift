// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

extension Glossary {
  static let outcomes: [Entry] =
    Outcome.allCases.map { outcome in Entry(outcome.rawValue, in: .outcomes, text(outcome)) }
    + OOMReport.Class.allCases.map { kind in Entry(kind.rawValue, in: .outcomes, text(kind)) }
    + OOMFinding.names.map { name in
      Entry(
        name, in: .outcomes,
        """
        A finding of 'wbstress why' on an OOM kill, by the kernel's dump alone. The rule: \
        \(OOMFinding.rule) Undecided: neither, or the dump does not tell; the report says which. \
        docs/why.md.
        """)
    }

  private static func text(_ outcome: Outcome) -> String {
    let counts =
      outcome.counts ? "Counts in tables." : "Does not count; listed below the tables with why."
    let meaning =
      switch outcome {
      case .completed: "The streams ended and nobody was killed."
      case .oom:
        "The kernel's OOM killer ran, whoever it killed: by the kernel log, memory.events and the trace."
      case .stalled:
        """
        The machine lives, but for a minute no operation ended and no disk completed a request \
        (longer on a disk that is meant to be that slow), or the trial made no end within its time.
        """
      case .hang:
        """
        The machine gave no sign of life any more: a guest that lives writes a line to its record \
        every second. How long the silence may be depends on the accelerator.
        """
      case .panic: "The kernel panicked, by its serial console."
      case .harnessLost:
        "The harness was killed, interrupted or failed. The same command carries it out again."
      case .invalid:
        """
        The trial could not be carried out as the profile says: a kernel that does not boot, a \
        full disk, a refused mount option. Its reason is a word such as boot-failure or set-up.
        """
      case .skipped: "Not tried."
      }
    return "Outcome of a trial. \(meaning) \(counts)"
  }

  private static func text(_ kind: OOMReport.Class) -> String {
    let meaning =
      switch kind {
      case .dirty:
        """
        a cgroup was at its limit and had page cache left, 80 % or more of it dirty or under \
        writeback (with data=journal 30 %, as jbd2's buffers hide the rest): reclaim did not wait \
        for the disk.
        """
      case .anon:
        "a cgroup was at its limit and had no page cache (1 % of the limit at most): too much was pinned."
      case .mixed:
        "a cgroup was at its limit and had page cache that was neither dirty nor under writeback."
      case .global:
        "the machine, not a cgroup, was out of memory (constraint other than CONSTRAINT_MEMCG)."
      case .unknown: "the log does not tell: the dump is rate limited to 10 in 5 s (mm/oom_kill.c)."
      }
    return "Class of an OOM kill: \(meaning)"
  }
}

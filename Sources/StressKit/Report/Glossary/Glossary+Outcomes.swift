// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

extension Glossary {
  static let outcomes: [Entry] =
    Outcome.allCases.map { outcome in Entry(outcome.rawValue, in: .outcomes, text(outcome)) }
    + OOMFinding.all.map { finding in
      Entry(
        finding.name, in: .outcomes,
        """
        A finding on an OOM kill, by what the memory consisted of in the kernel's dump. \
        When: \(finding.condition). It means: \(finding.meaning). The first rule that holds counts, \
        in the order \(OOMFinding.all.map(\.name).joined(separator: ", ")). docs/why.md.
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
}

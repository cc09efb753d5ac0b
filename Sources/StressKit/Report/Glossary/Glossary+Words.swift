// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

extension Glossary.Group {
  /// The file of Words/ that has its texts; nil: they follow from tables.
  var words: [UInt8]? {
    switch self {
    case .headings: PackageResources.headings_md
    case .outcomes: PackageResources.outcomes_md
    case .comparison: PackageResources.comparison_md
    case .causes: PackageResources.causes_md
    case .memcg: PackageResources.memcg_md
    case .memoryStat: PackageResources.memory_stat_md
    case .dirty: PackageResources.dirty_md
    case .reclaim: PackageResources.reclaim_md
    case .lists: PackageResources.lists_md
    case .pages: PackageResources.pages_md
    case .machine: PackageResources.machine_md
    case .metrics, .latencies, .spans, .lines: nil
    }
  }

  /// The entries of its file. A heading is a name, `FILE:NAME` where it is a key of a file; names that follow
  /// each other have the text below in common.
  var written: [Glossary.Entry] {
    var entries: [Glossary.Entry] = []
    for line in EmbeddedText.body(words ?? []).split(separator: "\n") {
      guard line.hasPrefix("## ") else {
        guard let last = entries.indices.last else { continue }
        entries[last].text += (entries[last].text.isEmpty ? "" : " ") + line
        continue
      }
      let parts = line.dropFirst(3).split(separator: ":").map(String.init)
      if let last = entries.last, last.text.isEmpty {
        entries[entries.count - 1].names += parts.suffix(1)
      } else {
        let file = parts.count > 1 ? parts.first : nil
        entries.append(Glossary.Entry(names: parts.suffix(1), file: file, in: self, ""))
      }
    }
    return entries
  }
}

extension Glossary.Entry {
  /// With what tables of this program say of it.
  var completed: Glossary.Entry {
    var entry = self
    let name = names[0]
    switch group {
    case .headings where name == "kills by finding":
      entry.text += " The findings: \(Glossary.findingNames)."
    case .headings where name == "throttle reaction":
      entry.text = "From: \(ThrottleReaction.definition). \(text)"
    case .outcomes:
      if let outcome = Outcome(rawValue: name) {
        let counts =
          outcome.counts
          ? "Counts in tables." : "Does not count; listed below the tables with why."
        entry.text = "Outcome of a trial. \(text) \(counts)"
      }
    case .comparison:
      if let measure = Measure(rawValue: name) {
        let isJudged = Measure.primary.contains(measure)
        entry.text += isJudged ? " The verdict rests on it." : " Described, not judged."
      }
    case .causes:
      if let cause = StallCause.allCases.first(where: { $0.label == name }) {
        let kind = cause.isUnexplained ? "Part of what is unexplained" : "Cause of a stall"
        let psi =
          switch cause.pressure {
          case .memory: " In PSI it counts as memory."
          case .io: " In PSI it counts as io."
          case nil: ""
          }
        entry.text = "\(kind): \(text)\(psi) docs/ledger.md."
      }
    default: break
    }
    return entry
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// The lines of a kernel log that tell of one OOM kill, as mailing lists quote them: not wrapped, with the log's own
/// times, and without the call trace, the task list and what is zero.
package struct KernelLogExcerpt: Sendable, Equatable {
  package let lines: [String]
  /// Lines of the report that were left out.
  package let omitted: Int

  /// What is quoted of a memcg's statistics; the kernel prints some 60.
  private static let figures: Set<String> = [
    "anon", "file", "kernel", "pagetables", "file_mapped", "file_dirty", "file_writeback",
    "inactive_file", "active_file", "unevictable", "slab_reclaimable", "slab_unreclaimable",
    "pgscan", "pgsteal",
  ]
  /// Beginnings of the other lines, those of a whole machine's report among them.
  private static let starts = [
    "memory: usage", "swap: usage", "Memory cgroup stats for", "Mem-Info:", "active_anon:",
    "active_file:", "unevictable:", "slab_reclaimable:", "Node 0 active_anon:",
    "Node 0 DMA32 free:", "Node 0 Normal free:",
    // With CONFIG_NUMA=n.
    "DMA32 free:", "Normal free:", "HighMem free:",
    "Free swap", "Total swap", "oom-kill:", "Memory cgroup out of memory", "Out of memory",
  ]
  private static let longest = 20

  /// nil: the log's lines are not in the record, or the report was never begun there.
  package init?(_ record: RecordReader, _ report: OOMReport) {
    guard let first = report.invokedSequence, let begun = report.invokedTime,
      let last = report.victims.last?.sequence, first <= last, begun <= LineHead.latest
    else { return nil }
    var all: [(time: Int64, text: String)] = []
    let (seq, words) = (KmsgLine.name(\.seq), KmsgLine.name(\.text))
    record.forEach(KmsgLine.self) { line in
      guard let sequence = line.int(seq), sequence >= 0, first...last ~= UInt64(sequence),
        let time = line.time, let text = line.string(words)
      else { return }
      // A record of several lines is printed as such, each with the time.
      all += text.split(separator: "\n").map { (time, String($0)) }
    }
    guard let start = all.first else { return nil }
    // The record has them on the trial's clock.
    let shift = Int64(begun) - start.time
    let quoted = all.enumerated().filter { index, line in
      index == 0 || Self.isQuoted(line.text.drop { $0 == " " })
    }.prefix(Self.longest)
    lines = quoted.map { Self.stamp($0.element.time + shift) + $0.element.text }
    omitted = all.count - lines.count
  }

  private static func isQuoted(_ text: Substring) -> Bool {
    if starts.contains(where: text.hasPrefix) { return true }
    let words = text.split(separator: " ")
    return words.count == 2 && figures.contains(String(words[0])) && UInt64(words[1]) != nil
  }

  /// As printk has it: seconds in five columns, microseconds.
  private static func stamp(_ time: Int64) -> String {
    let microseconds = (time + 500) / 1000
    let seconds = "\(microseconds / 1_000_000)"
    let rest = "\(microseconds % 1_000_000)"
    return "[" + String(repeating: " ", count: max(0, 5 - seconds.count)) + seconds + "."
      + String(repeating: "0", count: max(0, 6 - rest.count)) + rest + "] "
  }
}

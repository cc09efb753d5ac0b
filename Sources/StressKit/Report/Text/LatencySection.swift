// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

/// The part of the terminal report that says what took how long, and what each figure is.
struct LatencySection {
  private let cells: [CellSummary]
  init(_ cells: [CellSummary]) { self.cells = cells }

  /// What user space measures, which a report names first; the rest are the kernel's own.
  static let operations = [
    (
      of: "write",
      definition:
        "submission of a write (its scheduled time, if the stream has a rate and an open pace) to its"
        + " completion, as the worker sees it"
    ),
    (
      of: "fsync",
      definition: "call of the stream's or probe's sync operation to its return, once per file"
    ),
    (
      of: "read",
      definition:
        "as `write`, of a stream that reads; of one that writes, call that reads back a block to its return"
    ),
    (
      of: "touch",
      definition:
        "due time of a write to a page of hot memory to its end, so a stall counts for every"
        + " write that queues behind it"
    ),
    (of: "fault", definition: "first write to a page of a fresh mapping"),
    (of: "truncate", definition: "call of ftruncate(2) to 0 to its return"),
    (
      of: "unlink",
      definition: "call of unlink(2) to the end of the close(2) that frees the file"
    ),
    (
      of: "rename",
      definition: "call of rename(2) to the end of the close(2) that frees the file"
    ),
    (of: "compact", definition: "write of 1 to vm.compact_memory to its return"),
    (of: "huge", definition: "first write to a huge page of a fresh mapping"),
    (of: "copy", definition: "as `write`, of a stream that copies"),
    (of: "advise", definition: "call of posix_fadvise(2) to its return, once per file"),
  ]

  /// Primary figures first, then what explains them.
  private static let order: [(of: String, definition: String)] = {
    let primary = TraceSpan.allCases.filter {
      if case .primary = $0.traits.section { true } else { false }
    }
    let spans = primary + TraceSpan.allCases.filter { !primary.contains($0) }
    return operations + spans.map { ($0.label, $0.definition) }
  }()

  private var kinds: [(of: String, definition: String)] {
    let present = Set(cells.flatMap { $0.counted.flatMap(\.latencies.keys) })
    return Self.order.flatMap { kind in
      present.filter { Self.measured($0) == kind.of }.sorted().map {
        (of: $0, definition: kind.definition)
      }
    }
  }

  /// Without what calls are told apart by, which changes nothing of how they are measured.
  private static func measured(_ kind: String) -> String { String(kind.prefix { $0 != ":" }) }

  /// The workers of the profiles that have latencies of a kind.
  private func workers(_ kind: String) -> [String] {
    var seen: Set<String> = []
    let named = cells.flatMap(\.profile.workers).filter { seen.insert($0).inserted }
    return named.filter { worker in
      cells.contains { $0.counted.contains { $0.workerLatencies[worker]?[kind] != nil } }
    }
  }

  func lines(width: Int, _ paint: (String) -> String) -> [String] {
    let kinds = kinds
    if kinds.isEmpty { return [] }
    var rows = kinds.flatMap { kind -> [(label: String, figures: [String])] in
      // What one worker waits for says little of another.
      let workers = workers(kind.of)
      if workers.count < 2 { return [(kind.of, cells.map { Self.figure($0, kind.of) })] }
      return workers.map { worker in
        ("\(worker) \(kind.of)", cells.map { Self.figure($0, kind.of, worker: worker) })
      }
    }
    let reactions = cells.map(Self.reaction)
    if reactions.contains(where: { $0 != "-" }) { rows.append(("throttle reaction", reactions)) }
    var lines = Table.across("latency, p99 / max in ms", rows, width: width, paint)
    lines += Format.broken(
      "Each: p99 of a trial, median over trials / the longest of all trials.", width: width)
    for kind in Self.order where kinds.contains(where: { Self.measured($0.of) == kind.of }) {
      lines += Format.broken("\(kind.of): \(kind.definition)", width: width, indent: 4)
    }
    if cells.contains(where: { $0.counted.contains { $0.reaction != nil } }) {
      lines += Format.broken(
        "throttle reaction (median): \(ThrottleReaction.definition)", width: width, indent: 4)
    }
    return lines
  }

  private static func figure(
    _ cell: CellSummary, _ kind: String, worker: String? = nil
  ) -> String {
    let p99 = cell.sample { $0.latency(of: kind, worker: worker)?.percentile(0.99) }.median
    let longest = cell.sample { $0.latency(of: kind, worker: worker)?.max }.max
    guard let p99, let longest else { return "-" }
    return "\(short(p99)) / \(short(longest))"
  }

  /// Milliseconds, with a decimal where that says something.
  private static func short(_ nanoseconds: Double) -> String {
    Format.fixed(nanoseconds / 1e6, nanoseconds < 100e6 ? 1 : 0)
  }

  /// Median of the trials in which a pause came; in how many none came before the kill.
  private static func reaction(_ cell: CellSummary) -> String {
    let all = cell.counted.compactMap(\.reaction)
    if all.isEmpty { return "-" }
    let after = OrderedSample(
      all.compactMap { reaction in
        if case .after(let time) = reaction { time } else { nil }
      })
    let never = all.count {
      switch $0 {
      case .neverBeforeKill, .never: true
      case .after, .notCrossed: false
      }
    }
    let parts = [
      after.median.map { short($0) }, never > 0 ? "never in \(never):\(all.count)" : nil,
    ].compactMap { $0 }
    return parts.isEmpty ? "not crossed" : parts.joined(separator: ", ")
  }
}

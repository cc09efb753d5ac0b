// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

/// What stands below the tables: trials that did not go well, what is missing, and the harness itself.
extension TerminalReport {
  var notes: [String] {
    var lines: [String] = []
    for (i, cell) in cells.enumerated() {
      lines += endings(i, cell)
      for error in cell.unreadable {
        lines += wrap("unreadable", ["#\(i + 1) \(error)"], style.warning)
      }
      for trial in cell.trials where !trial.kills.agree {
        lines += wrap(
          "kills disagree",
          [
            "#\(i + 1) trial \(trial.number): kernel log \(trial.kills.kernelLog), "
              + "memory.events \(trial.kills.memoryEvents.map(String.init) ?? "?"), "
              + "console \(trial.kills.console.map(String.init) ?? "?")"
          ], style.warning)
      }
      for trial in cell.trials where !trial.defects.isEmpty {
        lines += wrap(
          "record",
          ["#\(i + 1) trial \(trial.number): " + trial.defects.texts.joined(separator: "; ")],
          style.warning)
      }
      lines += recorded(i, cell)
      lines += shortfalls(i, cell)
      // Without a stream that writes there is nothing to miss.
      let writes = cell.profile.streams.contains { $0.action == .write }
      let silent = writes ? cell.counted.filter { $0.stall == nil }.count : 0
      if silent > 0 {
        lines += wrap(
          "#\(i + 1)",
          [
            "\(Self.count(silent, "trial")) without an end: no percentiles, speed, PSI or counters; max has the"
              + " longest write so far"
          ])
      }
      let lost = cell.trials.reduce(0) { $0 + $1.lostLatencies }
      if lost > 0 {
        lines += wrap(
          "#\(i + 1)", ["\(lost) latencies are missing: the log was full"], style.warning)
      }
      let run = cell.trials.count + cell.unreadable.count
      if run < summary.planned, !summary.mayEndEarly {
        lines.append("#\(i + 1): \(run) of \(summary.planned) trials run so far")
      }
    }
    lines += traces
    lines += missedSamples + harness
    let boot = OrderedSample(trials.compactMap(\.bootTime))
    let setUp = OrderedSample(trials.compactMap(\.setUpTime))
    if boot.count > 0, setUp.count > 0 {
      lines += wrap(
        "boot to PID 1",
        [
          "\(Format.seconds(boot.median)) s",
          "from there to the first write, without the start delay: \(Format.seconds(setUp.median)) s"
            + " (medians; longest \(Format.seconds(setUp.max)) s)",
        ])
    }
    return lines
  }

  /// Different texts of a cell's notes that are told; what they are of differs by a pid or a time.
  private static let mostNotes = 8

  /// What the records note, and what else is in them for who looks.
  private func recorded(_ index: Int, _ cell: CellSummary) -> [String] {
    let texts = distinct(cell.trials.flatMap(\.notes))
    var lines = texts.prefix(Self.mostNotes).flatMap { text -> [String] in
      let numbers = cell.trials.filter { $0.notes.contains(text) }.map { "\($0.number)" }
      let trials = "trial\(numbers.count == 1 ? "" : "s") " + numbers.joined(separator: ", ")
      return wrap("note", ["#\(index + 1): \(text) (\(trials))"], style.warning)
    }
    if texts.count > Self.mostNotes {
      let rest = cell.trials.flatMap(\.notes).count { !texts.prefix(Self.mostNotes).contains($0) }
      lines += wrap("note", ["#\(index + 1): \(rest) more in the records"], style.warning)
    }
    for trial in cell.trials where !trial.evidence.isEmpty {
      let counts = trial.evidence.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      lines += wrap(
        "evidence",
        [
          "#\(index + 1) trial \(trial.number): \(counts.joined(separator: ", ")) lines, shown by "
            + "wbstress record show"
        ])
    }
    return lines
  }

  /// Pins that did not get all their memory: the pressure was less than the profile says.
  private func shortfalls(_ index: Int, _ cell: CellSummary) -> [String] {
    let all = cell.trials.flatMap(\.shortfalls)
    let kinds = distinct(all.map { "\($0.worker) \($0.errno ?? "")" })
    return kinds.flatMap { kind -> [String] in
      let those = all.filter { "\($0.worker) \($0.errno ?? "")" == kind }
      guard let one = those.first else { return [] }
      let reached = OrderedSample(those.map { Double($0.reached) })
      let range = distinct([reached.min, reached.max].map { Format.mebibytes($0) })
      return wrap(
        "fell short",
        [
          "worker \(one.worker) reached \(range.joined(separator: " to ")) MiB of "
            + "\(Format.mebibytes(Double(one.size))) MiB"
            + (one.errno.map { " (\($0))" } ?? "")
            + " in \(Self.count(those.count, "trial")) of #\(index + 1)"
        ], style.warning)
    }
  }

  /// Trials that ended otherwise than completed or by the OOM killer; those with the same words together.
  private func endings(_ i: Int, _ cell: CellSummary) -> [String] {
    let others = cell.trials.filter { ![.completed, .oom].contains($0.ending.outcome) }
    func words(_ trial: TrialSummary) -> String {
      let why = trial.ending.message?.split(separator: "\n").first.map(String.init) ?? ""
      return "\(trial.ending.outcome.rawValue): \(why)"
    }
    return distinct(others.map(words)).flatMap { text in
      let alike = others.filter { words($0) == text }
      let numbers = alike.map { String($0.number) }.joined(separator: ", ")
      return wrap(
        alike[0].ending.outcome.counts ? "failed" : "excluded",
        ["#\(i + 1) trial\(alike.count == 1 ? "" : "s") \(numbers): \(text)"], style.warning)
    }
  }

  /// What was lost of the traces, and where buffered writes were done.
  private var traces: [String] {
    var lines: [String] = []
    for (i, cell) in cells.enumerated() {
      let traces = cell.trials.compactMap(\.trace)
      for failure in distinct(traces.compactMap(\.failure)) {
        lines += wrap("#\(i + 1) not traced", [failure], style.warning)
      }
      for failure in distinct(traces.flatMap(\.failures)) {
        lines += wrap("#\(i + 1) trace", [failure], style.warning)
      }
      let blind = traces.count { $0.failure == nil && !$0.saw(.sysEnter) }
      if cell.profile.observe.syscalls, blind > 0 {
        lines += wrap(
          "#\(i + 1) no calls",
          [
            "\(Self.count(blind, "trial")) whose kernel has no \(TraceEvent.sysEnter.label): calls of commands are not "
              + "known"
          ], style.warning)
      }
      let lost = traces.reduce(0) { $0 + $1.lostRecords + $1.dropped }
      if lost > 0 {
        lines += wrap("#\(i + 1)", ["\(lost) trace records lost, over all trials"], style.warning)
      }
      let rings = cell.profile.streams
        .filter { $0.action == .write && $0.engine == .ioUring && !$0.direct }.map(\.name)
      // One that was killed leaves writes that never ended.
      let writes = cell.counted.reduce(0) { sum, trial in
        rings.reduce(sum) {
          $0 + (trial.latency(of: "write", worker: $1)?.count ?? 0)
            + (trial.unfinishedWrites[$1] ?? 0)
        }
      }
      let punted = cell.counted.compactMap(\.trace).flatMap(\.punted.values).reduce(0, +)
      let isUntold = traces.contains { $0.failure == nil && !$0.saw(.queueAsyncWork) }
      if writes > 0, punted == 0, isUntold {
        // 5.10's event does not say which operation it is of.
        let own = cell.counted.flatMap(\.streams).compactMap(\.punted).reduce(0, +)
        let share = Format.fixed(100 * Double(own) / Double(writes), 0)
        lines += wrap(
          "#\(i + 1)",
          [
            "unknown how many buffered writes went to an io-wq worker (this kernel's event does not say): at least"
              + " \(share) % by the writers' own count"
          ])
      } else if writes > 0, !traces.isEmpty {
        let share = Format.fixed(100 * Double(punted) / Double(writes), 0)
        lines.append("#\(i + 1): \(share) % of the buffered writes went to an io-wq worker")
      }
    }
    return lines
  }

  /// What the harness itself cost: a line, and what of it is large enough to matter.
  private var harness: [String] {
    let mirrors = trials.compactMap(\.mirror)
    if mirrors.isEmpty { return [] }
    func sample(_ value: (HarnessMirror) -> Double?) -> OrderedSample {
      OrderedSample(mirrors.compactMap(value))
    }
    func percent(_ value: Double?) -> String {
      value.map { Format.fixed(100 * $0, 1) + " %" } ?? "unknown"
    }
    func milliseconds(_ value: Double?) -> String {
      value.map { Format.fixed($0 / 1e6, 1) + " ms" } ?? "unknown"
    }
    let lost = trials.compactMap(\.trace).reduce(0) { $0 + $1.lostRecords + $1.dropped }
    let cpu = sample(\.cpuShare)
    let wait = sample(\.hostWait)
    let waited = percent(wait.median) + (wait.count > 1 ? " (at most \(percent(wait.max)))" : "")
    var lines = wrap(
      "harness",
      [
        "CPU \(percent(cpu.median)) of one CPU (at most \(percent(cpu.max)))",
        "\(Format.mebibytes(sample(\.resident).max)) MiB resident",
        "record \(Format.mebibytes(sample(\.recordBytes).median)) MiB a trial",
        "fast lane lateness p99 \(milliseconds(sample(\.latenessP99).median)), max "
          + milliseconds(sample(\.latenessMax).max),
        "trace records lost \(lost)", "steal \(percent(sample(\.stealShare).max))",
        "host wait \(waited)",
        "guest memory touched beforehand \(percent(sample(\.touched).min))",
      ])
    func warnings(_ trial: TrialSummary) -> [String] {
      trial.mirror?.warnings(accelerator: trial.accelerator) ?? []
    }
    for text in distinct(trials.flatMap(warnings)) {
      let shares = cells.enumerated().compactMap { i, cell -> String? in
        let felt = cell.trials.count { warnings($0).contains(text) }
        return felt == 0 ? nil : "#\(i + 1): \(felt) of \(cell.trials.count)"
      }
      lines += wrap(
        "harness cost", ["\(text) (trials of \(shares.joined(separator: ", ")))"], style.warning)
    }
    return lines
  }

  /// Lanes that lack readings of the streams' time.
  private var missedSamples: [String] {
    let gaps = trials.map(\.gaps)
    var lines: [String] = []
    for lane in Set(gaps.flatMap(\.missed.keys)).sorted() {
      let missed = gaps.reduce(0) { $0 + ($1.missed[lane] ?? 0) }
      let taken = gaps.reduce(0) { $0 + ($1.taken[lane] ?? 0) }
      if missed > 0 {
        lines.append(
          "\(lane) lane: \(missed) of \(missed + taken) readings missed while the streams ran")
      }
    }
    let dropped = trials.reduce(0) { $0 + $1.droppedSamples }
    if dropped > 0 { lines.append("readings dropped on their way to the record: \(dropped)") }
    return lines
  }
}

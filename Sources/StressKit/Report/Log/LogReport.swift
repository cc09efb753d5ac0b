// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressRecord

/// What a saved kernel log tells of OOM kills, blocked tasks and failed allocations, as text of 80 columns.
package struct LogReport: PlainReport {
  private let name: String
  private let autopsy: LogAutopsy
  private let style: TerminalReport.Style
  /// Kills, and tasks, that are told in full.
  private let told: Int

  private var width: Int { TerminalReport.width }

  private static let noDump =
    "undecided: the log has no dump of it (the kernel prints ten in five seconds, and a console's log level may leave "
    + "them out)"

  /// Functions of a stack that are printed.
  private static let deepest = 12

  /// - Parameters:
  ///   - name: the log's.
  ///   - told: kills and tasks that are told in full.
  package init(_ name: String, _ autopsy: LogAutopsy, told: Int, style: TerminalReport.Style) {
    self.name = name
    self.autopsy = autopsy
    self.told = told
    self.style = style
  }

  package var text: String {
    var lines = heading
    if !autopsy.kills.isEmpty { lines += [""] + groups }
    for (index, kill) in autopsy.kills.prefix(told).enumerated() {
      lines += [""] + story(index + 1, kill)
    }
    lines += more(autopsy.kills.count, "kill")
    let blocked = distinct(autopsy.blocked)
    if !blocked.isEmpty { lines += ["", style.bold("blocked tasks")] }
    for group in blocked.prefix(told) { lines += story(group) }
    lines += more(blocked.count, "task")
    let failures = distinct(autopsy.failures)
    if !failures.isEmpty { lines += ["", style.bold("page allocations")] }
    for group in failures.prefix(told) { lines += story(group) }
    lines += more(failures.count, "task")
    if events.count > 1 { lines += [""] + timeline }
    if !autopsy.kills.isEmpty {
      lines += [""] + hang("finding", ": " + OOMFinding.rule, style.bold)
    }
    if !events.isEmpty { lines += [""] + limits }
    return lines.joined(separator: "\n")
  }

  // MARK: Heading

  private var heading: [String] {
    let counts = [
      (autopsy.kills.count, "OOM kill"), (autopsy.blocked.count, "blocked-task report"),
      (autopsy.failures.count, "page allocation failure"),
    ].filter { $0.0 > 0 }.map { TerminalReport.count($0.0, $0.1) }
    let found =
      counts.isEmpty
      ? "no OOM kill, no blocked task, no failed allocation" : counts.joined(separator: ", ")
    var lines = hang(name, ": " + found, style.bold)
    var facts: [String] = []
    if !autopsy.releases.isEmpty {
      facts.append("kernel " + autopsy.releases.joined(separator: ", "))
    }
    let others = autopsy.messages - autopsy.kernelMessages
    facts.append(
      TerminalReport.count(autopsy.kernelMessages, "kernel message")
        + (others > 0 ? " (and \(others) of others)" : ""))
    if let first = autopsy.first, let last = autopsy.last, first.stamp.isKnown, last.stamp.isKnown {
      facts.append("from \(Self.time(first)) to \(Self.time(last))")
    }
    lines += Format.broken(facts.joined(separator: "; "), width: width, indent: 4)
    return lines
  }

  private func more(_ count: Int, _ noun: String) -> [String] {
    count > told
      ? ["", "... and \(TerminalReport.count(count - told, "more \(noun)")): see --all"] : []
  }

  /// As the log has it.
  static func time(_ place: LogAutopsy.Place) -> String {
    let stamp = place.stamp
    if let uptime = stamp.uptime {
      let micros = uptime / 1000
      let fraction = "\(micros % 1_000_000)"
      let text =
        "\(micros / 1_000_000).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)"
      return stamp.wall.map { "\($0) [\(text)]" } ?? "[\(text)]"
    }
    if let wall = stamp.wall { return wall }
    return stamp.epoch.flatMap { UTCTime.text($0 / 1_000_000) }.map { $0 + "Z" } ?? "no time"
  }

  private static func place(_ place: LogAutopsy.Place) -> String {
    place.stamp.isKnown ? "line \(place.line), \(time(place))" : "line \(place.line)"
  }

  // MARK: Kills

  private var groups: [String] {
    var table = Table([
      ("limit met by", .text), ("kills", .right), ("finding", .text), ("killed", .text),
    ])
    for group in autopsy.groups {
      let kills = group.kills.map { autopsy.kills[$0] }
      func tally(_ names: [String]) -> String {
        names.tally.map { $0.count == 1 ? $0.name : "\($0.name) \($0.count)" }
          .joined(separator: ", ")
      }
      table.add([
        group.label, "\(kills.count)", tally(kills.map(\.autopsy.finding.name)),
        tally(kills.flatMap { $0.autopsy.victims.map(\.task.comm) }),
      ])
    }
    return table.lines(within: width)
  }

  private func story(_ number: Int, _ kill: LogAutopsy.Kill) -> [String] {
    let without =
      switch kill.withoutKill {
      case nil where kill.autopsy.victims.isEmpty: "; the log does not have the kill"
      case nil: ""
      case .noKillableProcess: "; nobody could be killed"
      case .exiting: "; the chosen task was exiting already"
      case .panic: "; the kernel panicked instead of killing"
      case .cut: "; the rest of the report is missing"
      }
    var lines = AutopsySection.story(
      "kill \(number)",
      "\(Self.place(kill.place)): \(AutopsySection.scope(kill.autopsy))\(without)", kill.autopsy,
      finding: kill.autopsy.finding == .undecided(.noDump) ? Self.noDump : nil, width: width,
      style.bold)
    func add(_ text: String) { lines += AutopsySection.part(text, width: width) }
    // From the allocation outwards: how the report is printed is always the same.
    let begin = kill.stack.lastIndex { $0.hasSuffix("out_of_memory") || $0 == "oom_kill_process" }
    let stack = Array(kill.stack[(begin.map { $0 + 1 } ?? 0)...])
    if !stack.isEmpty {
      add("the invoker's stack: " + WaitChannels.text(stack, atMost: Self.deepest))
    }
    if !kill.missing.isEmpty, kill.autopsy.finding != .undecided(.noDump) {
      add("not in the log: " + kill.missing.joined(separator: ", "))
    }
    return lines
  }

  // MARK: Tasks

  /// Reports of one task, in one stack.
  private func distinct(_ tasks: [LogAutopsy.Task]) -> [[LogAutopsy.Task]] {
    var groups: [[LogAutopsy.Task]] = []
    for task in tasks {
      let at = groups.firstIndex { group in
        group[0].report.comm == task.report.comm && group[0].report.pid == task.report.pid
          && group[0].report.frames == task.report.frames
          && Self.isBlocked(group[0]) == Self.isBlocked(task)
      }
      if let at { groups[at].append(task) } else { groups.append([task]) }
    }
    return groups
  }

  private static func isBlocked(_ task: LogAutopsy.Task) -> Bool {
    if case .blocked = task.report.kind { true } else { false }
  }

  private func story(_ group: [LogAutopsy.Task]) -> [String] {
    let task = group[0]
    let report = task.report
    let who = report.pid.map { "\(report.comm), pid \($0)" } ?? report.comm
    var lines = hang(
      who, ": \(Self.what(group)) (\(Self.place(task.place)))", indent: 2, style.bold)
    func add(_ text: String) { lines += AutopsySection.part(text, width: width) }
    if Self.isBlocked(task) {
      add("waits for: " + (task.cause?.label ?? "unknown: its stack is in no table"))
    }
    if report.frames.isEmpty {
      add("not in the log: its stack")
    } else {
      add("stack: " + WaitChannels.text(report.frames, atMost: Self.deepest))
    }
    if let queue = report.workqueue { add("works for: \(queue)") }
    if !task.holders.isEmpty {
      add("has or waits for the same lock: " + task.holders.joined(separator: ", "))
    }
    return lines
  }

  private static func what(_ group: [LogAutopsy.Task]) -> String {
    let text = what(group[group.count - 1].report.kind)
    return group.count == 1 ? text : "\(text), told \(group.count) times"
  }

  private static func what(_ kind: TaskReport.Kind) -> String {
    switch kind {
    case .blocked(let seconds):
      return "blocked for more than "
        + (seconds.map { "\($0) s" } ?? "a time that the log does not tell")
    case .failedAllocation(let order, let flags):
      return "an allocation failed" + (order.map { ", order \($0)" } ?? "")
        + (flags.map { ", \($0)" } ?? "")
    case .slowAllocation(let milliseconds, let order):
      return "an allocation took " + (milliseconds.map { "\($0) ms" } ?? "long")
        + (order.map { ", order \($0)" } ?? "")
    case .invokedOOM: return "invoked the OOM killer"
    }
  }

  // MARK: In time

  private var events: [(place: LogAutopsy.Place, text: String)] {
    var events: [(LogAutopsy.Place, String)] = []
    for (index, kill) in autopsy.kills.enumerated() {
      let victims = kill.autopsy.victims.map(\.task.comm).tally
        .map { $0.count == 1 ? $0.name : "\($0.name) \($0.count)" }.joined(separator: ", ")
      let scope = AutopsySection.scope(kill.autopsy)
      events.append(
        (kill.place, "kill \(index + 1): \(scope)" + (victims.isEmpty ? "" : "; killed \(victims)"))
      )
    }
    for task in autopsy.blocked + autopsy.failures {
      let cause = task.cause.map { "; waits for: \($0.label)" } ?? ""
      events.append((task.place, "\(task.report.comm): \(Self.what(task.report.kind))\(cause)"))
    }
    return events.sorted { $0.0.line < $1.0.line }.map { (place: $0.0, text: $0.1) }
  }

  /// Lines of the timeline that are printed.
  private static let longest = 40

  private var timeline: [String] {
    let hasTimes = events.contains { $0.place.stamp.isKnown }
    var table = Table(
      [("line", .right)] + (hasTimes ? [("time", .left)] : []) + [("what", .text)])
    for event in events.prefix(told == .max ? .max : Self.longest) {
      let time = hasTimes ? [Self.time(event.place)] : []
      table.add(["\(event.place.line)"] + time + [event.text])
    }
    let rest = events.count - Self.longest
    let more = told != .max && rest > 0 ? ["... and \(rest) more: see --all"] : []
    return table.lines(within: width) + more
  }

  // MARK: What it does not tell

  /// What a log never has, and how to have it next time.
  static let unrecorded =
    "whether dirty throttling, reclaim or the flusher acted before a kill, and for how long tasks stalled (PSI). "
    + "To have it next time, run 'trace-cmd record -e writeback:balance_dirty_pages -e writeback:writeback_start "
    + "-e vmscan:mm_vmscan_throttled -e oom:mark_victim', and read memory.pressure and io.pressure of the cgroup "
    + "once a second. Do not read its memory.stat: since 6.9 that flushes the statistics that dirty throttling "
    + "decides on, and can prevent the kill."

  private var limits: [String] {
    hang("a kernel log does not tell", ": " + Self.unrecorded, style.bold)
  }
}

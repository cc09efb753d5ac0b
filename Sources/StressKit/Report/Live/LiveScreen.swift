// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// What a campaign does now, as lines for a terminal: what runs, and the matrix as it fills.
///
/// It takes as many lines as there is room for, and leaves out the least needed first.
package struct LiveScreen {
  private let campaign: CampaignProgress
  private let now: UInt64
  private let width: Int
  private let style: TerminalReport.Style

  /// How much of each running trial is told.
  private enum Detail: CaseIterable {
    case full, memory, title
  }

  /// - Parameters:
  ///   - now: as the campaign's times.
  ///   - width: columns; the last one is left free, where some terminals break the line.
  package init(
    _ campaign: CampaignProgress, now: UInt64, width: Int, style: TerminalReport.Style
  ) {
    self.campaign = campaign
    self.now = now
    self.width = max(1, width - 1)
    self.style = style
  }

  /// At most `height` lines, none wider than the width.
  package func lines(height: Int) -> [String] {
    let head = [style.bold(fit(heading))]
    let matrix = MatrixGlyphs(campaign, width: width, style: style)
    for detail in Detail.allCases {
      let trials = campaign.running.flatMap { lines($0, detail) }
      let room = height - head.count - trials.count
      // Of the matrix at least what runs now; with less room, less is told of each trial.
      if room >= min(2, campaign.cells.count) || detail == .title {
        return Array((head + trials + matrix.lines(height: max(0, room))).prefix(max(0, height)))
      }
    }
    return []
  }

  // MARK: Texts

  /// The first that fits, or as much of the last as does. Names come from the guest, where a task may call itself
  /// what a terminal would take for a command.
  private func fit(_ texts: [String]) -> String {
    let text = texts.first { $0.count <= width } ?? String(texts.last?.prefix(width) ?? "")
    return String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
  }

  private var heading: [String] {
    let count = "\(campaign.done)/\(campaign.total) done"
    let passed = Self.clock(seconds(since: campaign.started))
    let left = campaign.secondsLeft(at: now).map { "about " + Self.clock($0) } ?? "-"
    return [
      "\(campaign.label): \(count), \(passed) passed, left: \(left)",
      "\(count), left: \(left)", count,
    ]
  }

  private func seconds(since time: UInt64) -> Double { Double(now - min(now, time)) / 1e9 }

  /// `7:04` or `1:07:04`.
  static func clock(_ seconds: Double) -> String {
    let whole = Int(max(0, min(seconds, 1e9)).rounded())
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    return (hours > 0 ? "\(hours):\(two(minutes))" : "\(minutes)") + ":" + two(whole % 60)
  }

  // MARK: A trial

  private func lines(_ running: CampaignProgress.Running, _ detail: Detail) -> [String] {
    var lines = [style.bold(fit(title(running)))]
    if detail == .title { return lines }
    let trial = running.trial
    lines += memory(trial.memory).map { [$0] } ?? []
    if detail == .memory { return lines }
    lines += streams(trial.streams)
    lines += [fit(pressure(trial)), fit(events(trial))].filter { !$0.isEmpty }
    if let kill = trial.lastKill { lines.append(style.warning(fit(text(kill, trial)))) }
    return lines
  }

  private func title(_ running: CampaignProgress.Running) -> [String] {
    let name = "#\(running.cell + 1) \(campaign.cells[running.cell])"
    let time = "\(Format.fixed(seconds(since: running.started), 1)) s: \(running.phase)"
    var texts = [
      "\(name), trial \(running.number), \(time)",
      "#\(running.cell + 1) trial \(running.number), \(time)",
      "#\(running.cell + 1): \(running.phase)",
    ]
    // A guest that lives says so every second.
    if let last = running.lastLine, seconds(since: last) >= 3 {
      let silence = "silent for \(Format.fixed(seconds(since: last), 0)) s"
      texts = texts.map { "\($0), \(silence)" } + texts
    }
    return texts
  }

  /// Letters of the bar, in the order in which they stand.
  private static let parts = (pinned: "a", waiting: "w", other: "o", free: ".")
  private static let widestBar = 40

  private func memory(_ memory: TrialProgress.Memory) -> String? {
    guard let current = memory.current else { return nil }
    guard let limit = memory.limit, limit > 0 else {
      return fit(["  memory \(Self.mebibytes(current)) MiB"])
    }
    let whose = memory.isMachine ? ", the machine's" : ""
    let figures = "\(Self.mebibytes(current)) of \(Self.mebibytes(limit)) MiB"
    let text = [figures + whose, figures].first { $0.count + 22 <= width } ?? figures
    // "  memory [", "] "
    let room = min(Self.widestBar, width - text.count - 12)
    if room < 6 { return fit(["  memory " + text, text]) }
    func cells(_ bytes: Int64) -> Int {
      Int((Double(max(0, bytes)) / Double(limit) * Double(room)).rounded())
    }
    let used = min(room, cells(current))
    let pinned = min(used, cells(min(memory.pinned, current)))
    let waiting = (memory.dirty ?? 0) + (memory.writeback ?? 0)
    let dirty = min(used - pinned, cells(waiting))
    let bar =
      String(repeating: Self.parts.pinned, count: pinned)
      + String(repeating: Self.parts.waiting, count: dirty)
      + String(repeating: Self.parts.other, count: used - pinned - dirty)
      + String(repeating: Self.parts.free, count: room - used)
    return "  memory [\(bar)] \(text)"
  }

  private static func mebibytes(_ bytes: Int64) -> String { Format.mebibytes(Double(bytes)) }

  private static let mostStreams = 3

  private func streams(_ streams: [TrialProgress.Stream]) -> [String] {
    let known = streams.filter { $0.bytes != nil }
    if known.count > Self.mostStreams {
      let rate = known.compactMap(\.rate).reduce(0, +)
      let bytes = known.compactMap(\.bytes).reduce(0, +)
      return [
        fit([
          "  \(known.count) streams: \(Format.mebibytes(rate)) MiB/s, \(Self.mebibytes(bytes)) MiB"
        ])
      ]
    }
    return known.map { stream in
      let bytes = Self.mebibytes(stream.bytes ?? 0)
      let written = stream.size.map { "\(bytes) of \(Self.mebibytes($0)) MiB" } ?? bytes + " MiB"
      if stream.hasEnded { return fit(["  \(stream.name) ended: \(written)"]) }
      let start = "  \(stream.name) \(Format.mebibytes(stream.rate)) MiB/s, \(written)"
      guard let oldest = stream.oldest, oldest > 0 else { return fit([start]) }
      return fit(["\(start), oldest write \(Format.seconds(Double(oldest))) s", start])
    }
  }

  private func pressure(_ trial: TrialProgress) -> [String] {
    if trial.memoryPressure == nil && trial.ioPressure == nil { return [""] }
    func percent(_ share: Double?) -> String {
      share.map { Format.fixed($0 * 100, 0) + " %" } ?? "-"
    }
    let some =
      "  PSI some: memory \(percent(trial.memoryPressure)), io \(percent(trial.ioPressure))"
    guard let dirty = trial.memory.dirty, let writeback = trial.memory.writeback else {
      return [some]
    }
    let waiting = "dirty \(Self.mebibytes(dirty)), writeback \(Self.mebibytes(writeback)) MiB"
    return ["\(some); \(waiting)", some]
  }

  private func events(_ trial: TrialProgress) -> [String] {
    guard let met = trial.limitMet, let kills = trial.oomKills else { return [""] }
    return ["  memory.events: max \(met), oom_kill \(kills)", "  max \(met), oom_kill \(kills)"]
  }

  private func text(_ kill: TrialProgress.Kill, _ trial: TrialProgress) -> [String] {
    let pid = kill.pid.map { " (pid \($0))" } ?? ""
    let ago = trial.time.map { Format.fixed(Double(max(0, $0 - kill.time)) / 1e9, 1) + " s ago" }
    let invoker = kill.invoker.map { ", invoked by \($0)" } ?? ""
    let start = "  OOM kill: \(kill.victim)"
    let time = ago.map { ", \($0)" } ?? ""
    return [start + pid + time + invoker, start + time, start]
  }
}

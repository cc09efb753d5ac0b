// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressAnalysis
import StressCore
import StressLab
import StressMachine
import StressRecord
import StressReport
import Synchronization

/// Progress on standard error: a line per finished trial, and on a terminal below them what runs now.
final class Display: Sendable {
  private struct State {
    var campaign: Campaign
    var progress: CampaignProgress
    /// nil: plain lines only.
    var terminal: LiveTerminal?
    var tails: [String: RecordTailBox] = [:]
    var hasEnded = false
  }

  private final class RecordTailBox {
    var tail: RecordTail
    init(_ path: String) throws(HarnessError) { tail = try RecordTail(path) }
  }

  private let matrix: Matrix
  private let isLive: Bool
  private let style: TerminalReport.Style
  private let state = Mutex<State?>(nil)
  private let redrawing = Mutex<Thread?>(nil)

  /// - Parameter isLive: false: plain lines only, on a terminal as well.
  init(_ matrix: Matrix, isLive: Bool) {
    self.matrix = matrix
    self.isLive = isLive && LiveTerminal.isUsable
    style = .forTerminal(2)
  }

  func note(_ text: String) { Output.progress("wbstress: \(text)\n") }

  /// - Parameters:
  ///   - jobs: trials at a time.
  ///   - interval: between two looks at the records of what runs, ns.
  func begin(_ campaign: Campaign, jobs: Int, _ place: String, interval: UInt64)
    throws(HarnessError)
  {
    let done = campaign.order.compactMap { trial in
      campaign.ending(of: trial).map {
        (cell: trial.cell, number: trial.number, outcome: $0.outcome)
      }
    }
    let progress = CampaignProgress(
      matrix.label, cells: matrix.cells.map { $0.axes.map(\.value).joined(separator: " ") },
      trials: campaign.trials, jobs: jobs, started: cl_boottime(), done: done)
    note(
      "\(matrix.label): \(TerminalReport.count(matrix.cells.count, "cell")) x \(TerminalReport.count(campaign.trials, "trial")), "
        + "\(place), seed \(campaign.seed)")
    if !done.isEmpty { note("\(done.count) of \(progress.total) trials are already done") }
    note("results in \(campaign.directory.visible)")
    state.withLock {
      $0 = State(
        campaign: campaign, progress: progress, terminal: isLive ? LiveTerminal() : nil)
    }
    if !isLive { return }
    let thread = try Thread("wb-display") { [self] in
      while redraw() { cl_sleep_until(cl_boottime() + interval) }
    }
    redrawing.withLock { $0 = thread }
  }

  func show(_ event: CampaignRunner.Event) {
    state.withLock { state in
      switch event {
      case .started(let trial):
        state?.progress.start(cell: trial.cell, number: trial.number, at: cl_boottime())
      case .phase(let trial, let phase):
        state?.progress.update(cell: trial.cell, number: trial.number) { $0.phase = phase }
      case .ended(let trial, let ending, let seconds):
        state?.progress.end(
          cell: trial.cell, number: trial.number, ending.outcome, seconds: seconds)
        if let campaign = state?.campaign {
          state?.tails[path(campaign, trial.cell, trial.number)] = nil
        }
        state?.terminal?.clear()
        tell(trial, ending, seconds, state?.progress)
      case .heard(let trial, let ending):
        state?.progress.hear(cell: trial.cell, number: trial.number, ending.outcome)
        state?.terminal?.clear()
        tell(trial, ending, nil, state?.progress)
      }
      draw(&state)
    }
  }

  /// Takes the live view away, if there is one.
  func finish() {
    let thread = redrawing.withLock { $0.take() }
    state.withLock { state in
      state?.hasEnded = true
      state?.terminal?.clear()
      state?.terminal = nil
    }
    thread?.join()
  }

  // MARK: Plain lines

  private func tell(
    _ trial: Campaign.Trial, _ ending: Ending, _ seconds: Double?, _ progress: CampaignProgress?
  ) {
    let total = "\(progress?.total ?? 0)"
    let done = "\(progress?.done ?? 0)"
    let counter = String(repeating: " ", count: max(0, total.count - done.count)) + done
    let cell = matrix.cells[trial.cell].axes.map(\.value).joined(separator: " ")
    let value = trial.value.flatMap { value in
      matrix.threshold.map { " at \($0.quantity.text(value))" }
    }
    var line =
      "[\(counter)/\(total)] \(cell) #\(trial.number)\(value ?? ""): \(ending.outcome.rawValue)"
    if let reason = ending.reason { line += " (\(reason))" }
    line += seconds.map { " in \(Int($0.rounded())) s" } ?? ", elsewhere"
    Output.progress(line + "\n")
    if let message = ending.message { Output.progress("  \(message)\n") }
  }

  // MARK: The live view

  /// Of a record read at a time: what a guest writes in seconds.
  private static let mostBytes = 1 << 20

  private func path(_ campaign: Campaign, _ cell: Int, _ number: Int) -> String {
    CampaignFile.trialDirectory(in: campaign.directory, cell: cell, number: number) + "/"
      + RecordFile.name
  }

  /// Reads what is new and draws; whether there will be more.
  private func redraw() -> Bool {
    state.withLock { state in
      guard let current = state, !current.hasEnded else { return false }
      for running in current.progress.running {
        follow(path(current.campaign, running.cell, running.number), running, &state)
      }
      draw(&state)
      return true
    }
  }

  private func follow(_ path: String, _ running: CampaignProgress.Running, _ state: inout State?) {
    if let box = state?.tails[path], box.tail.isReplaced(path) {
      // Carried out again: what the first attempt told is over.
      state?.tails[path] = nil
      state?.progress.update(cell: running.cell, number: running.number) { $0.trial = .init() }
    }
    // There is none yet while the disk is formatted.
    if state?.tails[path] == nil { state?.tails[path] = try? RecordTailBox(path) }
    guard let lines = state?.tails[path]?.tail.lines(atMost: Self.mostBytes), !lines.isEmpty else {
      return
    }
    state?.progress.update(cell: running.cell, number: running.number) {
      $0.trial.take(lines)
      // The header is the host's.
      if $0.trial.time != nil { $0.lastLine = cl_boottime() }
    }
  }

  private func draw(_ state: inout State?) {
    guard let current = state, current.terminal != nil else { return }
    let size = LiveTerminal.size
    let screen = LiveScreen(
      current.progress, now: cl_boottime(), width: size.width, style: style)
    // A line of what came before stays in sight.
    state?.terminal?.draw(screen.lines(height: max(1, size.height - 1)))
  }
}

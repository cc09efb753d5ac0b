import StressKit
import Synchronization

/// Live progress on standard error: a line per finished trial, and on a terminal what runs now.
final class Display: Sendable {
  private struct State {
    var running: [(trial: Campaign.Trial, phase: String)] = []
    var done = 0
    var total = 0
    var hasStatus = false
  }
  private let matrix: Matrix
  private let state = Mutex(State())

  init(_ matrix: Matrix) { self.matrix = matrix }

  func note(_ text: String) { Output.progress("wbstress: \(text)\n") }

  func begin(_ campaign: Campaign, remaining: Int, _ place: String) {
    let all = campaign.order.count
    state.withLock {
      $0.total = all
      $0.done = all - remaining
    }
    note(
      "\(matrix.label): \(matrix.cells.count) cells x \(campaign.trials) trials, "
        + "\(place), seed \(campaign.seed)")
    if remaining < all { note("\(all - remaining) of \(all) trials are done already") }
    note("results in \(campaign.directory)")
  }

  func show(_ event: CampaignRunner.Event) {
    state.withLock { state in
      clear(&state)
      switch event {
      case .started(let trial): state.running.append((trial, "start"))
      case .phase(let trial, let phase):
        if let i = state.running.firstIndex(where: { $0.trial == trial }) {
          state.running[i].phase = phase
        }
      case .ended(let trial, let ending, let seconds):
        state.running.removeAll { $0.trial == trial }
        state.done += 1
        var line = "\(counter(state)) \(label(trial)): \(ending.outcome.rawValue)"
        if let reason = ending.reason { line += " (\(reason))" }
        Output.progress(line + " in \(Int(seconds.rounded())) s\n")
        if let message = ending.message { Output.progress("  \(message)\n") }
      }
      draw(&state)
    }
  }

  func finish() { state.withLock { clear(&$0) } }

  private func counter(_ state: State) -> String {
    let total = String(state.total)
    let done = String(state.done)
    return "[" + String(repeating: " ", count: max(0, total.count - done.count))
      + "\(done)/\(total)]"
  }

  private func label(_ trial: Campaign.Trial) -> String {
    matrix.cells[trial.cell].axes.map(\.value).joined(separator: " ") + " #\(trial.number)"
  }

  private func clear(_ state: inout State) {
    if state.hasStatus { Output.progress("\r\u{1b}[K") }
    state.hasStatus = false
  }

  private func draw(_ state: inout State) {
    guard Output.progressIsTerminal, !state.running.isEmpty else { return }
    let now = state.running.map { "\(label($0.trial)): \($0.phase)" }.joined(separator: "; ")
    Output.progress(String("\(counter(state)) \(now)".prefix(79)))
    state.hasStatus = true
  }
}

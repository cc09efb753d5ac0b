// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// How far a campaign that runs has come, and how long the rest may take. Times are ns of CLOCK_BOOTTIME.
package struct CampaignProgress: Sendable {
  package struct Running: Sendable {
    /// From 0, and from 1.
    package let cell: Int
    package let number: Int
    package let started: UInt64
    package var phase = "start"
    package var trial = TrialProgress()
    /// When the record last had something new from the guest.
    package var lastLine: UInt64?
  }

  package let label: String
  /// Of each cell its axes' values.
  package let cells: [String]
  /// Of each cell.
  package let trials: Int
  /// At a time.
  package let jobs: Int
  /// When this run began, which may go on with an earlier one.
  package let started: UInt64
  /// Of each cell's trials; nil: still to come, or running.
  package private(set) var outcomes: [[Outcome?]]
  package private(set) var running: [Running] = []
  /// How long the trials of each cell took that ended in this run, s.
  private var seconds: [[Double]]

  /// - Parameter done: trials that an earlier run has brought to an end, by cell, from 0, and number, from 1.
  package init(
    _ label: String, cells: [String], trials: Int, jobs: Int, started: UInt64,
    done: [(cell: Int, number: Int, outcome: Outcome)] = []
  ) {
    self.label = label
    self.cells = cells
    self.trials = trials
    self.jobs = max(1, jobs)
    self.started = started
    outcomes = cells.map { _ in Array(repeating: nil, count: trials) }
    seconds = cells.map { _ in [] }
    for trial in done { outcomes[trial.cell][trial.number - 1] = trial.outcome }
  }

  package var total: Int { cells.count * trials }
  package var done: Int { outcomes.reduce(0) { $0 + $1.count { $0 != nil } } }

  // MARK: Events

  package mutating func start(cell: Int, number: Int, at time: UInt64) {
    running.append(Running(cell: cell, number: number, started: time))
    outcomes[cell][number - 1] = nil
  }

  /// Changes what is known of a running trial; nothing for one that is not.
  package mutating func update(
    cell: Int, number: Int, _ change: (inout Running) -> Void
  ) {
    guard let i = running.firstIndex(where: { $0.cell == cell && $0.number == number }) else {
      return
    }
    change(&running[i])
  }

  package mutating func end(cell: Int, number: Int, _ outcome: Outcome, seconds: Double) {
    running.removeAll { $0.cell == cell && $0.number == number }
    outcomes[cell][number - 1] = outcome
    self.seconds[cell].append(seconds)
  }

  /// Takes in what others have carried out, in a time that is not told.
  package mutating func hear(cell: Int, number: Int, _ outcome: Outcome) {
    outcomes[cell][number - 1] = outcome
  }

  package func isRunning(cell: Int, number: Int) -> Bool {
    running.contains { $0.cell == cell && $0.number == number }
  }

  // MARK: Time

  /// About how many seconds the rest takes, `jobs` at a time: each trial the median of its cell's finished
  /// ones, or of all. nil: none has finished in this run.
  package func secondsLeft(at now: UInt64) -> Double? {
    guard let usual = OrderedSample(seconds.joined()).median else { return nil }
    let expected = seconds.map { OrderedSample($0).median ?? usual }
    var sum = 0.0
    var longest = 0.0
    for trial in running {
      let passed = Double(now - min(now, trial.started)) / 1e9
      let left = max(0, expected[trial.cell] - passed)
      sum += left
      longest = max(longest, left)
    }
    for (cell, outcomes) in outcomes.enumerated() {
      let open = outcomes.enumerated().count { i, outcome in
        outcome == nil && !isRunning(cell: cell, number: i + 1)
      }
      sum += Double(open) * expected[cell]
    }
    return max(longest, sum / Double(jobs))
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressMachine
import StressRecord

/// A directory of trials (``CampaignFile``): what is to be run, in which order, and what has been.
package struct Campaign: Sendable {
  package struct Trial: Sendable, Hashable {
    /// Index of the cell, from 0, and the trial's number in it, from 1.
    package var cell: Int
    package var number: Int
    /// Of the key that is searched; nil: it is the cell's own.
    package var value: UInt64?

    package init(cell: Int, number: Int, value: UInt64? = nil) {
      (self.cell, self.number, self.value) = (cell, number, value)
    }
  }

  private let lock: FileLock
  /// Whether others may work in the directory.
  package let isShared: Bool
  package let directory: String
  package let matrix: Matrix
  package let trials: Int
  package let seed: UInt64
  /// What it stops for; nil: it runs all of its trials.
  package let untilVerdict: CampaignFile.Question?

  /// Opens a campaign's directory, or makes it.
  ///
  /// The same matrix goes on where it was left, with more trials if more are asked for; another one is
  /// refused: trials of two questions do not belong in one directory.
  ///
  /// - Parameters:
  ///   - identity: what must be the same for trials to be pooled, beside the matrix.
  ///   - seed: nil: the directory's own, or a new one.
  ///   - untilVerdict: what it stops for.
  ///   - isShared: others may work in the directory, each at trials that it has claimed (``TrialClaims``).
  package init(
    directory: String, matrix: Matrix, identity: [Profile.Setting], trials: Int, seed: UInt64?,
    untilVerdict: CampaignFile.Question? = nil, isShared: Bool = false
  ) throws(HarnessError) {
    try File.makeDirectory(directory)
    // Held as long as the process lives: two runs in one directory would take each other's trials away.
    guard let lock = try File.lock(directory, shared: isShared) else {
      throw HarnessError(
        .usage, directory, "is in use by another run",
        remedy: isShared
          ? "that run has to have --shared, too" : "name another --output directory")
    }
    self.lock = lock
    self.isShared = isShared
    let plan = try isShared ? Self.planLock(directory) : nil
    defer { withExtendedLifetime(plan) {} }

    var file = CampaignFile(
      label: matrix.label,
      cells: matrix.cells.map { CampaignFile.Cell(axes: $0.axes, profile: $0.profile) },
      identity: identity, trials: trials, seed: seed ?? UInt64(UInt32.random(in: .min ... .max)),
      untilVerdict: untilVerdict, threshold: matrix.threshold)
    if File.exists(CampaignFile.path(in: directory)) {
      let stored = try CampaignFile(directory: directory)
      guard stored.cells == file.cells, seed == nil || seed == stored.seed else {
        throw HarnessError(
          .usage, directory, "holds another campaign (other cells, profile or seed)",
          remedy: "rerun its command to resume it, or name another --output directory")
      }
      guard stored.threshold == matrix.threshold else {
        throw HarnessError(
          .usage, directory,
          stored.threshold == nil
            ? "was not begun by 'wbstress threshold'"
            : matrix.threshold == nil
              ? "was begun by 'wbstress threshold'" : "was begun with another --find or range",
          remedy: "rerun its command to resume it, or name another --output directory")
      }
      // Trials that were stopped by what they showed are no fixed number, and the reverse.
      guard stored.untilVerdict == untilVerdict else {
        throw HarnessError(
          .usage, directory,
          stored.untilVerdict == nil
            ? "was begun without --until-verdict" : "was begun with another --until-verdict",
          remedy: "rerun its command to resume it, or name another --output directory")
      }
      for (now, then) in zip(identity, stored.identity) where now != then {
        throw HarnessError(
          .usage, directory,
          "its trials ran with \(then.key) \(then.value), which is now \(now.value)",
          remedy: "name another --output directory: trials of both are not one sample")
      }
      file.seed = stored.seed
      // Fewer are no reason to forget those that were run.
      file.trials = max(trials, stored.trials)
    } else if try File.list(directory).contains(where: { $0 != Self.planLockName }) {
      throw HarnessError(
        .usage, directory, "is not empty and holds no campaign",
        remedy: "name a new --output directory")
    }
    self.directory = directory
    self.matrix = matrix
    self.trials = file.trials
    self.seed = file.seed
    self.untilVerdict = untilVerdict
    try File.makeDirectory(CampaignFile.trialsDirectory(in: directory))
    try file.write(to: directory)
  }

  private static let planLockName = ".plan"

  /// Held while the directory's plan is made: of several programs that begin at once, one makes it.
  private static func planLock(_ directory: String) throws(HarnessError) -> FileLock? {
    let path = "\(directory)/\(planLockName)"
    _ = try File.writeUnlessThere(path, [])
    let deadline = cl_boottime() + 10_000_000_000
    while true {
      if let lock = try File.lock(path) { return lock }
      if cl_boottime() > deadline {
        throw HarnessError(
          .environment, path, "is locked by another program", remedy: "wait for its end")
      }
      cl_sleep_until(cl_boottime() + 50_000_000)
    }
  }

  /// Every trial, in the order in which they are run: each cell once before any is repeated, each round
  /// shuffled by itself. A drift of the host then falls on all cells alike, and more trials only add
  /// rounds at the end.
  package var order: [Trial] {
    guard trials > 0 else { return [] }
    return (1...trials).flatMap { round in
      var random = SplitMix64(seed: seed &+ UInt64(round))
      return matrix.cells.indices.shuffled(using: &random).map { Trial(cell: $0, number: round) }
    }
  }

  /// The trial's own seed: its start delay and its data follow from it.
  package func seed(of trial: Trial) -> UInt64 {
    var random = SplitMix64(seed: seed ^ (UInt64(trial.cell) << 32) ^ UInt64(trial.number))
    // 53 bits: jq and JavaScript read numbers as doubles.
    return random.next() >> 11
  }

  package func directory(of trial: Trial) -> String {
    CampaignFile.trialDirectory(in: directory, cell: trial.cell, number: trial.number)
  }

  /// How the trial ended, when it needs no further attempt.
  package func ending(of trial: Trial) -> Ending? {
    RecordReader.ending(directory(of: trial) + "/" + RecordFile.name)
      .flatMap { $0.isRepeated ? nil : $0 }
  }

  /// Puts what an interrupted attempt left aside: nothing recorded is ever lost.
  package func setAside(_ trial: Trial) throws(HarnessError) {
    let path = directory(of: trial)
    guard File.exists(path) else { return }
    Scratch.clear(path)
    try File.rename(
      path, Self.aside(path, Self.attempts(before: path) + 1),
      remedy: "\(directory) must be writable: the attempt in it is kept")
  }

  private static func aside(_ path: String, _ attempt: Int) -> String { "\(path).lost-\(attempt)" }

  /// How many attempts at a trial were put aside.
  private static func attempts(before path: String) -> Int {
    var attempt = 0
    while File.exists(aside(path, attempt + 1)) { attempt += 1 }
    return attempt
  }

  /// Where the last attempt at a trial was put aside; nil: there was none.
  ///
  /// - Parameter path: of the trial's directory.
  static func lastAttempt(before path: String) -> String? {
    let attempts = attempts(before: path)
    return attempts > 0 ? aside(path, attempts) : nil
  }

  /// - Throws: when the profile cannot have the value that is searched (code usage).
  package func plan(of trial: Trial) throws(HarnessError) -> TrialPlan {
    let cell = matrix.cells[trial.cell]
    var (profile, axes) = (cell.profile, cell.axes)
    if let value = trial.value, let threshold = matrix.threshold {
      let text = threshold.quantity.text(value)
      do throws(HarnessErrors) {
        profile = try cell.profile(threshold.key, text, origin: "\(threshold.key) \(text)")
      } catch {
        throw error.errors[0]
      }
      axes.append(Profile.Setting(threshold.key, text))
    }
    return TrialPlan(
      profile: profile, label: matrix.label, axes: axes, number: trial.number,
      seed: seed(of: trial))
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// The trials of one cell, taken together. The trial is the unit: a percentile is one of a trial, and what
/// is summarised here are the trials' percentiles.
package struct CellSummary: Sendable {
  package var axes: [Profile.Setting]
  package var profile: Profile
  package var trials: [TrialSummary]
  /// Records that are there and cannot be read, or not as a trial's: their trials are in no figure.
  package var unreadable: [HarnessError] = []

  /// Trials that say something about the cell.
  package var counted: [TrialSummary] { trials.filter { $0.ending.outcome.counts } }
  /// Trials with at least one OOM kill, of those counted.
  package var killed: Proportion {
    Proportion(counted.filter(\.hasKill).count, of: counted.count)
  }

  package func sample(_ value: (TrialSummary) -> Double?) -> OrderedSample {
    OrderedSample(counted.compactMap(value))
  }

  /// The OOM incidents of the trials counted.
  package var incidents: [OOMIncident] { counted.flatMap(\.incidents) }

  package var outcomes: [(key: Outcome, count: Int)] {
    Outcome.allCases.map { kind in (kind, trials.filter { $0.ending.outcome == kind }.count) }
      .filter { $0.1 > 0 }
  }

  /// Whether its trials contradict what it is a control of. One of which nothing is known does not.
  package var isFailedControl: Bool {
    switch profile.control {
    case .positive: killed.events < killed.trials
    case .negative: killed.events > 0
    case nil: false
    }
  }

  /// Whether something is expected of it, and no trial says anything.
  package var isSilent: Bool {
    (!profile.expect.isEmpty || profile.control != nil) && counted.isEmpty
  }

  /// Expectations of the profile that a counted trial missed, with how many did.
  package var missed: [(expectation: Profile.Expectation, trials: Int)] {
    profile.expect.map { expectation in
      (expectation, counted.filter { !expectation.isMet(by: $0) }.count)
    }.filter { $0.1 > 0 }
  }
}

extension Profile.Expectation {
  /// Whether a trial keeps to this bound; a metric that the trial has no value of does not.
  ///
  /// A machine that panicked, hung or stalled meets none.
  package func isMet(by trial: TrialSummary) -> Bool {
    if [.panic, .hang, .stalled].contains(trial.ending.outcome) { return false }
    guard let measured = measured(in: trial) else { return false }
    return switch relation {
    case .less: measured < value
    case .atMost: measured <= value
    case .equal: measured == value
    case .atLeast: measured >= value
    case .greater: measured > value
    }
  }

  /// What the bound is held against, in the metric's unit; nil: the trial has no such value.
  package func measured(in trial: TrialSummary) -> Double? {
    switch metric {
    case .oomKill: trial.kills.told(trial.ending.outcome).map(Double.init)
    case .stall(let quantile): trial.stall?.value(at: quantile)
    case .throughput: trial.throughput
    case .readThroughput: trial.readThroughput
    case .memoryPressure(let full): full ? trial.memoryPressure?.full : trial.memoryPressure?.some
    case .ioPressure(let full): full ? trial.ioPressure?.full : trial.ioPressure?.some
    case .latency(let worker, let kind, let quantile):
      trial.latency(of: kind, worker: worker)?.value(at: quantile)
    case .vmstat(let counter): trial.vmstat[counter].map(Double.init)
    case .throttled(let reason): trial.throttled(reason).map(Double.init)
    case .kswapd: trial.kswapd
    case .commandTime(let command): trial.command(command)?.time
    case .figure(let command, let figure): trial.command(command)?.figures[figure]
    }
  }
}

/// A campaign's directory, read back: everything that a report says comes from its records.
package struct CampaignSummary: Sendable {
  package var directory: String
  package var label: String
  package var seed: UInt64
  package var planned: Int
  package var identity: [Profile.Setting]
  package var cells: [CellSummary]
  /// What it stopped for; nil: the number of its trials was fixed.
  package var untilVerdict: CampaignFile.Question?
  /// What it looks for; nil: its trials have the values of their cells.
  package var threshold: CampaignFile.Threshold?
  /// Whether it is of cgroups that were only looked at.
  package var isWatch: Bool { cells.contains { !$0.profile.watched.isEmpty } }
  /// Whether it may end before its cells have had as many trials as they may.
  package var mayEndEarly: Bool { untilVerdict != nil || threshold != nil }

  /// - Throws: when the directory holds no campaign.
  package init(directory: String) throws(HarnessError) {
    self.init(try CampaignFile(directory: directory), in: directory)
  }

  package init(_ file: CampaignFile, in directory: String) {
    self.directory = directory
    label = file.label
    seed = file.seed
    planned = file.trials
    identity = file.identity
    untilVerdict = file.untilVerdict
    threshold = file.threshold
    cells = file.cells.map { CellSummary(axes: $0.axes, profile: $0.profile, trials: []) }
    for cell in cells.indices {
      for number in 0..<file.trials { read(cell: cell, number: number + 1) }
    }
  }

  /// Takes a trial in that has not been read yet, if there is one.
  ///
  /// - Parameters:
  ///   - cell: index from 0.
  ///   - number: from 1.
  package mutating func read(cell: Int, number: Int) {
    let record =
      CampaignFile.trialDirectory(in: directory, cell: cell, number: number)
      + "/" + RecordFile.name
    // An empty one was lost before it began, and is not a trial yet.
    guard let size = File.size(record), size > 0 else { return }
    do throws(HarnessError) {
      var trial = try TrialSummary(record)
      // Of a trial that was merged the record has another.
      trial.number = number
      trial.facts.addImage(image(of: cells[cell].axes))
      cells[cell].trials.append(trial)
    } catch { cells[cell].unreadable.append(error) }
  }

  /// What a cell's kernel stood for; of the machine itself there is one only.
  package func image(of axes: [Profile.Setting]) -> String? {
    let key = CampaignFile.kernelKey
    let host = axes.first { $0.key == CampaignFile.hostKey }?.value
    let names = ([key] + axes.filter { $0.key == key }.map { "\(key) \($0.value)" })
      .map { CampaignFile.identityKey($0, host: host) }
    return identity.first { names.contains($0.key) }?.value
  }

  /// Controls that did not come true, by the index of their cell: the experiment is in doubt.
  package var failedControls: [(cell: Int, control: Profile.Control, killed: Proportion)] {
    cells.enumerated().compactMap { index, cell in
      guard cell.isFailedControl, let control = cell.profile.control else { return nil }
      return (index, control, cell.killed)
    }
  }

  /// What the controls and expectations say of the whole campaign.
  package enum Verdict: Sendable, Equatable {
    case met
    case missed
    /// A control, or a cell that expects something, has no trial that says anything.
    case inconclusive
  }

  package var verdict: Verdict {
    if cells.contains(where: { !$0.missed.isEmpty || $0.isFailedControl }) { return .missed }
    return cells.contains(where: \.isSilent) ? .inconclusive : .met
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// A trial held against what its profile expects of it and is a control of.
package struct TrialResult: Sendable {
  /// What test frameworks call a result.
  package enum Status: String, CaseIterable, Sendable {
    /// All that is expected came true.
    case passed
    /// Something did not; or the machine panicked, hung or made no end, whether that was thought of or not.
    case failed
    /// The trial says nothing: it could not be carried out, its harness was lost, or its record cannot be
    /// read.
    case error
    /// Refused before it began.
    case skipped
    /// Not run yet.
    case missing
    /// Nothing is expected: what was measured is all that there is.
    case measured
  }

  /// One expectation, or what the trial is a control of.
  package struct Check: Sendable, Equatable {
    /// As a profile spells it, such as `stall.p99 < 500ms`; of a control `positive control`.
    package var text: String
    package var isMet: Bool
    /// In the expectation's unit, of a control the number of kills; nil: the trial has no such value.
    package var measured: Double?
    /// Of `measured`.
    package var unit: Unit
  }

  package enum Unit: String, Sendable {
    case count
    case nanoseconds = "ns"
    case bytesPerSecond = "B/s"
  }

  /// From 1.
  package var number: Int
  package var status: Status
  package var checks: [Check]
  /// nil: it has not been run, or its record cannot be read.
  package var trial: TrialSummary?
  /// Why it failed or says nothing, on one line; nil: there is no more to say.
  package var reason: String?

  init(_ trial: TrialSummary, of profile: Profile) {
    self.trial = trial
    number = trial.number
    checks = trial.ending.outcome.counts ? Self.checks(trial, profile) : []
    let first = trial.ending.message?.split(separator: "\n").first.map(String.init)
    switch trial.ending.outcome {
    case .panic, .hang, .stalled: status = .failed
    case .harnessLost, .invalid: status = .error
    case .skipped: status = .skipped
    case .completed, .oom:
      if checks.isEmpty {
        status = .measured
      } else {
        status = checks.allSatisfy(\.isMet) ? .passed : .failed
      }
    }
    switch trial.ending.outcome {
    case .completed, .oom:
      let missed = checks.filter { !$0.isMet }.map(\.text)
      if !missed.isEmpty { reason = "missed: " + missed.joined(separator: ", ") }
    case let outcome:
      let why = [trial.ending.reason, first].compactMap(\.self).joined(separator: ": ")
      reason = why.isEmpty ? outcome.rawValue : "\(outcome.rawValue): \(why)"
    }
  }

  /// - Parameter error: why its record cannot be read; nil: it has none.
  init(_ number: Int, _ error: HarnessError?) {
    self.number = number
    status = error == nil ? .missing : .error
    checks = []
    reason = error?.description ?? "not run yet"
  }

  private static func checks(_ trial: TrialSummary, _ profile: Profile) -> [Check] {
    let kills = Double(trial.kills.most)
    let control = profile.control.map { control in
      Check(
        text: "\(control.rawValue) control", isMet: trial.hasKill == (control == .positive),
        measured: kills, unit: .count)
    }
    let expected = profile.expect.map { expectation in
      Check(
        text: expectation.text, isMet: expectation.isMet(by: trial),
        measured: expectation.measured(in: trial), unit: Unit(expectation.metric.unit))
    }
    return [control].compactMap(\.self) + expected
  }
}

extension TrialResult.Unit {
  package init(_ unit: Profile.Expectation.Metric.Unit) {
    self =
      switch unit {
      case .count: .count
      case .duration: .nanoseconds
      case .rate: .bytesPerSecond
      }
  }
}

/// A cell's trials as results, those included that have not been run.
package struct CellResult: Sendable {
  /// Index from 0.
  package var index: Int
  package var cell: CellSummary
  /// By their numbers, one for each that was planned; of a campaign that stops when it is known, for each that ran.
  package var trials: [TrialResult]

  package func count(_ status: TrialResult.Status) -> Int { trials.count { $0.status == status } }

  /// Whether one of its trials failed or says nothing that should.
  package var hasFailed: Bool { count(.failed) + count(.error) > 0 }
}

extension CampaignSummary {
  /// All trials that were planned, held against what is expected of them.
  package var results: [CellResult] {
    cells.enumerated().map { index, cell in
      let trials = (1...max(1, planned)).compactMap { number -> TrialResult? in
        if let trial = cell.trials.first(where: { $0.number == number }) {
          return TrialResult(trial, of: cell.profile)
        }
        let path = CampaignFile.trialDirectory(in: "", cell: index, number: number).dropFirst()
        let error = cell.unreadable.map(withinCampaign).first { $0.object.hasPrefix(path + "/") }
        // One that is not needed is not missing.
        return mayEndEarly && error == nil ? nil : TrialResult(number, error)
      }
      return CellResult(index: index, cell: cell, trials: trials)
    }
  }
}

extension CampaignSummary {
  /// An error of a file in the campaign's directory, by its path there: where that is concerns nobody else.
  package func withinCampaign(_ error: HarnessError) -> HarnessError {
    var error = error
    if error.object.hasPrefix(directory + "/") {
      error.object.removeFirst(directory.utf8.count + 1)
    } else if error.object == directory {
      error.object = "campaign"
    }
    return error
  }
}

extension CampaignAnalysis {
  /// The results of all cells and trials, or of those that were asked for.
  ///
  /// - Parameters:
  ///   - cell: index from 0; nil: all.
  ///   - trial: from 1; nil: all.
  /// - Throws: when there is no such cell or trial (code usage).
  package func results(cell: Int? = nil, trial: Int? = nil) throws(HarnessError) -> [CellResult] {
    try file.check(in: directory, cell: cell ?? 0, trial: trial)
    return summary.results.filter { $0.index == cell ?? $0.index }.map { result in
      var result = result
      if let trial { result.trials.removeAll { $0.number != trial } }
      return result
    }
  }
}

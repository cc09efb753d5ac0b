// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// What the formats for test frameworks say alike of results.
extension TrialResult {
  /// A line for each check: what was expected, what was measured, and whether that is met.
  var checkLines: [String] {
    checks.map { check in
      let unit = check.unit == .count ? "" : " " + check.unit.rawValue
      let measured = check.measured.map { JSON.number($0).text + unit }
      return "\(check.text): \(measured ?? "not measured")\(check.isMet ? "" : ", missed")"
    }
  }

  /// How the trial ended and what was killed in it; nil: it was not run.
  var endingLine: String? {
    guard let trial else { return nil }
    let findings = trial.incidents.map(\.label).joined(separator: ", ")
    let kills =
      trial.hasKill
      ? "\(trial.kills.most) OOM kill\(trial.kills.most == 1 ? "" : "s")"
        + (findings.isEmpty ? "" : " (\(findings))") : "no OOM kill"
    return "\(trial.ending.outcome.rawValue), \(kills)"
  }
}

extension CellResult {
  /// `11:12 trials with an OOM kill (Wilson 95 %: 0.6461..0.9851)`, of those that say something.
  var killedLine: String {
    let killed = cell.killed
    let wilson = killed.wilson()
    return "\(killed.events):\(killed.trials) trials with an OOM kill (Wilson 95 %: "
      + "\(Format.fixed(wilson.lower, 4))..\(Format.fixed(wilson.upper, 4)))"
  }

  /// Its axes, by which people tell it from others.
  var name: String { cell.name.isEmpty ? "cell \(index + 1)" : cell.name }

  /// Of its trials, s; nil: none tells.
  var duration: Double? {
    let all = trials.compactMap { $0.trial?.duration }
    return all.isEmpty ? nil : all.reduce(0, +)
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// One trial of a campaign.
package struct TrialChoice: Equatable, Sendable {
  /// Index from 0.
  package var cell: Int
  /// From 1.
  package var trial: Int

  /// As a trial's directory is called.
  package var name: String { "\(cell + 1)-\(trial)" }
}

extension CampaignAnalysis {
  /// The trial that a report about a single one is of: the first in which somebody was killed, else the first
  /// that there is, of those that were asked for.
  ///
  /// - Parameters:
  ///   - cell: index from 0; nil: any.
  ///   - trial: from 1; nil: any.
  /// - Throws: when there is no such cell or trial, or none has been run yet (code usage).
  package func choose(cell: Int? = nil, trial: Int? = nil) throws(HarnessError) -> TrialChoice {
    try file.check(in: directory, cell: cell ?? 0, trial: trial)
    var all: [(choice: TrialChoice, hasKill: Bool)] = []
    for (index, summary) in summary.cells.enumerated() where index == cell ?? index {
      for one in summary.trials where one.number == trial ?? one.number {
        all.append((TrialChoice(cell: index, trial: one.number), one.hasKill))
      }
    }
    guard let chosen = all.first(where: { $0.hasKill }) ?? all.first else {
      throw HarnessError(
        .usage, directory, "has no record of such a trial",
        remedy: "wbstress report shows what it has"
      )
    }
    return chosen.choice
  }
}

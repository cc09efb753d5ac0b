// SPDX-License-Identifier: Apache-2.0

/// How a trial may end badly.
package enum FailureKind: CaseIterable, Sendable {
  case killed, hang, panic, stalled

  func isOf(_ trial: TrialSummary) -> Bool {
    switch self {
    case .killed: trial.hasKill
    case .hang: trial.ending.outcome == .hang
    case .panic: trial.ending.outcome == .panic
    case .stalled: trial.ending.outcome == .stalled
    }
  }
}

extension CellSummary {
  /// Trials that ended badly in whatever way, of those counted.
  package var failed: Proportion {
    Proportion(counted.count(where: \.hasFailed), of: counted.count)
  }

  package func failed(_ kind: FailureKind) -> Proportion {
    Proportion(counted.count(where: kind.isOf), of: counted.count)
  }
}

extension CellDiagnosis {
  private var autopsies: [OOMAutopsy] { trials.flatMap(\.autopsies) }

  /// What the cell's kills say about reclaim, most frequent first.
  package var findings: [(name: String, count: Int)] {
    autopsies.map(\.finding.name).tally
  }

  /// Kills before which dirty throttling had not paused a task once, of those of which that is known.
  package var unthrottled: Proportion {
    let answers = autopsies.map(\.lead.pause).filter { $0 != .unknown }
    return Proportion(answers.count { $0 == .never }, of: answers.count)
  }
}

extension OOMComposition {
  /// File pages that are dirty or under writeback, of the limit, 0 to 1; nil: not told.
  package var awaitingShare: Double? {
    limit.flatMap { $0 > 0 ? Double(awaitingWriteback) / Double($0) : nil }
  }
}

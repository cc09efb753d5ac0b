// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// Why one trial ended and stalled as it did.
package struct TrialDiagnosis: Sendable {
  package var number: Int
  package var ending: Ending
  package var autopsies: [OOMAutopsy]
  /// Workers that somebody else than the OOM killer killed.
  package var otherKills: [OtherKill]
  package var ledger: StallLedger

  package init(_ record: RecordReader, number: Int) {
    self.number = number
    ending = record.ending ?? .none
    autopsies = OOMAutopsy.all(in: record)
    otherKills = OtherKill.all(in: record)
    ledger = StallLedger(record)
  }
}

/// The trials of a cell with their reasons; one that was lost half-way tells of its first half. Left out are
/// those that were none: invalid or skipped.
package struct CellDiagnosis: Sendable {
  /// From 0.
  package var index: Int
  package var axes: [Profile.Setting]
  /// Nothing ran: cgroups of others were looked at.
  package var isWatch: Bool
  package var trials: [TrialDiagnosis]
  /// What their counters did around kills and stalls.
  package private(set) var around = AroundEvents()

  /// Reads the records of a cell, one at a time: only what was found is kept.
  ///
  /// - Throws: when there is no such cell or trial (code usage), or when a record is there and cannot be read.
  package init(
    _ campaign: CampaignFile, in directory: String, cell: Int, trial: Int? = nil
  ) throws(HarnessError) {
    try campaign.check(in: directory, cell: cell, trial: trial)
    index = cell
    axes = campaign.cells[cell].axes
    isWatch = !campaign.cells[cell].profile.watched.isEmpty
    trials = []
    for number in trial.map({ $0...$0 }) ?? 1...max(1, campaign.trials) {
      let path =
        CampaignFile.trialDirectory(in: directory, cell: cell, number: number) + "/"
        + RecordFile.name
      guard File.exists(path) else { continue }
      let record = try RecordReader(path)
      around.add(record)
      let diagnosis = TrialDiagnosis(record, number: number)
      if ![.invalid, .skipped].contains(diagnosis.ending.outcome) { trials.append(diagnosis) }
    }
  }
}

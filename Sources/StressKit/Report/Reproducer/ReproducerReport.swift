// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// The script for one cell of a campaign.
package enum ReproducerReport {
  /// - Parameter cell: index from 0; nil: the cell that a mail would be about, else the first.
  /// - Throws: when the cell has no record, or cannot be told as a script (code usage).
  package static func script(
    _ campaign: CampaignAnalysis, cell: Int?, _ request: ComparisonChoice.Request = .init()
  ) throws(HarnessError) -> ReproducerScript {
    let index = cell ?? (try? campaign.reportedCell(nil, request))?.index ?? 0
    guard campaign.summary.cells.indices.contains(index),
      let trial = campaign.summary.cells[index].typicalTrial
    else {
      throw HarnessError(
        .usage, campaign.directory, "has no trial of cell \(index + 1) that says anything")
    }
    let record = try campaign.record(cell: index, trial: trial.number)
    return try ReproducerScript(
      campaign.cell(index, asRun: record), label: campaign.summary.label,
      TrialEnvironment(record))
  }
}

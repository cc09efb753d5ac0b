// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// All that is known of a campaign, from its records: the one source of every report's numbers.
///
/// The summary is there from the beginning; what takes another pass over the records is made when asked for.
package struct CampaignAnalysis: Sendable {
  package let directory: String
  package let file: CampaignFile
  package let summary: CampaignSummary

  /// - Throws: when the directory holds no campaign.
  package init(directory: String) throws(HarnessError) {
    self.directory = directory
    file = try CampaignFile(directory: directory)
    summary = CampaignSummary(file, in: directory)
  }

  /// Why a cell's trials ended and stalled as they did.
  ///
  /// - Parameters:
  ///   - cell: index from 0.
  ///   - trial: one of its trials only, from 1.
  /// - Throws: when there is no such cell or trial (code usage), or a record cannot be read.
  package func diagnosis(
    cell: Int, trial: Int? = nil
  ) throws(HarnessError) -> CellDiagnosis {
    try CellDiagnosis(file, in: directory, cell: cell, trial: trial)
  }

  /// A trial's record.
  ///
  /// - Parameters:
  ///   - cell: index from 0.
  ///   - trial: from 1.
  /// - Throws: when there is no such cell or trial (code usage), or the record cannot be read.
  package func record(cell: Int, trial: Int) throws(HarnessError) -> RecordReader {
    try file.check(in: directory, cell: cell, trial: trial)
    let directory = CampaignFile.trialDirectory(in: directory, cell: cell, number: trial)
    return try RecordReader(directory + "/" + RecordFile.name)
  }

  /// Verdicts over the campaign's own cells.
  ///
  /// - Parameter request: without an axis that which the campaign asked for, or the kernel, where it varies: a report
  ///   is asked about that first.
  /// - Throws: when nothing in it can be compared (code usage).
  package func comparison(
    _ request: ComparisonChoice.Request = .init()
  ) throws(HarnessError) -> CampaignComparison {
    try CampaignComparison([summary], request.suggested(by: summary))
  }
}

extension CampaignFile {
  /// - Parameter directory: the campaign's.
  /// - Throws: when there is no such cell (from 0) or trial (from 1) (code usage).
  func check(in directory: String, cell: Int, trial: Int?) throws(HarnessError) {
    guard cells.indices.contains(cell) else {
      throw HarnessError(
        .usage, directory, "has no cell \(cell + 1)", remedy: "name one of 1 to \(cells.count)")
    }
    if let trial, !(1...max(1, trials)).contains(trial) {
      throw HarnessError(
        .usage, directory, "has no trial \(trial)", remedy: "name one of 1 to \(trials)")
    }
  }
}

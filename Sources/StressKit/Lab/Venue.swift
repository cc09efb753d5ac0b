// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine
import StressRecord

/// Where the trials of a campaign are carried out. It is made once everything that a trial needs there has been
/// checked, and holds the place until it is released.
package protocol Venue: Sendable {
  /// Trials at a time.
  var jobs: Int { get }
  /// Which of them, from 0, a cell's trials have to be; nil: any.
  func job(of cell: Matrix.Cell) -> Int?
  /// In words, for the campaign's first line.
  var place: String { get }
  /// What must not change between the trials of one campaign.
  var identity: [Profile.Setting] { get }
  /// Time between two looks of a live display at the records, ns.
  var lookInterval: UInt64 { get }
  /// What the user should know before the first trial.
  var warnings: [String] { get }
  /// What remains there after the last one; nil: nothing.
  var remains: String? { get }

  /// Carries one trial out. Whatever happens to it is an ending, with the record kept.
  ///
  /// - Parameters:
  ///   - cell: the trial's.
  ///   - directory: where the record goes.
  ///   - progress: told of each phase by its name.
  /// - Throws: what the place lacks; the campaign stops.
  func run(
    _ plan: TrialPlan, of cell: Matrix.Cell, directory: String, _ interrupt: Interrupt,
    progress: @escaping (String) -> Void
  ) throws(HarnessError) -> Ending

  /// Why no further trial of the cell can be carried out there after one that ended so; nil: one can.
  func refusal(of cell: Matrix.Cell, after ending: Ending) -> HarnessError?
}

extension Venue {
  package func job(of cell: Matrix.Cell) -> Int? { nil }
}

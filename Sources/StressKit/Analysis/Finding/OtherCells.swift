// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What a campaign's other cells say of one: which of its circumstances the finding does not need.
package struct OtherCells: Sendable, Equatable {
  /// A cell that differs from the one that is reported in one axis alone.
  package struct Neighbour: Sendable, Equatable {
    package var axis: String
    package var value: String
    package var control: Profile.Control?
    /// Trials that were killed, hung, stalled or panicked.
    package var failed: Proportion
  }

  package private(set) var neighbours: [Neighbour] = []

  /// - Parameters:
  ///   - index: of the cell that is reported, from 0.
  ///   - compared: the axis of its comparison, which is told elsewhere.
  package init(_ campaign: CampaignSummary, of index: Int, compared: String?) {
    let axes = campaign.cells[index].axes
    for (number, cell) in campaign.cells.enumerated() where number != index {
      let different = cell.axes.filter { setting in
        axes.first { $0.key == setting.key }?.value != setting.value
      }
      // A variant brings its file system along.
      let isVariant = different.contains { $0.key == CampaignFile.variantKey }
      let own = different.filter { !isVariant || $0.key != CampaignFile.filesystemKey }
      guard own.count == 1, own[0].key != compared, !cell.counted.isEmpty else { continue }
      neighbours.append(
        Neighbour(
          axis: own[0].key, value: own[0].value, control: cell.profile.control,
          failed: cell.failed))
    }
  }
}

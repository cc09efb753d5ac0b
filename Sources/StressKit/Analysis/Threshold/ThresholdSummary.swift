// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// The thresholds of a campaign's cells, and how they differ.
package struct ThresholdSummary: Sendable {
  /// Two cells that differ in one axis.
  package struct Difference: Sendable {
    package let axis: String
    /// Of the axis; the first one that it has is the base.
    package let base: String
    package let new: String
    /// The cells' other axes that vary.
    package let shared: [Profile.Setting]
    /// Indices of the cells.
    package let cells: (base: Int, new: Int)
    /// The new threshold less the base's, in the quantity's unit. nil: a cell has none, or is still open.
    package let change: (median: Double, interval: ConfidenceInterval)?
  }

  package let threshold: CampaignFile.Threshold
  /// In the order of the campaign's.
  package let cells: [CellThreshold]
  package let differences: [Difference]

  /// - Returns: nil for a campaign that looks for none.
  package init?(_ campaign: CampaignSummary) {
    guard let threshold = campaign.threshold else { return nil }
    self.threshold = threshold
    let cells = campaign.cells.enumerated().map { CellThreshold($1, threshold, index: $0) }
    self.cells = cells
    differences = Self.pairs(campaign.cells).map { pair in
      Difference(
        axis: pair.axis, base: campaign.cells[pair.base].value(of: pair.axis) ?? "",
        new: campaign.cells[pair.new].value(of: pair.axis) ?? "",
        shared: campaign.cells[pair.new].axes.filter { axis in
          axis.key != pair.axis
            && ComparisonChoice.values(of: axis.key, in: campaign.cells).count > 1
        },
        cells: (pair.base, pair.new), change: cells[pair.new].difference(less: cells[pair.base]))
    }
  }

  private static func pairs(
    _ cells: [CellSummary]
  ) -> [(axis: String, base: Int, new: Int)] {
    let keys = (cells.first?.axes ?? []).map(\.key)
    return keys.flatMap { key -> [(axis: String, base: Int, new: Int)] in
      guard let first = ComparisonChoice.values(of: key, in: cells).first else { return [] }
      // The file system that a variant brings along is part of it.
      let ignored =
        key == CampaignFile.variantKey ? [key, CampaignFile.filesystemKey] : [key]
      func others(_ cell: CellSummary) -> [Profile.Setting] {
        cell.axes.filter { !ignored.contains($0.key) }
      }
      return cells.indices.filter { cells[$0].value(of: key) == first }.flatMap { base in
        cells.indices.filter {
          cells[$0].value(of: key) != first && others(cells[$0]) == others(cells[base])
        }.map { (key, base, $0) }
      }
    }
  }

  /// Whether the search has answered for each cell.
  package var isSettled: Bool { cells.allSatisfy { ![.open, .failed].contains($0.stage) } }
}

extension CampaignAnalysis {
  /// The thresholds; nil: the campaign looks for none.
  package var thresholds: ThresholdSummary? { ThresholdSummary(summary) }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What a cell's trials show when they are held against themselves: the harness's own noise.
package struct CellNoise: Sendable, Equatable {
  /// Of the cell, without the calibration's arms.
  package var axes: [Profile.Setting]
  /// Trials that count, of both arms.
  package var trials: Int
  /// Trials of each of two arms that were drawn from them at random.
  package var base: Int
  package var new: Int
  /// How many pairs of arms were drawn.
  package var draws: Int
  /// How many of them the verdict called a regression or an improvement.
  package var changed: Int
  /// Of the declared measures: what 95 % of the draws did not exceed, counted as ``Endpoint/matters``.
  package var floors: [Measure: Double]
}

/// A cell that was run as two arms that differ in nothing (`run --calibrate`).
package struct CalibratedCell: Sendable {
  /// Without the calibration's.
  package var axes: [Profile.Setting]
  /// Those that count.
  private let arms: [[TrialSummary]]
  private let seed: UInt64

  /// Of each cell that has two arms with trials that count.
  package static func all(in campaign: CampaignSummary) -> [CalibratedCell] {
    groups(campaign.cells).enumerated().compactMap { index, group in
      let arms = group.map(\.counted)
      guard group.count == 2, group[0].value(of: CampaignFile.calibrateKey) != nil,
        arms.allSatisfy({ !$0.isEmpty })
      else { return nil }
      return CalibratedCell(
        axes: axes(group[0]), arms: arms, seed: campaign.seed &+ UInt64(index))
    }
  }

  /// Cells with their two arms as one, which they are when something else is compared.
  static func pooled(_ cells: [CellSummary]) -> [CellSummary] {
    groups(cells).map { group in
      var cell = group[0]
      cell.axes = axes(cell)
      cell.trials = group.flatMap(\.trials)
      return cell
    }
  }

  func isOf(_ cell: CellSummary) -> Bool { axes == Self.axes(cell) }

  private static func axes(_ cell: CellSummary) -> [Profile.Setting] {
    cell.axes.filter { $0.key != CampaignFile.calibrateKey }
  }

  /// Cells that are the same but for the calibration's arms.
  private static func groups(_ cells: [CellSummary]) -> [[CellSummary]] {
    var groups: [[CellSummary]] = []
    for cell in cells {
      if let same = groups.firstIndex(where: { axes($0[0]) == axes(cell) }) {
        groups[same].append(cell)
      } else {
        groups.append([cell])
      }
    }
    return groups
  }

  // MARK: Noise

  package static let draws = 1000

  /// Draws two arms from all its trials at random, again and again, and judges each pair as a comparison is.
  ///
  /// Since the tests are exact, this finds a verdict that calls too much, not a harness that treats its arms
  /// unlike: that is what the comparison of the two arms themselves is for.
  ///
  /// - Parameter sizes: of the arms; nil: as they were run. More than there are trials are drawn with
  ///   repetition.
  package func noise(_ sizes: (base: Int, new: Int)? = nil, draws: Int = draws) -> CellNoise {
    let trials = arms.flatMap { $0 }
    let (base, new) = sizes ?? (arms[0].count, arms[1].count)
    let values = Measure.primary.map { measure in trials.map(measure.value) }
    var noise = CellNoise(
      axes: axes, trials: trials.count, base: base, new: new, draws: draws, changed: 0, floors: [:])
    var changes = [[Double]](repeating: [], count: values.count)
    var random = SplitMix64(seed: seed)
    for _ in 0..<draws {
      let order = Self.draw(base + new, of: trials.count, using: &random)
      let measurements = zip(Measure.primary, values).map { measure, values in
        Measurement(
          measure.endpoint, base: OrderedSample(order[..<base].compactMap { values[$0] }),
          new: OrderedSample(order[base...].compactMap { values[$0] }))
      }
      for (i, measurement) in measurements.enumerated() {
        if let change = measurement.additive { changes[i].append(abs(change.estimate)) }
      }
      if [.regression, .improvement].contains(Verdict(measurements).call) { noise.changed += 1 }
    }
    for (measure, changes) in zip(Measure.primary, changes) {
      noise.floors[measure] = OrderedSample(changes).percentile(0.95)
        .map(measure.endpoint.change)
    }
    return noise
  }

  private static func draw(
    _ count: Int, of trials: Int, using random: inout SplitMix64
  ) -> [Int] {
    if count > trials { return (0..<count).map { _ in Int.random(in: 0..<trials, using: &random) } }
    return Array((0..<trials).shuffled(using: &random).prefix(count))
  }
}

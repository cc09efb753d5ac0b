/// What a cell's trials show when they are held against themselves: the harness's own noise.
package struct CellNoise: Sendable, Equatable {
  /// Of the cell, without the calibration's arms.
  package var axes: [Profile.Setting]
  /// Trials of both arms that count.
  package var trials: Int
  /// Random divisions of all trials into two arms, each as large as it was.
  package var splits: Int
  /// How many of them the verdict called a regression or an improvement.
  package var changed: Int
  /// Of the declared measures: what 95 % of the divisions did not exceed, counted as ``Endpoint/matters``.
  package var floors: [Measure: Double]

  package var falsePositives: Proportion { Proportion(changed, of: splits) }
}

/// A campaign whose cells were each run as two arms that differ in nothing (`run --calibrate`).
package enum Calibration {
  /// Its cells with their two arms as one, which they are when something else is compared.
  static func pooled(_ cells: [CellSummary]) -> [CellSummary] {
    arms(cells).map { arms in
      var cell = arms[0]
      cell.axes.removeAll { $0.key == CampaignFile.calibrateKey }
      cell.trials = arms.flatMap(\.trials)
      return cell
    }
  }

  /// Cells that are the same but for the calibration's arms.
  private static func arms(_ cells: [CellSummary]) -> [[CellSummary]] {
    var groups: [[CellSummary]] = []
    func axes(_ cell: CellSummary) -> [Profile.Setting] {
      cell.axes.filter { $0.key != CampaignFile.calibrateKey }
    }
    for cell in cells {
      if let same = groups.firstIndex(where: { axes($0[0]) == axes(cell) }) {
        groups[same].append(cell)
      } else {
        groups.append([cell])
      }
    }
    return groups
  }

  /// The noise of each cell that has two arms with trials that count.
  ///
  /// The trials of both arms are divided at random again and again, from the campaign's seed, and each
  /// division is judged as a comparison is. Since the tests are exact, this finds a verdict that calls too
  /// much, not a harness that treats its arms unlike: that is what the comparison of the two arms is for.
  package static func noise(of campaign: CampaignSummary, splits: Int = 1000) -> [CellNoise] {
    arms(campaign.cells).enumerated().compactMap { index, arms in
      guard arms.count == 2, arms[0].value(of: CampaignFile.calibrateKey) != nil else { return nil }
      let (a, b) = (arms[0].counted, arms[1].counted)
      if a.isEmpty || b.isEmpty { return nil }
      var random = SplitMix64(seed: campaign.seed &+ UInt64(index))
      var noise = Self.noise(a + b, first: a.count, splits: splits, using: &random)
      noise.axes = arms[0].axes.filter { $0.key != CampaignFile.calibrateKey }
      return noise
    }
  }

  /// - Parameter first: trials of the first arm; all others are the second's.
  static func noise(
    _ trials: [TrialSummary], first: Int, splits: Int, using random: inout SplitMix64
  ) -> CellNoise {
    let measures = Measure.primary
    let values = measures.map { measure in trials.map(measure.value) }
    var changes = [[Double]](repeating: [], count: measures.count)
    var changed = 0
    var order = Array(trials.indices)
    for _ in 0..<splits {
      order.shuffle(using: &random)
      let measurements = measures.indices.map { i in
        let arms = [order[..<first], order[first...]].map { arm in
          OrderedSample(arm.compactMap { values[i][$0] })
        }
        return Measurement(measures[i].endpoint, base: arms[0], new: arms[1])
      }
      for (i, measurement) in measurements.enumerated() {
        if let change = measurement.additive { changes[i].append(abs(change.estimate)) }
      }
      if [.regression, .improvement].contains(Verdict(measurements).call) { changed += 1 }
    }
    var floors: [Measure: Double] = [:]
    for (measure, changes) in zip(measures, changes) {
      floors[measure] = OrderedSample(changes).percentile(0.95).map(measure.endpoint.change)
    }
    return CellNoise(
      axes: [], trials: trials.count, splits: splits, changed: changed, floors: floors)
  }
}

/// A campaign whose cells were each run as two arms that differ in nothing (`run --calibrate`).
package enum Calibration {
  /// Its cells with their two arms as one, which they are when something else is compared.
  static func pooled(_ cells: [CellSummary]) -> [CellSummary] {
    var pooled: [CellSummary] = []
    for cell in cells {
      var cell = cell
      cell.axes.removeAll { $0.key == CampaignFile.calibrateKey }
      if let same = pooled.firstIndex(where: { $0.axes == cell.axes }) {
        pooled[same].trials += cell.trials
      } else {
        pooled.append(cell)
      }
    }
    return pooled
  }
}

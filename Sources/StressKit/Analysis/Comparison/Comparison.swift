// SPDX-License-Identifier: Apache-2.0

/// One comparison: two cells, whether they may be compared, and what their trials say.
package struct Comparison: Sendable {
  package var cells: ComparedCells
  package var comparability: Comparability
  /// What the verdict rests on; nil: the arms differ in more than what is compared.
  package var verdict: Verdict?
  /// Beside what is judged.
  package var described: [Measurement]
  package var survival: SurvivalFigures
  package var counters: CounterSweep
  /// The noise of the cells, where they have been calibrated.
  package var noise: [CellNoise]
  /// Comparisons that the command judges, this one included.
  private let family: Int

  /// - Parameters:
  ///   - comparability: of the same cells.
  ///   - family: comparisons that the command judges.
  init(
    _ cells: ComparedCells, _ comparability: Comparability, noise: [CellNoise], family: Int
  ) {
    self.family = family
    self.cells = cells
    self.comparability = comparability
    self.noise = noise
    let (base, new) = (cells.base.counted, cells.new.counted)
    if comparability.refusals.isEmpty {
      verdict = Verdict(
        Measure.primary.map { measure in
          var endpoint = measure.endpoint
          endpoint.floor = noise.compactMap { $0.floors[measure] }.max()
          return measure.measurement(base, new, endpoint)
        }, level: CampaignComparison.familyLevel / Double(family))
    }
    described = Measure.secondary.map { $0.measurement(base, new, $0.endpoint) }
    survival = SurvivalFigures(base, new)
    counters = CounterSweep(base, new)
  }

  /// A p-value that Holm has adjusted for the endpoints, adjusted for the comparisons too.
  package func adjusted(_ result: Verdict.Result) -> Double {
    min(1, result.adjustedP * Double(family))
  }
}

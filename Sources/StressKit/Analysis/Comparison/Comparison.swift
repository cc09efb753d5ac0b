// SPDX-License-Identifier: Apache-2.0

/// What has a verdict among others of the same command.
package protocol JudgedComparison: Sendable {
  /// nil: the arms differ in more than what is compared.
  var verdict: Verdict? { get }
  /// Its share of the command's level is one in so many.
  var family: Int { get }
}

extension JudgedComparison {
  /// A p-value that Holm has adjusted for the endpoints, adjusted for the command's other verdicts too.
  package func adjusted(_ result: Verdict.Result) -> Double {
    min(1, result.adjustedP * Double(family))
  }
}

/// One comparison: two cells, whether they may be compared, and what their trials say.
package struct Comparison: JudgedComparison {
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
  package let family: Int

  /// - Parameter comparability: of the same cells.
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
}

// SPDX-License-Identifier: Apache-2.0

/// How long the trials of two arms went without an OOM kill.
package struct SurvivalFigures: Sendable {
  package var base: SurvivalCurve
  package var new: SurvivalCurve
  /// Mean time without a kill until a moment that both curves reach; nil: an arm has no trial.
  package var means: (base: SurvivalCurve.RestrictedMean, new: SurvivalCurve.RestrictedMean)?
  /// Two-sided, log-rank; nil: no kill, or no trial of an arm.
  package var p: Double?

  /// Trials whose streams never began are left out.
  package init(_ base: [TrialSummary], _ new: [TrialSummary]) {
    func lifetimes(_ trials: [TrialSummary]) -> [Lifetime] {
      trials.compactMap { trial in
        trial.survival.map { Lifetime($0.time, isEvent: $0.isKill) }
      }
    }
    let (a, b) = (lifetimes(base), lifetimes(new))
    self.base = SurvivalCurve(a)
    self.new = SurvivalCurve(b)
    p = LogRankTest(b, a)?.p
    // The latest time to which both are known.
    let ends = [self.base, self.new].compactMap(\.longest).sorted(by: >)
    for end in ends {
      if let one = self.base.restrictedMean(to: end), let two = self.new.restrictedMean(to: end) {
        means = (one, two)
        break
      }
    }
  }
}

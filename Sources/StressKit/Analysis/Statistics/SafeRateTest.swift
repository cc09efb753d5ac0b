// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The trials of a stratum's two arms in pairs, the first of the one with the first of the other and so on: how many
/// pairs had an event in neither, in the base's trial only, in the new arm's only, in both.
package struct PairedOutcomes: Equatable, Sendable {
  package var neither = 0
  package var base = 0
  package var new = 0
  package var both = 0

  package init(neither: Int = 0, base: Int = 0, new: Int = 0, both: Int = 0) {
    (self.neither, self.base, self.new, self.both) = (neither, base, new, both)
  }

  /// Whether each trial had an event, in the order of the trials; one without a partner does not count yet.
  package init(base: [Bool], new: [Bool]) {
    for pair in zip(base, new) {
      switch pair {
      case (false, false): neither += 1
      case (true, false): self.base += 1
      case (false, true): self.new += 1
      case (true, true): both += 1
      }
    }
  }

  /// Complete pairs.
  package var count: Int { neither + base + new + both }

  static func + (one: Self, other: Self) -> Self {
    Self(
      neither: one.neither + other.neither, base: one.base + other.base, new: one.new + other.new,
      both: one.both + other.both)
  }

  /// With the arms exchanged.
  var turned: Self { Self(neither: neither, base: new, new: base, both: both) }
}

/// Whether two rates differ, by e-values: evidence that may be looked at after every trial, with a stop as soon as it
/// suffices. Where nothing differs, the chance that an e-value ever reaches 20 is at most 1 in 20 (Ville's inequality).
///
/// R. J. Turner, A. Ly and P. D. Grünwald, Generic e-variables for exact sequential k-sample tests that allow for
/// optional stopping (arXiv 2106.02693, 2021); the hypothesis of a difference: R. J. Turner and P. D. Grünwald, Exact
/// anytime-valid confidence intervals for contingency tables and beyond (arXiv 2203.09785, 2022). Each pair of trials
/// multiplies the evidence for an alternative by its likelihood over that of the nearest rates of the hypothesis; the
/// alternatives are weighted beforehand.
package enum SafeRateTest {
  /// What decides: the inverse of the level.
  package static let decisive = 20.0

  /// An alternative: the logarithms of its weight and of what each kind of pair multiplies its evidence by.
  private struct Bet {
    var weight: Double
    var neither: Double
    var base: Double
    var new: Double
    var both: Double

    /// - Parameters:
    ///   - rates: of the alternative: base, new.
    ///   - null: the hypothesis's rates that are nearest to it.
    init(
      _ weight: Double, _ rates: (base: Double, new: Double), null: (base: Double, new: Double)
    ) {
      let base = (none: log((1 - rates.base) / (1 - null.base)), event: log(rates.base / null.base))
      let new = (none: log((1 - rates.new) / (1 - null.new)), event: log(rates.new / null.new))
      self.weight = log(weight)
      neither = base.none + new.none
      self.base = base.event + new.none
      self.new = base.none + new.event
      both = base.event + new.event
    }

    func evidence(_ pairs: PairedOutcomes) -> Double {
      weight + Double(pairs.neither) * neither + Double(pairs.base) * base
        + Double(pairs.new) * new + Double(pairs.both) * both
    }
  }

  private static let rates = [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98]

  /// A new arm with more events. Nothing differs: both have the mean rate, which is nearest in arms of equal size. The
  /// weights go with the fifth power of the difference: what kills always or never is known after three pairs.
  private static let more: [Bet] = {
    let pairs = rates.flatMap { base in rates.map { (base: base, new: $0) } }
      .filter { $0.new - $0.base > 0.15 }
    let total = pairs.reduce(0) { $0 + pow($1.new - $1.base, 5) }
    return pairs.map { pair in
      let mean = (pair.base + pair.new) / 2
      return Bet(pow(pair.new - pair.base, 5) / total, pair, null: (mean, mean))
    }
  }()

  /// Of the strata with one pair of rates in common, and of each with its own.
  private static let common = 0.95
  /// That a stratum differs, where each has its own.
  private static let differs = 0.5

  /// The e-value of the new arm having more events in a stratum, against the hypothesis that it has more in none. The
  /// other direction has the other half of the level, so that this is half of the evidence.
  package static func more(_ strata: [PairedOutcomes]) -> Double {
    let own = strata.reduce(0) { sum, stratum in
      sum + logSum([log(1 - differs), log(differs) + evidence(more, stratum)])
    }
    let together = evidence(more, strata.reduce(PairedOutcomes(), +))
    return exp(logSum([log(common) + together, log(1 - common) + own]) - log(2))
  }

  /// The same of fewer events.
  package static func fewer(_ strata: [PairedOutcomes]) -> Double { more(strata.map(\.turned)) }

  /// The e-value of the rates differing by less than `change` (0 to 1), in either direction: the smaller of those
  /// against a new rate that is so much above the base's and one so much below it.
  package static func unchanged(_ pairs: PairedOutcomes, within change: Double) -> Double {
    let bets = rates.map { rate in
      // Rates that come to the ends most often are those of kernels that never kill, or always.
      let weight = rate == rates.first || rate == rates.last ? 0.35 : 0.3 / Double(rates.count - 2)
      let base = nearest(to: rate, change)
      return Bet(weight, (rate, rate), null: (base, base + change))
    }
    return exp(min(evidence(bets, pairs), evidence(bets, pairs.turned)))
  }

  /// The base's rate at which rates that differ by `change` are nearest to both being `rate`: where the likelihood's
  /// derivative is 0.
  private static func nearest(to rate: Double, _ change: Double) -> Double {
    SpecialFunctions.inverse(
      { base in
        let new = base + change
        return (base - rate) / (base * (1 - base)) + (new - rate) / (new * (1 - new))
      }, at: 0, in: 0...(1 - change))
  }

  private static func evidence(_ bets: [Bet], _ pairs: PairedOutcomes) -> Double {
    logSum(bets.map { $0.evidence(pairs) })
  }

  /// The logarithm of the sum of what these are logarithms of.
  private static func logSum(_ logs: [Double]) -> Double {
    let largest = logs.max() ?? 0
    return largest + log(logs.reduce(0) { $0 + exp($1 - largest) })
  }
}

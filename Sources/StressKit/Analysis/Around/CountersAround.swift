// SPDX-License-Identifier: Apache-2.0

/// Which counters are different before one kind of event, over the trials of a cell.
package struct CountersAround: Sendable {
  /// Adjusted p-values above this are no finding.
  package static let level = 0.05

  package static let definition =
    "before: mean of the last second before an event. quiet: mean of seconds of the same trial without an event"
    + " (for a kill, before it). Totals are rates per second. q: Wilcoxon's signed-rank test (exact) of one"
    + " difference per trial, adjusted by Benjamini-Hochberg over all counters that moved."

  package struct Counter: Sendable, Equatable {
    package var name: String
    package var kind: CounterKind
    /// Trials that have it both before an event and in a quiet second.
    package var trials: Int
    /// Means over the trials: in the second before an event, and in a quiet second. Of a total by the second.
    package var before: Double
    package var quiet: Double
    /// The difference in standard deviations of the quiet seconds about their trials' means; nil: they do not
    /// differ from each other.
    package var deviations: Double?
    package var p: Double
    /// Benjamini and Hochberg's, over all counters that were tested.
    package var q: Double
    /// By how much the counter moves before the stalls, s, where it goes with them best, and how well
    /// (Pearson's r, mean of the trials); nil: it never moved while some stalled and some did not.
    package var lag: (seconds: Double, r: Double)?
    /// Each 100 ms from -5 s to 5 s: the mean over trials; nil: none has it.
    package var path: [Double?]

    /// nil: from nothing.
    package var ratio: Double? { quiet == 0 ? nil : before / quiet }
    package var isFinding: Bool { q < CountersAround.level }

    package static func == (a: Counter, b: Counter) -> Bool {
      a.name == b.name && a.kind == b.kind && a.trials == b.trials && a.before == b.before
        && a.quiet == b.quiet && a.deviations == b.deviations && a.p == b.p && a.q == b.q
        && a.lag?.seconds == b.lag?.seconds && a.lag?.r == b.lag?.r && a.path == b.path
    }
  }

  package let kind: EventKind
  package let tally: AroundEvents.Tally
  /// The strongest first: by q, then by how alike the trials are.
  package let counters: [Counter]
  /// Of each 100 ms from -5 s to 5 s: how many trials any counter has there.
  package let trials: [Int]

  package init(_ kind: EventKind, _ around: AroundEvents) {
    self.kind = kind
    tally = around.tallies[kind] ?? AroundEvents.Tally()
    let tested = around.counters.compactMap { counter -> Tested? in
      counter.moves ? counter.sums[kind].flatMap { Tested(counter, $0) } : nil
    }
    let q = MultipleTesting.benjaminiHochberg(tested.map(\.counter.p))
    counters = zip(tested, q).map { tested, q -> Tested in
      var tested = tested
      tested.counter.q = q
      return tested
    }.sorted { $0.order < $1.order }.map(\.counter)
    let all = around.counters.compactMap { $0.sums[kind]?.trials }
    trials = (0..<2 * AroundEvents.reach).map { bin in all.map { $0[bin] }.max() ?? 0 }
  }

  /// Whether any counter was different.
  package var isFinding: Bool { counters.contains(where: \.isFinding) }

  /// The smallest p that so many trials can give, all of them alike; nil without any.
  package var smallestP: Double? {
    tally.compared > 0 ? min(1, 2 / Double(UInt64(1) << UInt64(min(tally.compared, 62)))) : nil
  }

  /// Trials that it takes for one counter alone to be a finding among those that were tested.
  package var trialsForOne: Int {
    let tested = Double(max(1, counters.count))
    return (1...).first { tested * 2 / Double(UInt64(1) << UInt64($0)) < Self.level } ?? 0
  }

  private struct Tested {
    var counter: Counter
    /// The mean difference by its standard deviation over the trials.
    var alikeness: Double

    /// Where q is the same: the more alike the trials, then the larger the difference.
    var order: (Double, Double, Double, String) {
      (counter.q, -alikeness, -abs(counter.deviations ?? 0), counter.name)
    }

    init?(_ of: AroundEvents.Counter, _ sums: AroundEvents.Sums) {
      let differences = zip(sums.before, sums.quiet).map { $0 - $1 }
      if differences.isEmpty { return nil }
      let n = Double(differences.count)
      let mean = differences.reduce(0, +) / n
      let spread = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }.squareRoot()
      alikeness = mean == 0 ? 0 : abs(mean) / spread
      let deviation =
        sums.freedom > 0 ? (sums.squares / Double(sums.freedom)).squareRoot() : 0
      let best = of.correlations.indices.max {
        abs(of.correlations[$0]) < abs(of.correlations[$1])
      }
      counter = Counter(
        name: of.name, kind: CounterKind(column: of.name), trials: differences.count,
        before: sums.before.reduce(0, +) / n, quiet: sums.quiet.reduce(0, +) / n,
        deviations: deviation > 0 ? mean / deviation : nil,
        // It moved, but not here: no difference at all is the least that can be found.
        p: SignedRank(differences: differences)?.p() ?? 1, q: 1,
        lag: of.correlated > 0
          ? best.map { lag in
            (
              Double(lag - AroundEvents.furthest) * Double(TrialEvents.bin) / 1e9,
              of.correlations[lag] / Double(of.correlated)
            )
          } : nil,
        path: zip(sums.path, sums.trials).map { $1 > 0 ? $0 / Double($1) : nil })
    }
  }
}

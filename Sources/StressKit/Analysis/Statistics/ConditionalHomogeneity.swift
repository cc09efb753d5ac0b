// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whether strata have the same change, whatever it is: given the weighted sum of their counts, which is all that a
/// common change decides, the probability of all counts that together are not likelier than these.
///
/// M. Zelen, Biometrika 58 (1971) 129, for counts of events. Logarithms of probabilities are summed on a grid, and all
/// within its rounding count as equally likely: the p-value is never below the exact one.
struct ConditionalHomogeneity {
  /// A count where nothing differs.
  struct Stratum {
    /// Of each count, from 0.
    var probabilities: [Double]
    /// What one more adds to the sum.
    var weight = 1
    var observed: Int
  }

  private struct Sum: Hashable {
    var count: Int
    var likelihood: Int
  }

  private let strata: [Stratum]

  /// Those that can have one count only say nothing, and are left out.
  init(_ strata: [Stratum]) { self.strata = strata.filter { $0.probabilities.count > 1 } }

  /// nil: fewer than two strata can differ.
  var p: Double? {
    if strata.count < 2 { return nil }
    // A coarser grid has fewer sums.
    var grid = 1e6
    while true {
      if let p = p(grid) { return p }
      grid /= 8
    }
  }

  /// Sums that are kept apart.
  private static let mostSums = 200_000

  /// nil: too many different sums.
  private func p(_ grid: Double) -> Double? {
    func rounded(_ p: Double) -> Int { Int((log(p) * grid).rounded()) }
    let target = strata.reduce(0) { $0 + $1.weight * $1.observed }
    let limit =
      strata.reduce(0) { $0 + rounded($1.probabilities[$1.observed]) } + strata.count
    var sums = [Sum(count: 0, likelihood: 0): 1.0]
    // What the strata that follow can add at most.
    var most = strata.reduce(0) { $0 + $1.weight * ($1.probabilities.count - 1) }
    for stratum in strata {
      most -= stratum.weight * (stratum.probabilities.count - 1)
      let terms = stratum.probabilities.map { $0 > 0 ? rounded($0) : nil }
      var next: [Sum: Double] = [:]
      for (sum, probability) in sums {
        // Only counts from which the target can be reached.
        let room = target - sum.count
        let first = max(0, (room - most + stratum.weight - 1) / stratum.weight)
        let last = min(terms.count - 1, room / stratum.weight)
        if first > last { continue }
        for k in first...last {
          guard let term = terms[k] else { continue }
          let reached = Sum(
            count: sum.count + stratum.weight * k, likelihood: sum.likelihood + term)
          next[reached, default: 0] += probability * stratum.probabilities[k]
        }
      }
      if next.count > Self.mostSums { return nil }
      sums = next
    }
    let total = sums.values.reduce(0, +)
    let extreme = sums.filter { $0.key.likelihood <= limit }.values.reduce(0, +)
    return min(1, extreme / total)
  }
}

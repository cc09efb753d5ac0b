// SPDX-License-Identifier: Apache-2.0

/// Every counter of two arms held against each other, trial by trial: which moved otherwise.
package struct CounterSweep: Sendable {
  package struct Finding: Sendable {
    package var counter: TrialCounter
    /// Growth in a trial, median of each arm.
    package var base: Double
    package var new: Double
    /// Mann-Whitney, two-sided; and adjusted for all counters tested (Benjamini-Hochberg).
    package var p: Double
    package var q: Double

    /// nil where one of them did not move.
    package var ratio: Double? { base == 0 || new == 0 ? nil : new / base }
  }

  /// The share of false ones among those that are said to differ.
  package static let level = 0.05

  /// Trials of each arm.
  package private(set) var sizes = (base: 0, new: 0)
  package var tested: Int { findings.count }
  /// The same in every trial of both arms: nothing to test.
  package private(set) var constant = 0
  /// Only one of the kernels counts them.
  package private(set) var oneSided = 0
  /// The two kernels count something else under these names.
  package private(set) var redefined: [TrialCounter] = []
  /// All that were tested, the strongest first.
  package private(set) var findings: [Finding] = []

  /// - Parameters:
  ///   - base, new: the arms' trials that count.
  package init(_ base: [TrialSummary], _ new: [TrialSummary]) {
    sizes = (base.count, new.count)
    let (a, b) = (Self.samples(base), Self.samples(new))
    let kinds = [base, new].map { Set($0.compactMap(\.vmstatReclaim)) }
    let isRedefined = kinds.allSatisfy { !$0.isEmpty } && kinds[0] != kinds[1]
    var strength: [TrialCounter: Double] = [:]
    for counter in Set(a.keys).union(b.keys) {
      guard let left = a[counter], let right = b[counter] else {
        oneSided += 1
        continue
      }
      if isRedefined, counter.source == .vmstat, VmstatReclaim.counters.contains(counter.name) {
        redefined.append(counter)
        continue
      }
      if left.min == right.max, left.max == right.min {
        constant += 1
        continue
      }
      guard let test = MannWhitney(right, left), let before = left.median, let after = right.median
      else { continue }
      strength[counter] = abs(test.superiority - 0.5)
      findings.append(
        Finding(counter: counter, base: before, new: after, p: test.p().value, q: 1))
    }
    redefined.sort()
    findings.sort { $0.counter < $1.counter }
    let adjusted = MultipleTesting.benjaminiHochberg(findings.map(\.p))
    for i in findings.indices { findings[i].q = adjusted[i] }
    findings.sort { x, y in
      // Where the arms do not overlap all p-values are equal: then by how far they are apart.
      (x.p, -(strength[x.counter] ?? 0), -x.distance, x.counter)
        < (y.p, -(strength[y.counter] ?? 0), -y.distance, y.counter)
    }
  }

  /// Each counter's values over an arm's trials. One that a trial did not count, because it made no end, is
  /// missing there.
  private static func samples(_ trials: [TrialSummary]) -> [TrialCounter: OrderedSample] {
    var values: [TrialCounter: [Double]] = [:]
    for (counter, value) in trials.flatMap(\.counters) {
      values[counter, default: []].append(value)
    }
    return values.mapValues { OrderedSample($0) }
  }
}

extension CounterSweep.Finding {
  /// How many times the larger is the smaller; one is added to both, as the smaller may be 0.
  fileprivate var distance: Double { max((new + 1) / (base + 1), (base + 1) / (new + 1)) }
}

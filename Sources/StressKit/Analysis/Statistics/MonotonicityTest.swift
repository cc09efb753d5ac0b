// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Whether trials at several values of a quantity contradict that their rate of events only rises, or only falls, with
/// it: an e-value, which may be looked at after every trial, however the values were chosen. Where the rate is
/// monotonic, whatever its curve, the chance that it ever reaches 20 is at most 1 in 20.
///
/// The alternatives are rates in three pieces, the middle one apart from both others, weighted beforehand; what they are
/// held against is the likelihood of the best monotonic curve (isotonic regression): L. Wasserman, A. Ramdas and S.
/// Balakrishnan, PNAS 117 (2020) 16880, universal inference; R. E. Barlow et al., Statistical Inference under Order
/// Restrictions (1972).
package struct MonotonicityTest: Sendable {
  package struct Trial: Sendable {
    /// Share of the range, 0 to 1.
    package var place: Double
    package var isEvent: Bool

    package init(_ place: Double, _ isEvent: Bool) {
      (self.place, self.isEvent) = (place, isEvent)
    }
  }

  /// The piece that contradicts, as shares of the range, and the events in it and beside it.
  package struct Piece: Sendable, Equatable {
    package var from: Double
    package var to: Double
    package var inside: Proportion
    package var below: Proportion
    package var above: Proportion
  }

  /// Evidence against a monotonic curve; ``SafeRateTest/decisive`` decides.
  package let evidence: Double
  /// The alternative that explains the trials best; nil: no trials.
  package let piece: Piece?

  /// Parts of the range that pieces are made of.
  private static let parts = 12
  /// The Beta distribution of a rate that is low; of a high one it is mirrored.
  private static let low = (events: 0.5, others: 5.0)

  package init(_ trials: [Trial]) {
    if trials.isEmpty {
      (evidence, piece) = (1, nil)
      return
    }
    let parts = Double(Self.parts)
    var counts = Array(repeating: (events: 0, trials: 0), count: Self.parts)
    for trial in trials {
      let part = min(Self.parts - 1, max(0, Int(trial.place * parts)))
      counts[part].trials += 1
      counts[part].events += trial.isEvent ? 1 : 0
    }
    func sum(_ range: Range<Int>) -> Proportion {
      Proportion(
        counts[range].reduce(0) { $0 + $1.events }, of: counts[range].reduce(0) { $0 + $1.trials })
    }
    var logs: [Double] = []
    var best: (log: Double, from: Int, to: Int)?
    for from in 1..<Self.parts - 1 {
      for to in (from + 1)..<Self.parts {
        let outer = [sum(0..<from), sum(to..<Self.parts)]
        for isHigh in [false, true] {
          let middle = Self.evidence(sum(from..<to), isHigh: isHigh)
          let log = outer.reduce(middle) { $0 + Self.evidence($1, isHigh: !isHigh) }
          logs.append(log)
          if log > best?.log ?? -.infinity { best = (log, from, to) }
        }
      }
    }
    let largest = logs.max() ?? 0
    let mean = logs.reduce(0) { $0 + exp($1 - largest) } / Double(logs.count)
    let rising = trials.sorted { ($0.place, $0.isEvent ? 0 : 1) < ($1.place, $1.isEvent ? 0 : 1) }
    let falling = rising.map { Trial(-$0.place, $0.isEvent) }.sorted { $0.place < $1.place }
    let monotonic = max(Self.isotonic(rising), Self.isotonic(falling))
    evidence = exp(largest + log(mean) - monotonic)
    piece = best.map { best in
      Piece(
        from: Double(best.from) / parts, to: Double(best.to) / parts,
        inside: sum(best.from..<best.to), below: sum(0..<best.from),
        above: sum(best.to..<Self.parts))
    }
  }

  /// The logarithm of the chance of a piece's outcomes in their order, over its rate's distribution.
  private static func evidence(_ piece: Proportion, isHigh: Bool) -> Double {
    let (a, b) = isHigh ? (low.others, low.events) : (low.events, low.others)
    let (events, others) = (Double(piece.events), Double(piece.trials - piece.events))
    func logBeta(_ a: Double, _ b: Double) -> Double {
      SpecialFunctions.logGamma(a) + SpecialFunctions.logGamma(b)
        - SpecialFunctions.logGamma(a + b)
    }
    return logBeta(a + events, b + others) - logBeta(a, b)
  }

  /// The logarithm of the greatest likelihood of a curve that never falls, by pooling adjacent violators.
  private static func isotonic(_ sorted: [Trial]) -> Double {
    var blocks: [(events: Double, trials: Double, place: Double)] = []
    for trial in sorted {
      let event = trial.isEvent ? 1.0 : 0
      if let last = blocks.last, last.place == trial.place {
        blocks[blocks.count - 1].events += event
        blocks[blocks.count - 1].trials += 1
      } else {
        blocks.append((event, 1, trial.place))
      }
    }
    var pooled: [(events: Double, trials: Double)] = []
    for block in blocks {
      pooled.append((block.events, block.trials))
      while pooled.count > 1 {
        let (last, before) = (pooled[pooled.count - 1], pooled[pooled.count - 2])
        if before.events * last.trials <= last.events * before.trials { break }
        pooled.removeLast()
        pooled[pooled.count - 1] = (before.events + last.events, before.trials + last.trials)
      }
    }
    return pooled.reduce(0) { sum, block in
      let rate = block.events / block.trials
      let others = block.trials - block.events
      return sum + (block.events > 0 ? block.events * log(rate) : 0)
        + (others > 0 ? others * log(1 - rate) : 0)
    }
  }
}

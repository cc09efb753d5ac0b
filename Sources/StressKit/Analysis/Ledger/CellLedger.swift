// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// The ledgers of a cell's trials, taken together. Shares are of the sum of all stalls' time: two operations
/// that wait for one thing at a time count it twice, as those who wait for them do.
package struct CellLedger: Sendable {
  /// By the trial's number.
  package var trials: [(number: Int, ledger: StallLedger)]

  package init(_ trials: [(number: Int, ledger: StallLedger)]) { self.trials = trials }

  /// All stalls of one kind.
  package struct Kind: Sendable {
    package private(set) var count = 0
    /// ns.
    package private(set) var time: Int64 = 0
    /// nil: not told of all of them.
    package private(set) var behind: Int64? = 0
    /// Each stall's, of 1.
    package private(set) var unexplainedShares: OrderedSample
    private var sums = CauseSums()

    init(_ stalls: [StallEpisode]) {
      count = stalls.count
      unexplainedShares = OrderedSample(stalls.map(\.unexplainedShare))
      for stall in stalls {
        time += stall.time
        behind = behind.flatMap { sum in stall.behind.map { sum + $0 } }
        for part in stall.parts { sums[part.cause] += part.time }
      }
    }

    /// ns.
    package func time(of cause: StallCause) -> Int64 { sums[cause] }
    package var unexplained: Int64 {
      StallCause.allCases.reduce(0) { $0 + ($1.isUnexplained ? sums[$1] : 0) }
    }
    /// Of all the stalls' time; nil: there was none.
    package func share(_ time: Int64) -> Double? {
      count == 0 ? nil : Double(time) / Double(max(1, self.time))
    }
  }

  /// Operations by their kind, and PSI's stalls by theirs.
  package var operations: [String: Kind] { Self.kinds(trials.flatMap(\.ledger.operations)) }
  package var pressure: [String: Kind] { Self.kinds(trials.flatMap(\.ledger.pressure)) }

  private static func kinds(_ stalls: [StallEpisode]) -> [String: Kind] {
    Dictionary(grouping: stalls, by: \.kind).mapValues(Kind.init)
  }

  /// Those of all trials, the costliest first.
  package var unknownStacks: [StallLedger.UnknownStack] {
    var sums: [[String]: Int64] = [:]
    for stack in trials.flatMap(\.ledger.unknownStacks) {
      sums[stack.frames, default: 0] += stack.time
    }
    return StallLedger.UnknownStack.ordered(sums)
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// One stall, and what its time went to.
package struct StallEpisode: Sendable, Equatable {
  package struct Part: Sendable, Equatable {
    package var cause: StallCause
    /// ns, more than 0.
    package var time: Int64

    package init(_ cause: StallCause, _ time: Int64) {
      self.cause = cause
      self.time = time
    }
  }

  /// `write`, `fsync`, ... of an operation; `memory.pressure` or `io.pressure` of a cgroup.
  package var kind: String
  /// The stream, task or pinned worker that it stalled, or the cgroup; nil: the record does not name it.
  package var victim: String?
  /// CLOCK_BOOTTIME, ns.
  package var start: Int64
  package var end: Int64
  /// It had not ended when its worker died or time was up.
  package var isInFlight: Bool
  /// What is divided, ns: of an operation all from its start to its end, of PSI the growth of `full`.
  package var time: Int64
  /// The causes, the longest first. They sum to `time`.
  package var parts: [Part]
  /// Of `time`, while an io-wq worker ran another operation and this one was queued for it, ns.
  package var behind: Int64?

  package func time(of cause: StallCause) -> Int64 {
    parts.first { $0.cause == cause }?.time ?? 0
  }

  package var unexplained: Int64 {
    parts.reduce(0) { $0 + ($1.cause.isUnexplained ? $1.time : 0) }
  }

  /// Of 1: what a part of `time` is of it.
  package func share(_ part: Int64) -> Double { Double(part) / Double(max(1, time)) }
  package var unexplainedShare: Double { share(unexplained) }
}

/// Time by cause, as it adds up.
struct CauseSums {
  private(set) var times = [Int64](repeating: 0, count: StallCause.allCases.count)

  subscript(_ cause: StallCause) -> Int64 {
    get { times[Int(cause.rawValue)] }
    set { times[Int(cause.rawValue)] = newValue }
  }

  var total: Int64 { times.reduce(0, +) }

  /// Those that are not 0, the longest first.
  var parts: [StallEpisode.Part] {
    StallCause.allCases.map { StallEpisode.Part($0, self[$0]) }.filter { $0.time > 0 }
      .sorted { ($1.time, $0.cause.rawValue) < ($0.time, $1.cause.rawValue) }
  }

  /// The same proportions with another total, in whole ns: largest remainders first, so that they sum to it.
  ///
  /// - Parameter target: at most `total`.
  func scaled(to target: Int64) -> CauseSums {
    let total = UInt64(total)
    guard total > 0 else { return self }
    var scaled = self
    var remainders: [(remainder: UInt64, cause: StallCause)] = []
    for cause in StallCause.allCases {
      // The quotient is at most `target`.
      let product = UInt64(target).multipliedFullWidth(by: UInt64(self[cause]))
      let (quotient, remainder) = total.dividingFullWidth(product)
      scaled[cause] = Int64(quotient)
      remainders.append((remainder, cause))
    }
    remainders.sort { ($1.remainder, $0.cause.rawValue) < ($0.remainder, $1.cause.rawValue) }
    for (_, cause) in remainders.prefix(Int(target - scaled.total)) { scaled[cause] += 1 }
    return scaled
  }
}

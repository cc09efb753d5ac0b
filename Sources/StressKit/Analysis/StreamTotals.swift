// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What one stream, or one job of it, did in a trial.
package struct StreamTotals: Sendable, Equatable {
  package var name: String
  /// What ended it: `size`, `time`, `killed`, `failed`; nil: not recorded.
  package var ended: String?
  /// What it did: `write`, `read` or `copy`.
  package var action: String
  /// Of completed operations of that kind.
  package var bytes: UInt64
  /// How many completed; nil: not recorded.
  package var operations: Int?
  /// Of io_uring's, those that were not done when their submission had returned: at least so many went to an io-wq
  /// worker. nil: not recorded.
  package var punted: Int?
  /// From the first operation's start to the last end, or to the streams' stop where time ended it, ns; nil: it
  /// had none.
  package var time: Double?

  /// Bytes per second; nil: there was no operation.
  package var throughput: Double? { time.map { Double(bytes) / ($0 / 1e9) } }
  /// Operations per second.
  package var rate: Double? {
    guard let time, let operations else { return nil }
    return Double(operations) / (time / 1e9)
  }

  /// - Parameter stop: of the streams, CLOCK_BOOTTIME, ns.
  init?(_ line: StreamLine, until stop: Int64?) {
    guard let name = line.stream else { return nil }
    self.name = name
    ended = line.ended
    bytes = UInt64(line.bytes?.count ?? 0)
    action = line.action ?? "write"
    operations = line.operations(of: action)?.count?.count
    punted = line.punted?.count
    let end = ended == "time" ? stop : line.lastEnd
    if let first = line.firstStart, let end, first > 0, end > first {
      time = Double(end) - Double(first)
    }
  }
}

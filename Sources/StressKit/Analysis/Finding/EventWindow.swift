// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What a trial's counters did in the seconds around one moment of it.
package struct EventWindow: Sendable, Equatable {
  /// A counter of a lane, by its column (docs/record.md).
  package struct Counter: Sendable, Equatable {
    package var column: String
    package var kind: CounterKind { CounterKind(column: column) }

    package init(_ column: String) { self.column = column }
  }

  package struct Row: Sendable, Equatable {
    /// The row's beginning, ns from the event.
    package var from: Int64
    /// One for each counter: a gauge's mean, a total's growth per second; nil: no reading there.
    package var values: [Double?]
  }

  /// A row's length, ns.
  package static let step: Int64 = 500_000_000
  /// From 5 s before the event to 2 s after it.
  package static let reach: ClosedRange<Int64> = -5_000_000_000...2_000_000_000

  package let counters: [Counter]
  package private(set) var rows: [Row] = []

  /// - Parameters:
  ///   - event: CLOCK_BOOTTIME, ns.
  ///   - counters: those that no lane has are left out.
  ///   - start: of the streams, CLOCK_BOOTTIME in ns: rows that end before it tell nothing and are left out.
  package init(_ record: RecordReader, at event: Int64, start: Int64?, _ counters: [Counter]) {
    let found = counters.compactMap { counter -> (Counter, Lane, LaneColumn)? in
      for lane in record.lanes {
        if let column = lane.column(counter.column) { return (counter, lane, column) }
      }
      return nil
    }
    self.counters = found.map(\.0)
    for from in stride(from: Self.reach.lowerBound, to: Self.reach.upperBound, by: Int(Self.step)) {
      let span = (event + from)...(event + from + Self.step)
      if let start, span.upperBound <= start { continue }
      let values = found.map { counter, lane, column in
        switch counter.kind {
        case .gauge: Self.mean(column, lane, span)
        case .cumulative: Self.rate(column, lane, span)
        }
      }
      if values.contains(where: { $0 != nil }) { rows.append(Row(from: from, values: values)) }
    }
  }

  private static func mean(
    _ column: LaneColumn, _ lane: Lane, _ span: ClosedRange<Int64>
  ) -> Double? {
    guard let first = lane.first(from: span.lowerBound),
      let last = lane.last(until: span.upperBound - 1), first <= last
    else { return nil }
    let values = (first...last).compactMap { column.value(at: $0) }
    return values.isEmpty ? nil : values.reduce(0) { $0 + Double($1) } / Double(values.count)
  }

  /// Between the last readings before the span's two ends.
  private static func rate(
    _ column: LaneColumn, _ lane: Lane, _ span: ClosedRange<Int64>
  ) -> Double? {
    guard let first = lane.last(until: span.lowerBound),
      let last = lane.last(until: span.upperBound),
      first < last, let growth = column.growth(from: first, to: last), growth >= 0
    else { return nil }
    return growth * 1e9 / Double(lane.times[last] - lane.times[first])
  }
}

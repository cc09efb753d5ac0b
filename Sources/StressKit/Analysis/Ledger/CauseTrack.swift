// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// Sections of one task, which nest and overlap, as intervals that do not: at each moment the most specific.
struct CauseTrack {
  /// The most specific first: what a task does within another counts as that.
  private static let order: [StallCause] = [
    .throttledWriteback, .throttledIsolated, .throttledNoprogress, .throttledCongested,
    .spaceReservation, .journal, .dirtyThrottle, .compaction, .memcgReclaim, .directReclaim,
  ]
  private static let rank: [StallCause: Int] = Dictionary(
    uniqueKeysWithValues: order.enumerated().map { ($0.element, $0.offset) })

  /// Ascending; each lasts until the next begins; nil: none.
  private var starts: [Int64] = []
  private var causes: [StallCause?] = []

  init(_ sections: some Collection<LedgerTrace.Section>) {
    var edges: [(time: Int64, rank: Int, step: Int)] = []
    edges.reserveCapacity(2 * sections.count)
    for section in sections {
      guard let rank = Self.rank[section.cause] else { continue }
      edges.append((section.start, rank, 1))
      edges.append((section.end, rank, -1))
    }
    edges.sort { $0.time < $1.time }
    var open = [Int](repeating: 0, count: Self.order.count)
    for (i, edge) in edges.enumerated() {
      open[edge.rank] += edge.step
      if i + 1 < edges.count, edges[i + 1].time == edge.time { continue }
      let cause = open.firstIndex { $0 > 0 }.map { Self.order[$0] }
      if causes.last != .some(cause) {
        starts.append(edge.time)
        causes.append(cause)
      }
    }
  }

  /// Calls `body` with the start of each part of an interval and what it is in, in order.
  func visit(_ from: Int64, _ until: Int64, _ body: (_ start: Int64, _ cause: StallCause?) -> Void)
  {
    guard from < until else { return }
    var i = starts.partitioningIndex { $0 > from }
    body(from, i > 0 ? causes[i - 1] : nil)
    while i < starts.count, starts[i] < until {
      body(starts[i], causes[i])
      i += 1
    }
  }
}

/// Why a task was throttled in reclaim, by the event that comes right after it (mm/vmscan.c,
/// reclaim_throttle). How long the event says it was, in jiffies, need not be how long the wait was.
struct ThrottleReasons {
  private static let reasons: [StallCause] = [
    .throttledWriteback, .throttledIsolated, .throttledNoprogress, .throttledCongested,
  ]
  private let events: [LedgerTrace.Section]

  init(_ sections: some Sequence<LedgerTrace.Section>) {
    events = sections.filter { Self.reasons.contains($0.cause) }.sorted { $0.end < $1.end }
  }

  /// - Parameter next: when the task left its CPU again.
  func reason(of wait: LedgerTrace.Wait, before next: Int64) -> StallCause {
    guard let end = wait.end else { return .throttled }
    let i = events.partitioningIndex { $0.end >= end }
    guard i < events.count, events[i].end <= next || events[i].start < end else {
      return .throttled
    }
    return events[i].cause
  }
}

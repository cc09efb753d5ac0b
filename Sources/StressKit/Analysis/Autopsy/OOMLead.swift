// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What reclaim and writeback did between the streams' start and a kill.
package struct OOMLead: Sendable, Equatable {
  /// When something first happened, and how often.
  package enum Answer: Sendable, Equatable {
    /// Nobody looked: no trace, or a kernel without the event.
    case unknown
    case never
    /// The first and the last time so long before the kill, ns, of `count` in all.
    case before(first: Int64, last: Int64, count: Int)
  }

  /// The limit was met: `max` of memory.events moved.
  package var limit: Answer
  /// Reclaim had the flusher started (writeback_start for reason vmscan).
  package var reclaimWake: Answer
  /// Dirty throttling woke the flusher for background writeback (writeback_wake_background).
  package var backgroundWake: Answer
  /// A task was paused by balance_dirty_pages; of io_uring's the workers, whose submitters do not sleep.
  package var pause: Answer
  /// A task was put to sleep in reclaim, for whatever reason (mm_vmscan_throttled).
  package var throttled: Answer

  /// The moments of a record that count, gathered once for all its kills.
  struct Events {
    var start: Int64?
    var limit: [Int64]?
    var reclaimWake: [Int64]?
    var backgroundWake: [Int64]?
    var pause: [Int64]?
    var throttled: [Int64]?

    init(_ record: RecordReader) {
      start = record.begin(of: .stream)
      // A kernel whose notices came has told of every change; older records have none.
      if record.count(MemcgEventLine.self) > 0 {
        var met: [Int64] = []
        let deltas = MemcgEventLine.name(\.deltas)
        record.forEach(MemcgEventLine.self) { line in
          guard (line[deltas]?["max"]?.int ?? 0) > 0, let time = line.time else { return }
          met.append(time)
        }
        limit = met
      }
      guard let trace = TraceHealth(record) else { return }
      // By their kind, one line at a time: a long trial has a million spans.
      func times(
        _ event: TraceEvent, _ type: any Line.Type, _ kinds: [String], _ key: StaticString
      ) -> [Int64]? {
        if !trace.saw(event) { return nil }
        var times: [Int64] = []
        for kind in kinds {
          record.forEach(type, of: kind) { if let time = $0.int(key) { times.append(time) } }
        }
        return times
      }
      let (start, end) = (SpanLine.name(\.start), RecordLine.timeName)
      reclaimWake = times(.workStart, SpanLine.self, [TraceSpan.flusherWake.label], end)
      pause = times(.balanceDirtyPages, SpanLine.self, [TraceSpan.dirtyThrottle.label], start)
      let reasons = Profile.Expectation.Metric.Reason.allCases
      throttled = times(
        .throttled, SpanLine.self, reasons.map { TraceSpan.throttled($0).label }, start)
      backgroundWake = times(
        .wakeBackground, EventLine.self, [TraceEvent.wakeBackground.definition.name],
        RecordLine.timeName)
    }
  }

  /// Of a kill of which there is the kernel log alone.
  static let unknown = OOMLead()

  private init() {
    limit = .unknown
    reclaimWake = .unknown
    backgroundWake = .unknown
    pause = .unknown
    throttled = .unknown
  }

  init(_ events: Events, before kill: Int64) {
    func answer(_ times: [Int64]?) -> Answer {
      guard let times else { return .unknown }
      let start = events.start ?? .min
      let past = times.filter { $0 >= start && $0 <= kill }
      guard let first = past.min(), let last = past.max() else { return .never }
      return .before(first: kill - first, last: kill - last, count: past.count)
    }
    limit = answer(events.limit)
    reclaimWake = answer(events.reclaimWake)
    backgroundWake = answer(events.backgroundWake)
    pause = answer(events.pause)
    throttled = answer(events.throttled)
  }
}

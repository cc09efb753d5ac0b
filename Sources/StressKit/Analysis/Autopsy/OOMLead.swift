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
      start = record.lines("phase").first { $0["name"] == "stream" }?["t"]?.int
      // A kernel whose notices came has told of every change; older records have none.
      let notices = record.lines("memcg-event")
      if !notices.isEmpty {
        limit = notices.filter { ($0["deltas"]?["max"]?.int ?? 0) > 0 }.compactMap { $0["t"]?.int }
      }
      guard let trace = TraceHealth(record) else { return }
      let spans = Dictionary(grouping: record.lines("span")) { $0["of"]?.string ?? "" }
      func times(_ event: TraceEvent, _ lines: [JSON], _ key: String) -> [Int64]? {
        trace.saw(event) ? lines.compactMap { $0[key]?.int } : nil
      }
      reclaimWake = times(.workStart, spans[TraceSpan.flusherWake.label] ?? [], "t")
      pause = times(.balanceDirtyPages, spans[TraceSpan.dirtyThrottle.label] ?? [], "start")
      let sleeps = Profile.Expectation.Metric.Reason.allCases.flatMap { reason in
        spans[TraceSpan.throttled(reason).label] ?? []
      }
      throttled = times(.throttled, sleeps, "start")
      backgroundWake = times(
        .wakeBackground,
        record.lines("event").filter {
          $0["of"]?.string == TraceEvent.wakeBackground.definition.name
        },
        "t")
    }
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

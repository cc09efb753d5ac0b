// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// How long the kernel let a cgroup go on dirtying pages after it should have paused it: dirty throttling
/// that decides on stale statistics shows here and nowhere else.
///
/// The threshold is the one below which balance_dirty_pages lets everybody run (mm/page-writeback.c,
/// dirty_freerun_ceiling): the mean of vm.dirty_ratio and vm.dirty_background_ratio, of the room that
/// memory.max leaves when the streams start. It is crossed in the first sample of memory.current that has
/// grown by so much.
package enum ThrottleReaction: Sendable, Equatable {
  /// From the crossing to the first announced pause of a dirtier, ns; 0 when the pause came first.
  case after(Double)
  /// No pause before the OOM kill, which came so long after the crossing, ns.
  case neverBeforeKill(Double)
  /// No pause at all, until the streams' end.
  case never
  /// The streams did not dirty so much.
  case notCrossed

  package static let definition =
    "threshold crossed (memory.current grown by the mean of dirty_ratio and dirty_background_ratio of"
    + " the room below memory.max) to the first pause of balance_dirty_pages"

  /// nil when the record does not tell: no limit, no trace, thresholds in bytes.
  package static func of(_ record: RecordReader) -> ThrottleReaction? {
    let profile = record.first(HeaderLine.self)?.plan?.profile
    guard let text = profile?["limits"]?["memory.max"]?.string, let limit = Double(text),
      let settings = record.first(EnvironmentLine.self)?.settings,
      record.count(TraceStartLine.self) > 0, record.last(TraceLine.self)?.failed == nil,
      let ratio = setting(settings, "dirty_ratio"), ratio > 0,
      let background = setting(settings, "dirty_background_ratio"), background > 0,
      let usage = usage(record),
      let start = record.begin(of: .stream),
      let base = usage.last(where: { $0.t <= start })?.value
    else { return nil }
    let room = max(0, limit - base) * (ratio + background) / 200
    let pause = earliest(
      record, SpanLine.self, of: TraceSpan.dirtyThrottle.label, since: start)
    let kill =
      earliest(record, EventLine.self, of: TraceEvent.markVictim.definition.name, since: .min)
      ?? record.first(OOMLine.self)?.t
    guard let crossed = usage.first(where: { $0.t >= start && $0.value - base >= room })?.t else {
      return .notCrossed
    }
    if let pause, pause <= kill ?? .max { return .after(Double(max(0, pause - crossed))) }
    if let kill { return .neverBeforeKill(Double(max(0, kill - crossed))) }
    return .never
  }

  private static func setting(_ settings: Keyed<JSON>, _ name: String) -> Double? {
    settings["/proc/sys/vm/\(name)"]?.string.flatMap(Double.init)
  }

  /// The earliest time of a kind of lines.
  private static func earliest(
    _ record: RecordReader, _ type: any Line.Type, of kind: String, since start: Int64
  ) -> Int64? {
    var first: Int64?
    record.forEach(type, of: kind) { line in
      if let time = line.time, time >= start { first = min(first ?? time, time) }
    }
    return first
  }

  /// memory.current of the limited cgroup over time.
  private static func usage(_ record: RecordReader) -> [(t: Int64, value: Double)]? {
    for lane in record.lanes {
      guard let column = lane.column("\(record.limitedGroup)/memory.current") else { continue }
      return zip(lane.times, column.values).compactMap { time, value in
        value.map { (time, Double($0)) }
      }
    }
    return nil
  }
}

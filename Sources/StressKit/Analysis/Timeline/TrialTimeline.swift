// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// One trial over time, as charts show it.
package struct TrialTimeline: Sendable {
  /// What is drawn above one another, each with one unit.
  package enum Chart: String, CaseIterable, Sendable {
    /// KiB.
    case memory
    /// Pages that are dirty, and pages under writeback. KiB.
    case dirty
    /// Tenths of a percent of the time.
    case pressure
    /// KiB/s.
    case throughput
  }

  /// A part of the trial that has a name.
  package struct Band: Sendable, Equatable {
    package var name: String
    /// CLOCK_BOOTTIME, ns.
    package var start: Int64
    package var end: Int64
  }

  /// A limit of memory from a moment on.
  package struct Limit: Sendable, Equatable {
    /// The cgroup's path.
    package var group: String
    /// CLOCK_BOOTTIME, ns.
    package var from: Int64
    /// Bytes; nil: `max`.
    package var bytes: Int64?
  }

  /// A moment of the profile's timeline.
  package struct Moment: Sendable, Equatable {
    /// CLOCK_BOOTTIME, ns.
    package var time: Int64
    package var what: String
  }

  /// An operation that had not ended when its worker died or time was up.
  package struct Unfinished: Sendable, Equatable {
    package var kind: String
    package var worker: String?
    /// When its age was taken, CLOCK_BOOTTIME in ns.
    package var time: Int64
    /// ns.
    package var age: Int64
  }

  /// What is shown: from the start delay to the end, CLOCK_BOOTTIME in ns.
  package private(set) var window: ClosedRange<Int64>
  /// Of the time that is shown as 0: the streams' start, CLOCK_BOOTTIME in ns.
  package private(set) var origin: Int64
  package private(set) var bands: [Band] = []
  package private(set) var moments: [Moment]
  package private(set) var limits: [Limit]
  package private(set) var series: [Chart: [TimelineSeries]] = [:]
  package private(set) var heatMaps: [LatencyHeatMap]
  package private(set) var unfinished: [Unfinished]

  /// nil: the trial did not get as far as its start delay.
  ///
  /// - Parameters:
  ///   - diagnosis: of the same record.
  ///   - profile: of its cell.
  ///   - points: of a series at most.
  package init?(
    _ record: RecordReader, _ diagnosis: TrialDiagnosis, _ profile: Profile, points: Int = 300
  ) {
    guard let frame = TimelineFrame(record, diagnosis) else { return nil }
    window = frame.window
    origin = frame.origin
    moments = record.lines(MomentLine.self).compactMap { line in
      guard let time = line.t, let what = line.what else { return nil }
      return Moment(time: time, what: what)
    }
    limits = Self.limits(profile, from: frame.window.lowerBound, moments)
    heatMaps = LatencyHeatMap.all(in: record, window, most: points)
    unfinished = record.lines(InFlightLine.self).compactMap { line in
      guard let kind = line.kind, let time = line.t, let age = line.age else { return nil }
      return Unfinished(kind: kind, worker: line.worker, time: time, age: age)
    }
    bands = frame.bands
    let source = TimelineSource(record, window, points: points)
    series = [
      .memory: source.memory(isLimited: limits.contains { $0.bytes != nil }),
      .dirty: source.dirty, .pressure: source.pressure,
      .throughput: source.throughput(from: origin),
    ]
  }

  /// The memory.max of all cgroups, and what moments of the profile's timeline made of them.
  private static func limits(
    _ profile: Profile, from start: Int64, _ moments: [Moment]
  ) -> [Limit] {
    func limit(_ group: String?, _ settings: [Profile.Setting], _ time: Int64) -> Limit? {
      settings.last { $0.key == "memory.max" }.map { setting in
        Limit(
          group: group.map { "\(profile.limitedGroup)/\($0)" } ?? profile.limitedGroup, from: time,
          bytes: Int64(setting.value))
      }
    }
    let groups = profile.cgroups.map { limit($0.name, $0.limits, start) }
    // Each moment that came has one line, in the profile's order.
    let changes = zip(profile.timeline, moments).map { limit($0.cgroup, $0.limits, $1.time) }
    return ([limit(nil, profile.limits, start)] + groups + changes).compactMap(\.self)
  }
}

/// What part of a trial is shown, and what its parts are.
private struct TimelineFrame {
  var window: ClosedRange<Int64>
  var origin: Int64
  var bands: [TrialTimeline.Band] = []

  init?(_ record: RecordReader, _ diagnosis: TrialDiagnosis) {
    var phases: [PhaseLine.Name: Int64] = [:]
    for line in record.lines(PhaseLine.self) {
      if let name = line.name, let time = line.t, phases[name] == nil { phases[name] = time }
    }
    guard let begin = phases[.delay] ?? phases[.stream] else { return nil }
    origin = phases[.stream] ?? begin
    let kills = diagnosis.autopsies.map(\.time) + diagnosis.otherKills.map(\.time)
    // Memory may have run out while it was pinned.
    let start = kills.filter { $0 < begin }.min().map { $0 - Self.margin } ?? begin
    // Of a trial that made no end: until it last told of anything.
    let last = phases[.stop] ?? record.lanes.compactMap(\.times.last).max() ?? origin
    let end = max(last, kills.max() ?? last) + Self.margin
    guard start < end, end - start < Self.longest else { return nil }
    window = start...end
    if let delay = phases[.delay], let stream = phases[.stream] {
      bands.append(.init(name: "start delay", start: delay, end: stream))
    }
    if let stream = phases[.stream] {
      let sync = Self.finalSync(diagnosis.ledger.operations)
      bands.append(.init(name: "streams", start: stream, end: sync?.lowerBound ?? last))
      if let sync {
        bands.append(.init(name: "final fsync", start: sync.lowerBound, end: sync.upperBound))
      }
    }
  }

  /// Shown before the first and after the last moment, ns.
  private static let margin: Int64 = 200_000_000
  /// A week; a time that damage made is not to take all memory.
  private static let longest: Int64 = 7 * 86_400 * 1_000_000_000

  /// The fsyncs that no stalled write follows, from the first one's start to the last one's end.
  private static func finalSync(_ operations: [StallEpisode]) -> ClosedRange<Int64>? {
    let write = operations.filter { $0.kind == "write" }.map(\.end).max() ?? .min
    let syncs = operations.filter { $0.kind == "fsync" && $0.start >= write }
    guard let start = syncs.map(\.start).min(), let end = syncs.map(\.end).max() else { return nil }
    return start...end
  }
}

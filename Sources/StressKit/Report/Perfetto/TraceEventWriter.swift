// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// Writes the packets of a Perfetto trace: tracks, and events on them.
///
/// Fields by their numbers in protos/perfetto/trace (perfetto_trace.proto of Perfetto v50; numbers of a field
/// never change). Times are CLOCK_BOOTTIME in ns, a trace's default clock.
struct TraceEventWriter {
  private(set) var out = ProtobufWriter()
  private var tracks: UInt64 = 0

  /// A track's uuid.
  typealias Track = UInt64

  private enum EventType: UInt64 {
    case begin = 1
    case end = 2
    case instant = 3
    case counter = 4
  }

  /// SEQ_INCREMENTAL_STATE_CLEARED: what comes before this sequence's first packet is not missed.
  private static let cleared: UInt64 = 1
  /// All packets are of one sequence.
  private static let sequence: UInt64 = 1

  // MARK: Tracks

  /// Describes a track, before the first event on it.
  ///
  /// - Parameter rank: where it stands among its siblings; nil: as its name has it.
  mutating func track(
    _ name: String?, below parent: Track? = nil, rank: Int64? = nil,
    _ more: (inout ProtobufWriter) -> Void = { _ in }
  ) -> Track {
    tracks += 1
    let uuid = tracks
    out.message(1) { packet in
      packet.field(10, Self.sequence)
      if uuid == 1 { packet.field(13, Self.cleared) }
      packet.message(60) { track in
        track.field(1, uuid)
        if let name { track.field(2, name) }
        if let parent { track.field(5, parent) }
        more(&track)
        if let rank { track.field(12, rank) }
      }
    }
    return uuid
  }

  /// A track that only has others below it.
  mutating func group(_ name: String, below parent: Track? = nil, rank: Int64? = nil) -> Track {
    // LEXICOGRAPHIC
    track(name, below: parent, rank: rank) { $0.field(11, 1 as UInt64) }
  }

  mutating func process(_ pid: Int64, _ name: String, _ description: String?) -> Track {
    track(nil) { track in
      track.message(3) { process in
        process.field(1, pid)
        process.field(6, name)
      }
      if let description { track.field(14, description) }
    }
  }

  mutating func thread(_ tid: Int64, of pid: Int64, _ name: String) -> Track {
    track(nil) { track in
      track.message(4) { thread in
        thread.field(1, pid)
        thread.field(2, tid)
        thread.field(5, name)
      }
    }
  }

  mutating func counter(_ name: String, below parent: Track, _ unit: CounterUnit) -> Track {
    track(name, below: parent) { $0.message(8) { unit.describe(to: &$0) } }
  }

  // MARK: Events

  private mutating func event(
    _ type: EventType, on track: Track, at time: Int64, _ more: (inout ProtobufWriter) -> Void
  ) {
    out.message(1) { packet in
      packet.field(8, time)
      packet.field(10, Self.sequence)
      packet.message(11) { event in
        event.field(9, type.rawValue)
        event.field(11, track)
        more(&event)
      }
    }
  }

  mutating func value(_ value: Int64, on track: Track, at time: Int64) {
    event(.counter, on: track, at: time) { $0.field(30, value) }
  }

  /// - Parameter annotations: as `Annotations` writes them.
  mutating func begin(
    _ name: String, on track: Track, at time: Int64, _ annotations: ArraySlice<UInt8>
  ) {
    event(.begin, on: track, at: time) { event in
      event.field(23, name)
      event.fields(annotations)
    }
  }

  /// Ends the innermost slice of a track.
  mutating func end(on track: Track, at time: Int64) {
    event(.end, on: track, at: time) { _ in }
  }

  mutating func instant(
    _ name: String, on track: Track, at time: Int64, _ annotations: ArraySlice<UInt8>
  ) {
    event(.instant, on: track, at: time) { event in
      event.field(23, name)
      event.fields(annotations)
    }
  }
}

extension CounterUnit {
  /// The fields of a CounterDescriptor.
  fileprivate func describe(to counter: inout ProtobufWriter) {
    let (nanoseconds, count, bytes): (UInt64, UInt64, UInt64) = (1, 2, 3)
    func unit(_ unit: UInt64, times multiplier: Int64 = 1) {
      counter.field(3, unit)
      if multiplier > 1 { counter.field(4, multiplier) }
    }
    switch self {
    case .count: unit(count)
    case .bytes: unit(bytes)
    case .kibibytes: unit(bytes, times: 1024)
    case .sectors: unit(bytes, times: 512)
    case .nanoseconds: unit(nanoseconds)
    case .microseconds: unit(nanoseconds, times: 1000)
    case .milliseconds: unit(nanoseconds, times: 1_000_000)
    case .ticks: unit(nanoseconds, times: 10_000_000)
    case .pages, .kibibytesPerSecond: counter.field(6, rawValue)
    }
  }
}

/// What a record's line says, as debug annotations of an event: its members by their names.
enum Annotations {
  /// Appends the fields of an event.
  ///
  /// - Parameter known: members that the event shows elsewhere.
  static func write(_ line: JSON, without known: Set<String>, to event: inout ProtobufWriter) {
    for (name, value) in line.members ?? [] where !known.contains(name) {
      event.message(4) { write(name, value, to: &$0) }
    }
  }

  /// The fields of one DebugAnnotation; `null` has a name only.
  private static func write(_ name: String?, _ value: JSON, to annotation: inout ProtobufWriter) {
    if let name { annotation.field(10, name) }
    switch value {
    case .null: break
    case .bool(let value): annotation.field(2, value)
    case .int(let value): annotation.field(4, value)
    case .double(let value): annotation.field(5, value)
    case .string(let value): annotation.field(6, value)
    case .array(let elements):
      for element in elements { annotation.message(12) { write(nil, element, to: &$0) } }
    case .object(let members):
      for (name, value) in members { annotation.message(11) { write(name, value, to: &$0) } }
    }
  }
}

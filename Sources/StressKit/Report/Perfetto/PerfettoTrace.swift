// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// One trial as a Perfetto trace: counters as they were sampled, a slice for each interval that the record
/// has a line of, an instant for each single event. docs/perfetto.md says which is where.
///
/// Native protocol buffers and not JSON, which has no units and no 64-bit numbers.
package struct PerfettoTrace {
  private let record: RecordReader
  private var trace = TraceEventWriter()
  private var slices = SliceTracks()
  private var tasks: TraceTasks
  /// Of all tracks that belong to no process: in it they stand in their order.
  private let trial: UInt64
  private let machine: UInt64
  private let workers: UInt64

  package init(_ record: RecordReader) {
    self.record = record
    var trace = TraceEventWriter()
    let (name, description) = Self.title(record)
    trial = trace.track(name) { track in
      // EXPLICIT: by the children's ranks.
      track.field(11, 3 as UInt64)
      track.field(14, description)
    }
    machine = trace.group("kernel", below: trial, rank: 10)
    workers = trace.group("workers", below: trial, rank: 5)
    tasks = TraceTasks(record, unknown: machine)
    self.trace = trace
    addInstants()
    addCounters()
    addProgress()
    addOperations()
    addSpans()
    writeSlices()
  }

  private static func title(_ record: RecordReader) -> (name: String, description: String) {
    let header = record.first(HeaderLine.self)
    let label = header?.plan?.label ?? "trial"
    let number = header?.plan?.number.map { ", trial \($0)" } ?? ""
    let axes = (header?.plan?.axes?.members ?? []).map { "\($0.key) \($0.value)" }
    let ran = [header?.release, header?.accelerator].compactMap(\.self)
    let outcome = record.ending?.outcome ?? .harnessLost
    return (label + number, (axes + ran + [outcome.rawValue]).joined(separator: ", "))
  }

  /// A `Trace` message.
  package var bytes: [UInt8] { trace.out.bytes }

  // MARK: Counters

  /// Where a lane's column belongs.
  private static func group(of column: String) -> (name: String, rank: Int64) {
    let file = column.prefix { $0 != ":" }
    if file == "vmstat" { return ("vmstat", 6) }
    if file == "disk" || file.hasSuffix("bdi") || file.hasSuffix("wb_stats") {
      return ("device and writeback", 7)
    }
    if file.hasSuffix("pressure") || file.hasPrefix("pressure/") { return ("PSI", 4) }
    if file.contains("memory.") { return ("cgroup memory", 3) }
    return ("CPU", 8)
  }

  /// Each value where it is another than the one before: in between a counter stays as it was.
  private mutating func addCounters() {
    var groups: [String: UInt64] = [:]
    for lane in record.lanes {
      for (name, column) in zip(lane.names, lane.columns) {
        let (title, rank) = Self.group(of: name)
        let parent = groups[title] ?? trace.group(title, below: trial, rank: rank)
        groups[title] = parent
        let track = trace.counter(name, below: parent, CounterUnit(column: name))
        column.forEachRun { run, value in
          if let value { trace.value(value, on: track, at: lane.times[run.lowerBound]) }
        }
      }
    }
  }

  /// What each worker told of itself once a second.
  private mutating func addProgress() {
    let record = record
    let members: [(key: StaticString, name: String, unit: CounterUnit)] = [
      (ProgressLine.name(\.bytes), "bytes", .bytes),
      (ProgressLine.name(\.oldest), "oldest operation in flight", .nanoseconds),
    ]
    let subject = Subject(ProgressLine.self)
    var tracks: [String: UInt64] = [:]
    record.forEach(ProgressLine.self) { line in
      guard let worker = subject.worker(line), let time = line.time else { return }
      for (key, member, unit) in members {
        guard let value = line.int(key) else { continue }
        let name = "\(worker) \(member)"
        let track = tracks[name] ?? trace.counter(name, below: workers, unit)
        tracks[name] = track
        trace.value(value, on: track, at: time)
      }
    }
  }

  // MARK: Instants

  /// Lines that tell of one moment, by type: their track, and the member that is their name.
  private static let moments:
    [(type: any Line.Type, track: String, rank: Int64, name: StaticString?)] = [
      (OOMLine.self, "OOM killer", 0, nil), (OOMGroupKillLine.self, "OOM killer", 0, nil),
      (OOMWithoutKillLine.self, "OOM killer", 0, nil),
      (PhaseLine.self, "phase", 1, PhaseLine.name(\.name)),
      (MomentLine.self, "timeline", 2, MomentLine.name(\.what)),
      (MomentEndLine.self, "timeline", 2, MomentEndLine.name(\.what)),
      (DeviceLine.self, "timeline", 2, nil),
      (WorkerLine.self, "worker events", 5, WorkerLine.name(\.event)),
      (ExitLine.self, "worker events", 5, nil), (PinLine.self, "worker events", 5, nil),
      (StateLine.self, "worker events", 5, nil),
      (NoteLine.self, "worker events", 5, NoteLine.name(\.message)),
      (MemcgEventLine.self, "cgroup and PSI notices", 5, MemcgEventLine.name(\.file)),
      (CgroupEventLine.self, "cgroup and PSI notices", 5, nil),
      (PressureLine.self, "cgroup and PSI notices", 5, PressureLine.name(\.trigger)),
      (KmsgLine.self, "kernel log", 9, KmsgLine.name(\.text)),
    ]

  private mutating func addInstants() {
    let record = record
    var tracks: [String: UInt64] = [:]
    for (type, title, rank, member) in Self.moments where record.count(type) > 0 {
      let track = tracks[title] ?? trace.track(title, below: trial, rank: rank)
      tracks[title] = track
      record.forEach(type) { line in
        guard let time = line.time else { return }
        instant(line, member.flatMap { line.string($0) } ?? type.typeName, on: track, at: time)
      }
    }
    var events: [Int64: UInt64] = [:]
    let (kind, task) = (EventLine.name(\.of), EventLine.name(\.pid))
    record.forEach(EventLine.self) { line in
      guard let time = line.time else { return }
      let pid = line.int(task) ?? 0
      let track =
        events[pid] ?? trace.track("events", below: tasks.thread(pid, &trace))
      events[pid] = track
      instant(line, line.string(kind) ?? EventLine.typeName, on: track, at: time)
    }
  }

  private static let shownOfInstants = names(EventLine.name(\.of))

  private mutating func instant(
    _ line: RecordLine, _ name: String, on track: UInt64, at time: Int64
  ) {
    var annotations = ProtobufWriter()
    Annotations.write(line.json, without: Self.shownOfInstants, to: &annotations)
    trace.instant(name, on: track, at: time, annotations.bytes[...])
  }

  // MARK: Operations

  /// The members by which a line names its worker.
  private struct Subject {
    private let names: [StaticString]

    init<L: WorkersLine>(_: L.Type) {
      names = [L.name(\.stream), L.name(\.task), L.name(\.pinned)]
    }

    func worker(_ line: RecordLine) -> String? {
      for name in names { if let worker = line.string(name) { return worker } }
      return nil
    }
  }

  /// Names of members that a track or a slice shows elsewhere, with those of every line.
  private static func names(_ names: StaticString...) -> Set<String> {
    Set(([RecordLine.typeName, RecordLine.timeName] + names).map { "\($0)" })
  }

  /// Operations that the record has one by one; of those in flight at the end their age.
  private mutating func addOperations() {
    addOperations(
      SlowLine.self, start: SlowLine.name(\.start), length: SlowLine.name(\.latency),
      kind: SlowLine.name(\.kind), pid: SlowLine.name(\.pid), "")
    addOperations(
      InFlightLine.self, start: InFlightLine.name(\.start), length: InFlightLine.name(\.age),
      kind: InFlightLine.name(\.kind), pid: InFlightLine.name(\.pid), " in flight at the end")
  }

  private mutating func addOperations<L: WorkersLine>(
    _ type: L.Type, start: StaticString, length: StaticString, kind: StaticString,
    pid: StaticString, _ suffix: String
  ) {
    let record = record
    let subject = Subject(type)
    let shown = Self.names(start, SlowLine.name(\.latency), InFlightLine.name(\.age), kind)
    record.forEach(type) { line in
      guard let start = line.int(start), let time = line.int(length) else { return }
      let kind = line.string(kind) ?? type.typeName
      let pid = line.int(pid) ?? subject.worker(line).flatMap { tasks.pid(of: $0) }
      slices.add(
        kind + suffix, at: .init(pid: pid, name: "\(kind) operations", nests: false), start,
        start + time, line.json, without: shown)
    }
  }

  // MARK: Spans

  private static let tracks: [String: SpanTraits.Track] = {
    let known = TraceSpan.allCases.map { ($0.label, $0.traits.track) }
    // Of older records: all of reclaim's throttling.
    return Dictionary(uniqueKeysWithValues: known + [("reclaim-throttle", .sections)])
  }()

  private static func place(
    _ kind: String, _ line: RecordLine, pid: StaticString, owner: StaticString
  ) -> SliceTracks.Place {
    switch tracks[kind] {
    case .sections: .init(pid: line.int(pid), name: "kernel sections", nests: true)
    case .task: .init(pid: line.int(pid), name: kind, nests: false)
    case .owner: .init(pid: line.int(owner), name: kind, nests: false)
    case .machine, nil: .init(pid: nil, name: kind, nests: false)
    }
  }

  private mutating func addSpans() {
    let stacks = Self.stacks(record)
    addSpans(stacks)
    addOpenSpans(stacks)
  }

  private mutating func addSpans(_ stacks: [Int64: JSON]) {
    let record = record
    let (of, begin, length) = (
      SpanLine.name(\.of), SpanLine.name(\.start), SpanLine.name(\.length)
    )
    let (pid, owner, stack) = (
      SpanLine.name(\.pid), SpanLine.name(\.owner), "\(SpanLine.name(\.stack))"
    )
    let shown = Self.names(of, begin, length)
    record.forEach(SpanLine.self) { line in
      guard let kind = line.string(of), let start = line.int(begin), let time = line.int(length)
      else { return }
      slices.add(
        kind, at: Self.place(kind, line, pid: pid, owner: owner), start, start + time,
        Self.named(line.json, stack, stacks), without: shown)
    }
  }

  /// What had not ended is shown until the trace's end.
  private mutating func addOpenSpans(_ stacks: [Int64: JSON]) {
    let record = record
    let (of, begin, pid) = (OpenLine.name(\.of), OpenLine.name(\.start), OpenLine.name(\.pid))
    let (owner, stack) = (OpenLine.name(\.owner), "\(OpenLine.name(\.stack))")
    let shown = Self.names(of, begin, SpanLine.name(\.length))
    let until = record.last(TraceLine.self)?.until
      .flatMap { 0...LineHead.latest ~= $0 ? $0 : nil }
    record.forEach(OpenLine.self) { line in
      guard let kind = line.string(of), let start = line.int(begin) else { return }
      slices.add(
        "\(kind), not ended", at: Self.place(kind, line, pid: pid, owner: owner), start,
        max(start, until ?? line.time ?? start), Self.named(line.json, stack, stacks),
        without: shown)
    }
  }

  /// Functions by a stack's id; the last line of an id has their names.
  private static func stacks(_ record: RecordReader) -> [Int64: JSON] {
    let (number, frames) = (StackLine.name(\.id), StackLine.name(\.frames))
    let addresses = StackLine.name(\.addresses)
    var stacks: [Int64: JSON] = [:]
    record.forEach(StackLine.self) { line in
      if let id = line.int(number) { stacks[id] = line[frames] ?? line[addresses] }
    }
    return stacks
  }

  /// A line with its stack in place of the stack's id.
  ///
  /// - Parameter key: the member that has the id.
  private static func named(_ line: JSON, _ key: String, _ stacks: [Int64: JSON]) -> JSON {
    guard let id = line[key]?.int, let frames = stacks[id], let members = line.members else {
      return line
    }
    return .object(members.map { $0.key == key ? ($0.key, frames) : $0 })
  }

  private mutating func writeSlices() {
    for place in slices.places {
      let parent = place.pid.map { tasks.thread($0, &trace) } ?? machine
      slices.write(place, below: parent, to: &trace)
    }
  }
}

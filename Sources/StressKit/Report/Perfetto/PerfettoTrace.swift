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
    let header = record.first("header")
    let plan = header?["plan"]
    let label = plan?["label"]?.string ?? "trial"
    let number = plan?["number"]?.int.map { ", trial \($0)" } ?? ""
    let axes = (plan?["axes"]?.members ?? []).map { "\($0.key) \($0.value.string ?? "?")" }
    let ran = ["release", "accelerator"].compactMap { header?[$0]?.string }
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
      ("bytes", "bytes", .bytes), ("oldest", "oldest operation in flight", .nanoseconds),
    ]
    var tracks: [String: UInt64] = [:]
    record.forEach("progress") { line in
      guard let worker = Self.worker(line), let time = line.int("t") else { return }
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
  private static let moments: [(type: String, track: String, rank: Int64, name: StaticString?)] = [
    ("oom", "OOM killer", 0, nil), ("oom-group-kill", "OOM killer", 0, nil),
    ("oom-without-kill", "OOM killer", 0, nil), ("phase", "phase", 1, "name"),
    ("moment", "timeline", 2, "what"), ("moment-end", "timeline", 2, "what"),
    ("device", "timeline", 2, nil), ("worker", "worker events", 5, "event"),
    ("exit", "worker events", 5, nil), ("pin", "worker events", 5, nil),
    ("state", "worker events", 5, nil), ("note", "worker events", 5, "message"),
    ("memcg-event", "cgroup and PSI notices", 5, "file"),
    ("cgroup-event", "cgroup and PSI notices", 5, nil),
    ("psi", "cgroup and PSI notices", 5, "trigger"), ("kmsg", "kernel log", 9, "text"),
  ]

  private mutating func addInstants() {
    let record = record
    var tracks: [String: UInt64] = [:]
    for (type, title, rank, member) in Self.moments where record.count(type) > 0 {
      let track = tracks[title] ?? trace.track(title, below: trial, rank: rank)
      tracks[title] = track
      record.forEach(type) { line in
        guard let time = line.int("t") else { return }
        instant(line, member.flatMap { line.string($0) } ?? type, on: track, at: time)
      }
    }
    var events: [Int64: UInt64] = [:]
    record.forEach("event") { line in
      guard let time = line.int("t") else { return }
      let pid = line.int("pid") ?? 0
      let track =
        events[pid] ?? trace.track("events", below: tasks.thread(pid, &trace))
      events[pid] = track
      instant(line, line.string("of") ?? "event", on: track, at: time)
    }
  }

  private mutating func instant(
    _ line: RecordLine, _ name: String, on track: UInt64, at time: Int64
  ) {
    var annotations = ProtobufWriter()
    Annotations.write(line.json, without: ["type", "t", "of"], to: &annotations)
    trace.instant(name, on: track, at: time, annotations.bytes[...])
  }

  // MARK: Operations

  private static func worker(_ line: RecordLine) -> String? {
    line.string("stream") ?? line.string("task") ?? line.string("pinned") ?? line.string("worker")
  }

  /// Operations that the record has one by one; of those in flight at the end their age.
  private mutating func addOperations() {
    let record = record
    for (type, length) in [("slow", "latency"), ("in-flight", "age")] as [(String, StaticString)] {
      record.forEach(type) { line in
        guard let start = line.int("start"), let time = line.int(length) else { return }
        let kind = line.string("kind") ?? type
        let pid = line.int("pid") ?? Self.worker(line).flatMap { tasks.pid(of: $0) }
        let name = type == "slow" ? kind : "\(kind) in flight at the end"
        slices.add(
          name, at: .init(pid: pid, name: "\(kind) operations", nests: false), start, start + time,
          line.json, without: ["type", "t", "start", "latency", "age", "kind"])
      }
    }
  }

  // MARK: Spans

  /// Sections of a task's own code, which lie within each other.
  private static let sections: Set<String> = Set(
    ([
      .memcgReclaim, .directReclaim, .throttledWriteback, .throttledIsolated, .throttledNoprogress,
      .throttledCongested, .compaction, .migrate, .ext4Sync, .ext4Writepages, .jbd2Commit,
      .jbd2Buffer, .xfsGrant, .btrfsTicket, .oomReap, .ioWqRun, .kswapd, .balance, .kcompactd,
    ] as [TraceSpan]).map(\.label) + ["reclaim-throttle"])

  /// Of the device and of inodes belong to no task: who ends one has nothing to do with it.
  private static func place(_ kind: String, _ line: RecordLine) -> SliceTracks.Place {
    if sections.contains(kind) {
      return .init(pid: line.int("pid"), name: "kernel sections", nests: true)
    }
    switch kind {
    case TraceSpan.offCPU.label, TraceSpan.dirtyThrottle.label:
      return .init(pid: line.int("pid"), name: kind, nests: false)
    case TraceSpan.ioWqQueue.label:
      return .init(pid: line.int("owner"), name: kind, nests: false)
    default: return .init(pid: nil, name: kind, nests: false)
    }
  }

  private mutating func addSpans() {
    let record = record
    let stacks = Self.stacks(record)
    let known: Set<String> = ["type", "t", "of", "start", "ns"]
    record.forEach("span") { line in
      guard let kind = line.string("of"), let start = line.int("start"), let time = line.int("ns")
      else { return }
      let place = Self.place(kind, line)
      slices.add(
        kind, at: place, start, start + time, Self.named(line.json, stacks), without: known)
    }
    // What had not ended is shown until the trace's end.
    let until = record.last("trace")?["until"]?.int.flatMap { 0...LineHead.latest ~= $0 ? $0 : nil }
    record.forEach("open") { line in
      guard let kind = line.string("of"), let start = line.int("start") else { return }
      let end = max(start, until ?? line.int("t") ?? start)
      slices.add(
        "\(kind), not ended", at: Self.place(kind, line), start, end, Self.named(line.json, stacks),
        without: known)
    }
  }

  /// Functions by a stack's id; the last line of an id has their names.
  private static func stacks(_ record: RecordReader) -> [Int64: JSON] {
    var stacks: [Int64: JSON] = [:]
    record.forEach("stack") { line in
      if let id = line.int("id") { stacks[id] = line["frames"] ?? line["addresses"] }
    }
    return stacks
  }

  /// A line with its stack in place of the stack's id.
  private static func named(_ line: JSON, _ stacks: [Int64: JSON]) -> JSON {
    guard let id = line["stack"]?.int, let frames = stacks[id], let members = line.members else {
      return line
    }
    return .object(members.map { $0.key == "stack" ? ($0.key, frames) : $0 })
  }

  private mutating func writeSlices() {
    for place in slices.places {
      let parent = place.pid.map { tasks.thread($0, &trace) } ?? machine
      slices.write(place, below: parent, to: &trace)
    }
  }
}

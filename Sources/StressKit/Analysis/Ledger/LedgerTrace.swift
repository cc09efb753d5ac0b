// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What a record tells of where its tasks were: the lines that a ledger needs, without their JSON.
struct LedgerTrace {
  /// A task was off its CPU. Times are CLOCK_BOOTTIME, ns.
  struct Wait {
    var pid: Int64
    var start: Int64
    /// It could run again: `start` when it was preempted, `end` when its wakeup was not seen.
    var awake: Int64
    /// It ran again; nil: not before the trace's end.
    var end: Int64?
    /// Of `stacks`; nil: not told.
    var stack: Int32?
  }

  /// A task was in a part of the kernel that says so itself.
  struct Section {
    var pid: Int64
    var start: Int64
    var end: Int64
    var cause: StallCause
  }

  /// A request of io_uring was queued for a worker, or run by it.
  struct Work {
    enum Stage: UInt8 { case queued, running }
    var owner: Int64
    var operation: Int64
    var start: Int64
    /// nil: no worker has taken it, or it has not ended.
    var worker: Int64?
    /// nil: not before the trace's end.
    var end: Int64?
    var stage: Stage
  }

  /// Waits of a task that ended within a second and have no line of their own.
  struct Unlisted {
    var pid: Int64
    /// From the beginning of this second, ns.
    var second: Int64
    /// ns.
    var sum: Int64
  }

  struct Stack {
    /// Innermost first.
    var frames: [String]
    var cause: StallCause?
  }

  private(set) var waits: [Wait] = []
  private(set) var sections: [Section] = []
  private(set) var works: [Work] = []
  private(set) var unlisted: [Unlisted] = []
  private(set) var stacks: [Stack] = []
  /// When tasks died, by pid; an io_uring worker dies with its submitter.
  private(set) var deaths: [Int64: Int64] = [:]
  /// Cgroups of the trial's tasks, by pid.
  private(set) var groups: [Int64: String] = [:]
  /// What the trace covers.
  private(set) var range: Range<Int64> = 0..<0
  /// Whether nothing was lost, so that a task without a wait was running.
  private(set) var isWhole = false

  static let second: Int64 = 1_000_000_000

  /// Of a record, what leaves lines out that might tell of a wait.
  private static let losses: [RecordDefects.Kind] = [
    .torn, .wrongTime, .tooLong, .missingLine, .lostLine, .shrunk,
  ]

  init(_ record: RecordReader) {
    readStacks(record)
    // Open: what had not ended when the trace did.
    readSpans(record, isOpen: false)
    readSpans(record, isOpen: true)
    record.forEach(UnlistedLine.self) { line in
      let found = line.ints(Self.unlistedNames)
      guard let pid = found[0], let time = found[1], time >= 0, let sum = found[2], sum > 0
      else { return }
      unlisted.append(Unlisted(pid: pid, second: time - Self.second, sum: sum))
    }
    for line in record.lines(ExitLine.self) {
      if let pid = line.pid, let time = line.t { deaths[pid] = time }
    }
    for line in record.lines(TaskLine.self) {
      if let pid = line.pid, let group = line.cgroup { groups[pid] = group }
    }
    readRange(record)
    for work in works {
      if let worker = work.worker, let death = deaths[work.owner] { deaths[worker] = death }
    }
    waits.sort { ($0.pid, $0.start) < ($1.pid, $1.start) }
    sections.sort { ($0.pid, $0.start) < ($1.pid, $1.start) }
    unlisted.sort { ($0.pid, $0.second) < ($1.pid, $1.second) }
    // A line that a damaged record has twice counts once.
    unlisted = unlisted.indices.compactMap { i in
      let (line, next) = (unlisted[i], i + 1 < unlisted.count ? unlisted[i + 1] : nil)
      return line.pid == next?.pid && line.second == next?.second ? nil : line
    }
  }

  /// Gives away the works, of which an hour has hundreds of thousands.
  mutating func takeWorks() -> [Work] {
    defer { works = [] }
    return works
  }

  private mutating func readStacks(_ record: RecordReader) {
    for line in record.lines(StackLine.self) {
      guard let id = line.id, 0..<(1 << 20) ~= id, let frames = line.frames ?? line.addresses
      else { continue }
      // The last line of an id counts: the first has no names yet.
      let nothing = Stack(frames: [], cause: nil)
      while stacks.count <= id { stacks.append(nothing) }
      stacks[Int(id)] = Stack(frames: frames, cause: WaitChannels.cause(of: frames))
    }
  }

  // Those of a `span`; what an `open` has of them is called the same there.
  private static let waitNames: InlineArray<5, StaticString> = [
    SpanLine.name(\.start), SpanLine.name(\.length), SpanLine.name(\.pid),
    SpanLine.name(\.woken), SpanLine.name(\.stack),
  ]
  private static let workNames: InlineArray<5, StaticString> = [
    SpanLine.name(\.start), SpanLine.name(\.length), SpanLine.name(\.owner),
    SpanLine.name(\.op), SpanLine.name(\.pid),
  ]
  private static let sectionNames: InlineArray<3, StaticString> = [
    SpanLine.name(\.start), SpanLine.name(\.length), SpanLine.name(\.pid),
  ]
  private static let state = SpanLine.name(\.state)
  private static let unlistedNames: InlineArray<3, StaticString> = [
    UnlistedLine.name(\.pid), RecordLine.timeName, UnlistedLine.name(\.offCPU),
  ]

  private mutating func readSpans(_ record: RecordReader, isOpen: Bool) {
    let type: any Line.Type = isOpen ? OpenLine.self : SpanLine.self
    // Grown step by step, they would take twice the memory for a moment.
    waits.reserveCapacity(waits.count + record.count(type, of: TraceSpan.offCPU.label))
    let stages = [TraceSpan.ioWqQueue, .ioWqRun].map { record.count(type, of: $0.label) }
    works.reserveCapacity(works.count + stages.reduce(0, +))
    let spans = TraceSpan.allCases
    let causes = spans.map(\.traits.cause)
    record.forEach(type, ofEach: spans.map(\.label)) { number, line in
      switch spans[number] {
      case .offCPU: takeWait(line, isOpen)
      case .ioWqQueue: takeWork(line, .queued, isOpen)
      case .ioWqRun: takeWork(line, .running, isOpen)
      default:
        // Sections that have not ended have no task in the record.
        if !isOpen, let cause = causes[number] { takeSection(line, cause) }
      }
    }
  }

  private mutating func takeSection(_ line: RecordLine, _ cause: StallCause) {
    let found = line.ints(Self.sectionNames)
    guard let (start, end) = Self.times(found[0], found[1], false), let end, let pid = found[2]
    else { return }
    sections.append(Section(pid: pid, start: start, end: end, cause: cause))
  }

  /// Of a span, the end nil when it is open. nil: not those of a span.
  private static func times(
    _ start: Int64?, _ length: Int64?, _ isOpen: Bool
  ) -> (start: Int64, end: Int64?)? {
    guard let start, start >= 0 else { return nil }
    if isOpen { return (start, nil) }
    guard let length, length >= 0, length <= .max - start else { return nil }
    return (start, start + length)
  }

  private mutating func takeWait(_ line: RecordLine, _ isOpen: Bool) {
    let found = line.ints(Self.waitNames)
    guard let (start, end) = Self.times(found[0], found[1], isOpen), let pid = found[2] else {
      return
    }
    // Without a wakeup it was preempted, or the wakeup was not seen.
    let woken = found[3].map { start + min(max(0, $0), (end ?? .max) - start) }
    let awake = woken ?? (line.has(Self.state, "R") ? start : end ?? .max)
    let stack = found[4].flatMap { stacks.indices ~= Int($0) ? Int32($0) : nil }
    waits.append(Wait(pid: pid, start: start, awake: awake, end: end, stack: stack))
  }

  private mutating func takeWork(_ line: RecordLine, _ stage: Work.Stage, _ isOpen: Bool) {
    let found = line.ints(Self.workNames)
    guard let (start, end) = Self.times(found[0], found[1], isOpen), let owner = found[2],
      let operation = found[3]
    else { return }
    works.append(
      Work(
        owner: owner, operation: operation, start: start, worker: found[4], end: end, stage: stage))
  }

  private mutating func readRange(_ record: RecordReader) {
    if let trace = record.last(TraceLine.self), let from = trace.from, let until = trace.until,
      from <= until
    {
      range = from..<until
      let health = TraceHealth(record)
      let defects = record.defects
      isWhole =
        health?.failure == nil && health?.lostRecords == 0 && health?.dropped == 0
        && Self.losses.allSatisfy { defects[$0] == 0 }
      return
    }
    // The trial died before it could say what was lost.
    let ends = waits.map { $0.end ?? $0.start } + sections.map(\.end)
    let starts = waits.map(\.start) + sections.map(\.start)
    if let first = starts.min(), let last = ends.max() { range = first..<last }
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import Synchronization

/// A flight recorder's lines: kept in memory, the oldest forgotten, until something happens; then what was before it
/// and what comes after goes to a record of its own.
///
/// What a record cannot be understood without (columns, environment, who the tasks are, stacks) is kept apart, for as
/// long as the ring is. Lines come from one thread; any other may ask for a record, and whether one is being written.
package final class FlightRing: RecordStore, @unchecked Sendable {
  /// What makes it begin a record.
  package struct Trigger: Sendable, Equatable {
    /// Short and stable: `oom`, `stall`, `psi`.
    package var reason: String
    package var message: String
    package init(_ reason: String, _ message: String) {
      self.reason = reason
      self.message = message
    }
  }

  /// How long and how much is kept.
  package struct Limits: Sendable, Equatable {
    /// Before a trigger, ns.
    package var before: UInt64
    /// After it, ns.
    package var after: UInt64
    /// Bytes of lines in memory.
    package var memory: Int
    /// Of a task in uninterruptible sleep, or in a part of the kernel that holds tasks up, ns; nil: no trigger.
    package var stall: UInt64?
    package var oom: Bool
    package init(before: UInt64, after: UInt64, memory: Int, stall: UInt64?, oom: Bool) {
      (self.before, self.after, self.memory) = (before, after, memory)
      (self.stall, self.oom) = (stall, oom)
    }
  }

  /// Of what tells who the tasks are, bytes.
  private static let tasksSize = 4 << 20
  /// Other lines that are kept apart at most: stacks, for the most part, of which the trace's table has fewer.
  private static let mostFrames = 1 << 14

  private struct Request {
    /// nil: nobody asks for a record.
    var trigger: Trigger?
    /// Of the record that is being written, CLOCK_BOOTTIME in ns; nil: none is.
    var deadline: UInt64?
  }

  private let limits: Limits
  /// Makes a record with its header; nil: there shall be none.
  private let open: (Trigger) -> RecordSink?
  /// Told of a record that is whole, or of why it is not.
  private let closed: (Ending, HarnessError?) -> Void

  private let request = Mutex(Request())
  private let written = Atomic<UInt64>(0)
  private var recent: LineRing
  private var tasks: LineRing
  private var frames: [[UInt8]] = []
  private var places: [String: Int] = [:]
  private var sink: RecordSink?
  private var trigger: Trigger?
  private var hasKill = false

  package init(
    _ limits: Limits, open: @escaping (Trigger) -> RecordSink?,
    closed: @escaping (Ending, HarnessError?) -> Void
  ) {
    self.limits = limits
    self.open = open
    self.closed = closed
    recent = LineRing(capacity: limits.memory)
    tasks = LineRing(capacity: Self.tasksSize)
  }

  /// Asks for a record of now.
  package func ask(_ trigger: Trigger) {
    request.withLock { if $0.trigger == nil, $0.deadline == nil { $0.trigger = trigger } }
  }

  /// When the record that is being written is to end, CLOCK_BOOTTIME in ns; nil: none is being written.
  package var deadline: UInt64? { request.withLock { $0.deadline } }

  package var bytesWritten: UInt64 { written.load(ordering: .relaxed) }

  package func retry(at now: UInt64) {
    if sink == nil, let asked = request.withLock({ $0.trigger }) { begin(asked, at: now) }
    sink?.retry(at: now)
    recent.remove(before: now - min(now, limits.before))
  }

  package func write(_ lines: UnsafeRawBufferPointer) {
    RecordFile.forEachLine(lines) { take($0) }
  }

  /// Ends the record that is being written, if one is, before its time.
  package func finish() { end() }

  // MARK: Lines

  private static let phase = "\(PhaseLine.type)"
  private static let kills = "\(KillsLine.type)"
  private static let task = "\(TaskLine.type)"
  private static let span = "\(SpanLine.type)"
  private static let oom = "\(OOMLine.type)"
  private static let columns = "\(ColumnsLine.type)"
  private static let stack = "\(StackLine.type)"
  private static let snapshot = "\(SnapshotLine.type)"
  private static let laneName = ColumnsLine.name(\.lane)
  private static let idName = StackLine.name(\.id)
  private static let fileName = SnapshotLine.name(\.file)
  private static let single: Set<String> = [
    "\(EnvironmentLine.type)", "\(TraceStartLine.type)", "\(ClockLine.type)",
  ]

  private func take(_ line: UnsafeRawBufferPointer) {
    let time = RecordFile.time(of: line) ?? cl_boottime()
    if RecordFile.isSample(line) { return keep(line, at: time) }
    let type = RecordFile.type(of: line)
    if let key = Self.frameKey(type, line) {
      frame(line, key)
      if sink == nil { return }
    } else if type == Self.task {
      tasks.append(line, at: time)
      if sink == nil { return }
    }
    // Of a record that is being written its own phases are told.
    if sink == nil, type == Self.phase || type == Self.kills { return }
    if sink == nil, let trigger = trigger(type, line) { begin(trigger, at: cl_boottime()) }
    if type == Self.oom { hasKill = true }
    keep(line, at: time)
    if type == Self.kills { end() }
  }

  /// Into the record, or the ring.
  private func keep(_ line: UnsafeRawBufferPointer, at time: UInt64) {
    guard let sink else { return recent.append(line, at: time) }
    sink.write(line)
    written.add(UInt64(line.count), ordering: .relaxed)
  }

  /// Names a line that is kept apart, and that a later one of the same name takes the place of.
  private static func frameKey(_ type: String, _ line: UnsafeRawBufferPointer) -> String? {
    var record: RecordLine { RecordLine(line.bindMemory(to: UInt8.self)) }
    return switch type {
    case columns: "columns " + (record.string(laneName) ?? "")
    case stack: "stack \(record.int(idName) ?? 0)"
    case snapshot: "snapshot " + (record.string(fileName) ?? "")
    default: single.contains(type) ? type : nil
    }
  }

  private func frame(_ line: UnsafeRawBufferPointer, _ key: String) {
    if let place = places[key] {
      frames[place] = Array(line)
    } else if frames.count < Self.mostFrames {
      places[key] = frames.count
      frames.append(Array(line))
    }
  }

  // MARK: Triggers

  private static let ofName = SpanLine.name(\.of)
  private static let stateName = SpanLine.name(\.state)
  private static let stallNames: InlineArray<2, StaticString> = [
    SpanLine.name(\.length), SpanLine.name(\.pid),
  ]

  private func trigger(_ type: String, _ line: UnsafeRawBufferPointer) -> Trigger? {
    if limits.oom, type == Self.oom { return Trigger("oom", "the kernel's OOM killer ran") }
    guard let stall = limits.stall, type == Self.span else { return nil }
    let record = RecordLine(line.bindMemory(to: UInt8.self))
    let found = record.ints(Self.stallNames)
    guard let length = found[0], length >= Int64(clamping: stall),
      let of = record.string(Self.ofName), Self.isStall(of, record)
    else { return nil }
    let task = found[1].map { " of pid \($0)" } ?? ""
    // As in 2134ms.
    let time = Units.durationText(UInt64(length) / 1_000_000 * 1_000_000)
    return Trigger("stall", "\(of)\(task) took \(time)")
  }

  /// Sleep that a signal ends is what an idle service does.
  private static func isStall(_ of: String, _ record: RecordLine) -> Bool {
    if of == TraceSpan.offCPU.label { return record.has(stateName, "D") }
    return TraceSpan.allCases.first { $0.label == of }?.isStall ?? false
  }

  // MARK: Records

  private func begin(_ trigger: Trigger, at now: UInt64) {
    guard let sink = open(trigger) else {
      // Passed over: until the next one.
      request.withLock { $0.trigger = nil }
      return
    }
    self.sink = sink
    self.trigger = trigger
    hasKill = false
    request.withLock { $0 = Request(deadline: now + limits.after) }
    for frame in frames { frame.withUnsafeBytes { sink.write($0) } }
    tasks.visit { sink.write($0) }
    var phase = PhaseLine()
    phase.t = Int64(clamping: min(recent.firstTime ?? now, now))
    phase.name = .stream
    sink.emit(phase)
    if recent.overwritten > 0 {
      let kept = Units.durationText(
        (now - min(recent.firstTime ?? now, now)) / Self.second * Self.second)
      var note = NoteLine(
        "no more than \(kept) before the trigger fit into \(Units.sizeText(UInt64(limits.memory)))")
      note.t = Int64(clamping: now)
      sink.emit(note)
    }
    recent.visit { sink.write($0) }
    recent.removeAll()
  }

  private static let second: UInt64 = 1_000_000_000

  private func end() {
    guard let sink, let trigger else { return }
    self.sink = nil
    self.trigger = nil
    let ending = Ending(
      hasKill ? .oom : .completed, reason: trigger.reason, message: trigger.message)
    sink.emit(EndLine(ending))
    var failure: HarnessError?
    do throws(HarnessError) { try sink.finish() } catch { failure = error }
    request.withLock { $0.deadline = nil }
    closed(ending, failure)
  }
}

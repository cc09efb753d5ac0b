// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import Synchronization

/// What is told to the record as it comes, by the record's own thread.
package protocol RecordSource: AnyObject, Sendable {
  /// Tells what there is; `last`: nothing comes after.
  func tell(last: Bool)
}

/// A lane whose readings the record's thread takes away.
package protocol SampleSource: AnyObject, Sendable {
  var lane: String { get }
  /// Between two readings, ns.
  var interval: UInt64 { get }
  /// Of its columns.
  var names: [String] { get }

  /// Hands over the readings that were not taken yet: the time (CLOCK_BOOTTIME, ns), then a value a name.
  func drain(_ body: (Slice<UnsafeMutableBufferPointer<Int64>>) -> Void)
}

/// Writes the record: JSON Lines, each line one write(2), append only.
///
/// Samples come out of their lanes' rings and events out of a queue; one thread formats and writes both,
/// so that neither a slow reader of the record nor the formatting holds up a sampler.
package final class RecordWriter: @unchecked Sendable {
  /// Between two looks at the queue, ns. An event that comes after a longer silence is written at once.
  private static let pause: UInt64 = 20_000_000
  /// The same while no event comes and there is no source, whose rings are shorter than the lanes': each
  /// look costs more than formatting what the lanes have sampled meanwhile.
  private static let quietPause: UInt64 = 100_000_000
  /// With nothing else to say, a line this often tells the host that the supervisor lives, ns.
  package static let heartbeat: UInt64 = 1_000_000_000

  /// Of what is queued, bytes at most: a reader may be away for long, but not for ever.
  package static let queueSize = 8 << 20

  private struct Queue {
    var lines: [[UInt8]] = []
    /// Of all `lines`.
    var bytes = 0
    /// Since the queue was last looked at.
    var overflow: RecordOutage?
  }

  private let sink: any RecordStore
  private let queue = Mutex(Queue())
  private let lanes = Mutex<[any SampleSource]>([])
  private let sources = Mutex<[any RecordSource]>([])
  private let stopping = Atomic<Bool>(false)
  private let bell = Doorbell()
  /// Lines queued so far.
  private let emitted = Atomic<UInt64>(0)
  private var thread: Thread?

  /// - Parameter sink: where the lines go; from `start` to `finish` the writer's alone.
  package init(_ sink: any RecordStore) { self.sink = sink }

  /// - Parameter port: of a guest's, or a pipe; it stays open as long as the writer.
  package convenience init(_ port: consuming Descriptor) { self.init(RecordSink(port: port)) }

  package func start() throws(HarnessError) {
    thread = try Thread("wb-record") { [self] in loop() }
  }

  /// Queues one line.
  ///
  /// - Parameters:
  ///   - time: CLOCK_BOOTTIME, ns; nil: now.
  ///   - fill: sets its members.
  package func emit<L: Line>(
    _ type: L.Type, at time: UInt64? = nil, _ fill: (inout L) -> Void = { _ in }
  ) {
    var line = L()
    fill(&line)
    emit(line, at: time)
  }

  package func emit<L: Line>(_ line: L, at time: UInt64? = nil) {
    let time = time ?? cl_boottime()
    var line = line
    line.t = Int64(clamping: time)
    let type = L.typeName
    let bytes = line.bytes
    emitted.add(1, ordering: .relaxed)
    queue.withLock { queue in
      let worth = RecordWorth(type)
      if worth.admits(bytes.count, used: queue.bytes, capacity: Self.queueSize) {
        queue.bytes += bytes.count
        queue.lines.append(bytes)
      } else {
        if queue.overflow == nil { queue.overflow = RecordOutage(why: "queue") }
        queue.overflow?.lose(type, at: time)
      }
    }
    bell.ring()
  }

  /// Tells how many lines there are until then, itself included, samples aside: what is lost of them later
  /// shows.
  package func emitCount() {
    emit(WrittenLine.self) {
      $0.lines = Int64(clamping: emitted.load(ordering: .relaxed) + 1)
    }
  }

  /// Adds a lane: its `columns` line now, its samples as they come.
  package func add(_ lane: any SampleSource) {
    emit(ColumnsLine.self) {
      $0.lane = lane.lane
      $0.interval = Int64(clamping: lane.interval)
      $0.names = lane.names
    }
    lanes.withLock { $0.append(lane) }
  }

  /// Adds a source, which is asked whenever the queue is looked at.
  package func add(_ source: any RecordSource) { sources.withLock { $0.append(source) } }

  /// Takes a source away after it has told its last.
  package func remove(_ source: any RecordSource) {
    // Under the lock, which the record's thread holds while it asks: never both at once.
    sources.withLock { all in
      all.removeAll { $0 === source }
      source.tell(last: true)
    }
  }

  /// Writes what is still queued and ends the thread.
  package func finish() {
    stopping.store(true, ordering: .releasing)
    bell.ring()
    thread?.join()
    thread = nil
  }

  /// Bytes that have gone out.
  package var bytesWritten: UInt64 { sink.bytesWritten }

  private func loop() {
    var lastLine = cl_boottime()
    var buffer: [UInt8] = []
    buffer.reserveCapacity(64 << 10)
    while true {
      let last = stopping.load(ordering: .acquiring)
      var wrote = false
      let isQuiet = sources.withLock { all in
        for source in all { source.tell(last: last) }
        return all.isEmpty
      }
      let events = queue.withLock { queue in
        let taken = queue
        queue = Queue()
        return taken
      }
      for line in events.lines { write(line) }
      if let overflow = events.overflow { write(overflow.line) }
      if !events.lines.isEmpty { wrote = true }
      for lane in lanes.withLock({ $0 }) {
        lane.drain { values in
          Self.format(lane, values, to: &buffer)
          write(buffer)
          wrote = true
        }
      }
      let now = cl_boottime()
      sink.retry(at: now)
      if wrote {
        lastLine = now
      } else if now - lastLine >= Self.heartbeat {
        emit(AliveLine.self)
      }
      if last { return }
      bell.wait(atMost: isQuiet ? Self.quietPause : Self.pause)
      cl_sleep_until(now + Self.pause)
    }
  }

  /// Into a buffer of the caller's: access to a member would be checked anew for each number.
  private static func format(
    _ lane: any SampleSource, _ values: Slice<UnsafeMutableBufferPointer<Int64>>,
    to buffer: inout [UInt8]
  ) {
    buffer.removeAll(keepingCapacity: true)
    buffer.append(contentsOf: "{\"type\":\"sample\",\"t\":".utf8)
    JSON.write(values[values.startIndex], to: &buffer)
    buffer.append(contentsOf: ",\"lane\":\"".utf8)
    buffer.append(contentsOf: lane.lane.utf8)
    buffer.append(contentsOf: "\",\"v\":[".utf8)
    var isFirst = true
    for value in values.dropFirst() {
      if !isFirst { buffer.append(0x2c) }
      isFirst = false
      if value == SampleLine.unknown {
        buffer.append(contentsOf: "null".utf8)
      } else {
        JSON.write(value, to: &buffer)
      }
    }
    buffer.append(contentsOf: "]}\n".utf8)
  }

  private func write(_ line: [UInt8]) { line.withUnsafeBytes { sink.write($0) } }
}

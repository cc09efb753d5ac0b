// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What the limited cgroup of a trial, or a watched one, did to memory and disk: what an imitation is made of, and what
/// it is held against. nil: the record does not tell.
package struct WorkloadFigures: Sendable {
  /// How the writing was spread over time.
  package struct Bursts: Sendable, Equatable {
    /// Of the intervals, those in which more than a tenth of the fastest one's was written, 0 to 1.
    package var share: Double
    /// Length of such intervals in a row, mean, s.
    package var length: Double
    package var count: Int
    /// While it wrote, bytes per s.
    package var rate: Double
  }

  /// s.
  package private(set) var time: Double
  /// Medians over time, bytes: anonymous memory with what of it is in swap, locked memory, shared memory.
  package private(set) var anon: Double?
  package private(set) var locked: Double?
  package private(set) var shmem: Double?
  /// Bytes per s.
  package private(set) var written: Double?
  package private(set) var read: Double?
  package private(set) var bursts: Bursts?
  /// Calls of fsync(2) that the trace saw of its tasks, on ext4; per s.
  package private(set) var syncs: Double?
  /// Dirty and under writeback on the whole machine, median over time, bytes.
  package private(set) var dirty: Double?
  /// What all disks were written to in the fastest second, bytes per s.
  package private(set) var diskPeak: Double?
  /// Share of the time, 0 to 1.
  package private(set) var memorySome: Double?
  package private(set) var memoryFull: Double?
  package private(set) var ioSome: Double?
  package private(set) var ioFull: Double?
  /// Of its tasks in uninterruptible sleep, at least 0.1 ms each; s.
  package private(set) var waits: OrderedSample?

  /// - Throws: when it did not run to an end (code usage).
  package static func of(
    _ record: RecordReader, _ summary: TrialSummary, name: String
  ) throws(HarnessError) -> WorkloadFigures {
    guard let window = record.streamTime, window.upperBound > window.lowerBound else {
      throw HarnessError(.usage, name, "has no beginning and end: it tells no rates")
    }
    return WorkloadFigures(record, summary, window)
  }

  private init(_ record: RecordReader, _ summary: TrialSummary, _ window: ClosedRange<Int64>) {
    time = Double(window.upperBound - window.lowerBound) / 1e9
    let group = record.limitedGroup
    readProcesses(record, group)
    if written == nil {
      written = summary.throughput
      read = summary.readThroughput
    }
    let page = Double(RecordReader.pageSize(record.first(EnvironmentLine.self)?.pageSize))
    readMachine(record, window, page)
    func share(_ stalled: Double?) -> Double? { stalled.map { $0 / 1e9 / time } }
    memorySome = share(summary.memoryPressure?.some)
    memoryFull = share(summary.memoryPressure?.full)
    ioSome = share(summary.ioPressure?.some)
    ioFull = share(summary.ioPressure?.full)
    readTasks(record, group, summary)
  }

  private mutating func readProcesses(_ record: RecordReader, _ group: String) {
    let lines = record.lines(ProcessesLine.self).filter { $0.cgroup == group }
    guard lines.count > 1, let first = lines.first, let last = lines.last else { return }
    func median(_ value: (ProcessesLine) -> Int64?) -> Double? {
      OrderedSample(lines.compactMap(value).map(Double.init)).median
    }
    anon = median { line in line.anon.map { $0 + (line.swap ?? 0) } }
    locked = median(\.locked)
    shmem = median(\.shmem)
    guard let from = first.t, let until = last.t, from < until else { return }
    let seconds = Double(until - from) / 1e9
    func rate(_ value: (ProcessesLine) -> Int64?) -> Double? {
      guard let a = value(first), let b = value(last), a <= b else { return nil }
      return Double(b - a) / seconds
    }
    written = rate(\.written)
    read = rate(\.read)
    bursts = Self.bursts(lines)
  }

  private static func bursts(_ lines: [ProcessesLine]) -> Bursts? {
    let intervals = zip(lines, lines.dropFirst()).compactMap {
      before, after -> (seconds: Double, bytes: Double)? in
      guard let start = before.t, let end = after.t, start < end, let a = before.written,
        let b = after.written, a <= b
      else { return nil }
      return (Double(end - start) / 1e9, Double(b - a))
    }
    guard let fastest = intervals.map({ $0.bytes / $0.seconds }).max(), fastest > 0 else {
      return nil
    }
    var (count, active, bytes, total, isIn) = (0, 0.0, 0.0, 0.0, false)
    for interval in intervals {
      total += interval.seconds
      let writes = interval.bytes / interval.seconds > fastest / 10
      if writes {
        if !isIn { count += 1 }
        active += interval.seconds
        bytes += interval.bytes
      }
      isIn = writes
    }
    return Bursts(
      share: active / total, length: active / Double(count), count: count, rate: bytes / active)
  }

  private mutating func readMachine(
    _ record: RecordReader, _ window: ClosedRange<Int64>, _ page: Double
  ) {
    guard let lane = record.lane("slow") else { return }
    func values(_ name: String) -> [(time: Int64, value: Double)]? {
      lane.column(name).map { column in
        zip(lane.times, column.values).compactMap { time, value in
          window.contains(time) ? value.map { (time, Double($0)) } : nil
        }
      }
    }
    if let dirty = values("vmstat:nr_dirty"), let writeback = values("vmstat:nr_writeback"),
      dirty.count == writeback.count
    {
      self.dirty = OrderedSample(zip(dirty, writeback).map { ($0.value + $1.value) * page }).median
    }
    // pgpgout counts in KiB, over at least a second.
    guard let out = values("vmstat:pgpgout") else { return }
    var start = 0
    for end in out.indices {
      while start + 1 < end, out[end].time - out[start + 1].time >= 1_000_000_000 { start += 1 }
      let time = Double(out[end].time - out[start].time) / 1e9
      if time >= 1 {
        diskPeak = max(diskPeak ?? 0, (out[end].value - out[start].value) * 1024 / time)
      }
    }
  }

  private mutating func readTasks(
    _ record: RecordReader, _ group: String, _ summary: TrialSummary
  ) {
    guard let trace = summary.trace else { return }
    var own: Set<Int64> = []
    for line in record.lines(TaskLine.self) {
      guard let pid = line.pid, let cgroup = line.cgroup else { continue }
      if cgroup == group || cgroup.hasPrefix(group + "/") { own.insert(pid) }
    }
    func spans(_ span: TraceSpan, _ body: (RecordLine, Int64) -> Void) {
      let names: InlineArray<2, StaticString> = [SpanLine.name(\.pid), SpanLine.name(\.length)]
      record.forEach(SpanLine.self, of: span.label) { line in
        let found = line.ints(names)
        if let pid = found[0], own.contains(pid), let length = found[1] { body(line, length) }
      }
    }
    if trace.saw(.schedSwitch) {
      var all: [Double] = []
      spans(.offCPU) { line, length in
        if line.has(SpanLine.name(\.state), "D") { all.append(Double(length) / 1e9) }
      }
      waits = OrderedSample(all)
    }
    if trace.saw(.ext4SyncEnter) {
      var count = 0
      spans(.ext4Sync) { _, _ in count += 1 }
      if count > 0 { syncs = Double(count) / time }
    }
  }
}

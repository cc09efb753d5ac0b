// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord
import Synchronization

/// Tells the record what the trace's digest has: each interval in the histogram of its second, those that
/// matter one by one, and who the tasks are.
///
/// Runs on the record's thread, which may allocate.
final class TraceRecorder: @unchecked Sendable, RecordSource {
  /// An interval in which a task of the trial waited is told by itself from this on, ns: many short ones
  /// make a long stall.
  static let shortestStall: UInt64 = 100_000
  /// Lines of one kind in a second; what is beyond is in the histograms and counted.
  static let mostLines = 500
  /// Between looks at cgroup.threads, ns.
  private static let threadsInterval: UInt64 = 100_000_000

  /// A histogram series, in a box: it cannot be copied into a dictionary.
  private final class Series {
    var series: LatencySeries
    init(_ span: TraceSpan, _ place: CallPlaces.Place?, _ record: RecordWriter) {
      series = LatencySeries(
        of: span.label, worker: place?.command, mount: place?.mount,
        capacity: TraceRecorder.seriesCapacity, record)
    }
  }

  private static let seriesCapacity = 2048
  /// Histograms of calls, which there is one of for each command and mount; of what is beyond the mounts are not told
  /// apart.
  private static let mostCallSeries = 64
  /// What they take, bytes at most.
  static let callMemory = mostCallSeries * seriesCapacity * MemoryLayout<UInt64>.stride

  private struct CallKey: Hashable {
    var span: TraceSpan
    var command: String?
    var mount: String
  }

  private let digest: TraceDigest
  private let record: RecordWriter
  private let slow: UInt64
  private let jiffies: JiffyClock?
  /// io_uring tasks: balance_dirty_pages answers their non-blocking writes with EAGAIN, and they do not sleep.
  private let submitters: Set<Int32>
  /// Those that are known from the beginning, and what there is now.
  private let roots: [Cgroup]
  private var groups: [Cgroup]
  private let newcomers: UInt64?
  private let ownCells: [Int32: String]
  private let places: CallPlaces
  /// Told the names of threads that are new in the groups, where `newcomers` are looked for.
  var follow: ([String]) -> Void = { _ in }
  private var series: [TraceSpan: Series] = [:]
  private var callSeries: [CallKey: Series] = [:]
  private var lines = [Int](repeating: 0, count: TraceEvent.allCases.count)
  private var linesSince: UInt64 = 0
  private var unlisted: [TraceEvent: Int] = [:]
  private var tasks: Set<Int32> = []
  private var threadsDue: UInt64 = 0
  let taskTimes: TaskTimesRecorder
  /// Somebody waits for the names of the stacks' functions.
  private let wantsStacks = Atomic<Bool>(false)

  init(
    _ digest: TraceDigest, _ record: RecordWriter, slow: UInt64, jiffies: JiffyClock?,
    _ subject: Tracing.Subject
  ) {
    self.digest = digest
    self.record = record
    self.slow = slow
    self.jiffies = jiffies
    submitters = subject.submitters ?? []
    roots = subject.groups
    groups = roots
    newcomers = subject.newcomers
    ownCells = Dictionary(
      subject.workers.map { ($0.pid, $0.cgroup) }, uniquingKeysWith: { first, _ in first })
    places = subject.places
    taskTimes = TaskTimesRecorder(digest, record)
  }

  /// Has the stacks told with their functions, which else is done at the end; waits for it, up to `patience` ns.
  func tellStacks(patience: UInt64 = 10_000_000_000) {
    wantsStacks.store(true, ordering: .releasing)
    let deadline = cl_boottime() + patience
    while wantsStacks.load(ordering: .acquiring), cl_boottime() < deadline {
      cl_sleep_until(cl_boottime() + 10_000_000)
    }
  }

  func tell(last: Bool) {
    digest.drain { row in take(row) }
    if wantsStacks.load(ordering: .acquiring) {
      do throws(HarnessError) {
        try taskTimes.resolve()
      } catch {
        record.emit(NoteLine(error.description))
      }
      wantsStacks.store(false, ordering: .releasing)
    }
    if last { taskTimes.tellSums() }
    let now = cl_boottime()
    for box in Array(series.values) + Array(callSeries.values) {
      if last { box.series.flush() } else { box.series.tell(before: now) }
    }
    if now >= threadsDue, !last {
      threadsDue = now + (newcomers ?? Self.threadsInterval)
      if newcomers != nil { groups = roots + roots.flatMap(CgroupTree.below) }
      lookAtThreads()
    }
  }

  private func take(_ row: borrowing TraceRow) {
    guard let span = row.span else {
      if row.event == .taskRename { return tellWorker(row) }
      if row.event == .signalGenerate { noteKill(row) }
      if isRoom(row) { tellEvent(row) }
      return
    }
    if span == .offCPU {
      if taskTimes.take(row) { introduce(row.pid) }
      return
    }
    if span == .dirtyThrottle, submitters.contains(row.pid) {
      if isRoom(row) { tellEvent(row, nowait: true) }
      return
    }
    let traits = span.traits
    var duration = row.end - min(row.start, row.end)
    if case .sinceJiffy = traits.interval {
      let since = row.values[traits.values.count]
      guard let jiffies, since != SampleLine.unknown else { return }
      duration = jiffies.age(of: since, at: row.end)
    }
    var place: CallPlaces.Place?
    if TraceSpan.calls.contains(span) {
      // Another's thread may have the name of a command's.
      guard let found = places.place(of: row) else { return }
      place = found
    }
    let box = box(of: span, place)
    // A pause that was only announced belongs to the second of its announcement.
    let isAnnounced = if case .told(_, _, _, .ahead, _) = traits.interval { true } else { false }
    let told = isAnnounced ? row.start : row.end
    box.series.record(duration, at: told)
    guard duration >= (traits.isStall ? Self.shortestStall : slow), isRoom(row) else { return }
    introduce(row.pid)
    var line = SpanLine()
    line.of = traits.label
    line.start = Int64(clamping: told &- (isAnnounced ? 0 : duration))
    line.length = Int64(clamping: duration)
    line.pid = Int64(row.pid)
    line.cpu = Int64(row.cpu)
    line.mount = place?.mount
    for (i, name) in traits.valueNames.enumerated() {
      let value = row.values[i]
      let isCall = place != nil && name == Self.call
      let call = isCall ? SystemCall(number: value) : nil
      line.rest.append((name, call.map { .string($0.rawValue) } ?? Self.value(value)))
    }
    if row.event.definition.text != nil { line.text = Self.text(row.text) }
    record.emit(line, at: told)
  }

  /// The histogram that an interval goes into.
  private func box(of span: TraceSpan, _ place: CallPlaces.Place?) -> Series {
    guard let place else {
      let box = series[span] ?? Series(span, nil, record)
      series[span] = box
      return box
    }
    var found = place
    var key = CallKey(span: span, command: place.command, mount: place.mount)
    if callSeries[key] == nil, callSeries.count >= Self.mostCallSeries {
      found.mount = CallPlaces.other
      key.mount = found.mount
    }
    let box = callSeries[key] ?? Series(span, found, record)
    callSeries[key] = box
    return box
  }

  /// Whether a line of this kind is still to be had in this second.
  private func isRoom(_ row: borrowing TraceRow) -> Bool {
    let second = row.end / 1_000_000_000
    if second != linesSince {
      linesSince = second
      for i in lines.indices { lines[i] = 0 }
    }
    let kind = Int(row.event.rawValue)
    lines[kind] += 1
    let most =
      TraceEvent.scheduling.contains(row.event) ? TaskTimesRecorder.mostLines : Self.mostLines
    if lines[kind] <= most { return true }
    unlisted[row.event, default: 0] += 1
    return false
  }

  private func tellEvent(_ row: borrowing TraceRow, nowait: Bool? = nil) {
    introduce(row.pid)
    let event = row.event
    var line = EventLine()
    line.of = event.definition.name
    line.nowait = nowait
    if TraceEvent.summed.contains(event) {
      line.start = Int64(clamping: row.start)
      line.events = row.values[0]
      for (i, name) in event.definition.names.enumerated() {
        line.rest.append((name, .int(row.values[i + 1])))
      }
    } else {
      line.pid = Int64(row.pid)
      line.cpu = Int64(row.cpu)
      for (i, name) in event.definition.names.enumerated() {
        if name == Self.pid {
          // A line's own is the task that it happened in: for OOM the one that invoked it.
          line.victim = row.values[i] == SampleLine.unknown ? nil : row.values[i]
        } else {
          line.rest.append((name, jiffyValue(event, i, row.values[i])))
        }
      }
      if event.definition.text != nil { line.text = Self.text(row.text) }
    }
    record.emit(line, at: row.end)
  }

  /// The kernel's name of a field that a line has for itself.
  private static let pid = "pid"
  /// Of a call its number, which the record has as its name.
  private static let call = "call"

  /// jbd2's statistics count in jiffies: here they are ns.
  private func jiffyValue(_ event: TraceEvent, _ i: Int, _ value: Int64) -> JSON {
    let isJiffies =
      event == .jbd2Run && (2...6).contains(i) || event == .jbd2Checkpoint && i == 2
    guard isJiffies, value != SampleLine.unknown else { return Self.value(value) }
    return jiffies.map { .uint($0.nanoseconds(value)) } ?? .null
  }

  private static func value(_ value: Int64) -> JSON {
    value == SampleLine.unknown ? .null : .int(value)
  }

  private static func text(_ bytes: borrowing InlineArray<16, UInt8>) -> String {
    var text: [UInt8] = []
    for i in 0..<16 where bytes[i] != 0 { text.append(bytes[i]) }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: Tasks

  /// By victim, who has sent it SIGKILL for user space: kill(2), or cgroup.kill.
  private(set) var killers: [Int32: String] = [:]

  private func noteKill(_ row: borrowing TraceRow) {
    let (victim, signal, code) = (row.values[0], row.values[1], row.values[2])
    // What the kernel sends of itself has the code SI_KERNEL (asm-generic/siginfo.h).
    guard signal == Int64(SIGKILL), code != 0x80, row.pid != getpid() else { return }
    let name = File.line("/proc/\(row.pid)/comm") ?? "a process that is gone"
    killers[Int32(truncatingIfNeeded: victim)] = "\(name) (pid \(row.pid))"
  }

  /// Says once who a task is: its name, and its cgroup when it is one of the trial's.
  private func introduce(_ pid: Int32, cell: String? = nil, comm: String? = nil) {
    guard pid > 0, tasks.insert(pid).inserted else { return }
    let name = comm ?? File.line("/proc/\(pid)/comm")
    let cell = cell ?? (newcomers == nil ? nil : self.cell(of: pid))
    record.emit(TaskLine.self) {
      $0.pid = Int64(pid)
      $0.comm = name
      $0.cgroup = cell ?? ownCells[pid]
    }
  }

  /// The watched cgroup, or one below it, that a task is in; nil: in none, or it has ended.
  private func cell(of pid: Int32) -> String? {
    guard let location = (try? CgroupTree.location(of: "\(pid)")) ?? nil else { return nil }
    let isWatched = roots.contains {
      location == $0.location || location.hasPrefix($0.location + "/")
    }
    return isWatched ? location : nil
  }

  /// An io-wq worker has taken its name, `iou-wrk-PID` for the task that it works for.
  private func tellWorker(_ row: borrowing TraceRow) {
    let name = Self.text(row.text)
    guard let owner = IOWorker.owner(of: name) else { return }
    // Only one that was not met under its first name already.
    introduce(row.pid, cell: ownCells[owner], comm: name)
  }

  /// Threads of the trial's cgroups, io-wq workers among them, which come and go.
  private func lookAtThreads() {
    var names: [String] = []
    for group in groups {
      guard let text = try? File.text(group.file("cgroup.threads")) else { continue }
      for line in text.split(separator: "\n") {
        guard let pid = Int32(line), !tasks.contains(pid) else { continue }
        let name = File.line("/proc/\(pid)/comm")
        introduce(pid, cell: group.path, comm: name)
        if let name { names.append(name) }
      }
    }
    if newcomers != nil, !names.isEmpty { follow(names) }
  }

  /// Lines that found no room, by event.
  var leftOut: [(key: String, value: Int64)] {
    unlisted.sorted { $0.key.rawValue < $1.key.rawValue }
      .map { ($0.key.definition.name, Int64($0.value)) }
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What the record of a running trial has told so far, for a display beside it: latest values, no statistics.
///
/// Lines that it cannot read are passed over; values that no line has told are nil.
package struct TrialProgress: Sendable, Equatable {
  package struct Memory: Sendable, Equatable {
    /// memory.current of the limited cgroup, bytes.
    package var current: Int64?
    /// memory.max; without one the machine's memory, bytes.
    package var limit: Int64?
    package var isMachine = false
    /// What pins that live have reached, bytes.
    package var pinned: Int64 = 0
    /// nr_dirty and nr_writeback of the whole machine, bytes.
    package var dirty: Int64?
    package var writeback: Int64?
  }

  package struct Stream: Sendable, Equatable {
    package var name: String
    /// What the profile wants it to write; nil: endless.
    package var size: Int64?
    package var bytes: Int64?
    /// Bytes per second between the last two `progress` lines.
    package var rate: Double?
    /// Age of the oldest operation in flight, ns; 0: none is.
    package var oldest: Int64?
    package var hasEnded = false
    fileprivate var time: Int64?
  }

  package struct Kill: Sendable, Equatable {
    /// The worker's name where it is one, else the comm.
    package var victim: String
    package var pid: Int64?
    package var invoker: String?
    /// CLOCK_BOOTTIME of the guest, ns.
    package var time: Int64
  }

  package private(set) var memory = Memory()
  package private(set) var streams: [Stream] = []
  /// Share of the last second or so in which a task of the limited cgroup waited, from 0: PSI some.
  package private(set) var memoryPressure: Double?
  package private(set) var ioPressure: Double?
  /// `max` and `oom_kill` of the limited cgroup's memory.events.
  package private(set) var limitMet: Int64?
  package private(set) var oomKills: Int64?
  package private(set) var lastKill: Kill?
  /// Of the latest line that has a time, ns of the guest.
  package private(set) var time: Int64?

  private var columns: [String: [String]] = [:]
  private var workers: [Int64: String] = [:]
  /// Of those that live.
  private var pins: [String: Int64] = [:] {
    didSet { memory.pinned = pins.values.reduce(0, +) }
  }
  /// Totals of PSI, us, of the last second: the earliest first.
  private var pressures: [(time: Int64, memory: Int64?, io: Int64?)] = []
  /// Bytes.
  private var page = RecordReader.pageSize(nil)
  private var memoryTotal = PressureTotal()
  private var ioTotal = PressureTotal()

  package init() {}

  package static func == (a: TrialProgress, b: TrialProgress) -> Bool {
    a.memory == b.memory && a.streams == b.streams && a.memoryPressure == b.memoryPressure
      && a.ioPressure == b.ioPressure && a.limitMet == b.limitMet && a.oomKills == b.oomKills
      && a.lastKill == b.lastKill && a.time == b.time
  }

  // MARK: Lines

  private static let lane = ReadingLine.name(\.lane)

  /// Takes the lines that have come since the last call; of samples the last of each lane that can be read.
  package mutating func take(_ lines: [[UInt8]]) {
    var samples: [String: [[UInt8]]] = [:]
    for bytes in lines {
      bytes.withUnsafeBufferPointer { buffer in
        let line = RecordLine(buffer)
        if line.isOf(ReadingLine.self) {
          if let lane = line.string(Self.lane) { samples[lane, default: []].append(bytes) }
        } else {
          take(line)
        }
      }
    }
    for lane in samples.values {
      for bytes in lane.reversed() where takeSample(bytes) { break }
    }
  }

  private mutating func takeSample(_ bytes: [UInt8]) -> Bool {
    guard let json = try? JSON(parsing: bytes), let sample = SampleLine.parse(json),
      let names = columns[sample.lane], names.count == sample.values.count,
      let time = Self.possible(sample.time)
    else { return false }
    let values = Dictionary(zip(names, sample.values)) { first, _ in first }
    take(values.filter { $0.value != SampleLine.unknown }, at: time)
    return true
  }

  private static func possible(_ time: Int64?) -> Int64? {
    time.flatMap { (0...LineHead.latest).contains($0) ? $0 : nil }
  }

  /// As `JSON.count`.
  private static func size(_ value: Int64?) -> Int64? { value?.count.map { Int64($0) } }

  private mutating func take(_ line: RecordLine) {
    if let header: HeaderLine = told(by: line) {
      takeProfile(header.plan?.profile)
    } else if let environment: EnvironmentLine = told(by: line) {
      page = RecordReader.pageSize(environment.pageSize)
    } else if let lane: ColumnsLine = told(by: line) {
      if let name = lane.lane { columns[name] = lane.names ?? [] }
    } else if let worker: WorkerLine = told(by: line) {
      takeWorker(worker)
    } else if let pin: PinLine = told(by: line) {
      if let name = pin.pinned { pins[name] = Self.size(pin.reached) }
    } else if let progress: ProgressLine = told(by: line) {
      takeStream(
        progress.stream, progress.bytes, oldest: progress.oldest, hasEnded: false, at: progress.t)
    } else if let stream: StreamLine = told(by: line) {
      takeStream(stream.stream, stream.bytes, oldest: nil, hasEnded: true, at: stream.t)
    } else if let kill: OOMLine = told(by: line) {
      takeKill(OOMNames(line), at: kill.t)
    }
  }

  /// nil: it is of another type, or cannot be read.
  private mutating func told<L: Line>(by line: RecordLine) -> L? {
    guard line.isOf(L.self), line.isWhole else { return nil }
    var told = L(line)
    told.t = Self.possible(told.t)
    time = told.t ?? time
    return told
  }

  private mutating func takeWorker(_ worker: WorkerLine) {
    guard let name = worker.name else { return }
    if worker.event != .start {
      pins[name] = nil
    } else if let pid = worker.pid {
      workers[pid] = name
    }
  }

  private mutating func takeProfile(_ profile: JSON?) {
    let limit = profile?["limits"]?["memory.max"]?.string.flatMap { Int64($0) }
    let machine = Self.size(profile?["machine"]?["memory"]?.int)
    memory.limit = limit.flatMap { $0 > 0 ? $0 : nil } ?? machine
    memory.isMachine = limit == nil
    for stream in profile?["streams"]?.array ?? [] {
      guard let name = stream["name"]?.string else { continue }
      streams.append(Stream(name: name, size: Self.size(stream["size"]?.int)))
    }
  }

  private mutating func takeStream(
    _ name: String?, _ bytes: Int64?, oldest: Int64?, hasEnded: Bool, at time: Int64?
  ) {
    guard let name, let bytes = Self.size(bytes) else { return }
    if !streams.contains(where: { $0.name == name }) {
      // The jobs of a stream share its size.
      streams.removeAll { $0.bytes == nil && name.hasPrefix($0.name + "-") }
      streams.append(Stream(name: name))
    }
    guard let i = streams.firstIndex(where: { $0.name == name }) else { return }
    if let time, let then = streams[i].time, let before = streams[i].bytes, time > then {
      streams[i].rate = Double(max(0, bytes - before)) * 1e9 / Double(time - then)
    }
    streams[i].bytes = bytes
    streams[i].oldest = Self.size(oldest)
    streams[i].time = time
    if hasEnded {
      streams[i].hasEnded = true
      streams[i].rate = nil
    }
  }

  private mutating func takeKill(_ names: OOMNames, at time: Int64?) {
    guard let time, let victim = names.victims?.first else { return }
    let name = victim.pid.flatMap { workers[$0] } ?? victim.comm ?? "?"
    pins[name] = nil
    lastKill = Kill(victim: name, pid: victim.pid, invoker: names.invoker, time: time)
  }

  // MARK: Samples

  /// Pages and bytes that a counter may say: products and sums of a few stay in range.
  private static let sane: ClosedRange<Int64> = 0...1 << 48

  private mutating func take(_ sample: [String: Int64], at time: Int64) {
    self.time = max(time, self.time ?? time)
    func value(_ name: String) -> Int64? {
      sample[name].flatMap { Self.sane.contains($0) ? $0 : nil }
    }
    func group(_ file: String) -> Int64? { value("\(Profile.limitedGroup)/\(file)") }
    func pages(_ name: String) -> Int64? {
      let bytes = value(name)?.multipliedReportingOverflow(by: page)
      return bytes.flatMap {
        !$0.overflow && Self.sane.contains($0.partialValue) ? $0.partialValue : nil
      }
    }
    memory.dirty = pages("vmstat:nr_dirty") ?? memory.dirty
    memory.writeback = pages("vmstat:nr_writeback") ?? memory.writeback
    memory.current = group("memory.current") ?? memory.current
    limitMet = group("memory.events:max") ?? limitMet
    oomKills = group("memory.events:oom_kill") ?? oomKills
    let memoryStall =
      sample["\(Profile.limitedGroup)/memory.pressure:some"] ?? sample["pressure/memory:some"]
    let ioStall = sample["\(Profile.limitedGroup)/io.pressure:some"] ?? sample["pressure/io:some"]
    if memoryStall != nil || ioStall != nil { takePressure(memoryStall, ioStall, at: time) }
  }

  private mutating func takePressure(_ memory: Int64?, _ io: Int64?, at time: Int64) {
    guard time > pressures.last?.time ?? -1 else { return }
    let memory = memory.flatMap { memoryTotal.known($0, at: time) }
    let io = io.flatMap { ioTotal.known($0, at: time) }
    pressures.append((time, memory, io))
    // One reading of at least a second ago is kept.
    while pressures.count > 2, time - pressures[1].time >= 1_000_000_000 { pressures.removeFirst() }
    guard let first = pressures.first, first.time < time else { return }
    func share(_ now: Int64?, _ then: Int64?) -> Double? {
      guard let now, let then, now >= then else { return nil }
      return min(1, Double(now - then) * 1000 / Double(time - first.time))
    }
    memoryPressure = share(memory, first.memory)
    ioPressure = share(io, first.io)
  }
}

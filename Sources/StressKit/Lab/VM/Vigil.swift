// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressRecord

/// Listens for a guest's signs of life, and says what their absence means.
///
/// Three heartbeats: of the kernel, any line of the record; of the workload, by its `progress` lines; of the
/// storage, by what QEMU's disks have completed.
struct Vigil {
  private let machine: VirtualMachine
  private let patience: UInt64
  private let silence: Silence
  private static let second: UInt64 = 1_000_000_000
  /// Of a guest that has not booted or has made no end, the share of its time that the host may take.
  private static let mostStarved = 0.9

  /// CLOCK_MONOTONIC in ns, as all times here.
  private var heard: UInt64?
  private var threads: [Int32] = []
  /// When it was last heard, within a second.
  private var reading: HostReading?
  private let begin: UInt64
  /// Since then, twice a second.
  private var looks: [HostReading] = []
  private var cpuWhenHeard = 0.0
  /// Of the streams' time: when it began, and when it ended or the guest was last heard.
  private var streaming: (from: HostReading, to: HostReading, isOver: Bool)?
  private var looked: UInt64 = 0
  /// A hang, told to nobody before a last word could have come.
  private(set) var pending: Ending?
  private var progress: [String: Int64] = [:]
  private var workloadMoved: UInt64?
  /// For the record.
  private(set) var silences: [SilenceLine] = []

  init(_ machine: VirtualMachine, console: String, patience: UInt64) {
    self.machine = machine
    self.patience = patience
    silence = Silence(machine, console: console, patience: patience)
    begin = cl_monotonic()
  }

  var hasHeard: Bool { heard != nil }

  /// For how long nothing has been heard, ns, for the record.
  var silent: Int64? { heard.map { Int64(clamping: cl_monotonic() - $0) } }

  /// A line has come.
  mutating func hear() {
    let now = cl_monotonic()
    heard = now
    pending = nil
    if let reading, now - reading.time < Self.second { return }
    cpuWhenHeard = machine.cpuSeconds
    let reading = read()
    self.reading = reading
    looks = []
    if streaming?.isOver == false { streaming?.to = reading }
  }

  /// The trial has come to a phase.
  mutating func enter(_ phase: PhaseLine.Name) {
    switch phase {
    case .stream:
      let reading = read()
      streaming = (reading, reading, false)
    case .stop where streaming?.isOver == false:
      let reading = read()
      streaming?.to = reading
      streaming?.isOver = true
    default: break
    }
  }

  /// What the host gave the guest while the streams ran, for the record.
  var streamsShare: HostShare? {
    guard let streaming, streaming.to.time > streaming.from.time else { return nil }
    return HostInterval(from: streaming.from, to: streaming.to).share
  }

  /// What a line says that tells of the workload.
  mutating func hear(_ line: ProgressLine) {
    guard let bytes = line.bytes, let worker = line.worker else { return }
    if progress.updateValue(bytes, forKey: worker) != bytes { workloadMoved = cl_monotonic() }
  }

  /// With what QEMU says, for whose answer it waits.
  private mutating func read() -> HostReading {
    if threads.isEmpty { threads = machine.processorThreads() }
    let requests = machine.completedRequests()
    var reading = HostReading(pid: machine.pid, threads: threads)
    reading.requests = requests
    return reading
  }

  /// How the trial ends for want of a sign of life; nil: it does not.
  mutating func look(_ now: UInt64) -> Ending? {
    if let pending { return pending }
    guard let heard, let reading, now - heard > Self.second / 2, now - looked > Self.second / 2
    else { return nil }
    looked = now
    looks.append(HostReading(pid: machine.pid, threads: threads))
    if now - heard <= patience { return nil }
    if machine.hasDiskError {
      return Ending(
        .harnessLost, reason: "host-disk",
        message: "QEMU paused the guest: a write of its disk failed; is the host's disk full?")
    }
    let verdict = Silence.verdict(
      HostInterval(from: reading, by: looks.dropLast(), to: looks[looks.count - 1]),
      patience: patience)
    if verdict == .wait { return nil }
    let interval = HostInterval(from: reading, by: looks[...], to: read())
    if verdict == .hostStarved {
      tell(now - heard, interval, nil)
      return starved("no sign of life for \((now - heard) / Self.second) s", interval)
    }
    let evidence = machine.isRunning ? silence.collect() : nil
    tell(now - heard, interval, evidence)
    pending = hang(now - heard, interval, evidence)
    return nil
  }

  private func hang(
    _ time: UInt64, _ interval: HostInterval, _ evidence: Silence.Evidence?
  ) -> Ending {
    let busy = Int(machine.cpuSeconds - cpuWhenHeard)
    var message =
      "no sign of life for \(time / Self.second) s; QEMU used \(busy) s of CPU meanwhile "
      + "(\(interval.description)), its disks completed \(interval.requests.map { "\($0)" } ?? "?") "
      + "requests; \(evidence?.registers ?? machine.qmp.describe())"
    if let evidence {
      let processors = evidence.processors
      message +=
        processors.isEmpty
        ? "; \(evidence.lines.count) lines came for \(evidence.asked.joined(separator: ", "))"
        : "; by backtrace: \(processors.joined(separator: ", "))"
    }
    return Ending(.hang, reason: "silent", message: message)
  }

  private func starved(_ what: String, _ interval: HostInterval) -> Ending {
    func percent(_ share: Double?) -> String { share.map(HostInterval.percent) ?? "?" }
    return Ending(
      .invalid, reason: Ending.hostStarved,
      message:
        "\(what), and for most of that the host let it have no CPU: \(interval.description); "
        + "pressure of the host: cpu \(percent(interval.cpuPressure)), memory "
        + "\(percent(interval.memoryPressure)), io \(percent(interval.ioPressure)); run fewer guests at a "
        + "time, or free the host")
  }

  /// The ending of a guest that was too slow because its host had no time for it; nil: it had.
  ///
  /// - Parameter what: it has not done.
  mutating func starved(_ what: String, at now: UInt64) -> Ending? {
    let reading = read()
    // What QEMU's threads have had since they began.
    let never = reading.processors.map {
      HostReading.Processor(index: $0.index, ran: 0, waited: 0, state: $0.state)
    }
    let interval = HostInterval(from: HostReading(time: begin, processors: never), to: reading)
    guard interval.starved > Self.mostStarved else { return nil }
    return starved("\(what) after \((now - begin) / Self.second) s", interval)
  }

  private mutating func tell(
    _ time: UInt64, _ interval: HostInterval, _ evidence: Silence.Evidence?
  ) {
    let workload = workloadMoved.map { cl_monotonic() - $0 }
    var line = SilenceLine()
    line.silent = Int64(clamping: time)
    line.workload = workload.map { Int64(clamping: $0) }
    line.take(interval.share)
    line.asked = evidence?.asked ?? []
    line.backtraces = evidence?.processors ?? []
    line.registers = evidence?.registers
    line.console = evidence?.lines ?? []
    silences.append(line)
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressMachine
import StressRecord

/// What the host gave a guest's processors until a moment, and what it lacked itself.
struct HostReading {
  /// One of QEMU's threads that carry out a guest's instructions.
  struct Processor: Equatable {
    var index: Int
    /// On a CPU, and ready to run without one, ns: /proc/PID/task/TID/schedstat, Documentation/scheduler/
    /// sched-stats.rst. Who has used up his quota waits, too.
    var ran: UInt64
    var waited: UInt64
    /// As in ps(1).
    var state: Character
  }

  /// CLOCK_MONOTONIC, ns.
  var time: UInt64
  var processors: [Processor]
  /// QEMU's main loop, whose locks the others wait for; its index is -1.
  var mainLoop: Processor?
  /// Whole-machine stalls so far, ns: /proc/pressure; nil: the kernel does not tell.
  var cpuPressure: UInt64?
  var memoryPressure: UInt64?
  var ioPressure: UInt64?
  /// Requests that the guest's disks have completed, by QEMU; nil: it did not answer.
  var requests: UInt64?

  init(
    time: UInt64, processors: [Processor], mainLoop: Processor? = nil, cpuPressure: UInt64? = nil,
    memoryPressure: UInt64? = nil,
    ioPressure: UInt64? = nil, requests: UInt64? = nil
  ) {
    self.time = time
    self.processors = processors
    self.mainLoop = mainLoop
    self.cpuPressure = cpuPressure
    self.memoryPressure = memoryPressure
    self.ioPressure = ioPressure
    self.requests = requests
  }

  /// - Parameters:
  ///   - pid: QEMU's.
  ///   - threads: of its processors, in their order.
  init(pid: Int32, threads: [Int32]) {
    self.init(
      time: cl_monotonic(),
      processors: threads.enumerated().compactMap { index, thread in
        Self.processor(index, "/proc/\(pid)/task/\(thread)")
      },
      mainLoop: Self.processor(-1, "/proc/\(pid)/task/\(pid)"),
      cpuPressure: Self.total("/proc/pressure/cpu", "some"),
      memoryPressure: Self.total("/proc/pressure/memory", "full"),
      ioPressure: Self.total("/proc/pressure/io", "full"))
  }

  fileprivate func thread(_ index: Int) -> Processor? {
    index < 0 ? mainLoop : processors.first { $0.index == index }
  }

  private static func processor(_ index: Int, _ task: String) -> Processor? {
    let times = (File.line(task + "/schedstat") ?? "").split(separator: " ").map { UInt64($0) }
    guard times.count > 1, let ran = times[0], let waited = times[1],
      let state = TaskStack.status(File.line(task + "/stat") ?? "")?.state
    else { return nil }
    return Processor(index: index, ran: ran, waited: waited, state: state)
  }

  /// The total of a line of a pressure file, which is in microseconds.
  private static func total(_ path: String, _ kind: String) -> UInt64? {
    let line = ((try? File.text(path)) ?? "").split(separator: "\n").first {
      $0.hasPrefix(kind + " ")
    }
    let total = line?.split(separator: "=").last.flatMap { UInt64($0) }
    return total.flatMap { $0 > .max / 1000 ? nil : $0 * 1000 }
  }
}

/// What changed between two readings.
struct HostInterval {
  struct Processor: Equatable {
    var index: Int
    /// Shares of the interval, 0 to 1.
    var ran: Double
    var waited: Double
    var state: Character
  }

  /// ns.
  var length: UInt64
  var processors: [Processor]
  var mainLoop: Processor?
  /// In which any of these waited: a processor that sleeps may do so for the main loop.
  private var waited: Double
  var cpuPressure: Double?
  var memoryPressure: Double?
  var ioPressure: Double?
  /// nil: QEMU did not answer at one of the ends.
  var requests: UInt64?

  /// - Parameter looks: between the two, in their order. schedstat counts a wait when it ends: of one that goes on
  ///   they tell that it does.
  init(from a: HostReading, by looks: ArraySlice<HostReading> = [], to b: HostReading) {
    let length = max(b.time - min(a.time, b.time), 1)
    func share(_ a: UInt64?, _ b: UInt64?) -> Double? {
      guard let a, let b else { return nil }
      return min(1, Double(b - min(a, b)) / Double(length))
    }
    self.length = length
    let readings = [a] + looks + [b]
    func total(_ threads: [Int]) -> Double {
      let waits = threads.map { Self.waits($0, readings) }
      let most = (0..<readings.count - 1).reduce(0) { sum, i in
        sum + (waits.map { $0[i] }.max() ?? 0)
      }
      return min(1, Double(most) / Double(length))
    }
    func thread(_ index: Int) -> Processor? {
      guard let then = a.thread(index), let now = b.thread(index) else { return nil }
      return Processor(
        index: index, ran: share(then.ran, now.ran) ?? 0, waited: total([index]), state: now.state)
    }
    processors = b.processors.compactMap { thread($0.index) }
    mainLoop = thread(-1)
    waited = total([-1] + b.processors.map(\.index))
    func pressure(_ a: UInt64?, _ b: UInt64?) -> Double? {
      guard let a, let b, a <= b, PressureTotal.canGrow(by: b - a, in: length) else { return nil }
      return share(a, b)
    }
    cpuPressure = pressure(a.cpuPressure, b.cpuPressure)
    memoryPressure = pressure(a.memoryPressure, b.memoryPressure)
    ioPressure = pressure(a.ioPressure, b.ioPressure)
    if let then = a.requests, let now = b.requests { requests = now - min(then, now) }
  }

  /// For how long a thread has waited between each reading and the next, ns.
  private static func waits(_ index: Int, _ readings: [HostReading]) -> [UInt64] {
    var waits: [UInt64] = []
    // Of waits that have ended, what lies before the step in which they did.
    var earlier: UInt64 = 0
    for (a, b) in zip(readings, readings.dropFirst()).reversed() {
      var wait: UInt64 = 0
      if let then = a.thread(index), let now = b.thread(index) {
        let length = b.time - min(a.time, b.time)
        let ended = now.waited - min(then.waited, now.waited) + earlier
        // Between two looks without a moment on a CPU it waits on; and who is stopped waits for its host, too.
        let isWaiting = now.ran == then.ran && (now.state == "R" || now.state == "T")
        wait = isWaiting ? length : min(length, ended)
        earlier = ended - min(wait, ended)
      }
      waits.append(wait)
    }
    return waits.reversed()
  }

  /// For how much of the interval the guest could not have spoken, 0 to 1: one of QEMU's threads waited for a CPU of
  /// the host, or all of the host for its memory.
  var starved: Double { max(waited, memoryPressure ?? 0) }

  /// As in `CPU 0 ran 99 %, waited for the host 0 %`.
  var description: String {
    (processors + [mainLoop].compactMap(\.self)).map {
      let name = $0.index < 0 ? "QEMU's main loop" : "CPU \($0.index)"
      return "\(name) ran \(Self.percent($0.ran)), waited for the host \(Self.percent($0.waited))"
    }.joined(separator: "; ")
  }

  static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

  /// For the record.
  var share: HostShare {
    func rounded(_ value: Double?) -> Double? { value.map { ($0 * 1000).rounded() / 1000 } }
    func thread(_ thread: Processor) -> HostThread {
      var line = HostThread()
      if thread.index >= 0 { line.cpu = Int64(thread.index) }
      line.ran = rounded(thread.ran)
      line.waited = rounded(thread.waited)
      line.state = String(thread.state)
      return line
    }
    var line = HostShare()
    line.length = Int64(clamping: length)
    line.processors = processors.map(thread)
    line.mainLoop = mainLoop.map(thread)
    var pressure = HostPressure()
    pressure.cpu = rounded(cpuPressure)
    pressure.memory = rounded(memoryPressure)
    pressure.io = rounded(ioPressure)
    line.pressure = pressure
    line.requests = requests.map { Int64(clamping: $0) }
    return line
  }
}

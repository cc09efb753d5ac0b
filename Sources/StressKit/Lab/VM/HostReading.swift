import CLinux

/// What the host gave a guest's processors until a moment, and what it lacked itself.
struct HostReading {
  /// One of QEMU's threads that carry out a guest's instructions.
  struct Processor: Equatable {
    var index: Int
    /// On a CPU, and ready to run without one, ns: /proc/PID/task/TID/schedstat, Documentation/scheduler/
    /// sched-stats.rst. Time that a CPU quota takes is neither.
    var ran: UInt64
    var waited: UInt64
    /// As in ps(1).
    var state: Character
  }

  /// CLOCK_MONOTONIC, ns.
  var time: UInt64
  var processors: [Processor]
  /// Whole-machine stalls so far, ns: /proc/pressure; nil: the kernel does not tell.
  var cpuPressure: UInt64?
  var memoryPressure: UInt64?
  var ioPressure: UInt64?
  /// Requests that the guest's disks have completed, by QEMU; nil: it did not answer.
  var requests: UInt64?

  init(
    time: UInt64, processors: [Processor], cpuPressure: UInt64? = nil,
    memoryPressure: UInt64? = nil,
    ioPressure: UInt64? = nil, requests: UInt64? = nil
  ) {
    self.time = time
    self.processors = processors
    self.cpuPressure = cpuPressure
    self.memoryPressure = memoryPressure
    self.ioPressure = ioPressure
    self.requests = requests
  }

  /// - Parameters:
  ///   - pid: QEMU's.
  ///   - threads: of its processors, in their order.
  init(pid: Int32, threads: [Int32], requests: UInt64?) {
    self.init(
      time: cl_monotonic(),
      processors: threads.enumerated().compactMap { index, thread in
        Self.processor(index, "/proc/\(pid)/task/\(thread)")
      },
      cpuPressure: Self.total("/proc/pressure/cpu", "some"),
      memoryPressure: Self.total("/proc/pressure/memory", "full"),
      ioPressure: Self.total("/proc/pressure/io", "full"), requests: requests)
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
    return line?.split(separator: "=").last.flatMap { UInt64($0) }.map { $0 * 1000 }
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
  var cpuPressure: Double?
  var memoryPressure: Double?
  var ioPressure: Double?
  /// nil: QEMU did not answer at one of the ends.
  var requests: UInt64?

  init(from a: HostReading, to b: HostReading) {
    let length = max(b.time - min(a.time, b.time), 1)
    func share(_ a: UInt64?, _ b: UInt64?) -> Double? {
      guard let a, let b else { return nil }
      return min(1, Double(b - min(a, b)) / Double(length))
    }
    self.length = length
    processors = b.processors.compactMap { now in
      guard let then = a.processors.first(where: { $0.index == now.index }) else { return nil }
      let ran = share(then.ran, now.ran) ?? 0
      var waited = share(then.waited, now.waited) ?? 0
      // schedstat counts a wait when it ends; and who is stopped waits for its host, too.
      if ran == 0, now.state == "R" || now.state == "T" { waited = 1 }
      return Processor(index: now.index, ran: ran, waited: waited, state: now.state)
    }
    cpuPressure = share(a.cpuPressure, b.cpuPressure)
    memoryPressure = share(a.memoryPressure, b.memoryPressure)
    ioPressure = share(a.ioPressure, b.ioPressure)
    if let then = a.requests, let now = b.requests { requests = now - min(then, now) }
  }

  /// For how much of the interval the guest could not have spoken, 0 to 1: the processor that waited longest for a
  /// CPU of the host, or all of the host for its memory.
  var starved: Double {
    max(processors.map(\.waited).max() ?? 0, memoryPressure ?? 0)
  }

  /// As in `CPU 0 ran 99 %, waited for the host 0 %`.
  var description: String {
    processors.map {
      "CPU \($0.index) ran \(Self.percent($0.ran)), waited for the host \(Self.percent($0.waited))"
    }.joined(separator: "; ")
  }

  static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

  var json: [(String, JSON)] {
    func share(_ value: Double?) -> JSON { .number(value.map { ($0 * 1000).rounded() / 1000 }) }
    return [
      (
        "processors",
        .array(
          processors.map {
            [
              "cpu": .int(Int64($0.index)), "ran": share($0.ran), "waited": share($0.waited),
              "state": .string(String($0.state)),
            ]
          })
      ),
      (
        "pressure",
        ["cpu": share(cpuPressure), "memory": share(memoryPressure), "io": share(ioPressure)]
      ),
      ("requests", requests.map { .uint($0) } ?? .null),
    ]
  }
}

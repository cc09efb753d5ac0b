// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// A second process that kills a trial's cgroups when its supervisor has ended or is stuck, or when the machine
/// beside the test suffers.
///
/// It is the supervisor's own binary, executed anew: a fork would share the supervisor's locked pages, each of which
/// is then copied when it is next written to. oom_score_adj is inherited, and the loop is C (CLinux, watchdog.c).
package final class Watchdog {
  /// First argument of the re-executed binary.
  package static let command = "watchdog"
  private static let page = 4096
  /// Cgroups that one can kill, and cgroups whose pressure it can watch. Together with its own they are the
  /// descriptors that a process can be given (CL_SPAWN_MOST).
  package static let mostKills = 32
  static let mostPressures = 8
  /// How long the process may take until its first look, ns.
  private static let startTime: UInt64 = 30_000_000_000

  private let process: Process
  private let shared: UnsafeMutablePointer<cl_watch>
  private let memory: Descriptor
  /// Closed when this process ends, however that comes about.
  private let pipe: Descriptor
  private let limits: MachineLimits
  private let beside: [Cgroup]

  /// Starts it, and waits for its first look.
  ///
  /// - Parameters:
  ///   - groups: cgroups that are killed, with all below them.
  ///   - beside: cgroups whose pressure is watched.
  package init(
    over groups: [Cgroup], _ limits: MachineLimits, beside: [Cgroup],
    executable: String = "/proc/self/exe"
  ) throws(HarnessError) {
    guard groups.count <= Self.mostKills else {
      throw HarnessError(
        .usage, "watchdog", "has \(groups.count) cgroups to kill, and holds \(Self.mostKills)",
        remedy: "have fewer tasks outside the limits (do: compact)")
    }
    self.limits = limits
    self.beside = Array(beside.prefix(Self.mostPressures))
    var ends: [Int32] = [0, 0]
    try check(cl_pipe(&ends), "watchdog", "pipe2")
    let theirs = Descriptor(owning: ends[0])
    pipe = Descriptor(owning: ends[1])
    memory = Descriptor(
      owning: try check(cl_memfd("watchdog", UInt64(Self.page)), "watchdog", "memfd_create"))
    shared = try Self.map(memory.raw)
    let meminfo = try Descriptor(open: "/proc/meminfo")
    let kills = try Self.open(groups[...], "cgroup.kill", O_WRONLY)
    let pressures = try Self.open(self.beside[...], "memory.pressure", O_RDONLY)
    defer { for fd in kills + pressures { close(fd) } }
    shared.pointee.kills = UInt64(kills.count)
    shared.pointee.pressures = UInt64(pressures.count)
    shared.pointee.least_available = limits.available ?? 0
    shared.pointee.most_pressure = UInt64(limits.pressure ?? 0) * 10
    shared.pointee.pressure_time = limits.pressureTime
    // No death signal: it has to outlive the supervisor for a moment.
    process = try Process(
      [executable, Self.command], environment: ["SWIFT_BACKTRACE=enable=no"],
      descriptors: [-1, 2, 2, theirs.raw, memory.raw, meminfo.raw] + kills + pressures,
      dieWithThread: false)
    let deadline = cl_boottime() + Self.startTime
    while cl_load(&shared.pointee.looks) == 0 {
      if process.poll() != nil || cl_boottime() > deadline {
        throw HarnessError(.harness, "watchdog", "did not begin its work")
      }
      cl_sleep_until(cl_boottime() + 1_000_000)
    }
  }

  deinit { munmap(shared, Self.page) }

  private static func map(_ descriptor: Int32) throws(HarnessError) -> UnsafeMutablePointer<
    cl_watch
  > {
    try accept(
      attemptMap(page, MAP_SHARED, of: descriptor, "watchdog"), "watchdog", "mmap of \(page) bytes"
    ).assumingMemoryBound(to: cl_watch.self)
  }

  private static func open(
    _ groups: ArraySlice<Cgroup>, _ file: String, _ flags: Int32
  ) throws(HarnessError) -> [Int32] {
    var opened: [Int32] = []
    for group in groups {
      do throws(HarnessError) {
        opened.append(try Descriptor(open: group.file(file), flags, code: .environment).release())
      } catch {
        for fd in opened { close(fd) }
        throw error
      }
    }
    return opened
  }

  /// The watchdog's whole life, in its own process.
  package static func run() -> Never {
    guard let page = try? map(Int32(CL_WATCH_PAGE)) else { exit(70) }
    cl_watch(page)
  }

  // MARK: The supervisor's side

  /// The supervisor lives, and will say so again within `time` ns; the time of a suspend is not counted.
  package func expect(within time: UInt64) {
    cl_store(&shared.pointee.deadline, cl_monotonic() + time)
  }

  /// As `expect(within:)`, for a step that may take `time` ns beside what any may.
  func expectStep(within time: UInt64 = 0) { expect(within: limits.stuck + time) }

  /// What follows may take as long as it will: there is nobody left to kill.
  package func rest() { cl_store(&shared.pointee.deadline, 0) }

  /// Why it has killed the trial.
  package enum Verdict: Equatable, Sendable {
    /// The supervisor made no step in time.
    case stuck(message: String)
    /// The machine beside the test suffered.
    case machine(message: String)
  }

  /// nil: it has not.
  package var verdict: Verdict? {
    let cause = Int(cl_load(&shared.pointee.cause))
    let late = Self.seconds(shared.pointee.fired &- shared.pointee.since)
    switch cause {
    case CL_WATCH_STUCK:
      return .stuck(
        message: "the harness did nothing until \(late) s after its deadline; the watchdog killed "
          + "the workers")
    case CL_WATCH_AVAILABLE:
      let (value, limit) = (shared.pointee.value >> 20, (limits.available ?? 0) >> 20)
      return .machine(
        message: "MemAvailable of this machine was \(value) MiB, below the limit of \(limit) MiB "
          + "(--abort-available); the watchdog killed the workers")
    case CL_WATCH_PRESSURE:
      let group = beside[Int(shared.pointee.source)]
      return .machine(
        message: "/\(group.path), beside the test, stalled for memory (full) for "
          + "\(shared.pointee.value / 10) % of the last second, and for \(late) s above the limit of "
          + "\(limits.pressure ?? 0) % (--abort-pressure); the watchdog killed the workers")
    default: return nil
    }
  }

  private static func seconds(_ time: UInt64) -> String {
    "\(time / 1_000_000_000).\(time / 100_000_000 % 10)"
  }

  /// For the record: what it costs and what it looked for. Its memory is the
  /// supervisor's cgroup's.
  package var line: WatchdogLine {
    let status = (try? File.text("/proc/\(process.pid)/status"))?.split(separator: "\n") ?? []
    func bytes(_ key: String) -> Int64? {
      let line = status.first { $0.hasPrefix(key + ":") }?.split(whereSeparator: \.isWhitespace)
      guard let line, line.count > 1, let value = UInt64(line[1]) else { return nil }
      return Int64(clamping: value << 10)
    }
    var line = WatchdogLine()
    line.pid = Int64(process.pid)
    line.looks = Int64(clamping: cl_load(&shared.pointee.looks))
    line.cpu = Int64(clamping: shared.pointee.cpu)
    line.fifo = Int64(clamping: shared.pointee.priority)
    line.resident = bytes("VmRSS")
    line.locked = bytes("VmLck")
    line.anon = bytes("RssAnon")
    line.available = limits.available.map { Int64(clamping: $0) }
    line.pressure = limits.pressure.map { Int64($0) }
    line.beside = beside.map(\.path)
    line.stuck = Int64(clamping: limits.stuck)
    line.ended = process.poll().map(\.description)
    return line
  }
}

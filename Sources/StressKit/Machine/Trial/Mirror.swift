// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// The harness in its own mirror: what it took while the streams ran, and what else on this machine could have
/// changed the outcome.
struct Mirror {
  private struct Reading {
    var time = cl_boottime()
    /// CPU time of this process, ns.
    var cpu: UInt64
    /// Time that the hypervisor gave to others, in USER_HZ: hundredths of a second (proc(5)).
    var steal: Int64?
    /// Pages that a balloon driver moved, both ways.
    var balloon: Int64?

    init() {
      var used = timespec()
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used)
      cpu = UInt64(used.tv_sec) * 1_000_000_000 + UInt64(used.tv_nsec)
      let fields = File.line("/proc/stat")?.split(separator: " ") ?? []
      steal = fields.count > 8 ? Int64(fields[8]) : nil
      let vmstat = CounterFile.snapshot((try? File.text("/proc/vmstat")) ?? "")
        .filter { ["balloon_inflate", "balloon_deflate"].contains($0.key) }
      balloon = vmstat.isEmpty ? nil : vmstat.reduce(0) { $0 + $1.value }
    }
  }

  /// Programs that read cgroup statistics as a matter of course, and so flush what dirty throttling decides
  /// on, by their name in /proc/PID/comm (15 characters).
  static let agents: Set<String> = MemoryDaemon.names.union([
    // Container engines and orchestrators: memory.stat, cpu.stat, io.stat of each cgroup.
    "kubelet", "cadvisor", "dockerd", "containerd", "crio", "podman", "lxcfs",
    // Monitors.
    "systemd-cgtop", "below", "atop", "node_exporter", "cgroup_exporter", "netdata", "telegraf",
    "collectd", "metricbeat", "datadog-agent", "otelcol", "prometheus", "pmdaproc", "pmdalinux",
    "glances",
  ])

  private let begin = Reading()
  private let alive: [String]

  /// Reads what it is compared with; called right before the streams begin.
  init() {
    alive = Self.agents(in: "/proc")
  }

  static func agents(in proc: String) -> [String] {
    let names = File.names(in: proc).filter { $0.allSatisfy(\.isNumber) }
      .compactMap { File.line("\(proc)/\($0)/comm") }
    return Set(names.filter(agents.contains)).sorted()
  }

  /// For the record; called right after the streams.
  func line(_ record: RecordWriter) -> MirrorLine {
    let end = Reading()
    func growth(_ a: Int64?, _ b: Int64?) -> Int64? {
      guard let a, let b else { return nil }
      return b - a
    }
    let pages = File.line("/proc/self/statm")?.split(separator: " ").dropFirst().first
    var line = MirrorLine()
    line.from = Int64(clamping: begin.time)
    line.cpu = Int64(clamping: end.cpu - begin.cpu)
    line.steal = growth(begin.steal, end.steal)
    line.balloon = growth(begin.balloon, end.balloon)
    line.resident = pages.flatMap { Int64($0) }.map { $0 * Int64(getpagesize()) }
    line.recordBytes = Int64(clamping: record.bytesWritten)
    line.agents = alive
    return line
  }
}

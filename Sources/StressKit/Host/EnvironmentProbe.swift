import Glibc

/// What decides the outcome besides the profile, read once before the streams start.
package enum EnvironmentProbe {
  private static let files = [
    "/proc/sys/kernel/osrelease", "/proc/version", "/proc/cmdline",
    "/sys/kernel/mm/lru_gen/enabled", "/sys/kernel/mm/lru_gen/min_ttl_ms",
    "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/transparent_hugepage/defrag",
    "/proc/sys/vm/dirty_ratio", "/proc/sys/vm/dirty_background_ratio",
    "/proc/sys/vm/dirty_bytes", "/proc/sys/vm/dirty_background_bytes",
    "/proc/sys/vm/dirty_writeback_centisecs", "/proc/sys/vm/dirty_expire_centisecs",
    "/proc/sys/vm/swappiness", "/proc/sys/vm/min_free_kbytes",
    "/proc/sys/vm/watermark_scale_factor",
    "/proc/sys/vm/stat_interval", "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/panic_on_oom", "/proc/sys/vm/oom_kill_allocating_task",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
  ]

  package static var onlineCPUs: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Members of the record's `environment` line; a file that the kernel lacks is null.
  ///
  /// - Parameters:
  ///   - device: the scratch disk.
  ///   - mountPoint: of the file system under test, which need not be on that disk itself.
  package static func members(device: String, mountPoint: String) -> [(String, JSON)] {
    let settings: [(key: String, value: JSON)] = files.map { ($0, .optional(File.line($0))) }
    let mounts = (try? File.text("/proc/mounts")) ?? ""
    let name = device.split(separator: "/").last.map(String.init) ?? ""
    let queue = "/sys/class/block/\(name)/queue/"
    return [
      ("kernel", .optional(File.line("/proc/sys/kernel/osrelease"))),
      ("cpus", .int(Int64(onlineCPUs))),
      ("settings", .object(settings)),
      ("meminfo", .optional(File.line("/proc/meminfo"))),
      (
        "mount",
        .optional(
          mounts.split(separator: "\n").last { $0.contains(" \(mountPoint) ") }.map(String.init))
      ),
      (
        "cgroup_mount",
        .optional(mounts.split(separator: "\n").first { $0.contains(" cgroup2 ") }.map(String.init))
      ),
      ("scheduler", .optional(File.line(queue + "scheduler"))),
      ("nr_requests", .optional(File.line(queue + "nr_requests"))),
      ("max_sectors_kb", .optional(File.line(queue + "max_sectors_kb"))),
      ("zones", .string(zones())),
      ("supervisor_oom_score_adj", .optional(File.line("/proc/self/oom_score_adj"))),
    ]
  }

  /// Zone sizes: an idle zone changes when reclaim throttling is skipped.
  private static func zones() -> String {
    let wanted = ["Node", "present", "managed"]
    return ((try? File.text("/proc/zoneinfo")) ?? "").split(separator: "\n")
      .map { $0.split(separator: " ").joined(separator: " ") }
      .filter { line in wanted.contains { line.hasPrefix($0) } }
      .joined(separator: "; ")
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord

/// What decides the outcome besides the profile, read once before the streams start.
///
/// Nothing here is backed by rstat: reading it changes nothing.
package enum EnvironmentProbe {
  /// Documentation/admin-guide/sysctl/vm.rst.
  private static let vm = [
    "dirty_ratio", "dirty_background_ratio", "dirty_bytes", "dirty_background_bytes",
    "dirty_writeback_centisecs", "dirty_expire_centisecs", "swappiness", "min_free_kbytes",
    "watermark_scale_factor", "watermark_boost_factor", "stat_interval", "vfs_cache_pressure",
    "overcommit_memory", "compaction_proactiveness", "page-cluster", "zone_reclaim_mode",
    "panic_on_oom", "oom_kill_allocating_task",
  ]

  private static let files =
    [
      "/proc/sys/kernel/osrelease", "/proc/version", "/proc/cmdline", "/proc/sys/kernel/tainted",
      "/sys/kernel/mm/lru_gen/enabled", "/sys/kernel/mm/lru_gen/min_ttl_ms",
      "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/transparent_hugepage/defrag",
      "/sys/kernel/mm/transparent_hugepage/shmem_enabled", "/sys/kernel/mm/ksm/run",
      "/sys/module/zswap/parameters/enabled",
      "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    ] + vm.map { "/proc/sys/vm/" + $0 }

  /// Documentation/ABI/stable/sysfs-block, below /sys/class/block/DEVICE/queue.
  private static let queue = [
    "rotational", "wbt_lat_usec", "write_cache", "logical_block_size", "physical_block_size",
    "discard_max_bytes", "read_ahead_kb",
  ]
  /// Documentation/ABI/testing/sysfs-class-bdi.
  private static let bdi = ["min_ratio", "max_ratio", "strict_limit"]

  /// Limits of a cgroup: Documentation/admin-guide/cgroup-v2.rst.
  private static let limits = [
    "cgroup.controllers", "cgroup.subtree_control", "memory.min", "memory.low", "memory.high",
    "memory.max", "memory.swap.max", "memory.zswap.max", "memory.oom.group", "io.max", "io.weight",
    "io.latency", "cpu.max", "cpu.weight", "cpuset.cpus",
  ]

  package static var onlineCPUs: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
  /// Those that have a buffer of the trace, online or not.
  package static var configuredCPUs: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_CONF))) }

  /// For the record; a file that the kernel lacks is nil.
  ///
  /// - Parameters:
  ///   - device: the scratch disk.
  ///   - mountPoint: of the file system under test, which need not be on that disk itself.
  ///   - below: where the file system that it stands above is mounted; nil: it stands above none.
  ///   - backing: the file system's backing device, by its name in sysfs; nil: it has none.
  ///   - groups: the trial's cgroups.
  package static func line(
    device: String, mountPoint: String, below: String?, backing: String?, _ groups: [Cgroup]
  ) -> EnvironmentLine {
    let mounts = ((try? File.text("/proc/mounts")) ?? "").split(separator: "\n")
    let queue = "/sys/dev/block/\(BlockDevice.diskNumber(device) ?? "?")/queue/"
    let base = groups.first?.base ?? ""
    var line = EnvironmentLine()
    line.kernel = File.line("/proc/sys/kernel/osrelease")
    line.os = value(of: "PRETTY_NAME", "=", in: "/etc/os-release")
    line.cpus = Int64(onlineCPUs)
    line.cpu = processors()
    line.pageSize = Int64(getpagesize())
    line.settings = Keyed(files.map { ($0, .optional(File.line($0))) })
    line.meminfo = File.line("/proc/meminfo")
    line.swaps = swaps()
    line.mount = mounts.last { $0.holds(" \(mountPoint) ") }.map(String.init)
    // It has a mount's options and its file system's.
    line.mountinfo = (try? MountTable.entry(at: mountPoint))?.line
    line.mountinfoBelow = below.flatMap { (try? MountTable.entry(at: $0))?.line }
    line.cgroupMount = mounts.first { $0.holds(" cgroup2 ") }.map(String.init)
    line.cgroups = Keyed(([Cgroup(path: "")] + groups).map { ($0.path, limits(of: $0)) })
    line.cgroupBase = base
    line.cgroupAncestors = ancestors(base)
    line.scheduler = File.line(queue + "scheduler")
    line.nrRequests = File.line(queue + "nr_requests")
    line.maxSectorsKB = File.line(queue + "max_sectors_kb")
    line.queue = values(Self.queue, in: queue)
    line.bdi = backing.map { values(bdi, in: "/sys/class/bdi/\($0)/") }
    line.zones = zones()
    line.supervisorOOMScoreAdj = File.line("/proc/self/oom_score_adj")
    return line
  }

  /// Files of one directory; null where the kernel lacks one.
  private static func values(_ names: [String], in directory: String) -> Keyed<JSON> {
    Keyed(names.map { ($0, .optional(File.line(directory + $0))) })
  }

  /// What a cgroup is limited to; of the root its controllers only. Files that are not there are left out: each level
  /// lacks others.
  private static func limits(of group: Cgroup) -> Keyed<String> {
    Keyed(limits.compactMap { file in File.line(group.file(file)).map { (file, $0) } })
  }

  /// The base and those above it, the root aside, by their paths below the mount: what they limit holds below.
  private static func ancestors(_ base: String) -> Keyed<Keyed<String>> {
    let names = base.split(separator: "/")
    return Keyed(
      names.indices.map { names[...$0].joined(separator: "/") }.map {
        ($0, limits(of: Cgroup(path: $0)))
      })
  }

  /// As the processors tell of themselves. `hypervisor` is the flag that CPUID has in a guest.
  private static func processors() -> EnvironmentLine.Processors {
    let file = "/proc/cpuinfo"
    let lines = ((try? File.text(file)) ?? "").split(separator: "\n")
    let sockets = Set(lines.filter { $0.hasPrefix("physical id") })
    let flags = value(of: "flags", ":", in: file)?.split(separator: " ")
    var line = EnvironmentLine.Processors()
    line.model = value(of: "model name", ":", in: file)
    line.sockets = sockets.isEmpty ? nil : Int64(sockets.count)
    line.nodes = File.line("/sys/devices/system/node/online")
    line.hypervisor = flags?.contains("hypervisor")
    line.machine = File.line("/sys/class/dmi/id/product_name")
    return line
  }

  /// The first line's value for a key, such as `KEY="value"` or `key : value`; nil: there is none.
  private static func value(of key: String, _ mark: Character, in file: String) -> String? {
    for line in ((try? File.text(file)) ?? "").split(separator: "\n") {
      let parts = line.split(separator: mark, maxSplits: 1)
      guard parts.count == 2, parts[0].prefix(while: { $0 != "\t" }) == key else { continue }
      return String(parts[1].drop { " \t".contains($0) }.filter { $0 != "\"" })
    }
    return nil
  }

  /// /proc/swaps without its heading: device, type, size and use in KiB, priority. A kernel that cannot swap has
  /// no such file.
  private static func swaps() -> [String]? {
    let text: String
    do throws(HarnessError) {
      text = try File.text("/proc/swaps")
    } catch {
      return error.errno == .noSuchFileOrDirectory ? [] : nil
    }
    return text.split(separator: "\n").dropFirst().map { line in
      line.split { " \t".contains($0) }.joined(separator: " ")
    }
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

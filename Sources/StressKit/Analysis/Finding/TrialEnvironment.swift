// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// How and where a trial ran, as its record's `header` and `environment` lines tell it. nil: not recorded.
package struct TrialEnvironment: Sendable {
  private let header: HeaderLine
  private let environment: EnvironmentLine

  /// What each cgroup had come to by the end, by its path: the counters of memory.events that are not 0.
  package let events: [String: [Profile.Setting]]

  package init(_ record: RecordReader) {
    header = record.first(HeaderLine.self) ?? HeaderLine()
    environment = record.first(EnvironmentLine.self) ?? EnvironmentLine()
    events = Self.events(record, below: environment.cgroupBase ?? "")
  }

  private static func events(
    _ record: RecordReader, below base: String
  ) -> [String: [Profile.Setting]] {
    var all: [String: [Profile.Setting]] = [:]
    let mount = Cgroup(path: "", base: base).directory + "/"
    let file = "/memory.events"
    for line in record.lines(SnapshotLine.self) where line.when == .after {
      guard let path = line.file, path.hasPrefix(mount), path.hasSuffix(file) else { continue }
      let counters = (line.values?.members ?? []).filter { $0.value != 0 }
      all[String(path.dropFirst(mount.count).dropLast(file.count))] = counters.map {
        Profile.Setting($0.key, $0.value.text)
      }
    }
    return all
  }

  // MARK: Kernel

  /// As uname(2) has it.
  package var release: String? { header.release }
  /// The distribution's version of it.
  package var package: String? { header.package }
  /// The commit that it was built of, in full, by the harness itself.
  package var commit: String? { header.build?.commit }
  /// Whether there were changes besides, which are in no commit.
  package var hasChanges: Bool { header.build?.changes != nil }
  /// /proc/version.
  package var version: String? { setting("/proc/version") }
  package var commandLine: String? { setting("/proc/cmdline") }
  /// Documentation/admin-guide/tainted-kernels.rst; 0 is not tainted.
  package var taint: UInt64? { setting("/proc/sys/kernel/tainted").flatMap { UInt64($0) } }
  package var os: String? { environment.os }

  // MARK: Machine

  package var accelerator: String? { header.accelerator }
  package var diskCache: String? { header.diskCache }
  package var qemu: String? { header.host?.qemu }
  package var hostKernel: String? { header.host?.kernel }
  package var hostCPUs: Int? { header.host?.cpus?.count }
  package var cpus: Int? { environment.cpus?.count }
  package var cpuModel: String? { environment.cpu?.model }
  package var sockets: Int? { environment.cpu?.sockets?.count }
  /// Online NUMA nodes, as in `0-1`.
  package var nodes: String? { environment.cpu?.nodes }
  /// By the processors' own word.
  package var isVirtual: Bool? { environment.cpu?.hypervisor }
  /// The product's name in the machine's firmware.
  package var product: String? { environment.cpu?.machine }
  /// Bytes.
  package var memory: UInt64? {
    let words = environment.meminfo?.split(separator: " ") ?? []
    return words.count > 1 && words[0] == "MemTotal:" ? UInt64(words[1]).map { $0 << 10 } : nil
  }
  /// Rows of /proc/swaps; empty: no swap.
  package var swaps: [String]? { environment.swaps }

  // MARK: Disk and file system

  package var scheduler: String? { environment.scheduler.map(Self.present) }
  /// Files of the disk's queue in sysfs.
  package var queue: [Profile.Setting] {
    [\EnvironmentLine.nrRequests, \.maxSectorsKB].compactMap { file in
      environment[keyPath: file].map { Profile.Setting("\(EnvironmentLine.name(file))", $0) }
    } + Self.settings(environment.queue)
  }
  /// Files of the file system's backing device in sysfs.
  package var bdi: [Profile.Setting] { Self.settings(environment.bdi) }
  /// The command without the device; empty: nothing to make.
  package var mkfs: String? { header.mkfs }
  package var mkfsVersion: String? { header.mkfsVersion }
  package var features: String? { header.fsFeatures }
  /// The options that are in effect: the mount's, and then the file system's; proc(5), /proc/pid/mountinfo.
  package var mountOptions: String? {
    if let words = environment.mountinfo?.split(separator: " "), words.count > 9,
      let mark = words.firstIndex(of: "-"), mark + 3 < words.count
    {
      return "\(words[5]) / \(words[mark + 3])"
    }
    let words = environment.mount?.split(separator: " ") ?? []
    return words.count > 3 ? String(words[3]) : nil
  }

  // MARK: Settings

  /// A file below /proc or /sys by its path.
  package func setting(_ path: String) -> String? { environment.settings?[path]?.string }

  /// Those that are not as the kernel has them of itself, by their sysctl's or module parameter's name.
  package var changedSettings: [Profile.Setting] {
    (environment.settings?.members ?? []).compactMap { path, value in
      guard let value = value.string, let usual = Self.defaults[path],
        Self.present(value) != usual
      else { return nil }
      return Profile.Setting(TrialFacts.settingName(path), Self.present(value))
    }
  }

  /// What a kernel has without anybody's doing: mm/page-writeback.c, mm/vmscan.c, mm/page_alloc.c,
  /// mm/compaction.c, mm/swap.c, fs/dcache.c, mm/vmstat.c; the same from 6.1 to 6.18.
  private static let defaults: [String: String] = {
    let vm = [
      "dirty_ratio": "20", "dirty_background_ratio": "10", "dirty_bytes": "0",
      "dirty_background_bytes": "0", "dirty_writeback_centisecs": "500",
      "dirty_expire_centisecs": "3000", "swappiness": "60", "watermark_scale_factor": "10",
      "watermark_boost_factor": "15000", "stat_interval": "1", "vfs_cache_pressure": "100",
      "overcommit_memory": "0", "compaction_proactiveness": "20", "page-cluster": "3",
      "zone_reclaim_mode": "0", "panic_on_oom": "0", "oom_kill_allocating_task": "0",
    ]
    let others = [
      "/sys/kernel/mm/lru_gen/min_ttl_ms": "0", "/sys/kernel/mm/ksm/run": "0",
      "/sys/module/zswap/parameters/enabled": "N",
    ]
    return others.merging(vm.map { ("/proc/sys/vm/" + $0.key, $0.value) }) { first, _ in first }
  }()

  // MARK: Cgroups

  /// What each is limited to, by its path below the mount; the root's is empty.
  package var cgroups: [(path: String, limits: [Profile.Setting])] {
    (environment.cgroups?.members ?? []).map { ($0.key, Self.settings($0.value)) }
  }
  /// The one that those are below, and those above it, the root aside, by path below the mount: none in a guest.
  package var ancestors: [(path: String, limits: [Profile.Setting])] {
    (environment.cgroupAncestors?.members ?? []).map { ($0.key, Self.settings($0.value)) }
  }
  /// Options of the cgroup2 mount.
  package var cgroupOptions: String? {
    let words = environment.cgroupMount?.split(separator: " ") ?? []
    return words.count > 3 ? String(words[3]) : nil
  }

  private static func settings(_ files: Keyed<JSON>?) -> [Profile.Setting] {
    (files?.members ?? []).compactMap { key, value in
      value.string.map { Profile.Setting(key, $0) }
    }
  }

  private static func settings(_ files: Keyed<String>) -> [Profile.Setting] {
    files.members.map { Profile.Setting($0.key, $0.value) }
  }

  /// Of a choice in sysfs the one in brackets.
  private static func present(_ text: String) -> String { KernelSetting.present(in: text) }
}

import StressCore

/// What decides the outcome beside the profile.
package struct EnvironmentLine: Line {
  package static let type: StaticString = "environment"
  package static let meaning = """
    What decides the outcome beside the profile, read once before the streams ([its values](#the-environment)).
    """

  package struct Processors: LineObject, MemberValue {
    package var model: String?
    package var sockets: Int64?
    package var nodes: String?
    package var hypervisor: Bool?
    package var machine: String?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("model", \.model, "/proc/cpuinfo"),
      Member("sockets", \.sockets, "/proc/cpuinfo"),
      Member("nodes", \.nodes, "NUMA nodes online"),
      Member("hypervisor", \.hypervisor, "whether they say that one runs them (CPUID)"),
      Member("machine", \.machine, "by its firmware"),
    ]
  }

  package var t: Int64?
  package var kernel: String?
  package var os: String?
  package var cpus: Int64?
  package var cpu: Processors?
  package var pageSize: Int64?
  package var settings: Keyed<JSON>?
  package var meminfo: String?
  package var swaps: [String]?
  package var mount: String?
  package var mountinfo: String?
  package var cgroupMount: String?
  package var cgroups: Keyed<Keyed<String>>?
  package var cgroupBase: String?
  package var cgroupAncestors: Keyed<Keyed<String>>?
  package var scheduler: String?
  package var nrRequests: String?
  package var maxSectorsKB: String?
  package var queue: Keyed<JSON>?
  package var bdi: Keyed<JSON>?
  package var zones: String?
  package var supervisorOOMScoreAdj: String?
  package init() {}

  package static let members: [Member<Self>] = [
    Member("kernel", \.kernel, "uname's release"),
    Member("os", \.os, "PRETTY_NAME of /etc/os-release, which a guest has not"),
    Member("cpus", \.cpus, "online"),
    Member("cpu", \.cpu, "the processors"),
    Member("page_size", \.pageSize, .bytes, "older records have none, and pages of 4096"),
    Member(
      "settings", \.settings,
      "by path: /proc/version, the command line, taint, LRU, THP, KSM, zswap, clock source, and the sysctls of vm"
    ),
    Member("meminfo", \.meminfo, "the line MemTotal"),
    Member("swaps", \.swaps, "the rows of /proc/swaps, none without swap"),
    Member(
      "mount", \.mount, "the line of /proc/mounts; of /dev/dm-N where the profile delays the disk"),
    Member("mountinfo", \.mountinfo, "the line of /proc/self/mountinfo: the options in effect"),
    Member("cgroup_mount", \.cgroupMount, "the cgroup2 mount"),
    Member(
      "cgroups", \.cgroups,
      "of each cgroup of the trial, by path, its controllers and limits (files that it has not are left out). The root's path is empty"
    ),
    Member(
      "cgroup_base", \.cgroupBase,
      "the cgroup that the trial's are below, by its path below the mount: empty in a guest, a unit's with systemd. A record names cgroups by their path below it (the kernel log and the names of files have all of it)"
    ),
    Member(
      "cgroup_ancestors", \.cgroupAncestors, "the limits of it and of those above it, by path"),
    Member("scheduler", \.scheduler, "of the scratch disk, /sys/class/block/DISK/queue"),
    Member("nr_requests", \.nrRequests, "the same"),
    Member("max_sectors_kb", \.maxSectorsKB, "the same"),
    Member("queue", \.queue, "other files of the same"),
    Member(
      "bdi", \.bdi,
      "`min_ratio`, `max_ratio`, `strict_limit` of the file system's backing device; `null` for tmpfs"
    ),
    Member("zones", \.zones, "each zone's pages, present and managed"),
    Member("supervisor_oom_score_adj", \.supervisorOOMScoreAdj, "of the harness itself"),
  ]
}

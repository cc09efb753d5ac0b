// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What decides the outcome beside the profile.
package struct EnvironmentLine: Line {
  package static let type: StaticString = "environment"
  package static let meaning = """
    What decides the outcome beside the profile, read once before the streams ([its members](#the-environment)).
    """

  package struct Processors: LineObject, MemberValue {
    package var model: String?
    package var sockets: Int64?
    package var nodes: String?
    package var hypervisor: Bool?
    package var machine: String?
    package init() {}
    package static let members: [Member<Self>] = [
      Member("model", \.model, "model by /proc/cpuinfo"),
      Member("sockets", \.sockets, "number of sockets by /proc/cpuinfo"),
      Member("nodes", \.nodes, "NUMA nodes online"),
      Member("hypervisor", \.hypervisor, "whether CPUID reports a hypervisor"),
      Member("machine", \.machine, "name of the machine by its firmware"),
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
  package var mountinfoBelow: String?
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
    Member("kernel", \.kernel, "release by uname(2)"),
    Member("os", \.os, "PRETTY_NAME of /etc/os-release, which guests do not have"),
    Member("cpus", \.cpus, "number of CPUs online"),
    Member("cpu", \.cpu, "the processors"),
    Member(
      "page_size", \.pageSize, .bytes,
      "size of a page; older records lack it, and have pages of 4096"),
    Member(
      "settings", \.settings,
      "by path: /proc/version, the command line, taint, LRU, THP, KSM, zswap, clock source, and the vm sysctls"
    ),
    Member("meminfo", \.meminfo, "the MemTotal line of /proc/meminfo"),
    Member("swaps", \.swaps, "the rows of /proc/swaps; none without swap"),
    Member(
      "mount", \.mount,
      "the file system's line of /proc/mounts. It is that of /dev/dm-N if the profile delays the disk"
    ),
    Member(
      "mountinfo", \.mountinfo,
      "the file system's line of /proc/self/mountinfo: the options in effect"),
    Member(
      "mountinfo_below", \.mountinfoBelow, isLeftOut: true,
      "the same line of the file system on the disk, where overlay or nfs stand above it"),
    Member("cgroup_mount", \.cgroupMount, "the line of /proc/mounts of the cgroup2 mount"),
    Member(
      "cgroups", \.cgroups,
      "controllers and limits of each cgroup of the trial, by the cgroup's path and the file's name. Files that a cgroup lacks are left out. The root's path is empty"
    ),
    Member(
      "cgroup_base", \.cgroupBase,
      "the cgroup that contains the trial's cgroups, as a path below the mount: empty in a guest, the unit's with systemd. A record names cgroups by their path below it (the kernel log and file names have the full path)"
    ),
    Member(
      "cgroup_ancestors", \.cgroupAncestors,
      "limits of `cgroup_base` and of its ancestors, by path and name of the file"),
    Member(
      "scheduler", \.scheduler,
      "I/O scheduler of the scratch disk, from /sys/class/block/DISK/queue"),
    Member("nr_requests", \.nrRequests, "nr_requests of the same directory"),
    Member("max_sectors_kb", \.maxSectorsKB, "max_sectors_kb of the same directory"),
    Member("queue", \.queue, "other files of the same directory, by name"),
    Member(
      "bdi", \.bdi,
      "`min_ratio`, `max_ratio`, `strict_limit` of the file system's backing device; `null` for tmpfs"
    ),
    Member("zones", \.zones, "pages of each zone, present and managed"),
    Member(
      "supervisor_oom_score_adj", \.supervisorOOMScoreAdj, "oom_score_adj of the harness itself"),
  ]
}

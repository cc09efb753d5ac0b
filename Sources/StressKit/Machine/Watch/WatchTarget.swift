// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// A cgroup of others that is to be looked at, as the user named it.
package enum WatchTarget: Sendable, Equatable {
  /// A directory of the v2 mount, or a path below it.
  case cgroup(String)
  /// Of systemd's.
  case unit(String)
  /// The cgroup that a process is in.
  case process(Int32)

  /// As on the command line.
  package var text: String {
    switch self {
    case .cgroup(let path): "--cgroup \(path)"
    case .unit(let name): "--unit \(name)"
    case .process(let pid): "--pid \(pid)"
    }
  }

  /// Finds the cgroup; changes nothing.
  ///
  /// - Throws: when there is none, or none whose memory is counted (code refused or environment).
  package func find() throws(HarnessError) -> Cgroup {
    let location: String
    switch self {
    case .cgroup(let path): location = try CgroupPlace.location(path)
    case .unit(let name):
      guard let path = try DelegatedUnit.cgroup(of: name) else {
        throw HarnessError(
          .refused, text, "has no cgroup: it does not run", remedy: "systemctl status \(name)")
      }
      location = path
    case .process(let pid):
      guard File.exists("/proc/\(pid)") else {
        throw HarnessError(.refused, text, "there is no such process", errno: .noSuchProcess)
      }
      guard let path = try CgroupTree.location(of: "\(pid)"), path != "" else {
        throw HarnessError(
          .refused, text, "is in no cgroup below the root",
          remedy: "the whole machine's counters are in every record: name any cgroup")
      }
      location = path
    }
    let group = Cgroup(path: location)
    guard File.exists(group.file("cgroup.procs")) else {
      throw HarnessError(
        .refused, group.directory, "is no cgroup", errno: .noSuchFileOrDirectory,
        remedy: "systemd-cgls shows those that there are")
    }
    guard File.exists(group.file("memory.current")) else {
      throw HarnessError(
        .environment, group.directory, "has no memory controller",
        remedy: "enable it in the cgroup.subtree_control of every cgroup above it; of a unit:"
          + " systemctl set-property UNIT MemoryAccounting=yes")
    }
    return group
  }

  /// Finds the cgroups of several targets, each once.
  package static func find(_ targets: [WatchTarget]) throws(HarnessErrors) -> [Cgroup] {
    var problems: [HarnessError] = []
    var groups: [Cgroup] = []
    for target in targets {
      do throws(HarnessError) {
        let group = try target.find()
        try checkOwn(group)
        if !groups.contains(group) { groups.append(group) }
      } catch {
        problems.append(error)
      }
    }
    if !problems.isEmpty { throw HarnessErrors(problems) }
    return groups
  }

  /// A watcher within would be limited with what it watches, and counted as a part of it.
  private static func checkOwn(_ group: Cgroup) throws(HarnessError) {
    let own = try CgroupTree.own().location
    guard own == group.location || own.hasPrefix(group.location + "/") else { return }
    throw HarnessError(
      .refused, group.directory, "is the cgroup that wbstress itself runs in",
      remedy: "start it elsewhere: systemd-run --scope --slice=-.slice wbstress watch ...")
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// A transient service of systemd, whose cgroup is ours to divide: on a machine that systemd runs, all other
/// cgroups and their attributes are its own (systemd's CGROUP_DELEGATION, "Two Key Design Rules").
///
/// A service and no scope: before systemd 253 a scope has no OOMPolicy, and one OOM kill of the kernel's in it has
/// systemd stop all of it. Its main process does nothing; the harness moves itself in and out again, and stays
/// the child of the shell that it was started from.
package struct DelegatedUnit: Sendable {
  package let name: String
  /// Path of its cgroup below the v2 mount.
  package let cgroup: String

  /// What the kernel is to keep of the unit under reclaim, bytes. A cgroup's own memory.min and memory.low count
  /// for no more than those above it have (Documentation/admin-guide/cgroup-v2.rst).
  package struct Protection: Equatable, Sendable {
    package var min: UInt64
    package var low: UInt64
    package init(min: UInt64 = 0, low: UInt64 = 0) {
      self.min = min
      self.low = low
    }
  }

  /// Holds the unit's main process.
  static let holder = "holder"
  private static let package = "systemd"
  /// How long systemd may say nothing, ns: a unit's start has 90 s by default (systemd-system.conf, DefaultTimeoutStartSec=),
  /// a job that waits for others has no limit.
  private static let patience: UInt64 = 120_000_000_000
  private static let remedy =
    "name a cgroup that is delegated to you: --cgroup PATH; or run in a guest: --kernel debian:6.12"

  /// Whether systemd runs this machine: sd_booted(3).
  package static var isNeeded: Bool { File.inode("/run/systemd/system") != nil }

  /// Whether systemd can be asked; changes nothing.
  package static func probe() throws(HarnessError) {
    try Tool.run(
      "systemctl", ["show", "--property=Version"], package: package, remedy: remedy,
      patience: patience)
  }

  /// What this process calls its unit.
  package static var ownName: String { "wbstress-\(getpid()).service" }

  /// Starts the unit, with the controllers delegated and no process in its own cgroup, so that they can be enabled
  /// below it.
  ///
  /// - Throws: `.environment` when systemd does not do it; then there is no such unit.
  package static func start(
    _ name: String, controllers: [String], _ protection: Protection
  ) throws(HarnessError) -> DelegatedUnit {
    try Tool.run(
      "systemd-run", arguments(name, controllers, protection, supervisor: getpid()),
      package: package, remedy: remedy, patience: patience)
    do throws(HarnessError) {
      let path = try property("ControlGroup", of: name)
      let main = try property("MainPID", of: name)
      guard path.hasPrefix("/"), path != "/" else {
        throw HarnessError(.environment, name, "has no cgroup", remedy: remedy)
      }
      let unit = DelegatedUnit(name: name, cgroup: String(path.dropFirst()))
      let group = Cgroup(path: holder, base: unit.cgroup)
      try File.makeDirectory(group.directory)
      try CgroupTree.omitFromOOMD(group)
      try File.set(group.file("cgroup.procs"), main)
      return unit
    } catch {
      try? stop(name)
      throw error
    }
  }

  /// systemd-run(1), systemd.resource-control(5), systemd.service(5).
  ///
  /// In the root slice: no slice's limits hold there and none has to lend it memory.min, and pressure in it has no
  /// systemd-oomd look for victims among other services, as it may in system.slice.
  static func arguments(
    _ name: String, _ controllers: [String], _ protection: Protection, supervisor: Int32
  ) -> [String] {
    let properties =
      [
        "Delegate=" + controllers.joined(separator: " "), "OOMPolicy=continue",
        "ManagedOOMMemoryPressure=auto", "ManagedOOMSwap=auto", "ManagedOOMPreference=omit",
        "KillMode=control-group", "OOMScoreAdjust=-1000", "TasksMax=infinity",
      ] + (protection.min > 0 ? ["MemoryMin=\(protection.min)"] : [])
      + (protection.low > 0 ? ["MemoryLow=\(protection.low)"] : [])
    return [
      "--quiet", "--collect", "--no-ask-password", "--unit=" + name, "--slice=-.slice",
      "--service-type=exec", "--description=wbstress: a trial under memory pressure",
    ] + properties.flatMap { ["-p", $0] }
      // Ends with the harness, and then systemd kills what else is in the unit.
      + ["tail", "--pid=\(supervisor)", "--follow", "/dev/null"]
  }

  /// Stops a unit, and with it every process that is left in it. One that is gone already is no error.
  package static func stop(_ name: String) throws(HarnessError) {
    guard try isLoaded(name) else { return }
    do throws(HarnessError) {
      try Tool.run("systemctl", ["stop", name], package: package, patience: patience)
    } catch {
      // It may have ended meanwhile.
      if try isLoaded(name) { throw error }
    }
  }

  /// Whether it is being stopped, or is gone: by an administrator, if not by us.
  package static func isStopping(_ name: String) -> Bool {
    guard let state = try? property("ActiveState", of: name) else { return false }
    return state != "active"
  }

  /// Where a unit's cgroup is, below the v2 mount; nil: it has none, as it does not run.
  package static func cgroup(of name: String) throws(HarnessError) -> String? {
    let path = try property("ControlGroup", of: name)
    return path.isEmpty || path == "/" ? nil : String(path.dropFirst())
  }

  /// What tells this start of the unit from all others; nil: there is no such unit, or no systemd.
  static func invocation(of name: String) -> String? {
    guard isNeeded, (try? isLoaded(name)) == true else { return nil }
    return (try? property("InvocationID", of: name)).flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func isLoaded(_ name: String) throws(HarnessError) -> Bool {
    try property("LoadState", of: name) != "not-found"
  }

  /// systemctl(1), show: a unit that does not exist has properties, too.
  private static func property(_ key: String, of name: String) throws(HarnessError) -> String {
    let output = try Tool.run(
      "systemctl", ["show", "--value", "--property=" + key, name], package: package,
      patience: patience)
    return String(String(decoding: output, as: UTF8.self).prefix { $0 != "\n" })
  }
}

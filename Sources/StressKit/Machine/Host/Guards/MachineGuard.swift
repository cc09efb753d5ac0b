// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// What keeps trials off a machine, whatever they do there.
package struct MachineGuard {
  package private(set) var findings = GuardFindings()

  /// What every way out ends with.
  private static let guest = "boot a guest: --kernel debian:6.12"

  /// - Parameters:
  ///   - place: where the trials' cgroups go.
  ///   - controllers: of cgroup v2, that trials need.
  ///   - allowsDesktop: a graphical session is no reason to refuse.
  package init(_ place: CgroupPlace, controllers: [String], allowsDesktop: Bool) {
    checkPrivileges()
    checkCgroup(place, controllers)
    do throws(HarnessError) {
      try checkDesktop(try RunningProcess.all(), allowsDesktop)
    } catch {
      findings.add(error, as: .desktop)
    }
    checkPanic()
    checkSwap()
  }

  // MARK: Rights

  /// capabilities(7), by their numbers in linux/capability.h.
  private static let capabilities: [(name: String, bit: UInt64)] = [
    ("dac_override", 1), ("kill", 5), ("ipc_lock", 14), ("sys_admin", 21), ("sys_nice", 23),
    ("sys_resource", 24), ("syslog", 34),
  ]

  /// Capabilities that a trial needs and the process lacks.
  ///
  /// - Parameter status: as proc(5), /proc/PID/status.
  static func lacking(in status: String) -> [String] {
    let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
    let text = line?.split { ":\t ".contains($0) }.last ?? ""
    guard let set = UInt64(text, radix: 16) else { return capabilities.map(\.name) }
    return capabilities.filter { set >> $0.bit & 1 == 0 }.map(\.name)
  }

  /// user_namespaces(7): the first namespace maps every number to itself.
  static func isFirstNamespace(_ map: String) -> Bool {
    map.split { " \n".contains($0) } == ["0", "0", "4294967295"]
  }

  private mutating func checkPrivileges() {
    if geteuid() != 0 {
      findings.refuse(.privileges, "run", "needs root on this machine", "sudo, or \(Self.guest)")
      return
    }
    let lacking = Self.lacking(in: (try? File.text("/proc/self/status")) ?? "")
    if !lacking.isEmpty {
      findings.refuse(
        .privileges, "run", "lacks the capabilities \(lacking.joined(separator: ", "))",
        "a container needs --privileged, or \(Self.guest)")
    }
    if let map = try? File.text("/proc/self/uid_map"), !Self.isFirstNamespace(map) {
      findings.refuse(
        .privileges, "run", "is root of a user namespace only", "run it outside, or \(Self.guest)")
    }
    if findings.isClear(.privileges) {
      findings.ok(.privileges, "run", "is root, with all capabilities that trials need")
    }
  }

  // MARK: cgroups

  /// How the controllers are bound, by what is mounted; nil: all are free for v2.
  static func legacyLayout(_ mounts: [MountEntry], _ root: String) -> String? {
    let legacy = mounts.first { $0.type == "cgroup" && $0.options.contains("memory") }
    let v1 = mounts.filter { $0.type == "cgroup" }
    let unified = mounts.first { $0.type == "cgroup2" }
    if unified?.point == root, legacy == nil { return nil }
    let memory = legacy ?? v1.first { $0.point.hasSuffix("/memory") }
    let place = memory.map { ", the memory controller at \($0.point)" } ?? ""
    if let unified, !v1.isEmpty { return "is hybrid: cgroup2 at \(unified.point)\(place) is v1" }
    if let unified { return "cgroup2 is mounted at \(unified.point) only" }
    return v1.isEmpty ? nil : "is cgroup v1\(place)"
  }

  private mutating func checkCgroup(_ place: CgroupPlace, _ controllers: [String]) {
    let root = Cgroup.mount
    let mounts = MountTable.entries()
    let remedy = "boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all, or \(Self.guest)"
    if let layout = Self.legacyLayout(mounts, root) {
      findings.add(HarnessError(.environment, root, layout, remedy: remedy), as: .cgroup)
      return
    }
    for problem in place.problems(controllers) { findings.add(problem, as: .cgroup) }
    if mounts.last(where: { $0.point == root })?.options.contains("ro") == true {
      findings.refuse(
        .cgroup, root, "is mounted read-only, as in a container",
        "a container needs a writable cgroup2, or \(Self.guest)")
    }
    if findings.isClear(.cgroup) {
      findings.ok(.cgroup, root, "is cgroup2 with \(controllers.joined(separator: ", "))")
    }
  }

  // MARK: Others on the machine

  /// Servers and compositors of graphical sessions.
  private static let displays = [
    "Xorg", "Xwayland", "gnome-shell", "kwin_wayland", "kwin_x11", "sway", "weston", "Hyprland",
    "labwc", "cosmic-comp", "mutter", "plasmashell",
  ]

  private mutating func checkDesktop(
    _ processes: [RunningProcess], _ isAllowed: Bool
  ) throws(HarnessError) {
    var found = processes.filter { Self.displays.contains($0.comm) }.map(\.description)
    for user in File.exists("/run/user") ? try File.list("/run/user") : [] {
      let sockets = File.names(in: "/run/user/\(user)")
        .filter { $0.hasPrefix("wayland-") && !$0.hasSuffix(".lock") }
      found += sockets.map { "/run/user/\(user)/\($0)" }
    }
    guard let first = found.first else {
      findings.ok(.desktop, "processes", "there is no graphical session")
      return
    }
    if isAllowed {
      findings.warn(.desktop, first, "is a graphical session", nil)
    } else {
      findings.refuse(
        .desktop, first, "is a graphical session",
        "\(Self.guest); or, if nobody works there: --allow-desktop")
    }
  }

  private mutating func checkPanic() {
    let path = "/proc/sys/vm/panic_on_oom"
    let value = File.line(path) ?? "0"
    if value == "0" {
      findings.ok(.panicOnOOM, "vm.panic_on_oom", "is 0")
    } else {
      findings.refuse(
        .panicOnOOM, "vm.panic_on_oom", "is \(value): the machine panics when memory runs out",
        "sysctl vm.panic_on_oom=0")
    }
  }

  private mutating func checkSwap() {
    let info = MemoryInfo()
    let used = info.bytes("SwapTotal") - min(info.bytes("SwapFree"), info.bytes("SwapTotal"))
    if used > info.bytes("MemTotal") / 20 {
      findings.warn(
        .swap, "swap", "holds \(used >> 20) MiB of others, which come back at their cost",
        "swapoff -a && swapon -a, when memory is free")
    } else {
      findings.ok(.swap, "swap", "holds \(used >> 20) MiB")
    }
  }
}

/// proc(5), /proc/meminfo.
package struct MemoryInfo {
  private let lines: [Substring]

  package init(_ text: String? = nil) {
    lines = (text ?? (try? File.text("/proc/meminfo")) ?? "").split(separator: "\n")
  }

  /// A line's value in bytes; 0: there is no such line.
  package func bytes(_ name: String) -> UInt64 { value(name) ?? 0 }

  package func value(_ name: String) -> UInt64? {
    lines.first { $0.hasPrefix(name + ":") }?.split(separator: " ").dropFirst().first
      .flatMap { UInt64($0) }.map { $0 << 10 }
  }
}

import CCgroup
import CLinux
import Glibc
import SystemPackage

/// The cgroups of a trial: one that holds the limits, and a child per workload.
///
/// libcgroup creates and configures. Two of its gaps are filled here: 2.0.2 never enables a
/// controller in the v2 root's subtree_control (fixed upstream in 3.2.0), and it resolves a controller
/// to v1 without a word where v1 has it.
package struct CgroupTree {
  /// A cgroup by its path below the v2 mount.
  package struct Group: Sendable {
    package var path: String
    package init(path: String) { self.path = path }
    package var directory: String {
      path.isEmpty ? CgroupTree.mount : CgroupTree.mount + "/" + path
    }
    package func file(_ name: String) -> String { directory + "/" + name }
  }

  package static let mount = "/sys/fs/cgroup"
  private static let always = ["memory", "io", "cpu"]
  /// CGROUP2_SUPER_MAGIC, linux/magic.h.
  private static let cgroup2Magic: UInt64 = 0x6367_7270

  private let controllers: [String]
  private let journal: CleanupJournal
  /// In the order of their making: what a record tells of.
  package private(set) var made: [Group] = []

  /// The controllers of a profile: memory, io, cpu, and those whose files it sets.
  package static func controllers(for profile: Profile) -> [String] {
    let limits =
      profile.limits + profile.cgroups.flatMap(\.limits) + profile.timeline.flatMap(\.limits)
    return limits.map { controller(of: $0.key) }.reduce(into: always) { all, name in
      if !all.contains(name) { all.append(name) }
    }
  }

  private static func controller(of file: String) -> String { String(file.prefix { $0 != "." }) }

  /// Checks that the controllers are on v2 and enables them below the root.
  package init(controllers: [String], _ journal: CleanupJournal) throws(HarnessError) {
    self.controllers = controllers
    self.journal = journal
    try Self.check(controllers)
    let root = Group(path: "")
    let enabled = Self.enabled(in: root)
    let missing = controllers.filter { !enabled.contains($0) }
    if !missing.isEmpty {
      try journal.make(EnabledControllers(missing, in: root)) { () throws(HarnessError) in
        try File.set(
          root.file("cgroup.subtree_control"), missing.map { "+" + $0 }.joined(separator: " "))
      }
    }
    try Self.call(cgroup_init(), "cgroup_init", Self.mount)
  }

  /// The controllers that children of a cgroup have.
  static func enabled(in group: Group) -> [String] {
    (File.line(group.file("cgroup.subtree_control")) ?? "").split(separator: " ").map(String.init)
  }

  /// Checks that the controllers are on v2; changes nothing.
  package static func check(_ controllers: [String]) throws(HarnessError) {
    var magic: UInt64 = 0
    try StressKit.check(
      cl_statfs_magic(mount, &magic), mount, "statfs",
      remedy: "mount cgroup2 there", code: .environment)
    guard magic == cgroup2Magic else {
      throw HarnessError(
        .environment, mount, "is not a cgroup2 mount",
        remedy: "boot with cgroup_no_v1=all, or run in a guest: --kernel debian:6.12")
    }
    let have = (try File.text(mount + "/cgroup.controllers")).split { " \n".contains($0) }
    let missing = controllers.filter { name in !have.contains { $0 == name } }
    guard missing.isEmpty else {
      throw HarnessError(
        .environment, mount + "/cgroup.controllers",
        "lacks \(missing.joined(separator: ", "))",
        remedy: "they are bound to cgroup v1 or not in this kernel: boot with cgroup_no_v1=all")
    }
  }

  /// The cgroup that this process is in: cgroups(7), /proc/PID/cgroup.
  package static func own() -> Group {
    let lines = ((try? File.text("/proc/self/cgroup")) ?? "").split(separator: "\n")
    let path = lines.first { $0.hasPrefix("0::/") }.map { String($0.dropFirst(4)) }
    return Group(path: path ?? "")
  }

  /// Creates a cgroup with `settings`, in their order.
  package mutating func make(
    _ path: String, _ settings: [Profile.Setting] = []
  ) throws(HarnessError) -> Group {
    let group = Group(path: path)
    try journal.make(MadeCgroup(group)) { () throws(HarnessError) in try create(path) }
    made.append(group)
    // One at a time and in the profile's order, so that an error names the file that refused.
    for setting in settings { try Self.set(group, setting) }
    return group
  }

  private func create(_ path: String) throws(HarnessError) {
    let handle = try Self.handle(path)
    defer {
      var pointer: OpaquePointer? = handle
      cgroup_free(&pointer)
    }
    for controller in controllers {
      guard
        attemptPointer(
          cgroup_add_controller(handle, controller), "cgroup \(path)",
          "add controller \(controller)") != nil
      else {
        throw HarnessError(.harness, "cgroup \(path)", "add controller \(controller)")
      }
    }
    try Self.call(cgroup_create_cgroup(handle, 0), "create", path)
  }

  private static func handle(_ path: String) throws(HarnessError) -> OpaquePointer {
    guard
      let handle = attemptPointer(cgroup_new_cgroup(path), "cgroup \(path)", "cgroup_new_cgroup")
    else {
      throw HarnessError(.harness, "cgroup \(path)", "cgroup_new_cgroup", errno: .noMemory)
    }
    return handle
  }

  /// Writes one interface file of a cgroup.
  package static func set(_ group: Group, _ setting: Profile.Setting) throws(HarnessError) {
    let controller = controller(of: setting.key)
    let operation = "write \(setting.key)=\(setting.value)"
    let handle = try handle(group.path)
    defer {
      var pointer: OpaquePointer? = handle
      cgroup_free(&pointer)
    }
    guard File.exists(group.file(setting.key)) else {
      throw HarnessError(
        .environment, "cgroup \(group.path)", operation, errno: .noSuchFileOrDirectory,
        remedy: "this kernel has no such file")
    }
    // In memory alone: it can lack nothing else.
    guard let part = cgroup_add_controller(handle, controller),
      cgroup_add_value_string(part, setting.key, setting.value) == 0
    else { throw HarnessError(.harness, "cgroup \(group.path)", operation, errno: .noMemory) }
    try call(cgroup_modify_cgroup(handle), operation, group.path)
  }

  /// Deletes an empty cgroup. The corresponding C function is `rmdir`.
  static func remove(_ group: Group) throws(HarnessError) {
    try checkErrno(
      Int(rmdir(group.directory)), "cgroup \(group.path)", "rmdir",
      remedy: "it has tasks or cgroups below it that are not ours: end them, then wbstress clean")
  }

  /// Moves the calling process into a cgroup: the supervisor's own.
  package static func enter(_ group: Group) throws(HarnessError) {
    try File.set(group.file("cgroup.procs"), "0")
  }

  private static func call(
    _ function: @autoclosure () -> Int32, _ operation: String, _ path: String
  ) throws(HarnessError) {
    if let chosen = chosenFailure("cgroup \(path)", operation) {
      throw HarnessError(.environment, "cgroup \(path)", operation, errno: chosen)
    }
    let result = function()
    if result == 0 { return }
    // Every failed system call is ECGOTHER; the errno is kept aside.
    if result == Int32(ECGOTHER) {
      throw HarnessError(
        .environment, "cgroup \(path)", operation,
        errno: Errno(rawValue: Int32(cgroup_get_last_errno())))
    }
    throw HarnessError(
      .environment, "cgroup \(path)",
      "\(operation): \(String(cString: cgroup_strerror(result)))")
  }
}

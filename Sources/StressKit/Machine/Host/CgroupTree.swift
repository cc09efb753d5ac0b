// SPDX-License-Identifier: Apache-2.0
import CCgroup
import CLinux
import Glibc
import StressCore
import SystemPackage

/// The cgroups of a trial: one that holds the limits, and a child per workload.
///
/// libcgroup creates and configures. Two of its gaps are filled here: 2.0.2 never enables a
/// controller in the v2 root's subtree_control (fixed upstream in 3.2.0), and it resolves a controller
/// to v1 without a word where v1 has it.
package struct CgroupTree {
  /// CGROUP2_SUPER_MAGIC, linux/magic.h.
  private static let cgroup2Magic: UInt64 = 0x6367_7270

  private let controllers: [String]
  private let journal: CleanupJournal
  /// The cgroup that all of the tree is below: the root, or one that was delegated to us.
  package let base: Cgroup
  /// In the order of their making: what a record tells of.
  package private(set) var made: [Cgroup] = []

  /// Checks that the base has the controllers, takes this process into a group below it, and enables them there.
  ///
  /// - Parameters:
  ///   - base: path below the v2 mount; empty: the root.
  ///   - own: name of the group that this process goes into, until the journal's undoing. First: controllers cannot
  ///     be enabled below a cgroup that has processes of its own (Documentation/admin-guide/cgroup-v2.rst, no
  ///     internal process constraint).
  package init(
    controllers: [String], base: String = "", own: String, _ journal: CleanupJournal
  ) throws(HarnessError) {
    self.controllers = controllers
    self.journal = journal
    self.base = Cgroup(path: "", base: base)
    try Self.check(controllers, in: self.base)
    let group = Cgroup(path: own, base: base)
    try journal.make(MadeCgroup(group)) { () throws(HarnessError) in
      try File.makeDirectory(group.directory)
    }
    try Self.omitFromOOMD(group)
    let origin = try Self.own()
    try Self.enter(group)
    journal.own { () throws(HarnessError) in try Self.leave(for: origin) }
    try enable()
    try Self.call(cgroup_init(), "cgroup_init", Cgroup.mount)
  }

  private func enable() throws(HarnessError) {
    let base = base
    let enabled = try Self.enabled(in: base)
    let missing = controllers.filter { !enabled.contains($0) }
    if missing.isEmpty { return }
    try journal.make(try EnabledControllers(missing, in: base)) { () throws(HarnessError) in
      try File.set(
        base.file("cgroup.subtree_control"), missing.map { "+" + $0 }.joined(separator: " "),
        remedy: "EBUSY: there are other processes in that cgroup; move them into one below it")
    }
  }

  /// Names of the cgroups right below one.
  static func children(of group: Cgroup) throws(HarnessError) -> [String] {
    try File.list(group.directory, type: Int(DT_DIR))
  }

  /// The cgroups below one, at any depth; without those that vanish meanwhile.
  static func below(_ group: Cgroup) -> [Cgroup] {
    ((try? children(of: group)) ?? []).flatMap { name -> [Cgroup] in
      let child = Cgroup(path: "\(group.path)/\(name)", base: group.base)
      return [child] + below(child)
    }
  }

  /// The controllers that children of a cgroup have.
  static func enabled(in group: Cgroup) throws(HarnessError) -> [String] {
    let line = try File.lineIfThere(group.file("cgroup.subtree_control")) ?? ""
    return line.split(separator: " ").map(String.init)
  }

  /// A group below the base.
  package func group(_ path: String) -> Cgroup { Cgroup(path: path, base: base.base) }

  /// Checks that `base` is a cgroup of v2 with these controllers; changes nothing.
  package static func check(
    _ controllers: [String], in base: Cgroup = Cgroup(path: "")
  ) throws(HarnessError) {
    var magic: UInt64 = 0
    try StressCore.check(
      cl_statfs_magic(Cgroup.mount, &magic), Cgroup.mount, "statfs",
      remedy: "mount cgroup2 there", code: .environment)
    guard magic == cgroup2Magic else {
      throw HarnessError(
        .environment, Cgroup.mount, "is not a cgroup2 mount",
        remedy: "boot with cgroup_no_v1=all, or run in a guest: --kernel debian:6.12")
    }
    let file = base.file("cgroup.controllers")
    let have = (try File.text(file, code: .environment)).split { " \n".contains($0) }
    let missing = controllers.filter { name in !have.contains { $0 == name } }
    guard missing.isEmpty else {
      throw HarnessError(
        .environment, file, "lacks \(missing.joined(separator: ", "))",
        remedy: base.location.isEmpty
          ? "they are bound to cgroup v1 or not in this kernel: boot with cgroup_no_v1=all"
          : "enable them in the cgroup.subtree_control of every cgroup above it")
    }
  }

  /// Whether the v2 mount shows a part of the hierarchy only: the root's directory is inode 1.
  package static var isNamespaced: Bool {
    File.inode(Cgroup(path: "").directory).map { $0 != 1 } ?? false
  }

  /// The cgroup that this process is in.
  package static func own() throws(HarnessError) -> Cgroup {
    Cgroup(path: try location(of: "self") ?? "")
  }

  /// Where the cgroup is, below the v2 mount, that a process is in; nil: in none of v2. cgroups(7), /proc/PID/cgroup.
  static func location(of process: String) throws(HarnessError) -> String? {
    let lines = try File.text("/proc/\(process)/cgroup").split(separator: "\n")
    return lines.first { $0.hasPrefix("0::/") }.map { String($0.dropFirst(4)) }
  }

  /// Creates a cgroup with `settings`, in their order.
  package mutating func make(
    _ path: String, _ settings: [Profile.Setting] = []
  ) throws(HarnessError) -> Cgroup {
    let group = self.group(path)
    try journal.make(MadeCgroup(group)) { () throws(HarnessError) in try create(group) }
    made.append(group)
    // One at a time and in the profile's order, so that an error names the file that refused.
    for setting in settings { try Self.set(group, setting) }
    return group
  }

  private func create(_ group: Cgroup) throws(HarnessError) {
    let handle = try Self.handle(group.location)
    defer {
      var pointer: OpaquePointer? = handle
      cgroup_free(&pointer)
    }
    for controller in controllers {
      let (object, operation) = ("cgroup \(group.location)", "add controller \(controller)")
      _ = try accept(
        attemptPointer(cgroup_add_controller(handle, controller), object, operation), object,
        operation)
    }
    try Self.call(cgroup_create_cgroup(handle, 0), "create", group.location)
    try Self.omitFromOOMD(group)
  }

  /// Keeps systemd-oomd from killing in a cgroup: it chooses among those without children, and looks for this on
  /// each of them, not on the unit above (systemd.resource-control(5), ManagedOOMPreference=). A kernel that has no
  /// extended attributes there (before 5.7) has no such daemon.
  static func omitFromOOMD(_ group: Cgroup) throws(HarnessError) {
    let (object, operation) = ("cgroup \(group.location)", "setxattr user.oomd_omit")
    let result = attempt(
      cl_set_attribute(group.directory, "user.oomd_omit", "1"), object, operation)
    if result != -EOPNOTSUPP { try accept(Int(result), object, operation, code: .environment) }
  }

  private static func handle(_ path: String) throws(HarnessError) -> OpaquePointer {
    let (object, operation) = ("cgroup \(path)", "cgroup_new_cgroup")
    return try accept(
      attemptPointer(cgroup_new_cgroup(path), object, operation), object, operation)
  }

  /// Writes one interface file of a cgroup: by libcgroup those that it is sure to know.
  package static func set(_ group: Cgroup, _ setting: Profile.Setting) throws(HarnessError) {
    if !Profile.Limit.isKnown(setting.key) {
      return try File.set(
        group.file(setting.key), setting.value,
        remedy: File.exists(group.file(setting.key)) ? nil : "this kernel has no such file",
        code: .environment)
    }
    let controller = Cgroup.controller(of: setting.key)
    let operation = "write \(setting.key)=\(setting.value)"
    let handle = try handle(group.location)
    defer {
      var pointer: OpaquePointer? = handle
      cgroup_free(&pointer)
    }
    guard File.exists(group.file(setting.key)) else {
      throw HarnessError(
        .environment, "cgroup \(group.location)", operation, errno: .noSuchFileOrDirectory,
        remedy: "this kernel has no such file")
    }
    // In memory alone: it can lack nothing else.
    guard let part = cgroup_add_controller(handle, controller),
      cgroup_add_value_string(part, setting.key, setting.value) == 0
    else { throw HarnessError(.harness, "cgroup \(group.location)", operation, errno: .noMemory) }
    try call(cgroup_modify_cgroup(handle), operation, group.location)
  }

  /// Asks the kernel to reclaim so many bytes of a cgroup.
  ///
  /// - Returns: EAGAIN: it has reclaimed less (Documentation/admin-guide/cgroup-v2.rst, memory.reclaim).
  static func reclaim(_ bytes: UInt64, in group: Cgroup) throws(HarnessError) -> Errno? {
    do throws(HarnessError) {
      try set(group, Profile.Setting("memory.reclaim", "\(bytes)"))
    } catch  where error.errno == .resourceTemporarilyUnavailable {
      return .resourceTemporarilyUnavailable
    }
    return nil
  }

  /// Sends SIGKILL to all that is in a cgroup and below it; before 5.14, which has cgroup.kill, to its own processes.
  static func kill(_ group: Cgroup) {
    let file = group.file("cgroup.kill")
    if File.exists(file) {
      try? File.set(file, "1")
      return
    }
    for pid in ((try? File.text(group.file("cgroup.procs"))) ?? "").lines.compactMap({ Int32($0) })
    {
      attemptErrno(Int(Glibc.kill(pid, SIGKILL)), "pid \(pid)", "kill", .again)
    }
  }

  /// Deletes an empty cgroup. The corresponding C function is `rmdir`.
  static func remove(_ group: Cgroup) throws(HarnessError) {
    try checkErrno(
      Int(rmdir(group.directory)), "cgroup \(group.location)", "rmdir",
      remedy: "something uses it that is not ours: when that is gone, wbstress clean", waiver: .busy
    )
  }

  /// Deletes a cgroup and those below it, the deepest first, until one has a process.
  ///
  /// - Parameter tell: told which stays, and who is in it.
  /// - Returns: EBUSY: one did (Documentation/admin-guide/cgroup-v2.rst, "Organizing Processes and Threads").
  static func removeAll(
    _ group: Cgroup, _ tell: (String) -> Void
  ) throws(HarnessError) -> Errno? {
    for child in try children(of: group) {
      let below = Cgroup(path: "\(group.path)/\(child)", base: group.base)
      if let errno = try removeAll(below, tell) { return errno }
    }
    do throws(HarnessError) {
      try remove(group)
    } catch  where error.errno == .resourceBusy {
      tell("cgroup \(group.location): rmdir: EBUSY: it has \(StuckTask.text(in: group))")
      return .resourceBusy
    }
    return nil
  }

  /// Moves the calling process into a cgroup: the supervisor's own.
  package static func enter(_ group: Cgroup) throws(HarnessError) {
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

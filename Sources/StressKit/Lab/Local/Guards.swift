// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine

/// What keeps trials off this machine: all of it at once, before anything is touched.
package struct Guards {
  package private(set) var findings = GuardFindings()
  /// The device that the user named, as it was checked.
  package private(set) var device: NamedDevice?
  /// Held while trials run here.
  private var lock: FileLock?
  private let profiles: [Profile]
  private let place: LocalPlace

  /// Of what is available, the share that a profile may take.
  private static let memoryShare = 0.8
  /// Of the images' file system, what is left to others: this much, or 5 %.
  private static let reserve: UInt64 = 1 << 30

  /// - Parameter profiles: none: the machine is looked at for itself.
  package init(_ profiles: [Profile], _ place: LocalPlace) {
    self.profiles = profiles
    self.place = place
    let controllers = Set(Profile(name: "").controllers)
      .union(profiles.flatMap { $0.controllers })
    let machine = MachineGuard(
      place.cgroups, controllers: controllers.sorted(), allowsDesktop: place.allowsDesktop)
    findings.add(machine.findings)
    checkOthers()
    checkDaemons()
    for profile in profiles { check(profile) }
    checkMemory()
    checkKernel()
    checkImages()
    checkResults()
    if let path = place.device {
      let request = DeviceRequest(
        path, confirmation: place.confirmation,
        size: profiles.map(\.device.size).max() ?? 0, results: place.results)
      let guarded = DeviceGuard(request)
      findings.add(guarded.findings)
      device = guarded.device
    }
  }

  /// - Throws: every problem: what the user has to do (refused) or to install (environment).
  package func demand() throws(HarnessErrors) { if let errors = findings.errors { throw errors } }

  // MARK: The machine

  private mutating func checkOthers() {
    // Of one that lives the lock tells.
    do throws(HarnessError) {
      for left in try LeftJournal.all() where left.owner?.isAlive != true {
        findings.add(left.refusal, as: .leftovers)
      }
    } catch {
      findings.add(error, as: .leftovers)
    }
    let base = place.cgroups.existingBase
    for name in File.names(in: base.directory) where name.hasPrefix(Trial.root) {
      findings.refuse(
        .leftovers, Cgroup(path: name, base: base.base).directory, "exists already",
        "wbstress clean removes what a killed run left; what it does not know is somebody else's")
    }
    if findings.isClear(.leftovers) {
      findings.ok(.leftovers, base.directory, "nothing of an earlier run is left")
    }
    do throws(HarnessError) {
      lock = try File.lock(Cgroup.mount)
      if lock == nil {
        findings.refuse(
          .run, "this machine", "is in use by another run of wbstress", "wait for its end")
      } else {
        findings.ok(.run, "this machine", "is in use by no other run")
      }
    } catch {
      findings.add(error, as: .run)
    }
  }

  private mutating func checkDaemons() {
    let daemons: [MemoryDaemon]
    do throws(HarnessError) {
      daemons = try MemoryDaemon.alive()
    } catch {
      findings.add(error, as: .oomDaemon)
      return
    }
    for daemon in daemons {
      let refusal = profiles.lazy.compactMap(daemon.refusal).first
      if let refusal, !place.allowsDaemons {
        findings.add(refusal, as: .oomDaemon)
      } else {
        findings.warn(
          .oomDaemon, "\(daemon.name) (pid \(daemon.pid))", "kills when memory is short",
          "a kill of its is told apart, and the record names it")
      }
    }
    if daemons.isEmpty { findings.ok(.oomDaemon, "processes", "none kills when memory is short") }
  }

  private mutating func checkMemory() {
    let info = MemoryInfo()
    guard let available = info.value("MemAvailable") else { return }
    for profile in profiles {
      let own = SupervisorMemory(profile, cpus: EnvironmentProbe.configuredCPUs)
      let needed = Self.memory(of: profile) + own.total
      let text = "takes \(needed >> 20) MiB, of it the harness itself \(own.text)"
      if Double(needed) > Self.memoryShare * Double(available) {
        findings.refuse(
          .memory, profile.name,
          "\(text); more than 80 % of the \(available >> 20) MiB that are available",
          "lower memory.max, \(own.remedy), or free memory")
      } else {
        findings.ok(
          .memory, profile.name,
          "takes \(needed >> 20) MiB of \(available >> 20) MiB that are available")
      }
    }
    if profiles.isEmpty { findings.ok(.memory, "memory", "\(available >> 20) MiB are available") }
  }

  /// Bytes that a profile's own processes take at most: what it is limited to, or else what its groups are limited to
  /// and what is pinned outside them; and what is kept in memory beside it. In 128 bits: each may be 2^63 - 1.
  static func memory(of profile: Profile) -> UInt128 {
    func limit(_ limits: [Profile.Setting]) -> UInt128? {
      limits.first { $0.key == "memory.max" }.flatMap { UInt128($0.value) }
    }
    let beside = UInt128(profile.cache) + UInt128(profile.machine.zram)
    if let whole = profile.memoryMax { return UInt128(whole) + beside }
    let groups = profile.cgroups.compactMap { limit($0.limits) }.reduce(0, +)
    let limited = Set(profile.cgroups.filter { limit($0.limits) != nil }.map(\.name))
    let pinned = profile.pinned.filter { $0.cgroup.map { !limited.contains($0) } ?? true }
      .reduce(UInt128(0)) { $0 + UInt128($1.size) }
    return groups + pinned + beside
  }

  // MARK: The profiles

  private mutating func check(_ profile: Profile) {
    let base = profile.filesystem.base
    if let missing = MakeFilesystem.missing(base) {
      findings.add(missing, as: .tools)
    } else {
      findings.ok(.tools, "mkfs of \(base.rawValue)", "is there")
    }
    if profile.filesystem.layer == .nfs {
      findings.refuse(
        .profile, profile.name,
        "starts the kernel's NFS server, of which a machine has one, with exports of its own",
        "run it in a guest: --kernel debian:6.12")
    }
    for command in profile.commands {
      let missing = [command.run, command.ready].compactMap(\.first).filter { Tool.path($0) == nil }
      for program in missing {
        findings.refuse(
          .tools, "command \(command.name)", "this machine has no \(program)",
          "install it, or run it in a guest that has it (machine.root)")
      }
    }
    if place.device != nil, Tool.path("blkid") == nil {
      findings.add(Tool.missing("blkid", package: "util-linux"), as: .tools)
    }
    if !profile.kernel.boot.isEmpty || profile.machine.nodes > 1 {
      findings.refuse(
        .profile, profile.name,
        "needs boot parameters or a machine of its own (kernel.boot, machine.nodes)",
        "run it in a guest: --kernel debian:6.12")
    }
    if !place.wholeMachine, profile.memoryMax == nil {
      findings.refuse(
        .profile, profile.name, "has no memory.max, and so puts the whole machine under pressure",
        "run it in a guest (--kernel debian:6.12), or allow it: --whole-machine")
    }
    let outside = profile.outside.count
    if outside >= Watchdog.mostKills {
      findings.refuse(
        .profile, profile.name,
        "has \(outside) tasks and commands outside its limits; the watchdog that ends them holds"
          + " \(Watchdog.mostKills - 1)", "have fewer of them")
    }
    if place.images == nil, profile.cache > 0 || profile.machine.swap > 0 {
      findings.refuse(
        .profile, profile.name, "needs image files for its cache or swap",
        "name a directory for them, too: --loop DIR")
    }
  }

  private mutating func checkKernel() {
    if profiles.contains(where: { $0.kernel.lruGen == true }),
      !File.exists(KernelSetting.lruGen)
    {
      lacks(.missing, KernelSetting.lruGen, "there is no multi-generational LRU", "CONFIG_LRU_GEN")
    }
    if profiles.contains(where: \.usesDelay), !File.exists("/dev/mapper/control") {
      lacks(.missing, "/dev/mapper/control", "not found", "modprobe dm-delay (CONFIG_DM_DELAY)")
    }
    if profiles.contains(where: { $0.machine.zram > 0 }), !File.exists("/sys/block/zram0") {
      lacks(.missing, "/sys/block/zram0", "not found", "modprobe zram (CONFIG_ZRAM)")
    }
    let kinds = profiles.flatMap { [$0.filesystem.kind, $0.filesystem.base] }
    for kind in Profile.Filesystem.Kind.allCases
    where kinds.contains(kind) && !Self.mounts(kind) {
      let options = ModuleResolver.options(for: kind.traits.modules)
      let guest = KernelSpec.debian(version: "6.12", flavour: .generic)
      lacks(
        .missing, "kernel \(LocalTrial.release)", "has no \(kind.rawValue), nor a module of it",
        "take a kernel with \(options), or a guest: --kernel \(guest)")
    }
    if !File.exists("/proc/pressure/memory") {
      lacks(
        .warning, "/proc/pressure", "there is no pressure to record", "boot with psi=1 (CONFIG_PSI)"
      )
    }
    if !File.exists(Mount.tracefs + "/instances") {
      lacks(
        .warning, Mount.tracefs, "there is no trace to record",
        "mount -t tracefs tracefs \(Mount.tracefs) (CONFIG_FTRACE)")
    }
    if findings.all.allSatisfy({ $0.origin != .kernel }) {
      findings.ok(.kernel, "kernel \(LocalTrial.release)", "has what is set and recorded")
    }
  }

  /// Whether the kernel has a file system, or a module that mount(2) would have it load.
  ///
  /// - Parameters:
  ///   - known: as /proc/filesystems has them; nil: that cannot be read.
  ///   - modules: the directory with depmod's indexes.
  static func mounts(
    _ kind: Profile.Filesystem.Kind, known: String? = try? File.text("/proc/filesystems"),
    modules: String = "/lib/modules/\(LocalTrial.release)"
  ) -> Bool {
    // "nodev\ttmpfs", "\text4"
    guard let names = known?.split(whereSeparator: \.isWhitespace) else { return true }
    if names.contains(where: { $0 == kind.rawValue }) { return true }
    let running = Kernel(spec: .running, image: "", release: LocalTrial.release, modules: modules)
    return (try? running.moduleFiles(kind.traits.modules)) != nil
  }

  private mutating func lacks(
    _ status: GuardFinding.Status, _ object: String, _ found: String, _ remedy: String
  ) {
    findings.add(
      GuardFinding(status: status, origin: .kernel, object: object, found: found, remedy: remedy))
  }

  // MARK: Places

  private mutating func checkImages() {
    guard let images = place.images else { return }
    if File.exists("/dev/loop-control") {
      findings.ok(.loop, "/dev/loop-control", "is there")
    } else {
      findings.add(
        HarnessError(.environment, "/dev/loop-control", "not found", remedy: "modprobe loop"),
        as: .loop)
    }
    let disks = place.device == nil ? profiles.map(\.device.size) : profiles.map { _ in 0 }
    let needed =
      zip(disks, profiles).map { UInt128($0) + UInt128($1.cache) + UInt128($1.machine.swap) }.max()
      ?? 0
    var info = statvfs()
    do throws(HarnessError) {
      try checkErrno(
        Int(statvfs(images, &info)), images, "statfs",
        remedy: "name an existing directory for the image files: --loop DIR", code: .refused)
    } catch {
      findings.add(error, as: .room)
      return
    }
    let (free, all) = (
      UInt64(info.f_bavail) * UInt64(info.f_frsize), UInt64(info.f_blocks) * UInt64(info.f_frsize)
    )
    let kept = min(Self.reserve, all / 20)
    let text =
      profiles.isEmpty
      ? "\(free >> 20) MiB are free, of which \(kept >> 20) MiB stay with others"
      : "the images take up to \(needed >> 20) MiB, and \(free >> 20) MiB are free, of which"
        + " \(kept >> 20) MiB stay with others"
    if needed + UInt128(kept) > UInt128(free) {
      findings.refuse(.room, images, text, "name another --loop DIR, or lower device.size")
    } else {
      findings.ok(.room, images, text)
    }
  }

  private mutating func checkResults() {
    guard let results = place.results, let entry = MountTable.entry(holding: results) else {
      return
    }
    if ["tmpfs", "ramfs", "rootfs"].contains(entry.type) {
      findings.warn(
        .results, results, "lies in memory (\(entry.type)), which the trial may exhaust",
        "name a directory on a disk: --output DIR")
    } else {
      findings.ok(.results, results, "lies on \(entry.source) (\(entry.type))")
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import StressRecord
import SystemPackage

/// One trial in a guest of its own, seen from the host: disks, machine, record, and how it ended.
package struct GuestTrial {
  /// Times after which the host gives up, ns.
  package struct Patience: Sendable {
    /// From QEMU's start to the record's first line.
    package var boot: UInt64
    /// Without any line: a guest that lives says so every second.
    package var silence: UInt64
    /// From QEMU's start to the guest's end.
    package var total: UInt64

    package init(_ profile: Profile, _ accelerator: Accelerator) {
      let second: UInt64 = 1_000_000_000
      boot = 30 * second * accelerator.patience
      silence = 10 * second * accelerator.patience
      total =
        profile.duration + 120 * second * accelerator.patience
        + profile.commands.map { $0.grace + ($0.isTimed ? 0 : $0.within) }.reduce(0, +)
    }

    /// The time for the rest of the trial stays.
    mutating func extend(boot time: UInt64) {
      total += time > boot ? time - boot : 0
      boot = time
    }
  }

  package var plan: TrialPlan
  package var kernel: Kernel
  package var accelerator: Accelerator
  /// The static executable that becomes PID 1.
  package var binary: String
  package var store: KernelStore
  /// Where record and console log go.
  package var directory: String
  /// The image of the commands' user land; nil: there is none.
  package var root: String?
  package var keepDisk = false
  /// Guests that run at a time, and QEMU's version: for the header.
  package var jobs = 1
  package var qemuVersion: String?
  package var patience: Patience
  package var hooks = TrialHooks()
  /// Where what the plan's peer found goes.
  package var peerPath: String { directory + "/peer.out" }

  package static let consoleName = "console.log"
  /// kernel/panic.c.
  private static let panicText = "Kernel panic - not syncing"

  package init(
    plan: TrialPlan, kernel: Kernel, accelerator: Accelerator, binary: String, store: KernelStore,
    directory: String
  ) {
    self.plan = plan
    self.kernel = kernel
    self.accelerator = accelerator
    self.binary = binary
    self.store = store
    self.directory = directory
    patience = Patience(plan.profile, accelerator)
  }

  package var recordPath: String { directory + "/" + RecordFile.name }
  package var consolePath: String { directory + "/" + Self.consoleName }

  /// What happens in the guest, for a display.
  package typealias Progress = (_ phase: String) -> Void

  /// Why a trial that the emulator spoilt says nothing of the kernel.
  private static let emulatorReason = "emulator"
  static let mostAttempts = 3

  /// Carries the trial out. Whatever happens to the guest is an ending, with the record kept; what is
  /// thrown is a host that lacks something.
  ///
  /// A trial that the emulator spoilt (``isEmulatorFault(_:)``) is carried out again, up to twice; what it left
  /// is kept under a name that says so.
  package func run(
    _ interrupt: Interrupt, progress: Progress = { _ in }
  ) throws(HarnessError) -> Ending {
    var attempt = 1
    while true {
      let ending = try attemptRun(interrupt, progress)
      if ending.reason != Self.emulatorReason || attempt == Self.mostAttempts { return ending }
      for path in [recordPath, consolePath] {
        try File.rename(path, "\(path).\(Self.emulatorReason)-\(attempt)")
      }
      attempt += 1
    }
  }

  private func attemptRun(
    _ interrupt: Interrupt, _ progress: Progress
  ) throws(HarnessError) -> Ending {
    let profile = plan.profile
    let scratch = try Scratch(directory, keepDisk: keepDisk)
    File.remove(recordPath, .nothingToRemove)
    File.remove(consolePath)
    let record = try RecordSink(recordPath)
    progress("mkfs")
    let mkfs: MadeFilesystem
    do throws(HarnessError) {
      mkfs = try scratch.make(profile)
    } catch {
      let cache = VirtualMachine.cacheMode(scratch.disk)
      let header = header(self.plan, mkfs: MadeFilesystem(), cache: cache)
      if interrupt.isRequested {
        // A tool that was under way was killed for it.
        header.write(record)
        record.emit(EndLine(.interrupted))
        try record.finish()
        return .interrupted
      }
      return try header.writeRefused(error, to: record)
    }
    var plan = plan
    // virtio-blk names its disks in the order of the command line.
    var names = ["/dev/vda", "/dev/vdb", "/dev/vdc", "/dev/vdd"][...]
    plan.device = names.removeFirst()
    var disks = [VirtualMachine.Disk(path: scratch.disk)]
    if profile.cache > 0 {
      disks.append(.init(path: scratch.cache, readOnly: true))
      plan.cacheDevice = names.removeFirst()
    }
    if profile.machine.swap > 0 {
      disks.append(.init(path: scratch.swap))
      plan.swapDevice = names.removeFirst()
    }
    if let root {
      disks.append(.init(path: root, isTemporary: true))
      plan.rootDevice = names.removeFirst()
    }
    let modules = try kernel.moduleFiles(ModuleResolver.wanted(for: profile))
    let base = try Initramfs.build(
      program: try GuestProgram(in: binary), kernel: kernel, modules: modules, store: store)
    var files: [Initramfs.Entry] = [.init(Guest.planPath, Array(plan.line.json.text.utf8))]
    for (path, source) in hooks.files {
      files.append(.init(path, mode: 0o755, try File.read(source, code: .environment)))
    }
    try Initramfs.append(files, to: base, as: scratch.initramfs)
    header(plan, mkfs: mkfs, cache: VirtualMachine.cacheMode(scratch.disk)).write(record)

    progress("boot")
    let started = cl_monotonic()
    var configuration = VirtualMachine.Configuration(
      kernel: kernel.image, initramfs: scratch.initramfs, accelerator: accelerator,
      memory: profile.machine.memory, nodes: profile.machine.nodes, cpus: profile.machine.cpus,
      boot: profile.kernel.boot,
      disks: disks, console: consolePath)
    if plan.peer != nil { configuration.peer = peerPath }
    var ends: [Int32] = [0, 0]
    try check(cl_socket_pair(&ends), recordPath, "socketpair")
    let ours = Descriptor(owning: ends[0])
    let theirs = Descriptor(owning: ends[1])
    let machine = try VirtualMachine(configuration, record: theirs.raw)
    // QEMU's end is QEMU's alone: when it has gone, the record ends.
    _ = consume theirs
    let guest = try GuestRecord(ours, into: record, hooks)
    var residentReady: UInt64?
    var vigil = Vigil(machine, console: consolePath, patience: patience.silence)
    let ending = watch(
      machine, guest, &vigil, since: started, interrupt, &residentReady, progress)
    var host = HostLine()
    var memory = HostLine.Memory()
    memory.size = Int64(clamping: profile.machine.memory)
    memory.residentReady = residentReady.map { Int64(clamping: $0) }
    memory.residentEnd = machine.residentBytes.map { Int64(clamping: $0) }
    host.guestMemory = memory
    host.silent = vigil.silent
    host.streams = vigil.streamsShare
    machine.quit(gently: interrupt.requests < 2)
    guest.finish()
    for silence in vigil.silences { record.emit(silence) }
    host.seconds = Double(cl_monotonic() - started) / 1e9
    writeEnd(record, ending, host)
    try record.finish()
    return ending
  }

  private func header(_ plan: TrialPlan, mkfs: MadeFilesystem, cache: String) -> TrialHeader {
    TrialHeader(
      plan: plan, kernel: kernel.label, release: kernel.release, package: kernel.packageVersion,
      built: kernel.built, accelerator: accelerator.rawValue, diskCache: cache, mkfs: mkfs,
      qemu: qemuVersion, jobs: jobs
    )
  }

  /// The host's own account, and the record's last line.
  private func writeEnd(
    _ record: RecordSink, _ ending: Ending, _ host: HostLine
  ) {
    var host = host
    host.consoleKillLines = Int64(Self.killLines(consolePath))
    record.emit(host)
    record.emit(EndLine(ending))
  }

  /// "Killed process" lines on the serial console: the account that is independent of /dev/kmsg.
  static func killLines(_ console: String) -> Int {
    File.consoleLines(console)
      .filter { $0.contains("ut of memory") && $0.contains(": Killed process ") }.count
  }

  // MARK: Watching

  private func watch(
    _ machine: VirtualMachine, _ guest: GuestRecord, _ vigil: inout Vigil, since started: UInt64,
    _ interrupt: Interrupt, _ residentReady: inout UInt64?, _ progress: Progress
  ) -> Ending {
    while true {
      let ended = machine.hasEnded()
      if ended { guest.finish() }
      let news = guest.takeNews()
      if news.isAlive { vigil.hear() }
      for line in news.lines {
        if let line = ProgressLine(parsing: line) { vigil.hear(line) }
        do throws(HarnessError) {
          if let name = PhaseLine(parsing: line)?.name {
            progress(name.rawValue)
            vigil.enter(name)
            if name == .ready {
              residentReady = machine.residentBytes
              // The disk is slow from the start delay on: mount and set-up are not measured.
              try machine.throttle(Throttle(plan.profile.device))
              try machine.letGo()
            }
          } else if let throttle = DeviceLine(parsing: line) {
            try machine.throttle(try Throttle(throttle))
          }
        } catch {
          return Ending(.harnessLost, reason: "throttle", message: error.description)
        }
        if let end = GuestEndLine(parsing: line) {
          return Ending(end.outcome ?? .invalid, reason: end.reason, message: end.message)
        }
      }
      // A hanging guest may die of being asked.
      if ended, vigil.pending == nil { return unexpectedEnd(machine, booted: vigil.hasHeard) }
      let now = cl_monotonic()
      if interrupt.isRequested {
        return .interrupted
      }
      hooks.look(at: machine)
      if vigil.hasHeard {
        if let ending = vigil.look(now) {
          return ending.outcome == .hang
            ? Ending(
              ending.outcome, reason: ending.reason, message: withConsole(ending.message ?? ""))
            : ending
        }
      } else if now - started > patience.boot {
        return vigil.starved("the kernel had not booted", at: now)
          ?? Ending(
            .invalid, reason: "boot-failure",
            message: withConsole(
              "the kernel had not reached the harness after \(patience.boot / 1_000_000_000) s "
                + "(--boot-timeout); \(machine.qmp.describe())"))
      }
      if now - started > patience.total {
        return vigil.starved("the guest lives, but had made no end", at: now)
          ?? Ending(
            .stalled, reason: "time-out",
            message: withConsole(
              "the guest lives, but made no end within \(patience.total / 1_000_000_000) s"))
      }
      cl_sleep_until(cl_boottime() + 20_000_000)
    }
  }

  /// An int3 that no handler knows: emulated processors may run translated code of a static key for a
  /// moment longer than the kernel's breakpoint in it is known. QEMU's fault, not the kernel's: Richard W.M.
  /// Jones, linux-kernel 2023-07-05, "qemu-x86_64 booting with 8.0.0 still see int3".
  ///
  /// Flags that no processor can have: QEMU 7.2 has been seen to leave a part of an address in them after a
  /// cmpxchg16b, and the kernel dies of the trap that follows. Reserved bits: Intel SDM, volume 1, 3.4.3.
  static func isEmulatorFault(_ line: String) -> Bool {
    if line.contains(" int3: 0000 [#") { return true }
    guard let label = line.firstRange(of: "EFLAGS: "),
      let flags = UInt64(line[label.upperBound...].prefix { $0.isHexDigit }, radix: 16)
    else { return false }
    return flags & 0xffff_ffff_ffc0_8028 != 0
  }

  /// The ending of a trial in which the harness itself has used the guest's memory up; nil: the panic is another.
  static func exhausted(_ profile: Profile, _ panic: String) -> Ending? {
    guard SupervisorMemory.hasExhausted(profile, panic: panic) else { return nil }
    let own = SupervisorMemory(profile, cpus: profile.machine.cpus)
    return Ending(
      .invalid, reason: "harness-memory",
      message:
        "the harness is at fault, not the kernel: of \(Units.sizeText(profile.machine.memory)) it takes "
        + "\(own.text) (\(own.remedy), or raise machine.memory): \(panic)")
  }

  private func unexpectedEnd(_ machine: VirtualMachine, booted: Bool) -> Ending {
    let how = machine.exit?.description ?? "?"
    let console = File.consoleLines(consolePath)
    if accelerator == .tcg, let oops = console.first(where: Self.isEmulatorFault) {
      return Ending(
        .harnessLost, reason: Self.emulatorReason,
        message: withConsole("the emulation is at fault, not the kernel: \(oops)"))
    }
    if !booted {
      return Ending(
        .invalid, reason: "boot-failure",
        message: withConsole("QEMU ended (\(how)) before the kernel had reached the harness"))
    }
    if let panic = console.first(where: { $0.contains(Self.panicText) }) {
      if let ending = Self.exhausted(plan.profile, panic) {
        return Ending(
          ending.outcome, reason: ending.reason, message: withConsole(ending.message ?? ""))
      }
      return Ending(.panic, reason: "panic", message: withConsole(panic))
    }
    if machine.exit == .status(0) {
      // Without a word, and with -no-reboot: a triple fault, or a reset that no panic announced.
      return Ending(.panic, reason: "reset", message: withConsole("the machine reset itself"))
    }
    return Ending(
      .harnessLost, reason: "guest-gone",
      message: withConsole("QEMU ended (\(how)) without the guest's own end"))
  }

  /// A message with the end of the serial console behind it.
  private func withConsole(_ message: String) -> String {
    let console = File.consoleLines(consolePath)
    if console.isEmpty { return message + "; the serial console is empty" }
    return message + "; end of the serial console:\n"
      + console.suffix(15).joined(separator: "\n")
  }
}

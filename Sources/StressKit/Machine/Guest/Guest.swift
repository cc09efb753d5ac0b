// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// The binary as PID 1 of a guest: makes a machine out of a bare kernel, runs one trial, says how it ended.
package enum Guest {
  /// Names of the virtio-serial ports: the record leaves through one, and the host's word that the disk is
  /// as slow as the profile wants comes in through the other.
  package static let recordPort = "wbstress.record"
  package static let goPort = "wbstress.go"
  /// The trial's plan, in the initramfs. Without it the guest only says that it booted: a probe.
  package static let planPath = "/plan.json"
  /// What a probe prints on the console.
  package static let probeText = "wbstress: the guest has booted"

  /// On the kernel's command line, from where it gets into PID 1's environment.
  package static let mark = "WBSTRESS_GUEST"

  /// Never returns: a PID 1 that ends is a kernel panic.
  package static func run() -> Never {
    let born = cl_boottime()
    do {
      try mountKernelFilesystems()
      guard File.exists(planPath) else {
        say(probeText)
        powerOff()
      }
      try runTrial(born: born)
    } catch {
      // No record yet: the host finds this on the serial console.
      say("wbstress: \(error)")
    }
    powerOff()
  }

  private static func say(_ text: String) {
    try? File.set("/dev/console", text + "\n")
  }

  private static func powerOff() -> Never {
    _ = cl_power_off()
    while true { pause() }
  }

  private static func mountKernelFilesystems() throws(HarnessError) {
    for (type, path) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
      _ = try Mount(type, at: path, type: type)
    }
    // As systemd mounts it: else a group's memory.min and memory.low end at the cgroups below it, where the
    // workers are (Documentation/admin-guide/cgroup-v2.rst, mount options).
    _ = try Mount(
      "cgroup2", at: Cgroup.mount, type: "cgroup2", options: ["memory_recursiveprot"])
    // What a kernel may have been built without: the record says what is missing for want of it.
    _ = try? Mount("tracefs", at: Mount.tracefs, type: "tracefs")
    _ = try? Mount("debugfs", at: Mount.debugfs, type: "debugfs")
  }

  private static func runTrial(born: UInt64) throws {
    let plan = try TrialPlan(parsing: try File.read(planPath), name: planPath)
    // The machine is thrown away: nothing has to survive this process. Nor is the trace switched off at the end,
    // which patches code that others run (GuestTrial.isEmulatorFault).
    let journal = CleanupJournal()
    let prepared = Result { () throws(HarnessError) in
      try Supervisor(plan, group: "supervisor", journal)
    }
    let modules = try ModuleLoader()
    let sink = RecordSink(port: try openPort(recordPort, O_WRONLY, modules))
    let record = RecordWriter(sink)
    try record.start()
    record.emit(GuestLine.self, at: born) {
      $0.release = File.line("/proc/sys/kernel/osrelease")
    }
    var ending: Ending
    var trial: Trial?
    let peer = plan.peer.map(Peer.init)
    do {
      let supervisor = try prepared.get()
      try Supervisor.protect(journal)
      var venue = Trial.Venue(
        awaitDevices: { () throws(HarnessError) in
          try modules.finish(record)
          try peer?.start()
        },
        awaitGo: { () throws(HarnessError) in try awaitGo(modules) },
        // The host reads it, and has QEMU do it.
        throttle: { throttle in record.emit(throttle.line) })
      venue.onStall = { ending in tell(ending, record) }
      let made = try Trial(
        plan, record: record, journal: journal, cgroups: supervisor.cgroups,
        tracing: supervisor.tracing, in: venue)
      trial = made
      ending = made.run()
      if let peer { try peer.finish(to: try openPort(Peer.port, O_WRONLY, modules)) }
      supervisor.report(record)
    } catch {
      ending = Ending(.invalid, reason: "set-up", message: "\(error)")
    }
    record.emitCount()
    record.finish()
    // The host ends the machine when it reads that line: it must not overtake samples that a slow host has yet to
    // take.
    var end = GuestEndLine(ending)
    end.t = Int64(clamping: cl_boottime())
    sink.emit(end)
    // The host ends the machine when it has read that line; this is only for a host that is gone. The trial
    // is kept until then: to let go of a worker that cannot be killed is to wait for it.
    withExtendedLifetime(trial) { cl_sleep_until(cl_boottime() + 10_000_000_000) }
  }

  /// The last words of a guest that may come to no other end; the host ends it when it has read them.
  private static func tell(_ ending: Ending, _ record: RecordWriter) {
    record.emitCount()
    record.emit(GuestEndLine(ending))
  }

  private static func awaitGo(_ modules: ModuleLoader) throws(HarnessError) {
    let port = try openPort(goPort, O_RDONLY, modules)
    var entry = pollfd(fd: port.raw, events: Int16(POLLIN), revents: 0)
    var word: UInt8 = 0
    guard poll(&entry, 1, 30_000) > 0, read(port.raw, &word, 1) == 1 else {
      throw HarnessError(.harness, goPort, "the host gave no word within 30 s")
    }
  }

  /// Opens a port by its name: devtmpfs makes its node, but only udev would name it.
  private static func openPort(
    _ port: String, _ flags: Int32, _ modules: ModuleLoader
  ) throws(HarnessError) -> Descriptor {
    let deadline = cl_boottime() + 10_000_000_000
    let ports = "/sys/class/virtio-ports"
    while cl_boottime() < deadline {
      for name in File.names(in: ports) where File.line("\(ports)/\(name)/name") == port {
        return try Descriptor(open: "/dev/\(name)", flags)
      }
      if let failure = modules.failure { throw failure }
      cl_sleep_until(cl_boottime() + 2_000_000)
    }
    throw HarnessError(.environment, ports, "has no port \(port)", errno: .noSuchFileOrDirectory)
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import SystemPackage

/// What executes a guest's instructions.
package enum Accelerator: String, Sendable, CaseIterable {
  case kvm
  case tcg

  /// Emulation is slower: every deadline that guards against a hang is longer.
  package var patience: UInt64 { self == .kvm ? 1 : 3 }
}

/// A throw-away QEMU guest: nothing of the host is shared with it but the files it is given.
package final class VirtualMachine {
  package struct Disk: Sendable {
    package var path: String
    package var readOnly = false
    /// What the guest writes goes to a file of QEMU's, and with it.
    package var isTemporary = false
    /// As the guest has it in sysfs, 20 characters at most; nil: none.
    package var serial: String?
    package init(
      path: String, readOnly: Bool = false, isTemporary: Bool = false, serial: String? = nil
    ) {
      self.path = path
      self.isTemporary = isTemporary
      self.readOnly = readOnly
      self.serial = serial
    }
  }

  package struct Configuration: Sendable {
    package var kernel: String
    package var initramfs: String
    package var accelerator: Accelerator
    package var memory: UInt64
    /// NUMA nodes that memory and CPUs are divided over.
    package var nodes = 1
    package var cpus: Int
    package var boot: [String]
    package var disks: [Disk]
    package var console: String
    /// Where what a peer found goes; nil: there is none.
    var peer: String?
    /// Further devices, as QEMU's options have them.
    package var devices: [String] = []
  }

  package static var program: String { Architecture.own.emulator.program }
  package static var package: String { Architecture.own.emulator.package }

  private let process: Process
  private let go: Descriptor
  /// What it is sent on its serial line.
  private let serial: Descriptor
  package let qmp: QMP
  package let pid: Int32
  /// How QEMU ended; nil while it runs.
  package private(set) var exit: Exit?

  /// Kernel parameters of every guest. SWIFT_ROOT: the static Swift runtime looks for itself in /proc,
  /// which PID 1 has yet to mount. cryptomgr.notests: the kernel's ciphers are not what is tested here, and their own
  /// tests take an emulated processor half a second of each boot. panic=-1 and -no-reboot: a panic ends QEMU at once.
  private static func bootParameters(_ accelerator: Accelerator) -> [String] {
    [
      "console=\(Architecture.own.console)", "loglevel=4", "panic=-1", "oops=panic",
      "sysrq_always_enabled", "cryptomgr.notests", "cgroup_no_v1=all", "psi=1", "SWIFT_ROOT=/",
      "\(Guest.mark)=1",
    ] + Architecture.own.bootParameters(accelerator == .tcg)
  }

  /// - Parameter record: QEMU's end of the socket that the guest's record leaves through; the caller closes it.
  package init(_ configuration: Configuration, record: Int32? = nil) throws(HarnessError) {
    guard let program = Tool.path(Self.program) else {
      throw Tool.missing(Self.program, package: Self.package)
    }
    var ends: [Int32] = [0, 0]
    try check(cl_socket_pair(&ends), Self.program, "socketpair")
    let theirs = Descriptor(owning: ends[1])
    qmp = QMP(Descriptor(owning: ends[0]))
    try check(cl_socket_pair(&ends), Self.program, "socketpair")
    let theirGo = Descriptor(owning: ends[1])
    go = Descriptor(owning: ends[0])
    try check(cl_pipe(&ends), Self.program, "pipe2")
    let theirSerial = Descriptor(owning: ends[0])
    serial = Descriptor(owning: ends[1])
    // QEMU's own words stand where the kernel's do: why it did not start is in the trial's message.
    let console = try Descriptor(
      open: configuration.console, O_WRONLY | O_CREAT | O_APPEND, code: .environment)
    process = try Process(
      [program] + Self.arguments(configuration, qmp: 3, go: 4, record: record.map { _ in 5 }),
      descriptors: [theirSerial.raw, console.raw, console.raw, theirs.raw, theirGo.raw]
        + [record].compactMap(\.self))
    pid = process.pid
  }

  /// - Parameters:
  ///   - qmp: descriptor of QEMU's end of the QMP socket.
  ///   - go: descriptor of its end of the socket that lets a trial begin.
  ///   - record: of the one for the record; nil: there is no trial.
  static func arguments(_ c: Configuration, qmp: Int, go: Int, record: Int?) -> [String] {
    var arguments = [
      "-name", "wbstress", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
      "-machine", Architecture.own.machine + (c.nodes > 1 ? "" : ",memory-backend=ram"),
      "-accel", c.accelerator == .kvm ? "kvm" : "tcg,thread=multi",
      "-cpu", c.accelerator == .kvm ? "host" : "max",
      "-smp", "\(c.cpus)", "-m", "\(c.memory >> 20)M",
      "-kernel", c.kernel, "-initrd", c.initramfs,
      "-append", (bootParameters(c.accelerator) + c.boot).joined(separator: " "),
      // Its standard input and output: of the others none that can be sent a character goes on when nobody reads.
      "-chardev", "stdio,id=console,signal=off",
      "-serial", "chardev:console",
      "-chardev", "socket,id=qmp,fd=\(qmp)", "-mon", "chardev=qmp,mode=control",
      "-device", "virtio-serial-pci",
    ]
    arguments += memory(c)
    if let record {
      arguments += [
        "-chardev", "socket,id=record,fd=\(record)",
        "-device", "virtserialport,chardev=record,name=\(Guest.recordPort)",
        "-chardev", "socket,id=go,fd=\(go)",
        "-device", "virtserialport,chardev=go,name=\(Guest.goPort)",
      ]
    }
    if let peer = c.peer {
      arguments += [
        "-chardev", "file,id=peer,path=\(escape(peer))",
        "-device", "virtserialport,chardev=peer,name=\(Peer.port)",
      ]
    }
    for (i, disk) in c.disks.enumerated() {
      var drive =
        "if=none,id=disk\(i),format=raw,file=\(escape(disk.path)),cache=\(cacheMode(disk.path))"
      if disk.readOnly { drive += ",readonly=on" }
      if disk.isTemporary { drive += ",snapshot=on" }
      let serial = disk.serial.map { ",serial=" + escape($0) } ?? ""
      arguments += ["-drive", drive, "-device", "virtio-blk-pci,drive=disk\(i)\(serial)"]
    }
    return arguments + c.devices
  }

  /// The machine's memory, in nodes if there are several: virtual ones, since Debian's kernels are built
  /// without CONFIG_NUMA_EMU (numa=fake).
  private static func memory(_ c: Configuration) -> [String] {
    // Prefaulted: the host's page faults must not look like the guest's stalls.
    func backend(_ id: String, _ size: Int) -> [String] {
      ["-object", "memory-backend-ram,id=\(id),size=\(size)M,prealloc=on"]
    }
    let size = Int(c.memory >> 20)
    if c.nodes == 1 { return backend("ram", size) }
    // Equal parts, as far as they go.
    func part(_ whole: Int, _ node: Int, of nodes: Int) -> Range<Int> {
      whole * node / nodes..<whole * (node + 1) / nodes
    }
    return (0..<c.nodes).flatMap { node in
      // Where there are more nodes than CPUs, the last ones have memory only.
      let cpus = node < c.cpus ? part(c.cpus, node, of: min(c.nodes, c.cpus)) : 0..<0
      let list = cpus.isEmpty ? "" : ",cpus=\(cpus.lowerBound)-\(cpus.upperBound - 1)"
      return backend("ram\(node)", part(size, node, of: c.nodes).count)
        + ["-numa", "node,nodeid=\(node),memdev=ram\(node)\(list)"]
    }
  }

  /// `none` (O_DIRECT: no host page cache between the throttle and the disk) where the host's file
  /// system can, else `writeback`. Recorded with each trial.
  package static func cacheMode(_ path: String) -> String {
    let fd = attempt(cl_open_direct(path), path, "open with O_DIRECT")
    if fd < 0 { return "writeback" }
    close(fd)
    return "none"
  }

  /// QEMU's option syntax doubles a comma.
  private static func escape(_ path: String) -> String {
    path.map { $0 == "," ? ",," : String($0) }.joined()
  }

  /// The first line of the emulator's `--version`; nil when it cannot be run.
  package static func version() -> String? {
    guard let text = try? Tool.run(program, ["--version"], package: package) else { return nil }
    return String(decoding: text.prefix { $0 != 0x0a }, as: UTF8.self)
  }

  package func hasEnded() -> Bool {
    if exit == nil { exit = process.poll() }
    return exit != nil
  }

  /// Sets what the scratch disk lets through.
  ///
  /// Only the trial itself is throttled: neither the mount before it nor what is flushed after it.
  package func throttle(_ limit: Throttle) throws(HarnessError) {
    let answer = qmp.execute(
      "block_set_io_throttle",
      [
        "device": "disk0", "bps": .uint(limit.bandwidth ?? 0), "bps_rd": 0, "bps_wr": 0,
        "iops": .uint(limit.iops ?? 0), "iops_rd": 0, "iops_wr": 0,
      ])
    if answer != .object([]) {
      throw HarnessError(
        .harness, Self.program, "block_set_io_throttle: \(answer?.text ?? "no answer")")
    }
  }

  /// Lets the guest's trial begin.
  package func letGo() throws(HarnessError) { try go.writeAll([UInt8(ascii: "g")], "guest's go") }

  /// Sends a sysrq key: a break on the serial line, and the key within five seconds (Documentation/admin-guide/
  /// sysrq.rst). False: QEMU would not.
  func sendSysrq(_ key: String) -> Bool {
    guard qmp.execute("chardev-send-break", ["id": "console"]) == .object([]) else { return false }
    return (try? serial.writeAll(Array(key.utf8), "serial line")) != nil
  }

  /// QEMU's threads that carry out the guest's instructions, in the processors' order; empty: it does not answer.
  func processorThreads() -> [Int32] {
    let processors = (qmp.execute("query-cpus-fast", timeout: 1_000_000_000)?.array ?? [])
      .sorted { $0["cpu-index"]?.int ?? 0 < $1["cpu-index"]?.int ?? 0 }
    return processors.compactMap { $0["thread-id"]?.int }.map(Int32.init(truncatingIfNeeded:))
  }

  /// Requests that its disks have completed; nil: QEMU does not answer.
  func completedRequests() -> UInt64? {
    guard let disks = qmp.execute("query-blockstats", timeout: 1_000_000_000)?.array else {
      return nil
    }
    return disks.reduce(0) { sum, disk in
      sum
        + ["rd_operations", "wr_operations", "flush_operations"]
        .reduce(0) { $0 + UInt64(clamping: disk["stats"]?[$1]?.int ?? 0) }
    }
  }

  /// Whether QEMU has stopped the guest because the host could not write one of its disks.
  package var hasDiskError: Bool { qmp.execute("query-status")?["status"] == "io-error" }

  /// Whether QEMU carries out the guest's instructions: it is neither paused nor at the end of its wits.
  var isRunning: Bool { qmp.execute("query-status")?["status"] == "running" }

  /// Ends QEMU now; what the guest has written to disk and ports is kept.
  ///
  /// - Parameter gently: asks QEMU first, which flushes its files.
  package func quit(gently: Bool = true) {
    if hasEnded() { return }
    if gently {
      _ = qmp.execute("quit", timeout: 1_000_000_000)
      exit = process.wait(timeout: 2_000_000_000)
    }
    if exit == nil {
      process.signal(SIGKILL)
      exit = process.wait(timeout: 10_000_000_000)
    }
  }

  /// Memory that the host has given to QEMU, bytes: the guest's that was touched, and some of QEMU's own.
  package var residentBytes: UInt64? {
    let pages = File.line("/proc/\(pid)/statm")?.split(separator: " ").dropFirst().first
    return pages.flatMap { UInt64($0) }.map { $0 * UInt64(getpagesize()) }
  }

  /// CPU time of QEMU in seconds, from /proc/PID/stat.
  package var cpuSeconds: Double {
    // Fields after the name's closing parenthesis; utime and stime are the 12th and 13th of them.
    let fields = (File.line("/proc/\(pid)/stat") ?? "").split(separator: ")").last?
      .split(separator: " ")
    guard let fields, fields.count > 12, let user = Double(fields[11]),
      let system = Double(fields[12])
    else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

/// A real machine of nobody's making: one that a shell or systemd has booted, with nothing of the guests' own. Its
/// disk is mounted at /scratch, the harness is /init.
struct ShellGuest {
  private let kernel: Kernel
  /// Further files, by their path in the guest.
  var files: [String: [UInt8]] = [:]
  /// Further disks: /dev/vdb and so on.
  var disks: [VirtualMachine.Disk] = []
  /// Further devices, as QEMU's options have them.
  var devices: [String] = []
  /// Further modules to load.
  var modules: [String] = []
  var cpus = 2
  /// Bytes.
  var memory: UInt64 = 1 << 30

  /// Shell, for trials of which nobody reads the stacks: to read the kernel's symbols takes an emulated processor
  /// longer than much of the rest of a short trial.
  static let withoutSymbols = "mount --bind /dev/null /proc/kallsyms"

  /// A root file system (ext2) that systemd boots, and in which the script is a service; nil: busybox is all there
  /// is.
  var system: String?

  /// - Parameter programs: of the distribution, with what they are linked to; all others are busybox's.
  init(_ kernel: String, programs: [String] = []) throws {
    self.kernel = try GuestLab.kernel(kernel)
    let shell = try #require(Tool.path("busybox"), "ci/install test installs busybox-static")
    files["bin/busybox"] = try File.read(shell)
    for program in programs {
      for (path, source) in try GuestLab.files(of: program) where files[path] == nil {
        files[path] = try File.read(source)
      }
    }
  }

  /// Boots it, and switches it off when the script has ended. Returns its console's lines.
  ///
  /// A machine that the emulator spoilt (``GuestTrial/isEmulatorFault(_:)``) is booted again, as a trial's is.
  func run(
    _ script: String, in directory: String, patience: Double = 240
  ) throws -> [String] {
    var attempts = 1
    while true {
      let console = try boot(script, in: directory, patience: patience)
      guard let oops = console.first(where: GuestTrial.isEmulatorFault),
        attempts < GuestTrial.mostAttempts
      else { return console }
      print("the emulation is at fault, not the kernel: \(oops)")
      attempts += 1
    }
  }

  private func boot(
    _ script: String, in directory: String, patience: Double
  ) throws -> [String] {
    let modules = try kernel.moduleFiles(
      [
        "virtio_pci", "virtio_blk", "ext4", "xfs", "btrfs", "loop", "dm_delay",
      ] + modules)
    let base = try Initramfs.build(
      program: GuestProgram(file: try #require(GuestLab.binary)), kernel: kernel, modules: modules,
      store: try KernelStore())
    let shell = Self.prelude + (system == nil ? Self.inShell(script) : switchRoot)
    let entries =
      [
        Initramfs.Entry("test/init", mode: 0o755, Array(shell.utf8)),
        Initramfs.Entry("test/script", Array(Self.inSystemd(script).utf8)),
      ]
      + files.map { Initramfs.Entry($0.key, mode: 0o755, $0.value) }
    let initramfs = directory + "/initramfs"
    try Initramfs.append(entries, to: base, as: initramfs)
    let disk = directory + "/disk"
    try Scratch.sparse(disk, size: 2 << 30)
    _ = try GuestLab.output("mkfs.ext4", ["-q", "-F", disk])
    var disks = [VirtualMachine.Disk(path: disk)]
    if let system {
      let copy = directory + "/system"
      _ = try GuestLab.output("cp", ["--sparse=always", system, copy])
      disks.append(.init(path: copy))
    }
    disks += self.disks
    let console = directory + "/console.log"
    var configuration = VirtualMachine.Configuration(
      kernel: kernel.image, initramfs: initramfs, accelerator: .tcg, memory: memory, nodes: 1,
      cpus: cpus,
      boot: ["rdinit=/test/init", "systemd.show_status=0", "systemd.wants=script.service"],
      disks: disks, console: console)
    configuration.devices = devices
    let machine = try VirtualMachine(configuration)
    let deadline = Date.now + patience
    while !machine.hasEnded(), Date.now < deadline { usleep(100_000) }
    let hasEnded = machine.hasEnded()
    machine.quit(gently: false)
    let lines = File.consoleLines(console)
    #expect(
      hasEnded,
      "the machine did not switch itself off:\n\(lines.suffix(100).joined(separator: "\n"))")
    return lines
  }

  private static let prelude = """
    #!/bin/busybox sh
    export PATH=/usr/bin:/bin:/sbin
    /bin/busybox mkdir -p /scratch /system /proc /sys /tmp
    /bin/busybox --install -s /bin
    mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev
    while read file rest; do insmod /modules/$file; done < /modules/list
    mount -t ext4 /dev/vda /scratch; ln -s /proc/self/fd /dev/fd

    """

  private static func inShell(_ script: String) -> String {
    """
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mount -t tracefs tracefs /sys/kernel/tracing; mount -t debugfs debugfs /sys/kernel/debug
    \(script)
    poweroff -f

    """
  }

  /// Gives the machine to systemd, with the files that it would not have itself.
  private var switchRoot: String {
    let copies = files.keys.sorted().filter { $0.hasPrefix("profiles/") }.map {
      "cp /\($0) /system/\($0)"
    }
    return """
      mount -t ext4 /dev/vdb /system; mkdir -p /system/profiles /system/scratch
      cp /init /test/script /system; mount --move /scratch /system/scratch
      \(copies.joined(separator: "\n"))
      cat > /system/etc/systemd/system/script.service <<END
      [Unit]
      After=multi-user.target
      [Service]
      Type=oneshot
      ExecStart=/bin/sh /script
      StandardOutput=tty
      TTYPath=/dev/console
      END
      umount /sys /proc; exec switch_root /system /sbin/init

      """
  }

  private static func inSystemd(_ script: String) -> String {
    "echo BOOTED $(cut -d' ' -f1 /proc/uptime)\n\(script)\npoweroff -ff\n"
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

/// The root file system of a small Debian 12 with its systemd (252), made once and kept beside the kernels.
enum SystemImage {
  private static let suite = "bookworm"
  private static let packages = [
    "systemd", "systemd-sysv", "systemd-oomd", "dbus", "e2fsprogs", "mount",
    "openssh-server", "iproute2",
  ]
  /// What would wait for udev, or has nothing to do with what is tested. The daemons that kill, and sshd, are started by
  /// the tests that want them.
  private static let masked = [
    "serial-getty@.service", "getty@.service", "getty.target", "e2scrub_reap.service",
    "e2scrub_all.timer", "fstrim.timer", "dpkg-db-backup.timer", "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service", "systemd-random-seed.service", "systemd-pstore.service",
    "systemd-journal-flush.service", "systemd-binfmt.service", "systemd-sysusers.service",
    "systemd-machine-id-commit.service", "systemd-firstboot.service", "ldconfig.service",
    "systemd-update-done.service", "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
  ]
  private static let size = "400M"

  /// Path of the image, ext2. It is shared: a guest gets a copy.
  static func path() throws -> String {
    let store = try KernelStore()
    let hook = """
      cd "$1"; rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/info
      rm -f etc/systemd/system/*.wants/systemd-oomd.* etc/systemd/system/*.wants/ssh.*
      rm -f etc/systemd/system/sshd.service
      for unit in \(masked.joined(separator: " ")); do ln -sf /dev/null etc/systemd/system/$unit; done
      """
    let arguments = [
      "--quiet", "--variant=essential", "--format=ext2",
      "--include=" + packages.joined(separator: ","),
      "--customize-hook=" + hook,
    ]
    var key = ContentKey()
    key.add((arguments + [suite, size]).joined(separator: "\n"))
    let path = "\(store.root)/systemd-\(key.text).img"
    if File.exists(path) { return path }
    print("making a root file system with systemd; this takes two minutes, once")
    let work = store.temporary(in: store.root)
    defer { File.remove(work) }
    _ = try Tool.run("mmdebstrap", arguments + [suite, work], package: "mmdebstrap genext2fs")
    _ = try GuestLab.output("resize2fs", [work, size])
    try store.publish(work, as: path)
    return path
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The user land that a guest's commands run in: a disk of its own, with the kernel's file systems in it.
struct UserLand {
  /// Where it is mounted.
  static let path = "/sysroot"

  private let journal: CleanupJournal

  /// Mounts the disk. What is written to it goes to the host's copy, which ends with the guest: it is no memory of the
  /// guest's.
  init(_ device: String, _ journal: CleanupJournal) throws(HarnessError) {
    self.journal = journal
    try mount(device, at: Self.path, type: "ext4", options: ["noatime"])
    for (type, below) in [
      ("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/dev/shm"),
      ("tmpfs", "/run"),
    ] {
      try mount(type, at: Self.path + below, type: type)
    }
  }

  /// Shows the scratch file system there.
  ///
  /// - Parameters:
  ///   - path: where it is mounted.
  ///   - source: what is mounted there, as /proc/self/mountinfo has it.
  func show(_ path: String, of source: String) throws(HarnessError) {
    try mount(path, at: Self.path + path, type: "none", options: ["bind"], told: source)
  }

  private func mount(
    _ source: String, at path: String, type: String, options: [String] = [], told: String? = nil
  ) throws(HarnessError) {
    try journal.makeDirectory(path)
    try journal.make(MadeMount(told ?? source, at: path)) { () throws(HarnessError) in
      _ = try Mount(source, at: path, type: type, options: options)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import SystemPackage

/// Kernel settings of a profile; what they were before is in the journal.
package enum KernelSettings {
  /// Files that exist only when the scratch device and its file system do.
  private static let late = ["block/", "class/block/", "class/bdi/", "fs/", "devices/"]

  /// Writes the settings of one of two times: before anything is pinned, or when the file system is mounted.
  package static func apply(
    _ profile: Profile, mounted: Bool, _ journal: CleanupJournal
  ) throws(HarnessError) {
    let sysctls = profile.kernel.sysctl.filter { $0.key.hasPrefix("fs.") == mounted }
    let files = profile.kernel.sysfs.filter { setting in
      late.contains { setting.key.hasPrefix($0) } == mounted
    }
    let first = sysctls.map { Profile.Setting(path(sysctl: $0.key), $0.value) }
    let second = files.map { Profile.Setting("/sys/" + $0.key, $0.value) }
    // Written down now: while the streams run nothing is written to a disk beside theirs.
    let later =
      mounted
      ? []
      : profile.timeline.flatMap(\.sysctl).map {
        Profile.Setting(path(sysctl: $0.key), $0.value)
      }
    try change(first + second, later: later, journal)
  }

  /// Writes files, with what they said before in the journal.
  ///
  /// - Parameter later: what the run will write besides.
  private static func change(
    _ settings: [Profile.Setting], later: [Profile.Setting] = [], _ journal: CleanupJournal
  ) throws(HarnessError) {
    var rest = settings
    for changed in try ChangedSetting.all(of: settings + later) {
      let paths = changed.before.map(\.key)
      let own = rest.filter { paths.contains($0.key) }
      rest.removeAll { paths.contains($0.key) }
      try journal.make(changed) { () throws(HarnessError) in try write(own) }
    }
    try write(rest)
  }

  private static func write(_ settings: [Profile.Setting]) throws(HarnessError) {
    for setting in settings {
      try File.set(
        setting.key, setting.value, remedy: "check its name and value against this kernel")
    }
  }

  package static func setSysctl(_ setting: Profile.Setting) throws(HarnessError) {
    try write([Profile.Setting(path(sysctl: setting.key), setting.value)])
  }

  private static func path(sysctl key: String) -> String {
    "/proc/sys/" + key.map { $0 == "." ? "/" : String($0) }.joined()
  }

  /// Switches the multi-generational LRU, unless it is as wanted.
  ///
  /// - Throws: `.environment` where it is to be on and the kernel has none.
  package static func setLRUGen(_ on: Bool, _ journal: CleanupJournal) throws(HarnessError) {
    // The file is a bit mask: 0 is off, 7 all of it.
    func isOn() throws(HarnessError) -> Bool? {
      try File.lineIfThere(KernelSetting.lruGen).map { $0 != "0x0000" }
    }
    guard let wasOn = try isOn() else {
      // A kernel without it has the classic LRU.
      if !on { return }
      throw HarnessError(
        .environment, KernelSetting.lruGen, "open", errno: .noSuchFileOrDirectory,
        remedy: "this kernel is built without CONFIG_LRU_GEN")
    }
    if wasOn == on { return }
    try change([Profile.Setting(KernelSetting.lruGen, on ? "y" : "n")], journal)
    if try isOn() != on {
      throw HarnessError(
        .environment, KernelSetting.lruGen,
        "reads \(File.line(KernelSetting.lruGen) ?? "nothing") after writing \(on ? "y" : "n")")
    }
  }

  /// Sets the strict_limit of the scratch file system's backing device.
  ///
  /// - Parameter backing: its name in sysfs; nil: it cannot be told.
  package static func setStrictLimit(
    _ on: Bool, of kind: Profile.Filesystem.Kind, backing: String?, _ journal: CleanupJournal
  ) throws(HarnessError) {
    if kind.traits.backing == nil {
      throw HarnessError(
        .environment, kind.rawValue, "has no backing device whose strict_limit could be set",
        remedy: "leave kernel.strict_limit out, or take another filesystem.type")
    }
    let file = "/sys/class/bdi/\(backing ?? "?")/strict_limit"
    if !File.exists(file) {
      throw HarnessError(
        .environment, file, "open", errno: .noSuchFileOrDirectory,
        remedy: "strict_limit exists from kernel 6.2 on")
    }
    try change([Profile.Setting(file, on ? "1" : "0")], journal)
  }
}

package enum BlockDevice {
  /// `MAJ:MIN` of a block device such as /dev/vda; nil when there is none.
  package static func number(_ path: String) -> String? { try? attribute("dev", of: path) }

  /// `MAJ:MIN` of the disk that a partition is of, or of any other device itself: io.max, block events and backing
  /// devices know whole disks only.
  package static func diskNumber(_ path: String) -> String? {
    number(path).flatMap { BlockNode(number: $0) }?.disk.number
  }

  /// A file of a disk's in sysfs, without its end: `dev` is `MAJ:MIN`, `size` a number of sectors of 512 bytes,
  /// whatever the disk's own are.
  static func attribute(_ file: String, of path: String) throws(HarnessError) -> String {
    let name = FilePath(path).lastComponent?.string ?? "?"
    do throws(HarnessError) {
      let text = try File.text("/sys/class/block/\(name)/\(file)", code: .environment)
      return String(text.prefix { !$0.isNewline })
    } catch {
      if error.errno != .noSuchFileOrDirectory { throw error }
      throw HarnessError(.environment, path, "is not a block device")
    }
  }

  /// Name of the backing device of a mounted file system, in sysfs and debugfs; nil: it has none.
  ///
  /// - Parameters:
  ///   - path: the block device that it lies on, if it does.
  ///   - mountPoint: where it is mounted.
  package static func backing(
    _ path: String, _ kind: Profile.Filesystem.Kind, at mountPoint: String
  ) -> String? {
    switch kind.traits.backing {
    case .disk: diskNumber(path)
    case .superblock: Mount.superblock(at: mountPoint)
    case .own(let prefix): File.names(in: "/sys/class/bdi").last { $0.hasPrefix(prefix) }
    case nil: nil
    }
  }
}

/// Clean page cache, so that the node has plenty to reclaim beside the cgroup under test. It lasts as long
/// as its owner: the last close of a block device drops the device's cache.
package final class PageCache {
  private let descriptor: Descriptor

  /// Reads `bytes` of a device that nobody writes.
  package init(from device: String, bytes: UInt64) throws(HarnessError) {
    let fd = try Descriptor(open: device, O_RDONLY, code: .environment)
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    var done: UInt64 = 0
    while done < bytes {
      let wanted = Int(min(UInt64(chunk.count), bytes - done))
      let got = try checkErrno(read(fd.raw, &chunk, wanted), device, "read")
      if got == 0 { throw HarnessError(.harness, device, "ends after \(done) bytes") }
      done += UInt64(got)
    }
    descriptor = fd
  }
}

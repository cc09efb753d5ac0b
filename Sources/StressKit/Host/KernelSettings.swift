import Glibc
import SystemPackage

/// Kernel settings of a profile, written and read back.
package enum KernelSettings {
  package static let lruGen = "/sys/kernel/mm/lru_gen/enabled"

  /// Files that exist only when the scratch device and its file system do.
  private static let late = ["block/", "class/block/", "class/bdi/", "fs/", "devices/"]

  /// Writes the settings of one of two times: before anything is pinned, or when the file system is mounted.
  package static func apply(
    _ kernel: Profile.Kernel, mounted: Bool
  ) throws(HarnessError) {
    for setting in kernel.sysctl where setting.key.hasPrefix("fs.") == mounted {
      try setSysctl(setting)
    }
    for setting in kernel.sysfs
    where late.contains(where: { setting.key.hasPrefix($0) }) == mounted {
      try File.set(
        "/sys/" + setting.key, setting.value, remedy: "check the path against this kernel")
    }
    if let on = kernel.lruGen, !mounted { try setLRUGen(on) }
  }

  package static func setSysctl(_ setting: Profile.Setting) throws(HarnessError) {
    try File.set(
      path(sysctl: setting.key), setting.value,
      remedy: "check the sysctl's name against this kernel")
  }

  private static func path(sysctl key: String) -> String {
    "/proc/sys/" + key.map { $0 == "." ? "/" : String($0) }.joined()
  }

  /// What the files that a profile writes say before it does, in the order of their writing; those of the scratch
  /// device go with it.
  package static func saved(for profile: Profile) -> [Profile.Setting] {
    var paths = (profile.kernel.sysctl + profile.timeline.flatMap(\.sysctl)).map {
      path(sysctl: $0.key)
    }
    paths += profile.kernel.sysfs.map { "/sys/" + $0.key }
    if profile.kernel.lruGen != nil { paths.append(lruGen) }
    return paths.compactMap { path in File.line(path).map { Profile.Setting(path, $0) } }
  }

  /// Writes back what was there, the last first. Goes on after a failure.
  ///
  /// - Returns: what could not be written back.
  package static func restore(_ saved: [Profile.Setting]) -> [HarnessError] {
    saved.reversed().compactMap { setting in
      do throws(HarnessError) {
        if File.exists(setting.key) {
          try File.set(setting.key, present(in: setting.value))
        }
        return nil
      } catch {
        return error
      }
    }
  }

  /// What is to be written for a file to say `text` again: a choice such as "always [madvise] never" tells the
  /// present one in brackets.
  static func present(in text: String) -> String {
    guard let open = text.firstIndex(of: "["), let close = text[open...].firstIndex(of: "]") else {
      return text
    }
    return String(text[text.index(after: open)..<close])
  }

  /// Switches the multi-generational LRU, unless it is as wanted.
  package static func setLRUGen(_ on: Bool) throws(HarnessError) {
    // The file is a bit mask: 0 is off, 7 all of it.
    func isOn() -> Bool? { File.line(lruGen).map { $0 != "0x0000" } }
    if isOn() == on { return }
    try File.set(
      lruGen, on ? "y" : "n", remedy: "this kernel is built without CONFIG_LRU_GEN")
    if isOn() != on {
      throw HarnessError(
        .environment, lruGen,
        "reads \(File.line(lruGen) ?? "nothing") after writing \(on ? "y" : "n")")
    }
  }

  /// Sets the strict_limit of the scratch file system's backing device.
  package static func setStrictLimit(
    _ on: Bool, device: String, _ kind: Profile.Filesystem.Kind
  ) throws(HarnessError) {
    if kind == .tmpfs {
      throw HarnessError(
        .environment, "tmpfs", "has no backing device whose strict_limit could be set",
        remedy: "leave kernel.strict_limit out, or take another filesystem.type")
    }
    try File.set(
      "/sys/class/bdi/\(BlockDevice.backing(device, kind) ?? "?")/strict_limit", on ? "1" : "0",
      remedy: "strict_limit exists from kernel 6.2 on")
  }
}

package enum BlockDevice {
  /// `MAJ:MIN` of a block device such as /dev/vda; nil when there is none.
  package static func number(_ path: String) -> String? { try? attribute("dev", of: path) }

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
  package static func backing(_ path: String, _ kind: Profile.Filesystem.Kind) -> String? {
    switch kind {
    // btrfs has a backing device of its own for each file system.
    case .btrfs: File.names(in: "/sys/class/bdi").last { $0.hasPrefix("btrfs-") }
    case .tmpfs: nil
    case .ext4, .ext3, .xfs: number(path)
    }
  }
}

/// Clean page cache, so that the node has plenty to reclaim beside the cgroup under test. It lasts as long
/// as its owner: the last close of a block device drops the device's cache.
package struct PageCache: ~Copyable {
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

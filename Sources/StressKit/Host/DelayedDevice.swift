import CLinux
import Glibc
import Synchronization
import SystemPackage

/// A disk that holds every request back, reads and writes (flushes among them) alike: dm-delay over a real
/// one.
///
/// The kernel's Documentation/admin-guide/device-mapper/delay.rst. A class, since a change of the delay waits
/// and so happens on another thread than the owner's.
package final class DelayedDevice: Sendable {
  private static let controlPath = "/dev/mapper/control"
  private static let remedy = "it needs CONFIG_DM_DELAY: modprobe dm-delay"

  package let name: String
  /// /dev/dm-N.
  package let path: String
  private let control: Descriptor
  private let sectors: UInt64
  /// `MAJ:MIN` of the disk below.
  private let below: String
  private let isGone = Atomic<Bool>(false)

  /// Makes the device, as large as the disk below.
  ///
  /// - Parameter delay: ns, of which the kernel takes whole ms.
  package init(_ name: String, over disk: String, delay: UInt64) throws(HarnessError) {
    let below = try BlockDevice.attribute("dev", of: disk)
    let size = try BlockDevice.attribute("size", of: disk)
    guard let sectors = UInt64(size) else {
      throw HarnessError(.environment, disk, "has the size '\(size)'")
    }
    let fd = try checkErrno(
      Int(open(Self.controlPath, O_RDWR | O_CLOEXEC)), Self.controlPath, "open",
      remedy: Self.remedy, code: .environment)
    let control = Descriptor(owning: Int32(fd))
    var minor: UInt32 = 0
    try check(
      cl_dm_create(control.raw, name, &minor), "dm device \(name)", "create",
      remedy: "one of that name may be left over: dmsetup remove \(name)", code: .environment)
    self.name = name
    self.below = below
    self.sectors = sectors
    self.control = control
    path = "/dev/dm-\(minor)"
    try setDelay(delay)
  }

  /// Removed even if its owner forgets; what is still mounted stays.
  deinit {
    if isGone.load(ordering: .relaxed) { return }
    attempt(cl_dm_remove(control.raw, name), "dm device \(name)", "remove")
  }

  /// Changes the delay. Requests that the old one holds back go on at once; returns when the disk below has
  /// done all that was under way, until when new requests wait.
  package func setDelay(_ delay: UInt64) throws(HarnessError) {
    let control = control.raw
    let table = Self.table(below, delay)
    try check(
      cl_dm_load(control, name, sectors, "delay", table), "dm device \(name)",
      "load table delay \(table)", remedy: Self.remedy, code: .environment)
    try check(
      cl_dm_resume(control, name), "dm device \(name)", "resume", code: .environment)
  }

  /// dm-delay's arguments: device, offset and milliseconds, of reads and of writes.
  static func table(_ disk: String, _ delay: UInt64) -> String {
    let part = "\(disk) 0 \(delay / 1_000_000)"
    return part + " " + part
  }

  /// Takes the device away.
  ///
  /// - Parameter deadline: CLOCK_BOOTTIME, ns. Until then EBUSY is waited out: udev looks at what was just
  /// closed.
  package func remove(deadline: UInt64) throws(HarnessError) {
    while true {
      let result = attempt(cl_dm_remove(control.raw, name), "dm device \(name)", "remove")
      if result != -EBUSY || cl_boottime() > deadline {
        try accept(Int(result), "dm device \(name)", "remove")
        isGone.store(true, ordering: .relaxed)
        return
      }
      cl_sleep_until(cl_boottime() + 20_000_000)
    }
  }
}

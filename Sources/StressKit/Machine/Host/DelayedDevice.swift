// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// A disk that holds every request back, reads and writes (flushes among them) alike: dm-delay over a real
/// one.
///
/// The kernel's Documentation/admin-guide/device-mapper/delay.rst. A class, since a change of the delay waits
/// and so happens on another thread than the owner's.
package final class DelayedDevice: Sendable {
  private static let controlPath = "/dev/mapper/control"
  private static let remedy = "it needs CONFIG_DM_DELAY: modprobe dm-delay"

  private let name: String
  /// /dev/dm-N.
  package let path: String
  private let control: Descriptor
  private let sectors: UInt64
  /// `MAJ:MIN` of the disk below.
  private let below: String

  /// Makes the device, as large as the disk below.
  ///
  /// - Parameters:
  ///   - made: its name, and the UUID by which it is known again.
  ///   - delay: ns, of which the kernel takes whole ms.
  package init(
    _ made: MadeDelayedDevice, over disk: String, delay: UInt64
  ) throws(HarnessError) {
    let name = made.name
    let below = try BlockDevice.attribute("dev", of: disk)
    let size = try BlockDevice.attribute("size", of: disk)
    guard let sectors = UInt64(size) else {
      throw HarnessError(.environment, disk, "has the size '\(size)'")
    }
    let control = try Self.openControl()
    var minor: UInt32 = 0
    try check(
      cl_dm_create(control.raw, name, made.uuid, &minor), "dm device \(name)", "create",
      code: .environment)
    self.name = name
    self.below = below
    self.sectors = sectors
    self.control = control
    path = "/dev/dm-\(minor)"
    try setDelay(delay)
  }

  private static func openControl() throws(HarnessError) -> Descriptor {
    let fd = try checkErrno(
      Int(open(controlPath, O_RDWR | O_CLOEXEC)), controlPath, "open", remedy: remedy,
      code: .environment)
    return Descriptor(owning: Int32(fd))
  }

  /// Changes the delay. Requests that the old one holds back go on at once; returns when the disk below has
  /// done all that was under way, until when new requests wait.
  package func setDelay(_ delay: UInt64) throws(HarnessError) {
    try Self.load(control.raw, name, sectors, Self.table(below, delay))
  }

  private static func load(
    _ control: Int32, _ name: String, _ sectors: UInt64, _ table: String
  ) throws(HarnessError) {
    try check(
      cl_dm_load(control, name, sectors, "delay", table), "dm device \(name)",
      "load table delay \(table)", remedy: remedy, code: .environment)
    try check(
      cl_dm_resume(control, name), "dm device \(name)", "resume", code: .environment)
  }

  /// dm-delay's arguments: device, offset and milliseconds, of reads and of writes.
  static func table(_ disk: String, _ delay: UInt64) -> String {
    let part = "\(disk) 0 \(delay / 1_000_000)"
    return part + " " + part
  }

  // MARK: By name, whoever has made it

  private static let sysfs = "/sys/block"

  /// A device of the mapper, as /dev/dm-N, and the UUID that it was given.
  ///
  /// The mapper itself is asked: one whose making was cut short before its table is in no directory.
  static func find(_ name: String) throws(HarnessError) -> (device: String, uuid: String)? {
    let control: Descriptor
    do throws(HarnessError) {
      control = try openControl()
    } catch {
      // A machine without the mapper.
      if error.errno?.isAbsence == true { return nil }
      throw error
    }
    let fd = control.raw
    var found = cl_dm()
    let result = attempt(cl_dm_status(fd, name, &found), "dm device \(name)", "status")
    if result == -ENXIO { return nil }
    try accept(Int(result), "dm device \(name)", "status", code: .environment)
    let uuid = withUnsafeBytes(of: &found.uuid) { raw in
      String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
    }
    return ("/dev/dm-\(found.minor)", uuid)
  }

  /// Sets the delay to 0 where it was left otherwise; one that never got a table has no size.
  static func endDelay(_ name: String) throws(HarnessError) {
    guard let device = try find(name)?.device,
      let sectors = UInt64(try BlockDevice.attribute("size", of: device)), sectors > 0,
      let disk = File.names(in: "\(sysfs)/\(device.dropFirst("/dev/".count))/slaves").first,
      let below = BlockDevice.number(disk)
    else { return }
    let control = try openControl()
    try load(control.raw, name, sectors, table(below, 0))
  }

  /// Takes a device away.
  ///
  /// - Parameter time: ns for which EBUSY is waited out: udev looks at what was just closed.
  static func remove(
    _ name: String, _ patience: Patience, atMost time: UInt64
  ) throws(HarnessError) {
    let owned = try openControl()
    let control = owned.raw
    var result: Int32 = 0
    _ = try patience.wait(atMost: time) { () throws(HarnessError) in
      result = attempt(cl_dm_remove(control, name), "dm device \(name)", "remove", .busy)
      return result != -EBUSY
    }
    try accept(
      Int(result), "dm device \(name)", "remove",
      remedy: "something has it open or mounted: when it is gone, wbstress clean")
  }
}

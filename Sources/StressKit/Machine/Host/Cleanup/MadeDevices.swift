// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// A loop device of one of the run's images: found by the image, whose device and inode loop(4) tells.
package struct MadeLoopDevice: Undoable {
  package static let kind = "loop"
  package static let endsWithBoot = true
  private static let busyTime: UInt64 = 5_000_000_000
  let file: String
  private let image: FileIdentity

  /// - Parameter file: an image that is there.
  package init(of file: String) throws(HarnessError) {
    guard let image = try FileIdentity.of(file) else {
      throw HarnessError(.environment, file, "statx", errno: .noSuchFileOrDirectory)
    }
    self.file = file
    self.image = image
  }

  package init?(_ json: JSON) {
    guard let file = json["file"]?.string, let image = FileIdentity(json["image"]) else {
      return nil
    }
    self.file = file
    self.image = image
  }
  package var members: [(key: String, value: JSON)] {
    [("file", .string(file)), ("image", image.json)]
  }
  package var description: String { "loop device of \(file)" }
  package var exists: Bool { get throws(HarnessError) { try !found.isEmpty } }
  package var identity: JSON? {
    get throws(HarnessError) { try found.first.map { ["device": .string($0)] } }
  }

  /// The devices of the image, /dev/loopN.
  private var found: [String] {
    get throws(HarnessError) {
      try LoopDevice.all().filter { $0.dev == image.dev && $0.inode == image.inode }.map(\.path)
    }
  }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    let found = try found
    if found.isEmpty { return .absent }
    for path in found { try LoopDevice.detach(path) }
    // The kernel lets go of it in a work item; a user of it keeps it.
    let isGone = try patience.wait(atMost: Self.busyTime) { () throws(HarnessError) in
      try self.found.isEmpty
    }
    if !isGone {
      throw HarnessError(
        .harness, found.joined(separator: ", "), "LOOP_CLR_FD", errno: .resourceBusy,
        remedy: "something has it open or mounted: when it is gone, wbstress clean")
    }
    return .undone
  }
}

/// A dm-delay device, told from others by the UUID that it was given.
package struct MadeDelayedDevice: Undoable {
  package static let kind = "dm"
  package static let endsWithBoot = true
  private static let busyTime: UInt64 = 5_000_000_000
  package let name: String
  package let uuid: String

  package init(_ name: String) {
    self.name = name
    uuid = "wbstress-\(getpid())-\(cl_boottime())"
  }

  package init?(_ json: JSON) {
    guard let name = json["name"]?.string, let uuid = json["uuid"]?.string else { return nil }
    self.name = name
    self.uuid = uuid
  }
  package var members: [(key: String, value: JSON)] {
    [("name", .string(name)), ("uuid", .string(uuid))]
  }
  package var description: String { "dm device \(name)" }
  package var exists: Bool { get throws(HarnessError) { try DelayedDevice.find(name) != nil } }
  package var identity: JSON? {
    get throws(HarnessError) {
      try DelayedDevice.find(name).map { ["device": .string($0.device)] }
    }
  }

  package func quiet(_ identity: JSON?) {
    guard (try? DelayedDevice.find(name))?.uuid == uuid else { return }
    try? DelayedDevice.endDelay(name)
  }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    guard let found = try DelayedDevice.find(name) else { return .absent }
    guard found.uuid == uuid else { return .left("another device of that name") }
    try DelayedDevice.remove(name, patience, atMost: Self.busyTime)
    return .undone
  }
}

/// A swap area on a device of the run's.
package struct UsedSwap: Undoable {
  package static let kind = "swap"
  package static let endsWithBoot = true
  let device: String
  /// What is behind it where it is a loop device: another may have its number later.
  private let backing: String?

  init(on device: String) throws(HarnessError) {
    self.device = device
    backing = try LoopDevice.backing(of: device)
  }

  package init?(_ json: JSON) {
    guard let device = json["device"]?.string else { return nil }
    self.device = device
    backing = json["backing"]?.string
  }
  package var members: [(key: String, value: JSON)] {
    [("device", .string(device)), ("backing", .optional(backing))]
  }
  package var description: String { "swap on \(device)" }
  package var exists: Bool { get throws(HarnessError) { try Swap.isOn(device) } }
  package var identity: JSON? { nil }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    guard try exists else { return .absent }
    guard try LoopDevice.backing(of: device) == backing else {
      return .left("the device is another by now")
    }
    try Swap.off(device)
    return .undone
  }
}

/// Swap in compressed memory, on a zram device that nobody used.
package struct UsedZram: Undoable {
  package static let kind = "zram"
  package static let endsWithBoot = true
  /// Of the disk, uncompressed.
  let bytes: UInt64

  init(bytes: UInt64) { self.bytes = bytes }

  package init?(_ json: JSON) {
    guard let bytes = json["bytes"]?.int.flatMap(UInt64.init(exactly:)) else { return nil }
    self.bytes = bytes
  }
  package var members: [(key: String, value: JSON)] { [("bytes", .uint(bytes))] }
  package var description: String { "zram swap of \(Units.sizeText(bytes))" }
  package var exists: Bool { get throws(HarnessError) { try Swap.zramSize ?? 0 > 0 } }
  package var identity: JSON? {
    get throws(HarnessError) { try Swap.zramSize.map { ["bytes": .uint($0)] } }
  }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    guard try exists else { return .absent }
    // The kernel rounds it up to whole pages.
    let made = identity?["bytes"]?.int.flatMap(UInt64.init(exactly:)) ?? bytes
    guard try Swap.zramSize == made else { return .left("it is in use by somebody else") }
    try Swap.offZram()
    return .undone
  }
}

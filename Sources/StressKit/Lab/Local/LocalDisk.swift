// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine

/// What becomes the scratch disk of a trial on this machine: an image, or the device that the user named.
struct LocalDisk: ~Copyable {
  private let device: NamedDevice?
  /// Held as long as the trial lasts, so that the disk stays the one that was checked.
  private let held: Descriptor?
  private let image: String

  /// Checks a device once more; an image has yet to be made.
  ///
  /// - Parameters:
  ///   - device: what the user named; nil: the image takes its place.
  ///   - results: where the record goes.
  init(
    _ device: NamedDevice?, image: String, _ profile: Profile, results: String
  ) throws(HarnessError) {
    let opened = try Self.claim(device, profile, results)
    self.device = device
    self.image = image
    held = opened
  }

  /// What was somebody's when it was checked may have been wiped since, and what was nobody's may be in use.
  private static func claim(
    _ device: NamedDevice?, _ profile: Profile, _ results: String
  ) throws(HarnessError) -> Descriptor? {
    guard let device else { return nil }
    let opened = try device.open()
    let request = DeviceRequest(
      device.path, confirmation: "\(device.identity.size)", size: profile.device.size,
      results: results)
    if let refusal = DeviceGuard(request).findings.errors?.errors.first { throw refusal }
    return opened
  }

  /// - Throws: what mkfs says.
  borrowing func makeFilesystem(_ profile: Profile) throws(HarnessError) -> MadeFilesystem {
    guard let device, let descriptor = raw else {
      return try MakeFilesystem.run(profile.filesystem, on: image)
    }
    return try MakeFilesystem.run(
      profile.filesystem, on: device.path, opened: descriptor, size: profile.device.size)
  }

  private var raw: Int32? {
    switch held {
    case .some(let held): held.raw
    case nil: nil
    }
  }
}

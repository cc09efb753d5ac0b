// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// The scratch device.
  package struct Device: Equatable, Sendable {
    package var size: UInt64 = 512 << 20
    /// Throttles of the virtual disk; nil: none.
    package var bandwidth: UInt64?
    package var iops: UInt64?
    /// By which each request is held back (dm-delay), ns.
    package var delay: UInt64 = 0
    package init() {}

    /// What a report says of it beside its size and its bandwidth.
    package var differences: [String] { differences(from: .usual) }
  }
}

extension Profile.Device: ProfilePart {
  static let usual = Self()

  static let fields: [ProfileField<Self>] = [
    ProfileField(
      "size", \.size, .size(in: 16 << 20...Units.largest, multipleOf: 512), told: "", needs),
    ProfileField(
      "bandwidth", \.bandwidth, ProfileType<UInt64>.rate.or("unlimited"), told: "",
      "throttle of the virtual disk"),
    ProfileField(
      "iops", \.iops, ProfileType<UInt64>.number(in: 1...Units.largest).or("unlimited"),
      told: "* IOPS", "the same"),
    ProfileField(
      "delay", \.delay, .delay, told: "delayed by *", "delay of each request (dm-delay)"),
  ]

  /// As in "xfs needs 300MiB".
  private static var needs: String {
    let kinds = Profile.Filesystem.Kind.allCases.compactMap { kind in
      kind.traits.least.map { "\(kind.rawValue) needs \(Units.sizeText($0))" }
    }
    return kinds.joined(separator: ", ")
  }
}

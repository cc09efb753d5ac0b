// SPDX-License-Identifier: Apache-2.0

extension Profile {
  package struct Kernel: Equatable, Sendable {
    package var sysctl: [Setting] = []
    /// Files below /sys, by their path after it.
    package var sysfs: [Setting] = []
    /// /sys/kernel/mm/lru_gen/enabled; nil: as the kernel boots.
    package var lruGen: Bool?
    /// The scratch device's bdi strict_limit (6.2 and later).
    package var strictLimit: Bool?
    package var boot: [String] = []
    package init() {}
  }
}

extension Profile.Kernel: ProfilePart {
  static let usual = Self()

  static let fields: [ProfileField<Self>] = [
    ProfileField(
      "sysctl", \.sysctl,
      ProfileType<[Profile.Setting]>.sysctl.formed("mapping of names such as `vm.dirty_ratio`"),
      "written before the trial"),
    ProfileField(
      "sysfs", \.sysfs,
      ProfileType<[Profile.Setting]>
        .files(
          "a path after /sys/, such as kernel/mm/lru_gen/min_ttl_ms", separator: UInt8(ascii: "/")
        )
        .formed("mapping of paths below /sys/"),
      "the same"),
    ProfileField(
      "lru_gen", \.lruGen, ProfileType<Bool>.flag.optional, usual: "the kernel's default",
      "/sys/kernel/mm/lru_gen/enabled: MGLRU. A kernel without it counts as `off`"),
    ProfileField(
      "strict_limit", \.strictLimit, ProfileType<Bool>.flag.optional,
      usual: "the kernel's default", "of the scratch device's bdi (6.2 and later)"),
    ProfileField(
      "boot", \.boot, .words(), "additional words for the kernel command line"),
  ]
}

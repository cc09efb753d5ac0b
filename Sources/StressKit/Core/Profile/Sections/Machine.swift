// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// The guest.
  package struct Machine: Equatable, Sendable {
    package var memory: UInt64 = 1 << 30
    package var cpus = 2
    /// NUMA nodes that memory and CPUs are divided over.
    package var nodes = 1
    /// Swap on a disk of its own, bytes.
    package var swap: UInt64 = 0
    /// Swap on a zram device, uncompressed bytes.
    package var zram: UInt64 = 0
    /// The user land that commands run in; empty: none.
    package var root = ""
    /// A shell script that its maker runs in it.
    package var prepare = ""
    /// Modules beside those that the trial itself needs.
    package var modules: [String] = []
    package init() {}

    /// What a report says of it beside its memory and its CPUs.
    package var differences: [String] { differences(from: .usual) }
  }
}

extension Profile.Machine: ProfilePart {
  static let usual = Self()

  static let fields: [ProfileField<Self>] = [
    ProfileField(
      "memory", \.memory, .memory(orNone: false), told: "",
      "of the guest; locked pins must fit into it"),
    ProfileField("cpus", \.cpus, .count(in: 1...255), told: "", "of the guest"),
    ProfileField(
      "nodes", \.nodes, .count(in: 1...64), told: "* nodes",
      "NUMA nodes; memory (in equal parts of whole MiB) and CPUs are divided among them"),
    ProfileField("swap", \.swap, .memory(), "on a separate disk"),
    ProfileField("zram", \.zram, .memory(), "swap on a zram device, in uncompressed bytes"),
    ProfileField(
      "root", \.root,
      ProfileType<String>.line.formed("`debian:RELEASE+PACKAGE,PACKAGE`, or a path").leftOut(
        \.isEmpty),
      usual: "none", told: "root *",
      "the user land of `commands`: a Debian release with packages, made once by mmdebstrap and kept "
        + "in the cache; or a directory, or an image of ext4. It is a disk of its own: what a trial "
        + "changes there is gone after it"),
    ProfileField(
      "prepare", \.prepare, ProfileType<String>.block.leftOut(\.isEmpty), told: "",
      "a script for `/bin/sh -e` in that user land, run on the host when it is made"
    ).where("root is a Debian release") { $0.root.utf8.starts(with: "debian:".utf8) },
    ProfileField(
      "modules", \.modules, ProfileType<[String]>.words(commas: true).leftOut(\.isEmpty),
      usual: "those that the trial itself needs", told: "modules *",
      "additional kernel modules to load in the guest"),
  ]

  /// QEMU gives each node memory in MiB; one without a CPU is a node all the same.
  mutating func check(_ section: ProfileSection) {
    guard nodes > 1, let cursor = section["nodes"] else { return }
    if !memory.isMultiple(of: UInt64(nodes) << 20) {
      cursor.fail("machine.memory is not \(nodes) equal nodes of whole MiB")
    }
  }
}

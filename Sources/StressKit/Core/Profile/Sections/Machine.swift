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
  ]

  /// QEMU gives each node memory in MiB; one without a CPU is a node all the same.
  mutating func check(_ section: ProfileSection) {
    guard nodes > 1, let cursor = section["nodes"] else { return }
    if !memory.isMultiple(of: UInt64(nodes) << 20) {
      cursor.fail("machine.memory is not \(nodes) equal nodes of whole MiB")
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressLab

/// What kernels are made of, in a directory that goes away.
final class KernelFixture: TemporaryDirectory, @unchecked Sendable {
  /// The first bytes of a bzImage.
  static func bzImage(_ release: String) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 0x400)
    bytes.replaceSubrange(0x202..<0x206, with: "HdrS".utf8)
    let text = Array("\(release) (me@here) #1 SMP\0".utf8)
    bytes[0x20f] = 1
    bytes.replaceSubrange(0x300..<0x300 + text.count, with: text)
    return bytes
  }

  /// What passes for a module here.
  static func module(_ name: String) -> [UInt8] { [0x7f] + Array("ELF \(name)".utf8) }

  /// An unpacked package with one module, not yet indexed.
  func unpackedPackage(_ name: String, release: String) throws {
    let modules = "\(name)/lib/modules/\(release)"
    try write("\(name)/boot/vmlinuz-\(release)", Self.bzImage(release))
    try write("\(modules)/kernel/fs/xfs/xfs.ko", Self.module("xfs"))
    try write("\(modules)/modules.order", "kernel/fs/xfs/xfs.ko\n")
    try write("\(modules)/modules.builtin", "kernel/fs/ext4/ext4.ko\n")
  }

  func store(_ archive: any PackageArchive = NoArchive()) throws -> KernelStore {
    try KernelStore(root: path("cache"), archives: [archive])
  }
}

/// For tests that must not ask any archive.
struct NoArchive: PackageArchive {
  let name = "none"

  func offers(
    refresh: Bool, progress: (String) -> Void
  ) throws(HarnessError) -> [KernelOffer] {
    throw HarnessError(.harness, "archive", "asked")
  }

  func download(
    _ offer: KernelOffer, into directory: String
  ) throws(HarnessError) -> [String] {
    throw HarnessError(.harness, "archive", "asked")
  }
}

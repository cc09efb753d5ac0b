import Glibc
import Testing

@testable import StressKit

/// A directory of a test's own, removed with its owner, and what kernels are made of.
final class KernelFixture: Sendable {
  let root: String

  init() throws {
    var template = Array("/tmp/wbstress-test-XXXXXX".utf8CString)
    root = String(cString: try #require(mkdtemp(&template)))
  }

  deinit { File.remove(root) }

  func path(_ name: String) -> String { root + "/" + name }

  /// Writes a file below the root, with its directories.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = path(name)
    try File.makeDirectory(String(path[..<(try #require(path.lastIndex(of: "/")))]))
    try File.write(path, bytes)
    return path
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

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
    try KernelStore(root: path("cache"), archive: archive)
  }
}

/// For tests that must not ask any archive.
struct NoArchive: PackageArchive {
  func images(progress: (String) -> Void) throws(HarnessError) -> [ImagePackage] {
    throw HarnessError(.harness, "archive", "asked")
  }

  func download(
    _ image: ImagePackage, into directory: String
  ) throws(HarnessError) -> String {
    throw HarnessError(.harness, "archive", "asked")
  }
}

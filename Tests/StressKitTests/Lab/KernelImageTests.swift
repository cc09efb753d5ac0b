// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

struct KernelImageTests {
  let fixture: KernelFixture
  init() throws { fixture = try KernelFixture() }

  func resolve(_ path: String, modules: String? = nil) throws -> Kernel {
    try Kernel(
      resolving: .path(fixture.path(path), modules: modules.map(fixture.path)),
      store: fixture.store())
  }

  @Test func readsTheReleaseOfAnImage() throws {
    try fixture.write("bzImage", KernelFixture.bzImage("6.13.0-rc2+"))
    let kernel = try resolve("bzImage")
    #expect(kernel.release == "6.13.0-rc2+")
    #expect(kernel.modules == nil)
    #expect(try kernel.moduleFiles(["xfs"]).isEmpty)
  }

  @Test(arguments: [0, 0x20f, 0x1000])
  func refusesWhatIsNoImage(_ size: Int) throws {
    try fixture.write("file", [UInt8](repeating: 0x4d, count: size))
    let error = #expect(throws: HarnessError.self) { try resolve("file") }
    #expect(error?.code == .environment)
    #expect(error?.operation == "no x86 bzImage")
  }

  @Test func refusesAVersionOutsideTheHeader() {
    var bytes = KernelFixture.bzImage("6.1")
    bytes[0x20f] = 0x80
    #expect(Architecture.own.image.release(bytes[...]) == nil)
  }

  @Test func namesAPathThatIsNotThere() throws {
    let error = #expect(throws: HarnessError.self) { try resolve("nowhere") }
    #expect(error?.description.contains("ENOENT") == true)
    try fixture.write("empty/file", "")
    #expect(throws: HarnessError.self) { try resolve("empty") }
    try fixture.write("two/boot/vmlinuz-1", "")
    try fixture.write("two/boot/vmlinuz-2", "")
    let several = #expect(throws: HarnessError.self) { try resolve("two") }
    #expect(several?.operation == "has several: boot/vmlinuz-1, boot/vmlinuz-2")
  }

  @Test(.enabled(if: Tool.path("depmod") != nil, "needs depmod"))
  func indexesAnUnpackedPackageInTheStore() throws {
    try fixture.unpackedPackage("package", release: "6.9.1")
    let before = File.names(in: fixture.path("package/lib/modules/6.9.1"))
    let kernel = try resolve("package")
    #expect(kernel.modules?.hasPrefix(fixture.path("cache/modules/")) == true)
    #expect(try kernel.moduleFiles(["xfs", "ext4"]).map(\.name) == ["xfs"])
    #expect(File.names(in: fixture.path("package/lib/modules/6.9.1")) == before)
    // The image alone finds the modules where `make install` puts them.
    #expect(try resolve("package/boot/vmlinuz-6.9.1").modules == kernel.modules)
  }

  @Test func takesModulesFromWhereTheyAreSaid() throws {
    try fixture.write("bzImage", KernelFixture.bzImage("6.9.1"))
    try fixture.write("installed/lib/modules/6.9.1/modules.dep", "")
    let kernel = try resolve("bzImage", modules: "installed")
    #expect(kernel.modules == fixture.path("installed/lib/modules/6.9.1"))
    let same = try resolve("bzImage", modules: "installed/lib/modules/6.9.1")
    #expect(same.modules == kernel.modules)
    try fixture.write("other/lib/modules/6.9.2/modules.dep", "")
    let error = #expect(throws: HarnessError.self) { try resolve("bzImage", modules: "other") }
    #expect(error?.operation == "no modules of 6.9.1 in \(fixture.path("other"))")
  }

  func buildTree(order: String) throws {
    try fixture.write("tree/arch/x86/boot/bzImage", KernelFixture.bzImage("6.9.1"))
    try fixture.write("tree/include/config/kernel.release", "6.9.1\n")
    try fixture.write("tree/modules.order", order)
    try fixture.write("tree/modules.builtin", "kernel/fs/ext4/ext4.ko\n")
    try fixture.write("tree/fs/xfs/xfs.ko", KernelFixture.module("xfs"))
    try fixture.write("tree/kernel/configs.ko", KernelFixture.module("configs"))
  }

  @Test(
    .enabled(if: Tool.path("depmod") != nil, "needs depmod"),
    arguments: [
      "fs/xfs/xfs.o\nkernel/configs.o\n", "fs/xfs/xfs.ko\nkernel/configs.ko\nfs/unbuilt.ko\n",
      "kernel/fs/xfs/xfs.ko\nkernel/kernel/configs.ko\n",
    ])
  func resolvesModulesOfABuildTree(_ order: String) throws {
    try buildTree(order: order)
    let kernel = try resolve("tree")
    #expect(kernel.image == fixture.path("tree/arch/x86/boot/bzImage"))
    let files = try kernel.moduleFiles(["ext4", "xfs", "configs"])
    #expect(files.map(\.name) == ["xfs", "configs"])
    #expect(try files[0].contents(scratch: fixture.path("x")) == KernelFixture.module("xfs"))
    #expect(try resolve("tree/arch/x86/boot/bzImage").modules == kernel.modules)

    // A rebuilt module makes a new index, and the old one goes.
    try fixture.write("tree/fs/xfs/xfs.ko", KernelFixture.module("xfs, rebuilt"))
    #expect(try resolve("tree").modules != kernel.modules)
    #expect(File.names(in: fixture.path("cache/modules")).count == 1)
  }

  @Test func refusesATreeThatWasReconfigured() throws {
    try buildTree(order: "")
    try fixture.write("tree/include/config/kernel.release", "6.9.2\n")
    let error = #expect(throws: HarnessError.self) { try resolve("tree") }
    #expect(error?.operation == "bzImage is of 6.9.1, the tree of 6.9.2")
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressLab

struct ModuleResolverTests {
  let fixture: KernelFixture
  init() throws { fixture = try KernelFixture() }

  /// The indexes of a kernel with btrfs as Debian's 6.12 has it, cut down.
  func kernel(_ spec: String = "debian:6.12") throws -> Kernel {
    try fixture.write(
      "m/modules.dep",
      """
      kernel/lib/libcrc32c.ko.xz:
      kernel/fs/xfs/xfs.ko.xz: kernel/lib/libcrc32c.ko.xz
      kernel/fs/btrfs/btrfs.ko.xz: kernel/crypto/xor.ko.xz kernel/lib/raid6_pq.ko.xz \
      kernel/lib/libcrc32c.ko.xz
      kernel/lib/raid6_pq.ko.xz:
      kernel/crypto/xor.ko.xz: kernel/lib/raid6_pq.ko.xz
      kernel/arch/x86/crypto/crc32c-intel.ko.xz:
      kernel/arch/x86/crypto/crc32c-other.ko.xz: kernel/lib/simd.ko.xz
      kernel/lib/simd.ko.xz:
      kernel/drivers/block/virtio_blk.ko.xz:
      kernel/a.ko: kernel/b.ko
      kernel/b.ko:

      """)
    try fixture.write(
      "m/modules.alias",
      """
      # Aliases extracted from modules themselves.
      alias crypto-crc32c crc32c_intel
      alias crc32c crc32c_intel
      alias crypto-crc32c crc32c_other
      alias pci:v00001AF4d* virtio_blk

      """)
    try fixture.write(
      "m/modules.softdep",
      """
      # Soft dependencies extracted from modules themselves.
      softdep btrfs pre: sha256
      softdep btrfs pre: crypto-crc32c
      softdep libcrc32c pre: crc32c
      softdep b pre: a post: xfs

      """)
    try fixture.write(
      "m/modules.builtin", "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio-pci.ko\n")
    try fixture.write(
      "m/modules.builtin.modinfo", "ext4.license=GPL\0ext4.softdep=pre: crypto-crc32c\0")
    return Kernel(
      spec: try KernelSpec(parsing: spec), image: "/k", release: "6.12.1",
      modules: fixture.path("m"))
  }

  func order(_ wanted: [String]) throws -> [String] {
    try kernel().moduleFiles(wanted).map { $0.name + ($0.isRequired ? "" : "?") }
  }

  @Test func putsDependenciesFirst() throws {
    #expect(try order(["xfs"]) == ["crc32c_intel?", "libcrc32c", "xfs"])
    #expect(
      try order(["btrfs"]) == [
        "crc32c_intel?", "simd?", "crc32c_other?", "libcrc32c", "raid6_pq", "xor", "btrfs",
      ])
  }

  @Test func loadsEachModuleOnce() throws {
    #expect(
      try order(["virtio-blk", "xfs", "xfs", "libcrc32c"])
        == ["virtio_blk", "crc32c_intel?", "libcrc32c", "xfs"])
  }

  @Test func leavesOutWhatIsBuiltIn() throws {
    #expect(try order(["virtio_pci"]) == [])
    // What a built-in one asks for is loaded all the same.
    #expect(try order(["ext4"]) == ["crc32c_intel?", "simd?", "crc32c_other?"])
  }

  @Test func endsWhereSoftDependenciesFormACycle() throws {
    #expect(try order(["a"]) == ["b", "a"])
    #expect(try order(["b"]) == ["a?", "b"])
  }

  @Test func givesPaths() throws {
    let files = try kernel().moduleFiles(["virtio_blk", "a"])
    #expect(
      files.map(\.path) == ["block/virtio_blk.ko.xz"].map { fixture.path("m/kernel/drivers/\($0)") }
        + ["b.ko", "a.ko"].map { fixture.path("m/kernel/\($0)") })
    #expect(files.map(\.compression) == [.xz, .none, .none])
  }

  @Test func reportsAllThatIsMissing() throws {
    let kernel = try kernel()
    let error = #expect(throws: HarnessError.self) {
      try kernel.moduleFiles(["ext4", "f2fs", "xfs", "virtio_console"])
    }
    #expect(error?.code == .environment)
    #expect(
      error?.description == "kernel debian:6.12: modules f2fs, virtio_console not found in "
        + "\(fixture.path("m")) (6.12.1), nor built in; use debian:6.12-amd64")
    let built = try self.kernel("./linux")
    let own = #expect(throws: HarnessError.self) { try built.moduleFiles(["virtio_console"]) }
    #expect(own?.remedy?.hasPrefix("build it with CONFIG_VIRTIO_CONSOLE,") == true)
    let without = #expect(throws: HarnessError.self) { try built.moduleFiles(["f2fs"]) }
    #expect(without?.remedy?.hasPrefix("build it with CONFIG_F2FS_FS,") == true)
    #expect(
      ModuleResolver.options(for: ["overlay", "nfs", "nfsv4", "nfsd", "zram"])
        == "CONFIG_OVERLAY_FS, CONFIG_NFS_FS, CONFIG_NFS_V4, CONFIG_NFSD_V4, CONFIG_ZRAM")
  }

  @Test func needsTheIndex() throws {
    let kernel = Kernel(
      spec: .path("x", modules: nil), image: "/k", release: "1", modules: fixture.path("nowhere"))
    #expect(throws: HarnessError.self) { try kernel.moduleFiles([]) }
  }

  @Test(arguments: [
    (Profile.Filesystem.Kind.ext3, ["ext4"]), (.ext4, ["ext4"]), (.xfs, ["xfs"]),
    (.btrfs, ["btrfs"]), (.f2fs, ["f2fs"]), (.ext2, ["ext4"]), (.nilfs2, ["nilfs2"]),
    (.gfs2, ["gfs2"]), (.tmpfs, []), (.overlay, ["ext4", "overlay"]),
    (.nfs, ["ext4", "nfs", "nfsv4", "nfsd"]),
  ])
  func knowsWhatAGuestNeeds(_ kind: Profile.Filesystem.Kind, _ modules: [String]) {
    var profile = Profile(name: "p")
    profile.filesystem.kind = kind
    #expect(
      ModuleResolver.wanted(for: profile)
        == ["virtio_pci", "virtio_blk", "virtio_console"] + modules)
  }

  @Test func knowsWhatDelayAndZramNeed() {
    var profile = Profile(name: "p")
    profile.timeline = [Profile.Moment(at: 1)]
    profile.timeline[0].delay = 0
    #expect(!profile.usesDelay)
    profile.timeline[0].delay = 1_000_000
    profile.machine.zram = 1 << 20
    #expect(ModuleResolver.wanted(for: profile).suffix(3) == ["ext4", "dm_delay", "zram"])
    // Without a timeline by its own delay; what lies idle need not be slow.
    profile.timeline = []
    profile.device.delay = 1_000_000
    #expect(profile.usesDelay)
    profile.filesystem.kind = .tmpfs
    #expect(ModuleResolver.wanted(for: profile).suffix(2) == ["virtio_console", "zram"])
  }

  /// Of the compressor only kernels before 6.12 make a module; zram does not name it.
  @Test func zramBringsItsCompressor() throws {
    try fixture.write("z/modules.dep", "zram.ko: zsmalloc.ko\nzsmalloc.ko:\nlzo-rle.ko:\nlzo.ko:\n")
    let kernel = Kernel(
      spec: .path("x", modules: nil), image: "/k", release: "1", modules: fixture.path("z"))
    #expect(
      try kernel.moduleFiles(["zram"]).map { $0.name + ($0.isRequired ? "" : "?") }
        == ["lzo_rle?", "zsmalloc", "zram"])
    try fixture.write("z/modules.dep", "zram.ko: zsmalloc.ko\nzsmalloc.ko:\n")
    #expect(try kernel.moduleFiles(["zram"]).map(\.name) == ["zsmalloc", "zram"])
  }
}

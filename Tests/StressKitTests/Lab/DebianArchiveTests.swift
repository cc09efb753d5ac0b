import Testing

@testable import StressKit

/// apt's own checks, over an archive of files that is made here.
@Suite(
  .enabled(
    if: Tool.path("dpkg-deb") != nil && Tool.path("apt-get") != nil
      && Tool.path("depmod") != nil, "needs apt, dpkg-deb and depmod"))
struct DebianArchiveTests {
  private let fixture: KernelFixture
  private let release = "7.3.4+test-cloud-amd64"
  init() throws { fixture = try KernelFixture() }

  /// A package in `archive/`, and its stanza of the list.
  private func package(
    _ name: String, depends: String = "", _ files: [String: [UInt8]]
  ) throws -> String {
    let control =
      "Package: \(name)\nVersion: 7.3.4-1\nArchitecture: amd64\nMaintainer: t <t@t>\n"
      + (depends.isEmpty ? "" : "Depends: \(depends)\n") + "Description: test\n"
    try fixture.write("trees/\(name)/DEBIAN/control", control)
    for (path, bytes) in files { try fixture.write("trees/\(name)/\(path)", bytes) }
    try File.makeDirectory(fixture.path("archive"))
    let deb = fixture.path("archive/\(name).deb")
    try Tool.run("dpkg-deb", ["-b", fixture.path("trees/\(name)"), deb], package: "dpkg")
    let sum = String(
      decoding: try Tool.run("sha256sum", [deb], package: "coreutils").prefix(64), as: UTF8.self)
    return control
      + "Filename: ./\(name).deb\nSize: \(try #require(File.size(deb)))\nSHA256: \(sum)\n\n"
  }

  /// A kernel in three packages, as since 6.19.
  private func store(options: String = "[trusted=yes] ") throws -> KernelStore {
    let parts = ["linux-base", "linux-binary", "linux-modules"].map { "\($0)-\(release)" }
    let modules = "usr/lib/modules/\(release)"
    let lists = [
      try package(
        "linux-image-\(release)",
        depends: "kmod, " + parts.map { "\($0) (= 7.3.4-1)" }.joined(separator: ", "), [:]),
      try package(
        parts[0],
        [
          "\(modules)/modules.order": Array("kernel/fs/xfs/xfs.ko\n".utf8),
          "\(modules)/modules.builtin": Array("kernel/fs/ext4/ext4.ko\n".utf8),
        ]),
      try package(parts[1], ["\(modules)/vmlinuz": KernelFixture.bzImage(release)]),
      try package(
        parts[2], ["\(modules)/kernel/fs/xfs/xfs.ko": KernelFixture.module("xfs")]),
    ]
    try fixture.write("archive/Packages", lists.joined())
    let archive = LocalArchive(
      inner: DebianArchive(root: fixture.path("apt"), mirror: "none"),
      sources: "deb \(options)file:\(fixture.path("archive")) ./\n")
    return try KernelStore(root: fixture.path("cache"), archives: [archive])
  }

  /// Debian's, with other sources.
  private struct LocalArchive: PackageArchive {
    let inner: DebianArchive
    let sources: String
    var name: String { inner.name }

    func offers(
      refresh: Bool, progress: (String) -> Void
    ) throws(HarnessError) -> [KernelOffer] {
      try inner.configure()
      try File.write(inner.root + "/sources.list", Array(sources.utf8))
      try inner.getLists(progress)
      return try APT(configuration: inner.root + "/apt.conf").offers()
    }

    func download(
      _ offer: KernelOffer, into directory: String
    ) throws(HarnessError) -> [String] {
      try inner.download(offer, into: directory)
    }
  }

  private let spec = KernelSpec.debian(version: "7.3", flavour: .cloud)

  @Test func fetchesAKernelInThreePackages() throws {
    let store = try store()
    let offers = try store.available()
    #expect(offers.map(\.parts.count) == [3] && offers[0].missing == [])
    let kernel = try Kernel(resolving: spec, store: store)
    #expect(kernel.release == release && kernel.packageVersion == "7.3.4-1")
    #expect(kernel.image.hasSuffix("/usr/lib/modules/\(release)/vmlinuz"))
    #expect(try kernel.moduleFiles(["xfs", "ext4"]).map(\.name) == ["xfs"])
    // The tree is a kernel by its path, too.
    let path = try #require(store.cached().first?.path)
    let again = try Kernel(resolving: .path(path, modules: nil), store: store)
    #expect(again.image == kernel.image && again.modules == kernel.modules)
  }

  @Test func aTamperedPackageIsRefused() throws {
    let store = try store()
    let deb = fixture.path("archive/linux-binary-\(release).deb")
    var bytes = try File.read(deb)
    bytes[bytes.count - 10] ^= 1
    try File.write(deb, bytes)
    let error = #expect(throws: HarnessError.self) { try store.fetch(spec) }
    #expect(error?.description.contains("Hash Sum mismatch") == true, "\(error as Any)")
    #expect(store.cached().isEmpty)
    #expect(File.names(in: fixture.path("cache/kernels")).isEmpty)
  }

  @Test func anArchiveThatNobodySignedIsRefused() throws {
    let error = #expect(throws: HarnessError.self) { try store(options: "").available() }
    #expect(error?.operation.contains("no package lists") == true)
  }
}

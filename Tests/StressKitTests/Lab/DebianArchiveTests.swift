// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

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
  private func archive(options: String = "[trusted=yes] ") throws -> LocalArchive {
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
    return LocalArchive(
      inner: DebianArchive(root: fixture.path("apt"), mirror: "none"),
      sources: "deb \(options)file:\(fixture.path("archive")) ./\n")
  }

  private func store(options: String = "[trusted=yes] ") throws -> KernelStore {
    try KernelStore(root: fixture.path("cache"), archives: [archive(options: options)])
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

  /// Every file below a directory, with its size.
  private static func files(_ path: String) -> [String: Int] {
    var files: [String: Int] = [:]
    for name in File.names(in: path) {
      let below = Self.files("\(path)/\(name)")
      if below.isEmpty { files[name] = File.size("\(path)/\(name)").map(Int.init) ?? -1 }
      for (file, size) in below { files["\(name)/\(file)"] = size }
    }
    return files
  }

  /// The program itself is killed while it fetches, as soon as each of the files that a fetch makes is there, each time
  /// with what the last one left. How long a fetch takes says nothing: syncfs(2) waits for whoever else writes.
  @Test(.enabled(if: File.exists(Executable.path), "wbstress is not built beside the tests"))
  func aFetchThatIsKilledLeavesNoKernel() throws {
    _ = try archive().offers(refresh: true) { _ in }
    func fetch() throws -> Process {
      try Process(
        [Executable.path, "kernels", "fetch", "debian:7.3"],
        environment: [
          "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "XDG_CACHE_HOME=\(fixture.path("home"))",
          "APT_CONFIG=\(fixture.path("apt/apt.conf"))", "SWIFT_BACKTRACE=enable=no",
        ])
    }
    func finish() throws {
      let whole = try fetch()
      #expect(whole.wait(timeout: 60_000_000_000) == .status(0))
    }
    let store = try KernelStore(root: fixture.path("home/wbstress"), archives: [NoArchive()])
    let kernels = fixture.path("home/wbstress/kernels")
    try finish()
    let path = try #require(store.cached().first?.path)
    let files = Self.files(path)
    #expect(files.keys.contains("usr/lib/modules/\(release)/modules.dep"), "\(files)")

    /// The directories of fetches that have not ended.
    func unfinished() -> [String] { File.names(in: kernels).filter { $0.hasPrefix(".") } }
    var left = 0
    for step in [nil, "", "/tree"] + files.keys.sorted().map({ "/tree/" + $0 }) {
      File.remove(path)
      let old = unfinished()
      let killed = try fetch()
      while let step, killed.poll() == nil {
        let own = unfinished().filter { !old.contains($0) }
        if own.contains(where: { File.exists("\(kernels)/\($0)\(step)") }) { break }
        usleep(200)
      }
      killed.signal(SIGKILL)
      _ = killed.wait(timeout: 10_000_000_000)
      if unfinished().contains(where: { !old.contains($0) }) { left += 1 }
      // It may have been faster than this loop.
      for kernel in store.cached() { #expect(Self.files(kernel.path) == files) }
    }
    #expect(left > 0)
    File.remove(path)
    try finish()
    #expect(Self.files(path) == files)
    #expect(File.names(in: kernels).count == 1)
  }

  @Test func anArchiveThatNobodySignedIsRefused() throws {
    let error = #expect(throws: HarnessError.self) { try store(options: "").available() }
    #expect(error?.operation.contains("no package lists") == true)
  }
}

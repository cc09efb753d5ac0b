// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

@Suite(
  .enabled(
    if: Tool.path("dpkg-deb") != nil && Tool.path("depmod") != nil, "needs dpkg-deb and depmod"))
struct KernelStoreTests {
  /// Packages made on the spot.
  struct LocalArchive: PackageArchive {
    let fixture: KernelFixture
    var packages = [
      ("linux-image-6.1.0-9-cloud-amd64", "6.1.9-1"),
      ("linux-image-6.1.0-10-cloud-amd64", "6.1.10-1"),
      ("linux-image-6.12.3+deb12-cloud-amd64", "6.12.3-1"),
      ("linux-image-6.12.3+deb12-amd64", "6.12.3-1"),
    ]
    var isBroken = false

    let name = "the test's"
    /// Versions of which the modules are gone.
    var torn: Set<String> = []

    func offers(
      refresh: Bool, progress: (String) -> Void
    ) throws(HarnessError) -> [KernelOffer] {
      packages.compactMap { name, version in
        ImagePackage(name: name, version: version).map { image in
          KernelOffer(
            image: image, suite: "here", parts: [.init(name: name, version: version)],
            missing: torn.contains(version)
              ? [.init(name: "linux-modules-\(image.release)", version: version)] : [],
            size: 5 << 20)
        }
      }
    }

    func download(
      _ offer: KernelOffer, into directory: String
    ) throws(HarnessError) -> [String] {
      let image = offer.image
      do {
        let tree = directory + "/source"
        try fixture.unpackedPackage(
          String(tree.dropFirst(fixture.root.count + 1)), release: image.release)
        try File.makeDirectory(tree + "/DEBIAN")
        let control =
          "Package: \(image.name)\nVersion: \(image.version)\nArchitecture: amd64\n"
          + "Maintainer: test <t@t>\nDescription: test\n"
        try File.write(tree + "/DEBIAN/control", Array(control.utf8))
        let deb = directory + "/x.deb"
        try Tool.run("dpkg-deb", ["-b", tree, deb], package: "dpkg")
        // Torn in the middle.
        if isBroken { truncate(deb, 600) }
        return [deb]
      } catch let error as HarnessError {
        throw error
      } catch {
        throw HarnessError(.harness, "test", "\(error)")
      }
    }
  }

  let fixture: KernelFixture
  init() throws { fixture = try KernelFixture() }

  @Test func fetchesTheNewestOnce() throws {
    var messages: [String] = []
    let spec = try KernelSpec(parsing: "debian:6.1")
    let store = try fixture.store(LocalArchive(fixture: fixture))
    let fetched = try store.fetch(spec) { messages.append($0) }
    #expect(fetched.image.release == "6.1.0-10-cloud-amd64")
    #expect(
      messages.first
        == "debian:6.1: downloading linux-image-6.1.0-10-cloud-amd64 6.1.10-1 (here, 5 MiB)")
    #expect(fetched.size > 1024)

    let offline = try fixture.store()
    #expect(try offline.fetch(spec) == fetched)
    #expect(offline.cached() == [fetched])

    let kernel = try Kernel(resolving: spec, store: offline)
    #expect(kernel.release == "6.1.0-10-cloud-amd64")
    #expect(kernel.packageVersion == "6.1.10-1")
    #expect(kernel.label == "debian:6.1")
    #expect(try kernel.moduleFiles(["xfs", "ext4"]).map(\.name) == ["xfs"])
    #expect(File.names(in: fixture.path("cache/kernels")).count == 1)
  }

  @Test func fetchesAgainWhatHasBecomeNewer() throws {
    let spec = try KernelSpec(parsing: "debian:6.1")
    var archive = LocalArchive(fixture: fixture)
    try fixture.store(archive).fetch(spec)
    archive.packages.append(("linux-image-6.1.0-11-cloud-amd64", "6.1.11-1"))
    let store = try fixture.store(archive)
    #expect(try store.fetch(spec).image.release == "6.1.0-10-cloud-amd64")
    #expect(try store.fetch(spec, newest: true).image.release == "6.1.0-11-cloud-amd64")
    #expect(try store.fetch(spec).image.release == "6.1.0-11-cloud-amd64")
    #expect(store.cached().count == 2)
  }

  @Test func listsTheNewestOfEachFlavour() throws {
    let available = try fixture.store(LocalArchive(fixture: fixture)).available()
    #expect(
      available.map(\.image.release)
        == ["6.12.3+deb12-cloud-amd64", "6.12.3+deb12-amd64", "6.1.0-10-cloud-amd64"])
  }

  @Test func namesTheSeriesThatThereAre() throws {
    let store = try fixture.store(LocalArchive(fixture: fixture))
    let error = #expect(throws: HarnessError.self) {
      try store.fetch(.debian(version: "6.6", flavour: .cloud))
    }
    #expect(error?.code == .environment)
    #expect(error?.remedy == "there are: debian:6.12, debian:6.12-amd64, debian:6.1")
    #expect(throws: HarnessError.self) { try store.fetch(.path("x", modules: nil)) }
  }

  @Test func aPointReleaseIsNotTheNewestOfItsSeries() throws {
    let store = try fixture.store(LocalArchive(fixture: fixture))
    let point = try store.fetch(try KernelSpec(parsing: "debian:6.1.9"))
    #expect(point.image.version.description == "6.1.9-1")
    let newest = try store.fetch(try KernelSpec(parsing: "debian:6.1"))
    #expect(newest.image.version.description == "6.1.10-1")
    // From the cache now, each by its own name.
    let offline = try fixture.store()
    #expect(try offline.fetch(try KernelSpec(parsing: "debian:6.1.9")) == point)
    #expect(try offline.fetch(try KernelSpec(parsing: "debian:6.1")) == newest)
    #expect(try offline.remove(try KernelSpec(parsing: "debian:6.1.9")) == [point])
    #expect(offline.cached() == [newest])
    #expect(throws: HarnessError.self) {
      try offline.remove(try KernelSpec(parsing: "debian:6.1.9"))
    }
  }

  /// The second archive is asked for what the first does not have whole.
  @Test func anotherArchiveHasWhatIsMissing() throws {
    var first = LocalArchive(fixture: fixture)
    first.torn = ["6.1.10-1", "6.1.9-1"]
    let torn = try fixture.store(first)
    let spec = try KernelSpec(parsing: "debian:6.1")
    let error = #expect(throws: HarnessError.self) { try torn.fetch(spec) }
    let lacks = "does not have linux-modules-6.1.0-10-cloud-amd64 6.1.10-1 any more"
    #expect(error?.description.contains(lacks) == true)
    #expect(try torn.available().first { $0.image.spec == spec }?.missing.count == 1)
    #expect(try torn.specs("debian:*") { _ in } == [try KernelSpec(parsing: "debian:6.12")])

    let both = try KernelStore(
      root: fixture.path("cache"), archives: [first, LocalArchive(fixture: fixture)])
    #expect(try both.fetch(spec).image.version.description == "6.1.10-1")
    #expect(
      try both.specs("debian:*,debian:6.1.9") { _ in }.map(\.description)
        == ["debian:6.1", "debian:6.12", "debian:6.1.9"])
  }

  @Test func leavesNothingOfAFetchThatFailed() throws {
    let spec = try KernelSpec(parsing: "debian:6.1")
    var archive = LocalArchive(fixture: fixture)
    archive.isBroken = true
    let broken = try fixture.store(archive)
    #expect(throws: HarnessError.self) { try broken.fetch(spec) }
    #expect(broken.cached().isEmpty)
    #expect(File.names(in: fixture.path("cache/kernels")).isEmpty)

    // As a process leaves it that was killed while it unpacked.
    try fixture.write("cache/kernels/.unfinished-1/tree/boot/vmlinuz-x", "half")
    #expect(broken.cached().isEmpty)
    let store = try fixture.store(LocalArchive(fixture: fixture))
    let fetched = try store.fetch(spec)
    #expect(
      File.names(in: fixture.path("cache/kernels")) == ["\(fetched.image.name)_6.1.10-1"])
  }

  @Test func waitsForAnotherFetch() throws {
    try fixture.write("cache/lock", "")
    let holder = try Process(
      [
        try #require(Tool.path("flock")), "--no-fork", fixture.path("cache/lock"),
        try #require(Tool.path("sleep")), "1",
      ])
    let lock = try Descriptor(open: fixture.path("cache/lock"))
    while flock(lock.raw, LOCK_EX | LOCK_NB) == 0 {
      flock(lock.raw, LOCK_UN)
      usleep(1000)
    }
    var messages: [String] = []
    let store = try fixture.store(LocalArchive(fixture: fixture))
    try store.fetch(.debian(version: "6.1", flavour: .cloud)) { messages.append($0) }
    #expect(messages.first?.hasPrefix("waiting for another wbstress") == true)
    #expect(holder.poll() == .status(0))
  }
}

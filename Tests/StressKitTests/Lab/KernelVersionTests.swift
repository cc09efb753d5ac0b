import Testing

@testable import StressKit

struct KernelVersionTests {
  static let ascending = [
    "6.1.9-1", "6.1.10-1~bpo1", "6.1.10-1", "6.1.10-1+b1", "6.1.10-2", "6.1.10-10",
    "6.12~rc4-1~exp1", "6.12-1", "6.12.117-1~deb12u1", "6.12.117-1", "6.12.117+x-1", "1:5.0-1",
  ]

  @Test func ordersByPolicy() {
    let versions = Self.ascending.map(DebianVersion.init)
    for (i, a) in versions.enumerated() {
      for (j, b) in versions.enumerated() {
        #expect((a < b) == (i < j) && (a == b) == (i == j), "\(a) \(b)")
      }
    }
    #expect(DebianVersion("1.0-1") == DebianVersion("1.00-01"))
  }

  @Test(.enabled(if: Tool.path("dpkg") != nil, "compares with dpkg"))
  func agreesWithDpkg() throws {
    for (a, b) in zip(Self.ascending, Self.ascending.dropFirst()) {
      try Tool.run("dpkg", ["--compare-versions", a, "lt", b], package: "dpkg")
    }
  }

  @Test(arguments: [
    ("linux-image-6.1.0-56-cloud-amd64", "debian:6.1", "6.1.0-56-cloud-amd64"),
    ("linux-image-6.1.0-56-amd64", "debian:6.1-amd64", "6.1.0-56-amd64"),
    ("linux-image-6.12.117+deb12-cloud-amd64", "debian:6.12", "6.12.117+deb12-cloud-amd64"),
    ("linux-image-5.10.0-0.deb10.16-amd64", "debian:5.10-amd64", "5.10.0-0.deb10.16-amd64"),
  ])
  func knowsImagePackages(_ name: String, _ spec: String, _ release: String) {
    let image = ImagePackage(name: name, version: "1")
    #expect(image?.spec.description == spec)
    #expect(image?.release == release)
  }

  @Test(arguments: [
    "linux-image-6.12-amd64", "linux-image-cloud-amd64", "linux-image-6.12-cloud-amd64",
    "linux-image-6.1.0-56-rt-amd64", "linux-image-6.1.0-56-amd64-dbg",
    "linux-image-6.1.0-56-cloud-amd64-unsigned", "linux-image-6.12-amd64-signed-template",
    "linux-image-6.8.0-45-generic", "linux-headers-6.1.0-56-amd64", "linux-image--amd64",
  ])
  func leavesOutOtherPackages(_ name: String) {
    #expect(ImagePackage(name: name, version: "1") == nil)
  }

  @Test func readsWhatAptPrints() {
    let names = "W: something\nlinux-image-6.1.0-56-rt-amd64\nlinux-image-6.1.0-56-amd64\n"
    #expect(APT.names(Array(names.utf8)) == ["linux-image-6.1.0-56-amd64"])
    let madison = """
      N: Unable to locate package x
      linux-image-6.1.0-56-amd64 |  6.1.192-2 | http://deb.debian.org/debian bookworm/main amd64
      """
    let images = APT.images(Array(madison.utf8))
    #expect(images.map(\.release) == ["6.1.0-56-amd64"])
    #expect(images.map(\.version.description) == ["6.1.192-2"])
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

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
    let stanzas = APT.stanzas(
      """
      N: something
      Package: linux-image-6.1.0-56-amd64
      Version: 6.1.192-2
      Depends: kmod, linux-base (>= 4.3~), initramfs-tools (>= 0.120+deb8u2)
      Description: a kernel
       Size: no field
      Filename: pool/x.deb
      Size: 68000000

      Package: linux-image-7.3.4+deb13-cloud-amd64
      Version: 7.3.4-1
      Depends: dracut | initramfs-tools, linux-base-7.3.4+deb13-cloud-amd64 (= 7.3.4-1), \
      linux-binary-7.3.4+deb13-cloud-amd64 (= 7.3.4-1), linux-modules-7.3.4+deb13-cloud-amd64 (= 7.3.4-1)
      Filename: pool/y.deb
      Size: 1928

      Package: linux-image-6.1.0-55-amd64
      Version: 6.1.190-1
      Status: install ok installed
      """)
    #expect(stanzas.count == 2)
    let parts = ["base", "binary"].map { part -> APT.Stanza in
      ["Package": "linux-\(part)-7.3.4+deb13-cloud-amd64", "Version": "7.3.4-1", "Size": "1000"]
    }
    let suites = APT.suites(
      """
      N: Unable to locate package x
      linux-image-6.1.0-56-amd64 |  6.1.192-2 | http://mirror/debian bookworm/main amd64 Packages
      """)
    let offers = APT.offers(stanzas, parts: parts, suites: suites)
    #expect(offers.map(\.image.release) == ["6.1.0-56-amd64", "7.3.4+deb13-cloud-amd64"])
    #expect(offers.map(\.suite) == ["bookworm", "?"])
    #expect(offers[0].parts.map(\.name) == ["linux-image-6.1.0-56-amd64"])
    #expect(offers[0].missing == [] && offers[0].size == 68_000_000)
    #expect(offers[1].parts.count == 3 && offers[1].size == nil)
    #expect(offers[1].missing.map(\.name) == ["linux-modules-7.3.4+deb13-cloud-amd64"])
    #expect(offers[0].image.pointRelease == "6.1.192")
  }

  @Test func findsTheMirrorsOfAMachine() {
    let known = DebianArchive.mirrors(
      """
      https://other.example/|bookworm|main|Other|Other
      http://mirror/debian/|bookworm|contrib|Debian|Debian
      http://mirror/debian/|bookworm|main|Debian|Debian
      http://mirror/debian-security/|bookworm-security|main|Debian|Debian-Security
      """, codename: "bookworm")
    #expect(
      known == .init(main: "http://mirror/debian/", security: "http://mirror/debian-security/"))
    // A bare root has no lists: apt leaves what it does not know as it stands.
    let bare = DebianArchive.mirrors(
      """
      https://other.example/|cloud-bookworm|main|$(ORIGIN)|$(LABEL)
      http://mirror/debian/|bookworm|main|$(ORIGIN)|$(LABEL)
      """, codename: "bookworm")
    #expect(bare == .init(main: "http://mirror/debian/", security: nil))
    #expect(DebianArchive.mirrors("", codename: nil) == nil)
    let sources = DebianArchive.sources(
      .init(main: "http://m/", security: "http://s/"),
      codenames: ["old", "mid", "new", "next"], options: "")
    #expect(
      sources.split(separator: "\n").map { $0.split(separator: " ")[2] }
        == [
          "old", "mid", "new", "next", "sid", "experimental", "mid-backports", "new-backports",
          "old-security", "mid-security", "new-security",
        ])
  }
}

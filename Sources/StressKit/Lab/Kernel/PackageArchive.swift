// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// A package with a signed kernel image: `linux-image-6.12.117+deb12-cloud-amd64`.
package struct ImagePackage: Equatable, Sendable {
  package let name: String
  package let version: DebianVersion
  package let series: String
  package let flavour: KernelSpec.Flavour

  /// Nil for what is no such package: metapackages, `-rt`, `-dbg`, `-unsigned`, other flavours.
  package init?(name: String, version: String) {
    guard name.hasPrefix(Self.prefix) else { return nil }
    let release = name.dropFirst(Self.prefix.count)
    // The longer suffix first: "-amd64" ends both.
    let flavours: [KernelSpec.Flavour] = [.cloud, .generic]
    guard let flavour = flavours.first(where: { release.hasSuffix("-" + $0.name) }) else {
      return nil
    }
    // "6.12.117+deb12", or "6.1.0-56" with the ABI's number; a metapackage has "6.12" only.
    let parts = release.dropLast(flavour.name.count + 1).split(separator: "-")
    let numbers = parts.first?.split(separator: ".") ?? []
    guard numbers.count >= 3, numbers[..<2].allSatisfy({ $0.allSatisfy(\.isASCIIDigit) }),
      parts.allSatisfy({ $0.first?.isASCIIDigit == true })
    else { return nil }
    self.name = name
    self.version = DebianVersion(version)
    self.series = numbers[..<2].joined(separator: ".")
    self.flavour = flavour
  }

  /// What `uname -r` prints under this kernel.
  package var release: String { String(name.dropFirst(Self.prefix.count)) }
  /// As a series: what it is the newest of, or once was.
  package var spec: KernelSpec { .debian(version: series, flavour: flavour) }
  /// The stable release that it was built from, as in `6.12.43`.
  package var pointRelease: String {
    let upstream = version.description.prefix { $0.isASCIIDigit || $0 == "." }
    return String(upstream)
  }

  /// Whether `spec` may mean this package.
  package func matches(_ spec: KernelSpec) -> Bool {
    spec == self.spec || spec == .debian(version: pointRelease, flavour: flavour)
  }

  static let prefix = "linux-image-"
}

/// A kernel that an archive has, and what it is in.
package struct KernelOffer: Equatable, Sendable {
  /// A package that a kernel is in.
  package struct Part: Hashable, Sendable {
    package var name: String
    package var version: String
  }

  package var image: ImagePackage
  /// As in `trixie-backports`.
  package var suite: String
  /// What is to be downloaded. Since 6.19 the image's own package is empty, and kernel and modules are in three
  /// others: `linux-binary-RELEASE`, `linux-modules-RELEASE`, `linux-base-RELEASE`.
  package var parts: [Part]
  /// Those that the archive does not have (any more).
  package var missing: [Part] = []
  /// Of what is downloaded, bytes; nil: the archive does not say.
  package var size: UInt64?
}

/// Where Debian kernels come from; a test has its own.
package protocol PackageArchive: Sendable {
  /// What messages call it.
  var name: String { get }

  /// Every kernel that it has, whole or not.
  ///
  /// - Parameter refresh: gets new package lists, where that is this program's to do.
  func offers(
    refresh: Bool, progress: (String) -> Void
  ) throws(HarnessError) -> [KernelOffer]

  /// Downloads the parts into an existing directory; the answer is the paths of the `.deb` files.
  func download(
    _ offer: KernelOffer, into directory: String
  ) throws(HarnessError) -> [String]
}

import CLinux
import Glibc

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
    let flavours: [KernelSpec.Flavour] = [.cloud, .amd64]
    guard let flavour = flavours.first(where: { release.hasSuffix("-" + $0.rawValue) }) else {
      return nil
    }
    // "6.12.117+deb12", or "6.1.0-56" with the ABI's number; a metapackage has "6.12" only.
    let parts = release.dropLast(flavour.rawValue.count + 1).split(separator: "-")
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
  package var spec: KernelSpec { .debian(series: series, flavour: flavour) }

  static let prefix = "linux-image-"
}

/// Where Debian kernels come from; a test has its own.
package protocol PackageArchive: Sendable {
  /// Every kernel image that can be downloaded.
  func images(progress: (String) -> Void) throws(HarnessError) -> [ImagePackage]

  /// Downloads the package into an existing directory; the answer is the path of the `.deb`.
  func download(
    _ image: ImagePackage, into directory: String
  ) throws(HarnessError) -> String
}

/// The archive that this machine's apt is configured for; apt checks the signatures.
package struct APT: PackageArchive {
  let lists: String

  package init(lists: String = "/var/lib/apt/lists") { self.lists = lists }

  package func images(progress: (String) -> Void) throws(HarnessError) -> [ImagePackage] {
    guard Tool.path("apt-cache") != nil else {
      throw HarnessError(
        .environment, "apt-cache", "not found: Debian kernels are fetched with apt",
        remedy: "name a bzImage, an unpacked package or a build tree with --kernel PATH")
    }
    if !File.names(in: lists).contains(where: { $0.contains("_Packages") }) {
      try update(progress)
    }
    let names = Self.names(
      try Tool.run("apt-cache", ["pkgnames", ImagePackage.prefix], package: "apt"))
    if names.isEmpty { return [] }
    // Unlike `policy`, `madison` leaves out what is merely installed or merely mentioned.
    return Self.images(try Tool.run("apt-cache", ["madison"] + names, package: "apt"))
  }

  package func download(
    _ image: ImagePackage, into directory: String
  ) throws(HarnessError) -> String {
    try Tool.run(
      "apt-get", ["download", "\(image.name)=\(image.version)"], package: "apt",
      directory: directory,
      remedy: "if the archive has a newer one by now, run apt-get update as root")
    guard let deb = File.names(in: directory).first(where: { $0.hasSuffix(".deb") }) else {
      throw HarnessError(.environment, "apt-get download \(image.name)", "left no .deb")
    }
    return directory + "/" + deb
  }

  private func update(_ progress: (String) -> Void) throws(HarnessError) {
    guard geteuid() == 0 else {
      throw HarnessError(
        .environment, lists, "no package lists", remedy: "run apt-get update as root")
    }
    progress("no package lists in \(lists): apt-get update")
    try Tool.run("apt-get", ["update", "-q"], package: "apt")
  }

  /// The names of image packages in the output of `apt-cache pkgnames`.
  static func names(_ output: [UInt8]) -> [String] {
    String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
      .filter { ImagePackage(name: $0, version: "") != nil }
  }

  /// The packages in the output of `apt-cache madison`: lines of `name | version | source`.
  static func images(_ output: [UInt8]) -> [ImagePackage] {
    String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { line in
      let fields = line.split(separator: "|").map { $0.filter { $0 != " " } }
      return fields.count == 3 ? ImagePackage(name: fields[0], version: fields[1]) : nil
    }
  }
}

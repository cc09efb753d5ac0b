// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine

/// The machine's package manager, asked for kernels; it checks signatures and sums.
struct APT: Sendable {
  /// A configuration file that is read after the machine's own; nil: none.
  var configuration: String?

  private var options: [String] { configuration.map { ["-c", $0] } ?? [] }

  func cache(_ arguments: [String]) throws(HarnessError) -> String {
    guard Tool.path("apt-cache") != nil else {
      throw HarnessError(
        .environment, "apt-cache", "not found: Debian kernels are fetched with apt",
        remedy: "name a kernel's image, an unpacked package or a build tree with --kernel PATH")
    }
    return String(
      decoding: try Tool.run("apt-cache", options + arguments, package: "apt"), as: UTF8.self)
  }

  /// Every kernel in the package lists.
  func offers() throws(HarnessError) -> [KernelOffer] {
    let names = try cache(["pkgnames", "linux-"]).split(separator: "\n").map(String.init)
    let images = names.filter { ImagePackage(name: $0, version: "") != nil }
    if images.isEmpty { return [] }
    let stanzas = Self.stanzas(try cache(["show"] + images))
    let wanted = Set(stanzas.flatMap(Self.parts).map(\.name)).intersection(names)
    let parts = wanted.isEmpty ? [] : Self.stanzas(try cache(["show"] + wanted.sorted()))
    return Self.offers(
      stanzas, parts: parts, suites: Self.suites(try cache(["madison"] + images)))
  }

  func download(
    _ offer: KernelOffer, into directory: String, remedy: String
  ) throws(HarnessError) -> [String] {
    try Tool.run(
      "apt-get", options + ["download"] + offer.parts.map { "\($0.name)=\($0.version)" },
      package: "apt", directory: directory, remedy: remedy)
    let files = File.names(in: directory).filter { $0.hasSuffix(".deb") }
    guard files.count == offer.parts.count else {
      throw HarnessError(
        .environment, "apt-get download \(offer.image.name)",
        "left \(files.count) .deb files, not \(offer.parts.count)")
    }
    return files.map { directory + "/" + $0 }
  }

  // MARK: What apt prints

  typealias Stanza = [Substring: Substring]

  /// The packages in the output of `apt-cache show`; those without a file to download are left out.
  static func stanzas(_ output: String) -> [Stanza] {
    var stanzas: [Stanza] = [[:]]
    for line in output.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty {
        stanzas.append([:])
      } else if let colon = line.firstIndex(of: ":"), !line.hasPrefix(" ") {
        let value = line[line.index(after: colon)...].drop { $0 == " " }
        stanzas[stanzas.count - 1][line[..<colon]] = value
      }
    }
    return stanzas.filter { $0["Package"] != nil && $0["Version"] != nil && $0["Filename"] != nil }
  }

  /// What a kernel's package depends on for kernel and modules: nothing before 6.19.
  static func parts(of stanza: Stanza) -> [KernelOffer.Part] {
    guard let name = stanza["Package"], name.hasPrefix(ImagePackage.prefix) else { return [] }
    let release = name.dropFirst(ImagePackage.prefix.count)
    let names = ["binary", "modules", "base"].map { "linux-\($0)-\(release)" }
    let parts: [KernelOffer.Part] = (stanza["Depends"] ?? "").split(separator: ",").compactMap {
      dependency in
      // "linux-binary-7.3.4+deb13-cloud-amd64 (= 7.3.4-1~bpo13+1)"
      let words = dependency.split { " ()".contains($0) }
      guard words.count == 3, words[1] == "=", names.contains(String(words[0])) else { return nil }
      return .init(name: String(words[0]), version: String(words[2]))
    }
    // 6.18 has a linux-base-* already, but kernel and modules still in one package.
    return parts.contains { $0.name.hasPrefix("linux-binary-") } ? parts : []
  }

  /// Suites by name and version, from `apt-cache madison`: lines of `name | version | URI suite/component ...`.
  static func suites(_ output: String) -> [KernelOffer.Part: String] {
    var suites: [KernelOffer.Part: String] = [:]
    for line in output.split(separator: "\n") {
      let fields = line.split(separator: "|").map { $0.split(separator: " ") }
      guard fields.count == 3, fields[0].count == 1, fields[1].count == 1, fields[2].count > 1
      else { continue }
      let part = KernelOffer.Part(name: String(fields[0][0]), version: String(fields[1][0]))
      // In several suites: the first that apt names.
      if suites[part] == nil { suites[part] = String(fields[2][1].prefix { $0 != "/" }) }
    }
    return suites
  }

  static func offers(
    _ images: [Stanza], parts: [Stanza], suites: [KernelOffer.Part: String]
  ) -> [KernelOffer] {
    func part(_ stanza: Stanza) -> KernelOffer.Part? {
      guard let name = stanza["Package"], let version = stanza["Version"] else { return nil }
      return .init(name: String(name), version: String(version))
    }
    var sizes: [KernelOffer.Part: UInt64] = [:]
    var known: Set<KernelOffer.Part> = []
    for stanza in images + parts {
      guard let part = part(stanza) else { continue }
      known.insert(part)
      sizes[part] = stanza["Size"].flatMap { UInt64($0) }
    }
    var seen: Set<KernelOffer.Part> = []
    return images.compactMap { stanza in
      guard let own = part(stanza), seen.insert(own).inserted,
        let image = ImagePackage(name: own.name, version: own.version)
      else { return nil }
      let others = Self.parts(of: stanza)
      let all = others.isEmpty ? [own] : others
      let bytes = all.compactMap { sizes[$0] }
      return KernelOffer(
        image: image, suite: suites[own] ?? "?", parts: all,
        missing: all.filter { !known.contains($0) },
        size: bytes.count == all.count ? bytes.reduce(0, +) : nil)
    }
  }
}

/// The suites that this machine's apt is configured for.
package struct MachineArchive: PackageArchive {
  package let name = "this machine's suites"
  let lists: String

  package init(lists: String = "/var/lib/apt/lists") { self.lists = lists }

  package func offers(
    refresh: Bool, progress: (String) -> Void
  ) throws(HarnessError) -> [KernelOffer] {
    if !File.names(in: lists).contains(where: { $0.contains("_Packages") }) {
      // Root alone may get some; the other suites come with lists of this user's own.
      guard geteuid() == 0 else { return [] }
      progress("no package lists in \(lists): apt-get update")
      try Tool.run("apt-get", ["update", "-q"], package: "apt")
    }
    return try APT().offers()
  }

  package func download(
    _ offer: KernelOffer, into directory: String
  ) throws(HarnessError) -> [String] {
    try APT().download(
      offer, into: directory,
      remedy: "if the archive has a newer one by now, run apt-get update as root")
  }
}

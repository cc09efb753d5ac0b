// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine

/// Debian's current suites, whichever of them this machine is of: a root of apt's own below the cache, with lists,
/// sources and configuration apart from the machine's. Nothing is installed, and no file of the system is written.
///
/// Source: apt.conf(5), "DIRECTORIES"; sources.list(5).
package struct DebianArchive: PackageArchive {
  /// Lists are this old at most when a kernel is looked for, s.
  private static let freshness = 86_400

  /// Suites by their place in a release's life, which stays true when Debian releases.
  private static let roles = ["oldoldstable", "oldstable", "stable", "testing"]

  package let name = "Debian's other suites"
  /// The directory that has all of it.
  package let root: String
  private let mirror: String?

  /// - Parameter mirror: URI of a Debian mirror; nil: that of the machine's own sources.
  package init(root: String, mirror: String? = nil) {
    self.root = root
    self.mirror = mirror
  }

  private var apt: APT { APT(configuration: root + "/apt.conf") }

  package func offers(
    refresh: Bool, progress: (String) -> Void
  ) throws(HarnessError) -> [KernelOffer] {
    let mirrors = try mirrors()
    // When, and from where: a mirror that is named anew has lists of its own.
    let stamp = (File.line(root + "/updated") ?? "").split(separator: " ").map(String.init)
    let isFresh =
      stamp.count == 2 && stamp[1] == mirrors.main
      && abs(time(nil) - (Int(stamp[0]) ?? 0)) < Self.freshness
    if refresh || !isFresh { try update(mirrors, progress) }
    return try apt.offers()
  }

  package func download(
    _ offer: KernelOffer, into directory: String
  ) throws(HarnessError) -> [String] {
    try apt.download(
      offer, into: directory,
      remedy: "if the mirror has changed, 'wbstress kernels fetch --newest' gets new package lists"
    )
  }

  // MARK: Sources

  struct Mirrors: Equatable {
    var main: String
    var security: String?
  }

  func mirrors() throws(HarnessError) -> Mirrors {
    if let mirror { return Mirrors(main: mirror) }
    // apt has read one-line and deb822 files for us.
    let output = try Tool.run(
      "apt-get", ["indextargets", "--format", Self.targetFormat, "Created-By: Packages"],
      package: "apt")
    let codename = (try? File.text("/etc/os-release"))?.split(separator: "\n")
      .first { $0.hasPrefix("VERSION_CODENAME=") }?.split(separator: "=").last
    guard
      let found = Self.mirrors(
        String(decoding: output, as: UTF8.self), codename: codename.map(String.init))
    else {
      throw HarnessError(
        .environment, "Debian's archive", "this machine's apt sources name no mirror of it",
        remedy: "name one with --mirror URI, or a kernel with --kernel PATH")
    }
    return found
  }

  static let targetFormat = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(LABEL)"

  /// The mirrors in what `apt-get indextargets` prints in that format. Without package lists apt does not know an
  /// origin: the release's name tells it then.
  static func mirrors(
    _ output: String, codename: String?
  ) -> Mirrors? {
    var main: String?
    var security: String?
    for line in output.split(separator: "\n") {
      let fields = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 5, fields[2] == "main" else { continue }
      let (uri, release, origin) = (fields[0], fields[1], fields[3])
      let names = roles + ["sid", "unstable"] + [codename].compactMap(\.self)
      let isDebian =
        origin == "Debian"
        || origin == "$(ORIGIN)" && names.contains { release == $0 || release.hasPrefix($0 + "-") }
      if !isDebian { continue }
      if release.hasSuffix("-security") {
        security = security ?? uri
      } else {
        main = main ?? uri
      }
    }
    return main.map { Mirrors(main: $0, security: security) }
  }

  private static let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

  /// - Parameter codenames: of the releases, the oldest first, testing last.
  static func sources(
    _ mirrors: Mirrors, codenames: [String], options: String
  ) -> String {
    func lines(_ uri: String, _ suites: [String]) -> [String] {
      suites.map { "deb \(options)\(uri) \($0) main\n" }
    }
    let releases = codenames.dropLast()
    let main = lines(
      mirrors.main,
      codenames + ["sid", "experimental"] + releases.suffix(2).map { $0 + "-backports" })
    let security = mirrors.security.map { lines($0, releases.map { $0 + "-security" }) } ?? []
    return (main + security).joined()
  }

  /// The names of the releases that the mirror has. A mirror that is a cache may have an old copy of `stable`, but
  /// what that is called changes with a release only; what is trusted is what apt checks under that name.
  private func codenames(_ mirror: String) -> [String] {
    Self.roles.compactMap { role in
      let file = root + "/InRelease"
      let uri = "\(mirror.hasSuffix("/") ? mirror : mirror + "/")dists/\(role)/InRelease"
      defer { File.remove(file) }
      let helper = "/usr/lib/apt/apt-helper"
      let options = ["-c", root + "/apt.conf", "download-file", uri, file]
      guard (try? Tool.run(helper, options, package: "apt")) != nil else { return nil }
      return (try? File.text(file))?.split(separator: "\n")
        .first { $0.hasPrefix("Codename: ") }.map { String($0.dropFirst("Codename: ".count)) }
    }
  }

  // MARK: Lists

  private func update(_ mirrors: Mirrors, _ progress: (String) -> Void) throws(HarnessError) {
    progress("getting the package lists of Debian's suites (about 50 MB)")
    try configure()
    let codenames = codenames(mirrors.main)
    if codenames.isEmpty {
      throw HarnessError(
        .environment, mirrors.main, "no Debian release can be had from it",
        remedy: "name another mirror with --mirror URI, or a kernel with --kernel PATH")
    }
    let options = File.exists(Self.keyring) ? "[signed-by=\(Self.keyring)] " : ""
    let sources = Self.sources(mirrors, codenames: codenames, options: options)
    try File.write(root + "/sources.list", Array(sources.utf8))
    try getLists(progress)
    try File.write(root + "/updated", Array("\(time(nil)) \(mirrors.main)\n".utf8))
  }

  /// Gets the lists of what `sources.list` names.
  func getLists(_ progress: (String) -> Void) throws(HarnessError) {
    let (exit, output) = try Tool.output(
      "apt-get", ["-c", root + "/apt.conf", "update", "-q"], package: "apt")
    // A suite need not be on a mirror: apt fails for it, and has the lists of the others.
    let lists = File.names(in: root + "/state/lists").filter { $0.contains("_Packages") }
    if lists.isEmpty {
      let said = String(decoding: output, as: UTF8.self).split(separator: "\n").suffix(4)
      throw HarnessError(
        .environment, "apt-get update",
        "no package lists (\(exit.description)): \(said.joined(separator: " / "))",
        remedy: "name another mirror with --mirror URI, or a kernel with --kernel PATH")
    }
    let suites = (try File.text(root + "/sources.list")).split(separator: "\n").compactMap {
      $0.split(separator: " ").dropLast().last
    }
    let absent = suites.filter { suite in !lists.contains { $0.contains("_dists_\(suite)_") } }
    if !absent.isEmpty { progress("not to be had: \(absent.joined(separator: ", "))") }
  }

  /// Writes apt's configuration; `sources.list` comes after it.
  func configure() throws(HarnessError) {
    if root.contains("\"") || root.contains("\n") {
      throw HarnessError(
        .environment, root, "apt's configuration takes no path with a quotation mark",
        remedy: "set XDG_CACHE_HOME to another directory")
    }
    for directory in ["state/lists/partial", "cache/archives/partial"] {
      try File.makeDirectory("\(root)/\(directory)")
    }
    // What the machine has done after its own updates is not for these lists, nor are further indexes for them.
    let configuration = """
      #clear APT::Update::Pre-Invoke;
      #clear APT::Update::Post-Invoke;
      #clear APT::Update::Post-Invoke-Success;
      #clear Acquire::IndexTargets::deb::DEP-11;
      #clear Acquire::IndexTargets::deb::DEP-11-icons;
      #clear Acquire::IndexTargets::deb::Contents-deb;
      APT::Architecture "\(Architecture.own.debian)";
      #clear APT::Architectures;
      APT::Architectures "\(Architecture.own.debian)";
      APT::Sandbox::User "";
      Acquire::Languages "none";
      Dir::State "\(root)/state";
      Dir::State::status "/dev/null";
      Dir::Cache "\(root)/cache";
      Dir::Cache::pkgcache "pkgcache.bin";
      Dir::Cache::srcpkgcache "srcpkgcache.bin";
      Dir::Etc::sourcelist "\(root)/sources.list";
      Dir::Etc::sourceparts "/dev/null";
      Dir::Etc::preferences "/dev/null";
      Dir::Etc::preferencesparts "/dev/null";

      """
    try File.write(root + "/apt.conf", Array(configuration.utf8))
  }
}

// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import SystemPackage

/// The user's cache of fetched kernels and of what is derived from kernels.
///
/// ```
/// kernels/PACKAGE_VERSION/     an unpacked package, with depmod's indexes
/// modules/TREE-CONTENT/        links to the modules of a build tree, with depmod's indexes
/// initramfs/KEY.cpio
/// images/KEY.ext4             user lands of guests (``RootImage``)
/// built/KEY/                  a kernel built of a git tree, with its configuration and log (``BuiltKernel``)
/// trees/TREE/                 a git tree's files, and what make keeps of them (``BuildPlace``)
/// apt/                         package lists of Debian's suites (``DebianArchive``)
/// ```
///
/// All of it can be removed at any time. Entries appear by rename(2), so that what is there is whole;
/// nothing is installed, and no boot loader hears of it.
package struct KernelStore: Sendable {
  package let root: String
  private let archives: [any PackageArchive]
  private let debian: DebianArchive

  /// - Parameters:
  ///   - root: nil: `$XDG_CACHE_HOME/wbstress`, by default `~/.cache/wbstress`.
  ///   - archives: in the order in which they are asked; nil: the machine's own suites, then Debian's others.
  ///   - mirror: URI of a Debian mirror for those; nil: that of the machine's own sources.
  /// - Throws: `.environment` when neither variable names a directory.
  package init(
    root: String? = nil, archives: [any PackageArchive]? = nil, mirror: String? = nil
  ) throws(HarnessError) {
    let directory = if let root { root } else { try Self.defaultRoot() }
    self.root = directory
    debian = DebianArchive(root: directory + "/apt", mirror: mirror)
    self.archives = archives ?? [MachineArchive(), debian]
  }

  /// URI of the mirror that Debian's packages come from.
  func debianMirror() throws(HarnessError) -> String { try debian.mirrors().main }

  /// A kernel in the store.
  package struct Cached: Equatable, Sendable {
    package let image: ImagePackage
    package let path: String

    /// Bytes of all its files.
    package var size: UInt64 { KernelStore.size(path) }
  }

  /// What is in the store, newest of each series and flavour first.
  package func cached() -> [Cached] {
    File.names(in: kernels).compactMap { name in
      let parts = name.split(separator: "_")
      guard parts.count == 2, !name.hasPrefix("."),
        let image = ImagePackage(name: String(parts[0]), version: String(parts[1]))
      else { return nil }
      return Cached(image: image, path: kernels + "/" + name)
    }.sorted { Self.precedes($0.image, $1.image) }
  }

  /// The package lists that were fetched for the other suites: their directory and its bytes.
  package var lists: (path: String, size: UInt64) { (root + "/apt", Self.size(root + "/apt")) }

  /// What can be fetched, the newest series first: of each series and flavour the newest package of the first archive
  /// that has a whole one, or one of which parts are missing where there is no other.
  ///
  /// - Throws: `.environment` when apt is missing, or has no lists and cannot get any.
  package func available(
    refresh: Bool = false, progress: (String) -> Void = { _ in }
  ) throws(HarnessError) -> [KernelOffer] {
    var offers: [KernelOffer] = []
    for archive in archives {
      let own = try archive.offers(refresh: refresh, progress: progress)
        .sorted { Self.precedes($0.image, $1.image) }
      for offer in own {
        guard let known = offers.firstIndex(where: { $0.image.spec == offer.image.spec }) else {
          offers.append(offer)
          continue
        }
        if !offers[known].missing.isEmpty, offer.missing.isEmpty { offers[known] = offer }
      }
    }
    return offers.sorted { Self.precedes($0.image, $1.image) }
  }

  /// Parses `--kernel`: a list in which `debian:*` is the newest of every series that can be had whole.
  package func specs(
    _ text: String, progress: (String) -> Void
  ) throws(HarnessError) -> [KernelSpec] {
    try KernelSpec.list(text) { flavour throws(HarnessError) in
      try available(progress: progress).filter {
        $0.image.flavour == flavour && $0.missing.isEmpty
      }.map(\.image.spec).reversed()
    }
  }

  /// Removes kernels from the store. Returns them.
  ///
  /// - Throws: `.usage` when it has none that `spec` means.
  package func remove(
    _ spec: KernelSpec, progress: (String) -> Void = { _ in }
  ) throws(HarnessError) -> [Cached] {
    try locked(progress) { () throws(HarnessError) in
      let found = cached().filter { $0.image.matches(spec) }
      if found.isEmpty {
        throw HarnessError(
          .usage, "kernel \(spec)", "not in \(kernels)",
          remedy: "'wbstress kernels list' shows what is")
      }
      for kernel in found {
        // First out of sight: what is half removed is no kernel.
        let gone = "\(kernels)/\(Self.unfinished)\(kernel.image.name)"
        try File.rename(kernel.path, gone)
        File.remove(gone)
      }
      return found
    }
  }

  /// Downloads and unpacks the newest kernel of a series or a point release, unless the store has one.
  ///
  /// - Parameter newest: asks the archive even so, and fetches what is newer.
  /// - Throws: `.usage` for a path; `.environment` when the archive lacks that series, or a program
  ///   is missing or fails.
  @discardableResult
  package func fetch(
    _ spec: KernelSpec, newest: Bool = false, progress: (String) -> Void = { _ in }
  ) throws(HarnessError) -> Cached {
    guard case .debian = spec else {
      throw HarnessError(.usage, "\(spec)", "a path, not to be fetched", remedy: KernelSpec.forms)
    }
    if !newest, let kernel = lookUp(spec) { return kernel }
    return try locked(progress) { () throws(HarnessError) in
      // The one that held the lock may have fetched it.
      if !newest, let kernel = lookUp(spec) { return kernel }
      let (archive, offer) = try find(spec, refresh: newest, progress)
      let image = offer.image
      let kernel = Cached(image: image, path: "\(kernels)/\(image.name)_\(image.version)")
      if !File.exists(kernel.path) { try unpack(offer, of: archive, as: kernel, spec, progress) }
      if !spec.isPointRelease { File.remove(kernel.path + Self.pointMark) }
      return kernel
    }
  }

  private func find(
    _ spec: KernelSpec, refresh: Bool, _ progress: (String) -> Void
  ) throws(HarnessError) -> (archive: any PackageArchive, offer: KernelOffer) {
    var all: [KernelOffer] = []
    for archive in archives {
      let offers = try archive.offers(refresh: refresh, progress: progress)
        .sorted { Self.precedes($0.image, $1.image) }
      let wanted = offers.filter { $0.image.matches(spec) }
      if let whole = wanted.first(where: \.missing.isEmpty) { return (archive, whole) }
      all += offers
    }
    let names = archives.map(\.name).joined(separator: " or ")
    var specs: [String] = []
    for offer in all.sorted(by: { Self.precedes($0.image, $1.image) }) where offer.missing.isEmpty {
      let name = offer.image.spec.description
      if specs.last != name { specs.append(name) }
    }
    let remedy =
      specs.isEmpty
      ? "there are no Debian kernels; name one with --kernel PATH"
      : "there are: \(specs.joined(separator: ", "))"
    if let torn = all.first(where: { $0.image.matches(spec) }) {
      let parts = torn.missing.map { "\($0.name) \($0.version)" }.joined(separator: ", ")
      throw HarnessError(
        .environment, "kernel \(spec)",
        "\(torn.image.name) \(torn.image.version) is in \(torn.suite), but the archive does not have \(parts) "
          + "any more, which it needs",
        remedy: remedy)
    }
    throw HarnessError(
      .environment, "kernel \(spec)", "not in \(names)", remedy: remedy)
  }

  private func unpack(
    _ offer: KernelOffer, of archive: any PackageArchive, as kernel: Cached, _ spec: KernelSpec,
    _ progress: (String) -> Void
  ) throws(HarnessError) {
    // All of them, and before a download: what is not there cannot make a kernel of it.
    let missing = Self.tools.filter { Tool.path($0.name) == nil }
    if !missing.isEmpty {
      throw Tool.missing(
        missing.map(\.name).joined(separator: ", "),
        package: missing.map(\.package).joined(separator: " "))
    }
    let image = kernel.image
    // Under the lock, whatever has this prefix was left by a fetch that did not end.
    for name in File.names(in: kernels) where name.hasPrefix(Self.unfinished) {
      File.remove(kernels + "/" + name)
    }
    let work = "\(kernels)/\(Self.unfinished)\(getpid())"
    try File.makeDirectory(work)
    defer { File.remove(work) }
    let size = offer.size.map { ", \($0 >> 20) MiB" } ?? ""
    progress("\(spec): downloading \(image.name) \(image.version) (\(offer.suite)\(size))")
    let debs = try archive.download(offer, into: work)
    progress("\(spec): unpacking")
    let tree = work + "/tree"
    for deb in debs { try Tool.run("dpkg-deb", ["-x", deb, tree], package: "dpkg") }
    guard Kernel.images(in: tree).count == 1 else {
      throw HarnessError(
        .environment, debs.joined(separator: ", "),
        "has no kernel \(image.release), in boot or beside its modules")
    }
    if spec.isPointRelease { try File.write(tree + Self.pointMark, []) }
    // Since trixie modules are below /usr. A package has no modules.dep: it is made when installed.
    if let base = [tree, tree + "/usr"].first(where: { File.exists($0 + "/lib/modules") }) {
      try Tool.run("depmod", ["-b", base, image.release], package: "kmod")
    }
    try publish(tree, as: kernel.path)
  }

  /// One that was asked for as a point release does not stand for the newest of its series.
  func lookUp(_ spec: KernelSpec) -> Cached? {
    cached().first { kernel in
      kernel.image.matches(spec)
        && (spec.isPointRelease || !File.exists(kernel.path + Self.pointMark))
    }
  }

  /// What unpacks Debian's kernel packages, makes their modules' index and decompresses them, and its package.
  private static let tools: [(name: String, package: String)] = [
    ("dpkg-deb", "dpkg"), ("depmod", "kmod"), ("xz", "xz-utils"),
  ]

  private var kernels: String { root + "/kernels" }
  private static let unfinished = ".unfinished-"
  private static let pointMark = "/.point-release"

  /// The newest series first, by flavour, and of these the newest.
  private static func precedes(_ a: ImagePackage, _ b: ImagePackage) -> Bool {
    let (x, y) = (DebianVersion(a.series), DebianVersion(b.series))
    if x != y { return x > y }
    if a.flavour != b.flavour { return a.flavour == .cloud }
    return a.version > b.version
  }
}

// MARK: - For all that is kept in the store

extension KernelStore {
  /// Runs `body` while no other process of this user fetches or indexes kernels.
  func locked<T>(
    _ progress: (String) -> Void, _ body: () throws(HarnessError) -> T
  ) throws(HarnessError) -> T {
    try File.makeDirectory(root)
    return try holding(root + "/lock", progress) { _ throws(HarnessError) in try body() }
  }

  /// Runs `body` while no other process has this lock; a child that inherits the descriptor keeps it.
  func holding<T>(
    _ path: String, _ progress: (String) -> Void,
    _ body: (borrowing Descriptor) throws(HarnessError) -> T
  ) throws(HarnessError) -> T {
    let file = try Descriptor(open: path, O_RDWR | O_CREAT, code: .environment)
    if attemptErrno(Int(flock(file.raw, LOCK_EX | LOCK_NB)), path, "flock") < 0 {
      progress("waiting for another wbstress that uses \(FilePath(path).removingLastComponent())")
      while true {
        let result = attemptErrno(Int(flock(file.raw, LOCK_EX)), path, "flock")
        if result == -Int(EINTR) { continue }
        try accept(result, path, "flock", code: .environment)
        break
      }
    }
    return try body(file)
  }

  /// Gives a finished file or directory its name in the store.
  ///
  /// It is on disk by then: these machines are made to crash, and a name without contents would be
  /// taken for a kernel.
  func publish(_ temporary: String, as path: String) throws(HarnessError) {
    let opened = try Descriptor(open: temporary, code: .environment)
    try check(cl_syncfs(opened.raw), temporary, "syncfs", code: .environment)
    try checkErrno(Int(rename(temporary, path)), path, "rename", code: .environment)
  }

  /// A name in `directory` that no other process or thread has.
  func temporary(in directory: String) -> String {
    "\(directory)/.\(getpid())-\(cl_boottime())"
  }

  static func size(_ path: String) -> UInt64 {
    var info = stat()
    guard lstat(path, &info) == 0 else { return 0 }
    if info.st_mode & S_IFMT != S_IFDIR { return UInt64(info.st_size) }
    return File.names(in: path).reduce(0) { $0 + size(path + "/" + $1) }
  }

  private static func defaultRoot() throws(HarnessError) -> String {
    func directory(_ variable: String) -> String? {
      // The XDG specification has relative paths ignored.
      getenv(variable).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
    }
    if let cache = directory("XDG_CACHE_HOME") { return cache + "/wbstress" }
    if let home = directory("HOME") { return home + "/.cache/wbstress" }
    throw HarnessError(
      .environment, "cache directory", "neither XDG_CACHE_HOME nor HOME is set",
      remedy: "set XDG_CACHE_HOME to a directory with 300 MB of room")
  }
}

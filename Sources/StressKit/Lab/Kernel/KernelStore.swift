import CLinux
import Glibc
import SystemPackage

/// The user's cache of fetched kernels and of what is derived from kernels.
///
/// ```
/// kernels/PACKAGE_VERSION/     an unpacked package, with depmod's indexes
/// modules/TREE-CONTENT/        links to the modules of a build tree, with depmod's indexes
/// initramfs/KEY.cpio
/// ```
///
/// All of it can be removed at any time. Entries appear by rename(2), so that what is there is whole;
/// nothing is installed, and no boot loader hears of it.
package struct KernelStore: Sendable {
  package let root: String
  private let archive: any PackageArchive

  /// - Parameter root: nil: `$XDG_CACHE_HOME/wbstress`, by default `~/.cache/wbstress`.
  /// - Throws: `.environment` when neither variable names a directory.
  package init(
    root: String? = nil, archive: any PackageArchive = APT()
  ) throws(HarnessError) {
    if let root { self.root = root } else { self.root = try Self.defaultRoot() }
    self.archive = archive
  }

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

  /// What can be fetched: the newest package of each series and flavour.
  ///
  /// - Throws: `.environment` when apt is missing, or has no lists and cannot get any.
  package func available(
    progress: (String) -> Void = { _ in }
  ) throws(HarnessError) -> [ImagePackage] {
    var newest: [ImagePackage] = []
    for image in try archive.images(progress: progress).sorted(by: Self.precedes)
    where image.spec != newest.last?.spec {
      newest.append(image)
    }
    return newest
  }

  /// Downloads and unpacks the newest kernel of a series, unless the store has one of that series.
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
      let available = try available(progress: progress)
      guard let image = available.first(where: { $0.spec == spec }) else {
        throw HarnessError(
          .environment, "kernel \(spec)", "not in this machine's archive",
          remedy: available.isEmpty
            ? "the archive has no Debian kernels; name one with --kernel PATH"
            : "it has: \(available.map(\.spec.description).joined(separator: ", "))")
      }
      let kernel = Cached(image: image, path: "\(kernels)/\(image.name)_\(image.version)")
      if !File.exists(kernel.path) { try unpack(kernel, progress) }
      return kernel
    }
  }

  private func unpack(_ kernel: Cached, _ progress: (String) -> Void) throws(HarnessError) {
    let image = kernel.image
    // Under the lock, whatever has this prefix was left by a fetch that did not end.
    for name in File.names(in: kernels) where name.hasPrefix(Self.unfinished) {
      File.remove(kernels + "/" + name)
    }
    let work = "\(kernels)/\(Self.unfinished)\(getpid())"
    try File.makeDirectory(work)
    defer { File.remove(work) }
    progress("\(image.spec): downloading \(image.name) \(image.version)")
    let deb = try archive.download(image, into: work)
    progress("\(image.spec): unpacking")
    let tree = work + "/tree"
    try Tool.run("dpkg-deb", ["-x", deb, tree], package: "dpkg")
    guard File.exists("\(tree)/boot/vmlinuz-\(image.release)") else {
      throw HarnessError(.environment, deb, "has no boot/vmlinuz-\(image.release)")
    }
    // Since trixie modules are below /usr. A package has no modules.dep: it is made when installed.
    if let base = [tree, tree + "/usr"].first(where: { File.exists($0 + "/lib/modules") }) {
      try Tool.run("depmod", ["-b", base, image.release], package: "kmod")
    }
    try publish(tree, as: kernel.path)
  }

  private func lookUp(_ spec: KernelSpec) -> Cached? { cached().first { $0.image.spec == spec } }

  private var kernels: String { root + "/kernels" }
  private static let unfinished = ".unfinished-"

  /// By series and flavour, the newest first.
  private static func precedes(_ a: ImagePackage, _ b: ImagePackage) -> Bool {
    let (x, y) = (DebianVersion(a.series), DebianVersion(b.series))
    if x != y { return x < y }
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
    let path = root + "/lock"
    let file = try Descriptor(open: path, O_RDWR | O_CREAT, code: .environment)
    if attemptErrno(Int(flock(file.raw, LOCK_EX | LOCK_NB)), path, "flock") < 0 {
      progress("waiting for another wbstress that uses \(root)")
      while true {
        let result = attemptErrno(Int(flock(file.raw, LOCK_EX)), path, "flock")
        if result == -Int(EINTR) { continue }
        try accept(result, path, "flock", code: .environment)
        break
      }
    }
    return try body()
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

  private static func size(_ path: String) -> UInt64 {
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

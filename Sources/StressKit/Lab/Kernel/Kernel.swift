// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import SystemPackage

/// A kernel that can be booted: its image, and where its modules are.
package struct Kernel: Equatable, Sendable {
  package var spec: KernelSpec
  /// Path of its image.
  package var image: String
  /// What `uname -r` prints under it.
  package var release: String
  /// The directory that has `modules.dep`; nil: everything that is needed is taken to be built in.
  package var modules: String?
  /// The Debian package's version, as in `6.1.192-2`.
  package var packageVersion: String?
  /// What it was built of, if that was here.
  package var built: BuiltKernel?

  package init(
    spec: KernelSpec, image: String, release: String, modules: String? = nil,
    packageVersion: String? = nil
  ) {
    self.spec = spec
    self.image = image
    self.release = release
    self.modules = modules
    self.packageVersion = packageVersion
  }

  /// What the user called it: the heading of its column in every table.
  package var label: String { spec.description }

  /// What is known of it, for people: name and value.
  var facts: [(name: String, value: String)] {
    [("image", image), ("release", release)]
      + [("package", packageVersion), ("modules", modules)].compactMap { name, value in
        value.map { (name: name, value: $0) }
      }
  }

  /// Finds the kernel, fetching or building it where that is needed.
  ///
  /// - Throws: `.environment` when there is no such kernel, with what was looked for.
  package init(
    resolving spec: KernelSpec, store: KernelStore, progress: (String) -> Void = { _ in }
  ) throws(HarnessError) {
    self.spec = spec
    let place: Place
    var named: String?
    switch spec {
    case .debian:
      let cached = try store.fetch(spec, progress: progress)
      packageVersion = cached.image.version.description
      place = try Place(cached.path, spec)
    case .git:
      let kernel = try store.build(spec, progress: progress)
      built = kernel
      place = Place(kernel)
    case .running: throw HarnessError(.harness, "kernel \(spec)", "runs already: it is not booted")
    case .path(let path, let modules):
      place = try Place(try Self.canonical(path, spec), spec)
      if let modules { named = try Self.canonical(modules, spec) }
    }
    image = place.image
    release = try BootHeader(of: image).release
    if let configured = place.configured, configured != release {
      throw HarnessError(
        .environment, "kernel \(spec)",
        "\(Architecture.own.image.name) is of \(release), the tree of \(configured)",
        remedy: "its modules would not load; run make in the tree")
    }
    // A directory that was named may be that of the modules itself.
    let exact = named.map { [$0] } ?? place.modules
    let found = (exact + Self.installed(release, in: named.map { [$0] } ?? place.roots))
      .first(where: Self.hasIndex)
    if let named, found == nil {
      throw HarnessError(
        .environment, "kernel \(spec)", "no modules of \(release) in \(named)",
        remedy: "name the directory that has modules.order, or lib/modules/\(release)")
    }
    if let found { modules = try store.indexed(found, release, progress) }
  }

  /// Where a kernel's parts are.
  private struct Place {
    var image: String
    /// Directories that have the modules themselves.
    var modules: [String] = []
    /// Directories that may have `lib/modules/RELEASE`.
    var roots: [String] = []
    /// The release that a build tree is configured for.
    var configured: String?

    /// - Parameter path: a kernel, an unpacked package or a build tree.
    init(_ path: String, _ spec: KernelSpec) throws(HarnessError) {
      let built = "/" + Architecture.own.image.path
      let tree = path.hasSuffix(built) ? String(path.dropLast(built.count)) : path
      let configured = File.line(tree + "/include/config/kernel.release")
      if let configured, File.exists(tree + built) {
        image = tree + built
        modules = [tree]
        self.configured = configured
      } else if Kernel.isDirectory(path) {
        image = try Self.image(in: path, spec)
        roots = [path]
      } else {
        image = path
        // Beside it, and where a package and `make install modules_install` put them.
        let directory = FilePath(path).removingLastComponent()
        roots = [directory.string, directory.removingLastComponent().string]
      }
    }

    init(_ kernel: BuiltKernel) {
      image = kernel.image
      modules = [kernel.path]
    }

    private static func image(
      in directory: String, _ spec: KernelSpec
    ) throws(HarnessError) -> String {
      let images = Kernel.images(in: directory)
      guard let image = images.first else {
        throw HarnessError(
          .environment, "kernel \(spec)",
          "has neither boot/vmlinuz-*, usr/lib/modules/*/vmlinuz nor "
            + Architecture.own.image.path,
          remedy:
            "name an unpacked package (since 6.19: linux-binary-*, linux-modules-* and linux-base-* in one "
            + "directory), a tree that has been built, or a \(Architecture.own.image.name)")
      }
      guard images.count == 1 else {
        throw HarnessError(
          .environment, "kernel \(spec)", "has several: \(images.joined(separator: ", "))",
          remedy: "name one of these files")
      }
      return "\(directory)/\(image)"
    }
  }

  /// Paths of kernels in an unpacked package: in `boot`, or since 6.19 beside the modules. One of each release: in a
  /// whole root `lib` is a link to `usr/lib`, and a kernel may be in both places.
  static func images(in directory: String) -> [String] {
    let prefix = "vmlinuz-"
    let inBoot = File.names(in: directory + "/boot").filter { $0.hasPrefix(prefix) }
      .map { (release: String($0.dropFirst(prefix.count)), path: "boot/" + $0) }
    let beside = ["usr/lib/modules", "lib/modules"].flatMap { modules in
      File.names(in: "\(directory)/\(modules)")
        .map { (release: $0, path: "\(modules)/\($0)/vmlinuz") }
        .filter { File.exists("\(directory)/\($0.path)") }
    }
    var seen: Set<String> = []
    return (inBoot + beside).filter { seen.insert($0.release).inserted }.map(\.path)
  }

  private static func installed(_ release: String, in roots: [String]) -> [String] {
    roots.flatMap { root in
      ["lib", "usr/lib"].map { FilePath("\(root)/\($0)/modules/\(release)").string }
    }
  }

  /// Whether a directory has the files in which kbuild lists modules.
  private static func hasIndex(_ directory: String) -> Bool {
    ["modules.dep", "modules.order", "modules.builtin"].contains {
      File.exists(directory + "/" + $0)
    }
  }

  private static func isDirectory(_ path: String) -> Bool {
    var info = stat()
    return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
  }

  private static func canonical(
    _ path: String, _ spec: KernelSpec
  ) throws(HarnessError) -> String {
    let resolved = try accept(
      attemptPointer(realpath(path, nil), "kernel \(spec)", path), "kernel \(spec)", path,
      remedy: "forms: \(KernelSpec.forms)", code: .environment)
    defer { free(resolved) }
    return String(cString: resolved)
  }
}

/// The beginning of a kernel's image.
struct BootHeader {
  /// What `uname -r` prints under this kernel.
  let release: String

  /// - Throws: `.environment` when the file cannot be read or is no image of this architecture.
  init(of path: String) throws(HarnessError) {
    let image = Architecture.own.image
    let file = try Descriptor(open: path, code: .environment)
    var bytes = [UInt8](repeating: 0, count: image.header)
    let got = try checkErrno(
      pread(file.raw, &bytes, bytes.count, 0), path, "read", code: .environment)
    guard let release = image.release(bytes[..<got]) else {
      let name = Architecture.own.name
      throw HarnessError(
        .environment, path, "no \(name) \(image.name)",
        remedy: "name the \(image.path) or /boot/vmlinuz-* of an \(name) kernel")
    }
    self.release = release
  }
}

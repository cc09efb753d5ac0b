// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import SystemPackage

/// What the guest boots from: the guest's program as `/init`, and the modules it has to load.
///
/// ```
/// /init              the guest's program
/// /modules/00-NAME.ko, ...    uncompressed, numbered in the order of loading
/// /modules/list      one line a module, in that order: FILE required|optional
/// /dev/console       for the kernel to open before /init runs
/// /proc /sys /run /mnt        empty
/// ```
///
/// It is not compressed: to read it costs an emulated guest less than to decompress it. Its files are
/// memory of the guest that cannot be reclaimed; once they are loaded, `/modules` can go.
package enum Initramfs {
  /// A file of a trial's own: its profile, its seed.
  package struct Entry: Equatable, Sendable {
    package var path: String
    package var mode: UInt32
    package var contents: [UInt8]

    package init(_ path: String, mode: UInt32 = 0o644, _ contents: [UInt8]) {
      self.path = path
      self.mode = mode
      self.contents = contents
    }
  }

  /// Builds the archive, unless the store has it.
  ///
  /// - Parameters:
  ///   - program: what becomes `/init`.
  ///   - modules: what to load, in order, as ``ModuleResolver`` gives it.
  /// - Returns: the archive's path in the store. It is shared: do not write to it.
  /// - Throws: `.environment` when a file cannot be read or a decompressor is missing.
  package static func build(
    program: GuestProgram, kernel: Kernel, modules: [ModuleFile], store: KernelStore,
    progress: (String) -> Void = { _ in }
  ) throws(HarnessError) -> String {
    var key = ContentKey()
    key.add("layout 2 \(kernel.release)")
    key.add(file: program.path)
    for module in modules {
      key.add("\(module.name) \(module.isRequired)")
      key.add(file: module.path)
    }
    let directory = store.root + "/initramfs"
    let path = "\(directory)/\(key.text).cpio"
    if utimes(path, nil) == 0 { return path }

    progress("\(kernel.label): building an initramfs with \(modules.count) modules")
    try File.makeDirectory(directory)
    let work = store.temporary(in: directory)
    defer { File.remove(work) }
    try File.write(work, try archive(program, modules, scratch: work))
    try store.publish(work, as: path)
    prune(directory, sparing: path)
    return path
  }

  /// Writes to `path` a copy of the archive `base` with more files. A file that is in both is
  /// replaced.
  ///
  /// - Throws: `.environment` when `base` cannot be read; `.harness` when `path` cannot be written.
  package static func append(
    _ entries: [Entry], to base: String, as path: String
  ) throws(HarnessError) {
    var archive = CPIOArchive()
    var directories: Set<String> = []
    for entry in entries {
      for directory in parents(of: entry.path) where directories.insert(directory).inserted {
        archive.add(directory: directory)
      }
      archive.add(file: entry.path, mode: entry.mode, entry.contents)
    }
    // The kernel looks for the next archive at a multiple of 4; both have such a size.
    var bytes = try File.read(base, code: .environment)
    bytes.append(contentsOf: archive.finish())
    try File.write(path, bytes)
  }

  private static func archive(
    _ program: GuestProgram, _ modules: [ModuleFile], scratch: String
  ) throws(HarnessError) -> [UInt8] {
    var archive = CPIOArchive()
    for directory in ["dev", "mnt", "modules", "proc", "run", "sys"] {
      archive.add(directory: directory)
    }
    archive.add(characterDevice: "dev/console", major: 5, minor: 1)
    archive.add(file: "init", mode: 0o755, try program.read())
    var list = ""
    for (index, module) in modules.enumerated() {
      let file = "\(index < 10 ? "0" : "")\(index)-\(module.name).ko"
      archive.add(file: "modules/" + file, try module.contents(scratch: scratch))
      list += "\(file) \(module.isRequired ? "required" : "optional")\n"
    }
    archive.add(file: "modules/list", Array(list.utf8))
    return archive.finish()
  }

  /// "a/b/c" -> "a", "a/b".
  private static func parents(of path: String) -> [String] {
    let names = path.split(separator: "/").dropLast()
    return names.indices.map { names[...$0].joined(separator: "/") }
  }

  /// Each build of the binary makes new archives: the least recently used ones go, never `path`.
  private static func prune(_ directory: String, sparing path: String, keep: Int = 16) {
    let others = File.names(in: directory).map { directory + "/" + $0 }.filter { $0 != path }
    let dated = others.map { path -> (path: String, used: timespec) in
      var info = stat()
      return (path, stat(path, &info) == 0 ? info.st_mtim : timespec())
    }
    let newestFirst = dated.sorted {
      ($0.used.tv_sec, $0.used.tv_nsec) > ($1.used.tv_sec, $1.used.tv_nsec)
    }
    for old in newestFirst.dropFirst(keep - 1) { File.remove(old.path) }
  }
}

extension ModuleFile {
  /// The module as finit_module(2) takes it.
  ///
  /// - Parameter scratch: path of a file that can be overwritten.
  /// - Throws: `.environment` when it cannot be read or decompressed, or is no ELF file.
  package func contents(scratch: String) throws(HarnessError) -> [UInt8] {
    let bytes =
      switch compression {
      case .none: try uncompressed(scratch)
      case .xz: try Tool.run("xz", ["-dcq", path], package: "xz-utils")
      case .zstd: try Tool.run("zstd", ["-dcq", path], package: "zstd")
      case .gzip: try Tool.run("gzip", ["-dcq", path], package: "gzip")
      }
    // Tool.run has what a program complained about in its output.
    guard bytes.starts(with: [0x7f] + Array("ELF".utf8)) else {
      throw HarnessError(.environment, path, "no kernel module")
    }
    return bytes
  }

  /// Without debug information, which is ten times the module in a build tree and would be memory of
  /// the guest. A signed module stays as it is: to strip it is to lose the signature.
  private func uncompressed(_ scratch: String) throws(HarnessError) -> [UInt8] {
    let bytes = try File.read(path, code: .environment)
    let signed = bytes.suffix(Self.signatureMark.count).elementsEqual(Self.signatureMark)
    guard !signed, bytes.count > Self.largestUnstripped, Tool.path("strip") != nil else {
      return bytes
    }
    try Tool.run("strip", ["--strip-debug", "-o", scratch, path], package: "binutils")
    return try File.read(scratch, code: .environment)
  }

  /// MODULE_SIG_STRING in include/linux/module_signature.h.
  private static let signatureMark = Array("~Module signature appended~\n".utf8)
  private static let largestUnstripped = 1 << 20
}

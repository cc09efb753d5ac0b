// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine
import SystemPackage

extension KernelStore {
  /// A directory with the modules of `directory` and the indexes of depmod(8).
  ///
  /// That is `directory` itself when depmod has been there. Else, for a build tree or an unpacked
  /// package, it is one in the store with links to the modules: nothing is written elsewhere.
  ///
  /// - Throws: `.environment` when depmod is missing or fails.
  func indexed(
    _ directory: String, _ release: String, _ progress: (String) -> Void
  ) throws(HarnessError) -> String {
    if File.exists(directory + "/modules.dep") { return directory }
    let modules = Self.modules(of: directory)
    let listings = ["modules.builtin", "modules.builtin.modinfo"]
      .filter { File.exists(directory + "/" + $0) }
    var content = ContentKey()
    content.add(release)
    for path in modules + listings.map({ directory + "/" + $0 }) { content.add(file: path) }
    var origin = ContentKey()
    origin.add(directory)
    let parent = root + "/modules"
    let name = "\(origin.text)-\(content.text)"
    let inside = "/lib/modules/" + release
    if File.exists("\(parent)/\(name)") { return "\(parent)/\(name)\(inside)" }

    progress("\(directory): indexing \(modules.count) modules")
    return try locked(progress) { () throws(HarnessError) in
      // Earlier states of the same tree, whose links lead to modules that have been rebuilt; and,
      // under the lock, what an indexing left that did not end.
      for old in File.names(in: parent) where old != name {
        if old.hasPrefix(origin.text) || old.hasPrefix(".") { File.remove(parent + "/" + old) }
      }
      let work = temporary(in: parent)
      defer { File.remove(work) }
      try File.makeDirectory("\(work)\(inside)/kernel")
      // Flat: kbuild has no two modules of one name.
      var order = ""
      for path in modules {
        let link = "kernel/" + (FilePath(path).lastComponent?.string ?? path)
        try checkErrno(
          Int(symlink(path, "\(work)\(inside)/\(link)")), link, "symlink", code: .environment)
        order += link + "\n"
      }
      try File.write("\(work)\(inside)/modules.order", Array(order.utf8))
      for listing in listings {
        let bytes = try File.read("\(directory)/\(listing)", code: .environment)
        try File.write("\(work)\(inside)/\(listing)", bytes)
      }
      try Tool.run("depmod", ["-b", work, release], package: "kmod")
      if !File.exists("\(parent)/\(name)") { try publish(work, as: "\(parent)/\(name)") }
      return "\(parent)/\(name)\(inside)"
    }
  }

  /// The paths of the modules that `modules.order` names and that have been built.
  private static func modules(of directory: String) -> [String] {
    guard let order = try? File.text(directory + "/modules.order") else { return [] }
    return order.split(separator: "\n").compactMap { line in
      // By the kernel's age a build tree lists fs/xfs/xfs.o, fs/xfs/xfs.ko or kernel/fs/xfs/xfs.ko,
      // as does what is installed, with the names that modules had before they were compressed.
      let listed = line.hasSuffix(".o") ? line.dropLast(2) + ".ko" : String(line)
      let names = listed.hasPrefix("kernel/") ? [listed, String(listed.dropFirst(7))] : [listed]
      return names.flatMap { name in
        ModuleFile.Compression.allCases.map { "\(directory)/\(name)\($0.suffix)" }
      }.first(where: File.exists)
    }
  }
}

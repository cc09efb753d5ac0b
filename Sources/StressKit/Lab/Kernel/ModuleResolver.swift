// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A module to load, as a file.
package struct ModuleFile: Equatable, Sendable {
  /// The kernel's name for it: underscores only.
  package var name: String
  package var path: String
  /// Whether the guest can do without: an accelerated checksum on a CPU that lacks the instruction
  /// answers ENODEV, and the generic one does the work.
  package var isRequired: Bool

  package init(name: String, path: String, isRequired: Bool) {
    self.name = name
    self.path = path
    self.isRequired = isRequired
  }

  /// How a module's file is compressed (CONFIG_MODULE_COMPRESS).
  package enum Compression: CaseIterable, Sendable {
    case none, xz, zstd, gzip

    /// What follows `.ko`.
    package var suffix: String {
      switch self {
      case .none: ""
      case .xz: ".xz"
      case .zstd: ".zst"
      case .gzip: ".gz"
      }
    }
  }

  package var compression: Compression {
    Compression.allCases.last { path.hasSuffix(".ko" + $0.suffix) } ?? .none
  }
}

/// Finds the files to load for a module, in order, from the indexes that depmod(8) and kbuild leave
/// in `/lib/modules/RELEASE`.
package struct ModuleResolver {
  private let kernel: Kernel
  /// By name: the path relative to the directory, and the names of all that must be loaded before.
  private var dependencies: [String: (path: String, before: [String])] = [:]
  private var aliases: [String: [String]] = [:]
  /// zram does not say that it asks for its compressor by name, and a guest has no modprobe to answer: before
  /// 6.12 it is that of the crypto API, by default lzo-rle.
  private var softDependencies: [String: [String]] = ["zram": ["lzo_rle"]]
  private var builtIn: Set<String> = []

  /// Reads the indexes of the kernel's modules.
  ///
  /// - Throws: `.environment` when `modules.dep` cannot be read.
  package init(_ kernel: Kernel) throws(HarnessError) {
    self.kernel = kernel
    guard let directory = kernel.modules else { return }
    for line in try File.text(directory + "/modules.dep", code: .environment).split(
      separator: "\n")
    {
      let words = line.split(separator: " ")
      guard let first = words.first, first.hasSuffix(":") else { continue }
      let path = first.dropLast()
      // depmod lists what comes first last.
      dependencies[Self.name(path)] = (String(path), words.dropFirst().reversed().map(Self.name))
    }
    // The others need not be there: an old depmod, or no such thing to list.
    for line in Self.lines(directory + "/modules.alias") {
      let words = line.split(separator: " ")
      if words.count == 3 { addAlias(words[1], of: words[2]) }
    }
    for line in Self.lines(directory + "/modules.softdep") {
      let words = line.split(separator: " ")
      if words.count > 2 { addSoftDependencies(words.dropFirst(2), of: words[1]) }
    }
    for line in Self.lines(directory + "/modules.builtin") { builtIn.insert(Self.name(line)) }
    // "NAME.KEY=VALUE", each ended by a zero byte.
    for line in Self.lines(directory + "/modules.builtin.modinfo", separator: "\0") {
      guard let equals = line.firstIndex(of: "="), line[..<equals].hasSuffix(".softdep") else {
        continue
      }
      let words = line[line.index(after: equals)...].split(separator: " ")
      addSoftDependencies(words[...], of: line[..<equals].dropLast(".softdep".count))
    }
  }

  /// The modules that a guest needs to reach its disks and ports, to mount the filesystem, and for what else
  /// the profile has.
  package static func wanted(for profile: Profile) -> [String] {
    let filesystem = profile.filesystem
    var modules = filesystem.base.traits.modules
    if filesystem.layer != nil { modules += filesystem.kind.traits.modules }
    if profile.usesDelay { modules.append("dm_delay") }
    if profile.machine.zram > 0 { modules.append("zram") }
    if !profile.machine.root.isEmpty { modules += RootImage.modules }
    modules += profile.machine.modules
    return ["virtio_pci", "virtio_blk", "virtio_console"] + modules
  }

  /// The files to load for `wanted`, each after all that it needs; what is built in is left out.
  ///
  /// What a module names as a soft dependency ("softdep pre:") comes before it and is optional. The
  /// soft dependencies of built-in modules count too: else ext4 would be the one filesystem that
  /// computes its checksums without the CPU's instruction.
  ///
  /// - Throws: `.environment`, naming every wanted module that there is not.
  package func resolve(_ wanted: [String]) throws(HarnessError) -> [ModuleFile] {
    guard let directory = kernel.modules else { return [] }
    let names = wanted.map { Self.normalised($0[...]) }
    let missing = names.filter { dependencies[$0] == nil && !builtIn.contains($0) }
    if !missing.isEmpty {
      throw HarnessError(
        .environment, "kernel \(kernel.label)",
        "module\(missing.count == 1 ? "" : "s") \(missing.joined(separator: ", ")) not found in "
          + "\(directory) (\(kernel.release)), nor built in",
        remedy: remedy(missing))
    }
    var required: Set<String> = []
    for name in names {
      required.insert(name)
      required.formUnion(dependencies[name]?.before ?? [])
    }
    var order: [String] = []
    var seen: Set<String> = []
    for name in names { visit(name, &seen, &order) }
    return order.compactMap { name in
      dependencies[name].map { entry in
        let path = entry.path.hasPrefix("/") ? entry.path : directory + "/" + entry.path
        return ModuleFile(name: name, path: path, isRequired: required.contains(name))
      }
    }
  }

  /// Depth first, so that everything before `name` is in `order` when it is appended. Soft
  /// dependencies can form a cycle; it is cut where it closes.
  private func visit(_ name: String, _ seen: inout Set<String>, _ order: inout [String]) {
    guard seen.insert(name).inserted else { return }
    for soft in softDependencies[name] ?? [] {
      for candidate in candidates(soft) { visit(candidate, &seen, &order) }
    }
    for hard in dependencies[name]?.before ?? [] { visit(hard, &seen, &order) }
    order.append(name)
  }

  /// The modules that a soft dependency means: one of that name, or all that have it as an alias.
  private func candidates(_ name: String) -> [String] {
    dependencies[name] != nil ? [name] : aliases[name] ?? []
  }

  private func remedy(_ missing: [String]) -> String {
    switch kernel.spec {
    case .debian(let version, .cloud):
      return "use \(KernelSpec.debian(version: version, flavour: .generic))"
    case .debian: return "use another kernel"
    case .git:
      return "ask for \(Self.options(for: missing)) in a file: git:TREE@REV,config=FILE"
    case .path, .running:
      return "build it with \(Self.options(for: missing)), or name the modules' directory: "
        + "--kernel PATH,modules=DIR"
    }
  }

  /// The kernel's options for modules: `CONFIG_XFS_FS, CONFIG_ZRAM`.
  static func options(for modules: [String]) -> String {
    let filesystems = Profile.Filesystem.Kind.allCases.flatMap(\.traits.modules)
    let others = ["nfsv4": "NFS_V4", "nfsd": "NFSD_V4"]
    return modules.map { name in
      "CONFIG_"
        + (others[name] ?? name.uppercased() + (filesystems.contains(name) ? "_FS" : ""))
    }.joined(separator: ", ")
  }

  private mutating func addAlias(_ alias: Substring, of name: Substring) {
    // "pci:v00001AF4d*" and the like: patterns for devices, which no module names.
    if alias.utf8.contains(UInt8(ascii: ":")) { return }
    aliases[Self.normalised(alias), default: []].append(Self.normalised(name))
  }

  /// `words` is "pre: a b post: c"; what is to be loaded after does not matter here.
  private mutating func addSoftDependencies(_ words: ArraySlice<Substring>, of name: Substring) {
    var isBefore = false
    for word in words {
      if word.hasSuffix(":") {
        isBefore = word == "pre:"
      } else if isBefore {
        softDependencies[Self.normalised(name), default: []].append(Self.normalised(word))
      }
    }
  }

  private static func lines(_ path: String, separator: Character = "\n") -> [Substring] {
    ((try? File.text(path)) ?? "").split(separator: separator)
  }

  /// "kernel/fs/xfs/xfs.ko.xz" -> "xfs".
  private static func name(_ path: Substring) -> String {
    let file = path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]
    return normalised(file.prefix { $0 != "." })
  }

  /// The kernel takes - and _ in a module's name as the same.
  private static func normalised(_ name: Substring) -> String {
    String(decoding: name.utf8.map { $0 == 0x2d ? 0x5f : $0 }, as: UTF8.self)
  }
}

extension Kernel {
  /// The files to load for `wanted`, in order; see ``ModuleResolver/resolve(_:)``.
  package func moduleFiles(_ wanted: [String]) throws(HarnessError) -> [ModuleFile] {
    try ModuleResolver(self).resolve(wanted)
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// Which kernel a trial boots, as the user names it with `--kernel`.
package enum KernelSpec: Hashable, Sendable {
  /// A Debian kernel flavour.
  package enum Flavour: CaseIterable, Sendable {
    /// Without drivers for real hardware: less to download, and it boots faster.
    case cloud
    case generic

    /// As the package's name ends: `amd64`, `cloud-amd64`.
    package var name: String {
      switch self {
      case .cloud: "cloud-" + Architecture.own.debian
      case .generic: Architecture.own.debian
      }
    }

    init?(name: Substring) {
      guard let flavour = Self.allCases.first(where: { $0.name == name }) else { return nil }
      self = flavour
    }
  }

  /// The newest package of a series that Debian's archive has, `debian:6.12`, or one point release,
  /// `debian:6.12.43`. With a flavour: `debian:6.12-amd64`.
  case debian(version: String, flavour: Flavour)

  /// A kernel's image, the directory of an unpacked package, or a kernel build tree. `modules` says where
  /// the modules are when they are not beside the kernel.
  case path(String, modules: String?)

  /// What is built of a git tree: of a revision, or without one of the working tree as it is. `config` is a `.config` to
  /// start from instead of the smallest there is.
  case git(tree: String, revision: String?, config: String?)

  /// The one that runs here: no guest at all. It cannot be written; it is what there is without `--kernel`.
  case running

  /// Every form there is, for messages and help.
  package static let forms =
    "debian:X.Y (\(Flavour.cloud.name) flavour), debian:X.Y.Z, debian:X.Y-\(Flavour.generic.name), "
    + "debian:X.Y-\(Flavour.cloud.name), FILE (a \(Architecture.own.image.name)), "
    + "DIR (an unpacked package or a kernel build tree), "
    + "FILE,modules=DIR or DIR,modules=DIR, git:TREE@REV or git:TREE (built of a git tree)"

  /// Parses one kernel. Whether a path exists is not looked at.
  ///
  /// - Throws: `.usage`, with the forms that there are.
  package init(parsing text: String) throws(HarnessError) {
    if text.hasPrefix("debian:") {
      self = try Self.debian(text)
      return
    }
    if text.hasPrefix(Self.gitPrefix) {
      self = try Self.git(text)
      return
    }
    let fields = text.split(separator: ",", omittingEmptySubsequences: false)
    let path = fields[0]
    if path.isEmpty || path.hasPrefix(Self.modulesOption) { throw Self.error(text, "no path") }
    if Self.isVersion(path) {
      throw HarnessError(
        .usage, "--kernel \(text)", "a version is no path",
        remedy: "write debian:\(path) for Debian's, ./\(path) for a file; forms: \(Self.forms)")
    }
    if let colon = path.firstIndex(of: ":"), !path[..<colon].contains("/") {
      throw Self.error(text, "unknown source \(path[...colon])")
    }
    var modules: String?
    for option in fields.dropFirst() {
      guard option.hasPrefix(Self.modulesOption), modules == nil,
        option.utf8.count > Self.modulesOption.utf8.count
      else { throw Self.error(text, "unknown option '\(option)'") }
      modules = String(option.dropFirst(Self.modulesOption.count))
    }
    self = .path(String(path), modules: modules)
  }

  /// Parses the kernels of a list with commas; `modules=DIR` and `config=FILE` belong to the kernel before them.
  ///
  /// - Throws: `.usage`, with the forms that there are.
  ///
  /// - Parameter expand: what a pattern stands for: `debian:*` and `debian:*-amd64`, the newest of every series.
  package static func list(
    _ text: String, expand: (Flavour) throws(HarnessError) -> [KernelSpec]
  ) throws(HarnessError) -> [KernelSpec] {
    var kernels: [String] = []
    for field in text.split(separator: ",", omittingEmptySubsequences: false) {
      if field.hasPrefix(modulesOption) || field.hasPrefix(configOption),
        let last = kernels.popLast()
      {
        kernels.append(last + "," + field)
      } else {
        kernels.append(String(field))
      }
    }
    var specs: [KernelSpec] = []
    for text in kernels {
      if text == everySeries {
        specs += try expand(.cloud)
      } else if text.hasPrefix(everySeries + "-"),
        let flavour = Flavour(name: text.dropFirst(everySeries.count + 1))
      {
        specs += try expand(flavour)
      } else {
        specs.append(try KernelSpec(parsing: text))
      }
    }
    return specs
  }

  private static let modulesOption = "modules="
  private static let configOption = "config="
  private static let gitPrefix = "git:"
  private static let everySeries = "debian:*"

  private static func debian(_ text: String) throws(HarnessError) -> KernelSpec {
    let name = text.dropFirst("debian:".count)
    let parts = name.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard let version = parts.first, isVersion(version) else {
      throw error(text, "no version X.Y or X.Y.Z")
    }
    if parts.count == 1 { return .debian(version: String(version), flavour: .cloud) }
    guard let flavour = Flavour(name: parts[1]) else {
      throw error(text, "unknown flavour \(parts[1])")
    }
    return .debian(version: String(version), flavour: flavour)
  }

  /// `git:TREE`, `git:TREE@REV`, either with `,config=FILE`.
  private static func git(_ text: String) throws(HarnessError) -> KernelSpec {
    let fields = text.dropFirst(gitPrefix.count)
      .split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
    let parts = fields[0].split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    if parts[0].isEmpty { throw error(text, "no tree") }
    if parts.count > 1, parts[1].isEmpty { throw error(text, "no revision behind @") }
    var config: String?
    if fields.count > 1 {
      guard fields[1].hasPrefix(configOption), fields[1].utf8.count > configOption.utf8.count,
        !fields[1].contains(",")
      else { throw error(text, "unknown option '\(fields[1])'") }
      config = String(fields[1].dropFirst(configOption.count))
    }
    return .git(
      tree: String(parts[0]), revision: parts.count > 1 ? String(parts[1]) : nil, config: config)
  }

  /// Whether it is built here.
  package var isBuilt: Bool {
    if case .git = self { true } else { false }
  }

  /// With a configuration to start from, where it is built here and has none of its own.
  package func configured(with file: String?) -> KernelSpec {
    if case .git(let tree, let revision, nil) = self {
      return .git(tree: tree, revision: revision, config: file)
    }
    return self
  }

  private static func isVersion(_ text: Substring) -> Bool {
    let numbers = text.split(separator: ".", omittingEmptySubsequences: false)
    return [2, 3].contains(numbers.count)
      && numbers.allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isASCIIDigit) }
  }

  /// Whether it names one point release, not the newest of a series.
  var isPointRelease: Bool {
    guard case .debian(let version, _) = self else { return false }
    return version.count { $0 == "." } == 2
  }

  private static func error(_ text: String, _ problem: String) -> HarnessError {
    HarnessError(.usage, "--kernel \(text)", problem, remedy: "forms: \(forms)")
  }
}

extension KernelSpec: CustomStringConvertible {
  /// The form that parses to this; the default flavour is left out.
  package var description: String {
    switch self {
    case .debian(let version, .cloud): "debian:\(version)"
    case .debian(let version, let flavour): "debian:\(version)-\(flavour.name)"
    case .path(let path, let modules): path + (modules.map { ",modules=\($0)" } ?? "")
    case .git(let tree, let revision, let config):
      Self.gitPrefix + tree + (revision.map { "@" + $0 } ?? "")
        + (config.map { ",\(Self.configOption)\($0)" } ?? "")
    case .running: "this machine"
    }
  }
}

extension Character {
  var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}

/// Which kernel a trial boots, as the user names it with `--kernel`.
package enum KernelSpec: Hashable, Sendable {
  /// A Debian kernel flavour, spelled as in the package's name.
  package enum Flavour: String, CaseIterable, Sendable {
    case amd64
    /// Without drivers for real hardware: less to download, and it boots faster.
    case cloud = "cloud-amd64"
  }

  /// The newest package of a series that the distribution's archive has: `debian:6.12`, or with a
  /// flavour, `debian:6.12-amd64`: what follows `linux-image-` in the name of the metapackage.
  case debian(series: String, flavour: Flavour)

  /// A bzImage, the directory of an unpacked package, or a kernel build tree. `modules` says where
  /// the modules are when they are not beside the kernel.
  case path(String, modules: String?)

  /// The one that runs here: no guest at all. It cannot be written; it is what there is without `--kernel`.
  case running

  /// Every form there is, for messages and help.
  package static let forms =
    "debian:X.Y (cloud-amd64 flavour), debian:X.Y-amd64, debian:X.Y-cloud-amd64, "
    + "FILE (a bzImage), DIR (an unpacked package or a kernel build tree), "
    + "FILE,modules=DIR or DIR,modules=DIR"

  /// Parses one kernel. Whether a path exists is not looked at.
  ///
  /// - Throws: `.usage`, with the forms that there are.
  package init(parsing text: String) throws(HarnessError) {
    if text.hasPrefix("debian:") {
      self = try Self.debian(text)
      return
    }
    let fields = text.split(separator: ",", omittingEmptySubsequences: false)
    let path = fields[0]
    if path.isEmpty || path.hasPrefix(Self.modulesOption) { throw Self.error(text, "no path") }
    if Self.isSeries(path) {
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

  /// Parses the kernels of a list with commas; `modules=DIR` belongs to the kernel before it.
  ///
  /// - Throws: `.usage`, with the forms that there are.
  package static func list(_ text: String) throws(HarnessError) -> [KernelSpec] {
    var kernels: [String] = []
    for field in text.split(separator: ",", omittingEmptySubsequences: false) {
      if field.hasPrefix(modulesOption), let last = kernels.popLast() {
        kernels.append(last + "," + field)
      } else {
        kernels.append(String(field))
      }
    }
    return try kernels.map { text throws(HarnessError) in try KernelSpec(parsing: text) }
  }

  private static let modulesOption = "modules="

  private static func debian(_ text: String) throws(HarnessError) -> KernelSpec {
    let name = text.dropFirst("debian:".count)
    let parts = name.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard let series = parts.first, isSeries(series) else { throw error(text, "no version X.Y") }
    if parts.count == 1 { return .debian(series: String(series), flavour: .cloud) }
    guard let flavour = Flavour(rawValue: String(parts[1])) else {
      throw error(text, "unknown flavour \(parts[1])")
    }
    return .debian(series: String(series), flavour: flavour)
  }

  private static func isSeries(_ text: Substring) -> Bool {
    let numbers = text.split(separator: ".", omittingEmptySubsequences: false)
    return numbers.count == 2 && numbers.allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isASCIIDigit) }
  }

  private static func error(_ text: String, _ problem: String) -> HarnessError {
    HarnessError(.usage, "--kernel \(text)", problem, remedy: "forms: \(forms)")
  }
}

extension KernelSpec: CustomStringConvertible {
  /// The form that parses to this; the default flavour is left out.
  package var description: String {
    switch self {
    case .debian(let series, .cloud): "debian:\(series)"
    case .debian(let series, let flavour): "debian:\(series)-\(flavour.rawValue)"
    case .path(let path, let modules): path + (modules.map { ",modules=\($0)" } ?? "")
    case .running: "this machine"
    }
  }
}

extension Character {
  var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}

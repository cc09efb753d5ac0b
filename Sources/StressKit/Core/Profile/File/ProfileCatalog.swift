// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The profiles that can be run by name.
package struct ProfileCatalog: Sendable {
  /// A profile that a search directory holds.
  package struct Entry: Sendable {
    /// What the user types: the file's name without `.yaml`.
    package var name: String
    /// nil: it is in this program.
    package var path: String?
    package var summary = ""
    package var variants: [String] = []
    /// Why the file cannot be used.
    package var problems: HarnessErrors?
  }

  /// A profile that was asked for, not yet resolved.
  package struct Choice: Sendable {
    package var file: ProfileFile
    package var variant: String?
  }

  /// Searched in this order; the first that has a name wins.
  package let directories: [String]
  /// What there is where no directory has it.
  private let shipped: [ShippedProfile]

  /// Those of the search path, and those in this program.
  package init() { self.init(directories: Self.searchPath(), shipped: ShippedProfile.all) }

  package init(directories: [String], shipped: [ShippedProfile] = []) {
    self.directories = directories
    self.shipped = shipped
  }

  /// `$WBSTRESS_PROFILES` (several with `:`), `./profiles`, the share directory of an installation,
  /// and `profiles` beside or above the executable, where a build tree has it.
  ///
  /// - Parameters:
  ///   - configured: the value of `$WBSTRESS_PROFILES`.
  ///   - executable: the absolute path of the running program.
  package static func searchPath(
    configured: String? = getenv("WBSTRESS_PROFILES").map { String(cString: $0) },
    executable: String? = ProfileCatalog.executable()
  ) -> [String] {
    var directories = (configured ?? "").split(separator: ":").map(String.init) + ["profiles"]
    if let executable {
      var parts = executable.split(separator: "/").dropLast()
      let upward = sequence(first: parts) { $0.isEmpty ? nil : $0.dropLast() }
        .map { "/" + ($0 + ["profiles"]).joined(separator: "/") }
      parts = parts.dropLast()
      directories.append("/" + (parts + ["share", "wbstress", "profiles"]).joined(separator: "/"))
      directories += upward
    }
    return directories
  }

  /// The running program; nil where /proc is not mounted.
  package static func executable() -> String? {
    guard let path = realpath("/proc/self/exe", nil) else { return nil }
    defer { free(path) }
    return String(cString: path)
  }

  /// Every profile, by name; one that cannot be used says why.
  package func list() -> [Entry] {
    places().map { name, place in
      var entry = Entry(name: name)
      if case .file(let path) = place { entry.path = path }
      do throws(HarnessErrors) {
        let file = try Self.read(place)
        entry.summary = file.summary
        entry.variants = file.variants
      } catch {
        entry.problems = error
      }
      return entry
    }
  }

  /// Reads the profile that `NAME`, `PATH`, `NAME:VARIANT` or `PATH:VARIANT` means.
  ///
  /// What contains a `/` or ends in `.yaml` is a path.
  ///
  /// - Throws: for a name that is not found, with those that are; for a variant that the profile
  ///   lacks; every problem of the file (code usage).
  package func find(_ text: String) throws(HarnessErrors) -> Choice {
    var name = text
    var variant: String?
    let isFile = Self.isPath(text) && File.exists(text)
    if !isFile, let colon = text.lastIndex(of: ":"), !text[colon...].contains("/") {
      name = String(text[..<colon])
      variant = String(text[text.index(after: colon)...])
    }
    let file = try Self.read(try place(of: name))
    if let variant, !file.variants.contains(variant) {
      // The error is the same as when the variant is resolved, but told before anything is set up.
      _ = try file.profile(variant: variant)
    }
    return Choice(file: file, variant: variant)
  }

  /// Where a profile is.
  private enum Place {
    case file(String)
    case shipped(ShippedProfile)
  }

  private static func read(_ place: Place) throws(HarnessErrors) -> ProfileFile {
    switch place {
    case .file(let path): try ProfileFile(path: path)
    case .shipped(let profile):
      try ProfileFile(bytes: profile.bytes, name: "shipped/\(profile.name).yaml")
    }
  }

  private func place(of name: String) throws(HarnessErrors) -> Place {
    if Self.isPath(name) { return .file(name) }
    let places = places()
    if let found = places.first(where: { $0.name == name }) { return found.place }
    let known = ProfileKeys.known(
      places.map(\.name), name, "there are none in \(directories.joined(separator: ", "))")
    throw HarnessErrors([HarnessError(.usage, name, "no such profile; \(known)")])
  }

  private static func isPath(_ text: String) -> Bool {
    text.contains("/") || text.hasSuffix(".yaml")
  }

  /// Sorted by name; a directory hides what later ones have under the same name, and what is in this program.
  private func places() -> [(name: String, place: Place)] {
    var found: [String: Place] = [:]
    for directory in directories {
      for file in File.names(in: directory) where file.hasSuffix(".yaml") && !file.hasPrefix(".") {
        let name = String(file.dropLast(".yaml".count))
        if found[name] == nil { found[name] = .file("\(directory)/\(file)") }
      }
    }
    for profile in shipped where found[profile.name] == nil {
      found[profile.name] = .shipped(profile)
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}

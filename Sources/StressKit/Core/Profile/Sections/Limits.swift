// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// A kernel file's name and what is written to it, in the order of the profile.
  package struct Setting: Equatable, Sendable {
    package var key: String
    package var value: String
    package init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// A cgroup of the tree below the limited one.
  package struct Group: Equatable, Sendable {
    /// `a`, or `a/b` for one in another.
    package var name: String
    package var limits: [Setting] = []
    package var files: [Setting] = []
    package init(name: String) { self.name = name }
  }

  /// A file of a cgroup that holds a setting.
  package struct Limit: Sendable {
    /// What it takes.
    package enum Kind: Sendable {
      /// Bytes or `max`.
      case bytes
      /// 0 or 1.
      case flag
      /// Whatever the kernel takes; written as it stands.
      case text
    }
    package var file: String
    package var kind: Kind
    /// For docs/profiles.md.
    package var meaning: String

    fileprivate init(_ file: String, _ kind: Kind, _ meaning: String) {
      self.file = file
      self.kind = kind
      self.meaning = meaning
    }

    /// Whether a limit's value is a number of bytes.
    package static func isBytes(_ file: String) -> Bool {
      all.contains { $0.file == file && $0.kind == .bytes }
    }

    static let files = all.map(\.file)

    /// Whether it is one that every kernel's documentation has, and not somebody's own.
    package static func isKnown(_ file: String) -> Bool { files.contains(file) }

    /// Those of the memory, io, cpu and cpuset controllers (Documentation/admin-guide/cgroup-v2.rst). memory.reclaim
    /// acts instead of holding a value, and cgroup.* belong to the harness.
    package static let all: [Limit] = [
      .init(
        "memory.max", .bytes,
        "hard limit: above it the kernel reclaims, then invokes the OOM killer"),
      .init("memory.high", .bytes, "above it tasks reclaim and are throttled"),
      .init("memory.low", .bytes, "protected as long as others have reclaimable memory"),
      .init("memory.min", .bytes, "always protected"),
      .init("memory.swap.max", .bytes, "swap limit"),
      .init("memory.swap.high", .bytes, "above it tasks are throttled"),
      .init("memory.zswap.max", .bytes, "zswap limit"),
      .init(
        "memory.zswap.writeback", .flag,
        "whether zswap may write to the swap device (6.8 and later)"),
      .init("memory.oom.group", .flag, "the OOM killer kills the whole group"),
      .init("io.max", .text, "`rbps`, `wbps`, `riops`, `wiops`"),
      .init("io.weight", .text, "share of I/O"),
      .init("io.latency", .text, "target latency, us"),
      .init("io.bfq.weight", .text, "share under BFQ"),
      .init("io.prio.class", .text, "I/O priority class"),
      .init(
        "io.cost.qos", .text, "the cost model; the kernel has this file in the root cgroup only"),
      .init("io.cost.model", .text, "the same"),
      .init("cpu.max", .text, "quota and period, us"),
      .init("cpu.max.burst", .text, "unused quota that may accumulate, us"),
      .init("cpu.weight", .text, "share of CPU time"),
      .init("cpu.weight.nice", .text, "the same, as a nice value"),
      .init("cpu.idle", .flag, "SCHED_IDLE for the group"),
      .init("cpu.uclamp.min", .text, "lower utilisation clamp, if the kernel has it"),
      .init("cpu.uclamp.max", .text, "upper utilisation clamp, if the kernel has it"),
      .init("cpuset.cpus", .text, "CPUs: `0-1`"),
      .init("cpuset.mems", .text, "NUMA nodes: `0-1`"),
    ]
  }
}

// MARK: - Keys

extension ProfileType<[Profile.Setting]> {
  /// A mapping of limits.
  static var limits: Self {
    Self(
      form: "mapping, as in `limits`", shape: { .names(Profile.Limit.files) },
      read: { $0.section(Profile.Limit.files)?.limits() }, json: object, text: { _ in nil })
  }

  /// A mapping of kernel files' names to what is written to them.
  ///
  /// - Parameter what: what a name is, for errors.
  static func files(_ what: String, separator: UInt8) -> Self {
    Self(
      form: "mapping", shape: { .files },
      read: { cursor in
        cursor.settings(what) { Profile.Setting.isFile($0, separator: separator) }
      },
      json: object, text: { _ in nil })
  }

  /// Files of a cgroup that are no limits of ours: a patched kernel's, or one that acts. Sizes that have a unit become
  /// bytes, which is all that the kernel's parser is sure to take.
  static var cgroupFiles: Self {
    Self(
      form: "mapping", shape: { .files },
      read: { cursor in
        let settings = cursor.settings("a file of a cgroup such as memory.dirty_min") { name in
          Profile.Setting.isFile(name, separator: 0x2e) && !name.utf8.contains(0x2f)
        }
        return settings?.compactMap { setting in
          if Profile.Limit.isKnown(setting.key) {
            cursor.child(setting.key)?.fail("is a limit: set it in limits")
            return nil
          }
          if setting.key.hasPrefix("cgroup.") {
            cursor.child(setting.key)?.fail("the harness's own files are not to be written")
            return nil
          }
          let bytes = setting.value.hasSuffix("iB") ? try? Units.size(setting.value) : nil
          return Profile.Setting(setting.key, bytes.map { "\($0)" } ?? setting.value)
        }
      },
      json: object, text: { _ in nil }
    ).leftOut(\.isEmpty)
  }

  static var sysctl: Self { files("a sysctl such as vm.dirty_ratio", separator: 0x2e) }

  private static func object(_ settings: Value) -> JSON? { .object(settings.members) }
}

extension [Profile.Setting] {
  fileprivate var members: [(key: String, value: JSON)] { map { ($0.key, .string($0.value)) } }
}

extension Profile.Setting {
  /// Whether a name stays below the directory that it is relative to.
  fileprivate static func isFile(_ name: String, separator: UInt8) -> Bool {
    let parts = name.utf8.split(separator: separator, omittingEmptySubsequences: false)
    let bytes = Array(name.utf8)
    let extra = Array("_-.:,@+/".utf8)
    return parts.count > 1 && parts.allSatisfy { !$0.isEmpty }
      && !zip(bytes, bytes.dropFirst()).contains { $0 == 0x2e && $1 == 0x2e }
      && bytes.allSatisfy { $0.isLetterOrDigit || extra.contains($0) }
  }
}

extension UInt8 {
  /// Of ASCII.
  var isLetterOrDigit: Bool {
    0x61...0x7a ~= self || 0x41...0x5a ~= self || 0x30...0x39 ~= self
  }
}

extension ProfileSection {
  /// The limits among the keys.
  fileprivate func limits() -> [Profile.Setting] {
    pairs.compactMap { pair in
      guard let kind = Profile.Limit.all.first(where: { $0.file == pair.key })?.kind,
        let value = self[pair.key]
      else { return nil }
      let text: String? =
        switch kind {
        case .bytes:
          ProfileType<UInt64>.memory().or("max").read(value)
            .map { bytes in bytes.map { "\($0)" } ?? "max" }
        case .flag: value.flagText()
        case .text: value.line()
        }
      return text.map { Profile.Setting(pair.key, $0) }
    }
  }
}

extension Profile.Group: ProfilePart {
  static let usual = Self(name: "")
  static let word = "cgroup"

  static let fields: [ProfileField<Self>] = [
    ProfileField(
      "name", \.name,
      ProfileType<String>.line.formed("`a`, or `a/b` for a nested group, after its parent"),
      isRequired: true, "of the group"),
    ProfileField(
      ProfileKeyDescription(
        names: Profile.Limit.files, form: "as in `limits`", meaning: "limits of the group",
        usual: { "" }),
      shape: { .value }, read: { section, group in group.limits = section.limits() },
      members: { $0.limits.members }),
    ProfileField("files", \.files, .cgroupFiles, "other files of the group, as in `files`"),
  ]

  mutating func check(_ section: ProfileSection) {
    guard let key = section["name"], !name.isEmpty else { return }
    let names = section.cursor.names
    let parts = name.utf8.split(separator: 0x2f, omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
    let above = parts.dropLast().joined(separator: "/")
    if !parts.allSatisfy(ProfileCursor.isName) {
      key.fail("'\(name)' is not a path of names of a-z, 0-9 and '-'")
    } else if parts.count > 1, !names.groups.contains(above) {
      key.fail("'\(above)' must come first in cgroups")
    } else {
      key.take(name)
      names.groups.append(name)
    }
  }
}

import StressCore
import StressMachine

/// How a file system was made, for the record.
struct MadeFilesystem {
  /// The command line without the device; empty where there was nothing to make.
  var command = ""
  /// What the program calls itself.
  var version: String?
  var features: String?
}

/// Makes file systems on the host's side, on a raw file or a block device.
package enum MakeFilesystem {
  /// mkfs program, its Debian package and the arguments that come before the profile's own.
  private static func command(
    _ kind: Profile.Filesystem.Kind
  ) -> (program: String, package: String, arguments: [String])? {
    switch kind {
    // Nothing to make: the kernel makes one at each mount.
    case .tmpfs: nil
    // The inode tables are written now: ext4lazyinit would write them during the trial.
    case .ext4, .ext3:
      (
        "mkfs.\(kind.rawValue)", "e2fsprogs",
        ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
      )
    case .xfs: ("mkfs.xfs", "xfsprogs", ["-q", "-f"])
    case .btrfs: ("mkfs.btrfs", "btrfs-progs", ["-q", "-f"])
    }
  }

  /// The error for a mkfs that is not installed; nil when it is.
  package static func missing(_ kind: Profile.Filesystem.Kind) -> HarnessError? {
    guard let command = command(kind) else { return nil }
    return Tool.path(command.program) == nil
      ? Tool.missing(command.program, package: command.package) : nil
  }

  /// Formats a file. There is nothing to make of tmpfs.
  static func run(
    _ filesystem: Profile.Filesystem, on path: String
  ) throws(HarnessError) -> MadeFilesystem {
    guard let command = command(filesystem.kind) else { return MadeFilesystem() }
    return try run(command, filesystem, command.arguments + filesystem.mkfs, on: path, passing: nil)
  }

  /// Formats the first `size` bytes of a block device, and labels them as a trial's.
  ///
  /// - Parameter opened: a descriptor of the device: mkfs opens what this is, whatever the path has become meanwhile.
  static func run(
    _ filesystem: Profile.Filesystem, on path: String, opened: Int32, size: UInt64
  ) throws(HarnessError) -> MadeFilesystem {
    guard let command = command(filesystem.kind) else { return MadeFilesystem() }
    let mkfs = filesystem.mkfs
    let label = mkfs.contains("-L") ? [] : ["-L", Signature.label]
    let length =
      switch filesystem.kind {
      case .xfs: ["-d", "size=\(size)"]
      case .btrfs: ["-b", "\(size)"]
      case .ext4, .ext3, .tmpfs: [String]()
      }
    // mke2fs takes it behind the device.
    let last = [.ext4, .ext3].contains(filesystem.kind) ? ["\(size >> 10)K"] : []
    return try run(
      command, filesystem, command.arguments + label + length + mkfs, on: path, last,
      passing: opened)
  }

  private static func run(
    _ command: (program: String, package: String, arguments: [String]),
    _ filesystem: Profile.Filesystem, _ arguments: [String], on path: String, _ last: [String] = [],
    passing descriptor: Int32?
  ) throws(HarnessError) -> MadeFilesystem {
    // proc(5), /proc/PID/fd: opening the link opens what the descriptor refers to.
    let target = descriptor == nil ? path : "/proc/self/fd/3"
    try Tool.run(
      command.program, arguments + [target] + last, package: command.package,
      passing: descriptor, remedy: "check device.size and filesystem.mkfs")
    return MadeFilesystem(
      command: ([command.program] + arguments + last).joined(separator: " "),
      version: version(command.program, filesystem.kind), features: features(filesystem.kind, path))
  }

  /// The first line in which the program tells its version.
  private static func version(_ program: String, _ kind: Profile.Filesystem.Kind) -> String? {
    let option = kind == .btrfs ? "--version" : "-V"
    return lines(program, [option]).first.map(String.init)
  }

  /// What the superblock says, in the words of the file system's own tool.
  private static func features(_ kind: Profile.Filesystem.Kind, _ path: String) -> String? {
    func line(_ lines: [Substring], behind mark: Character, in text: String) -> String? {
      lines.first { $0.contains(text) }?.split(separator: mark, maxSplits: 1).last
        .map { $0.split(separator: " ").joined(separator: " ") }
    }
    switch kind {
    case .ext4, .ext3:
      return line(lines("dumpe2fs", ["-h", path]), behind: ":", in: "Filesystem features")
    case .xfs: return line(lines("xfs_db", ["-r", "-c", "version", path]), behind: "=", in: "=")
    case .btrfs:
      let dump = lines("btrfs", ["inspect-internal", "dump-super", path])
      // The flags' names follow, one a line, in parentheses.
      let names = dump.drop { !$0.hasPrefix("incompat_flags") }.dropFirst()
        .prefix { $0.hasPrefix("\t\t\t") }
      let words = names.flatMap { $0.split { " \t()|".contains($0) } }
      return words.isEmpty ? nil : words.joined(separator: " ")
    case .tmpfs: return nil
    }
  }

  /// What a program of a file system's tools prints; nothing where it fails: a trial does without.
  private static func lines(_ program: String, _ arguments: [String]) -> [Substring] {
    guard let output = try? Tool.run(program, arguments, package: program, waiver: .unknown) else {
      return []
    }
    return String(decoding: output, as: UTF8.self).split(separator: "\n")
  }
}

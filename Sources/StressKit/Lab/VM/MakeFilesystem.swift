// SPDX-License-Identifier: Apache-2.0
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
  /// The error for a mkfs that is not installed; nil when it is.
  package static func missing(_ kind: Profile.Filesystem.Kind) -> HarnessError? {
    guard let mkfs = kind.traits.mkfs, Tool.path(mkfs.program) == nil else { return nil }
    return Tool.missing(mkfs.program, package: mkfs.package)
  }

  /// Formats a file. There is nothing to make of tmpfs.
  static func run(
    _ filesystem: Profile.Filesystem, on path: String
  ) throws(HarnessError) -> MadeFilesystem {
    guard let mkfs = filesystem.base.traits.mkfs else { return MadeFilesystem() }
    return try run(mkfs, mkfs.arguments + filesystem.mkfs, on: path, passing: nil)
  }

  /// Formats the first `size` bytes of a block device, and labels them as a trial's.
  ///
  /// - Parameter opened: a descriptor of the device: mkfs opens what this is, whatever the path has become meanwhile.
  static func run(
    _ filesystem: Profile.Filesystem, on path: String, opened: Int32, size: UInt64
  ) throws(HarnessError) -> MadeFilesystem {
    guard let mkfs = filesystem.base.traits.mkfs else { return MadeFilesystem() }
    guard let length = mkfs.length?(size) else {
      throw HarnessError(
        .usage, path,
        "\(mkfs.program) cannot make and label a file system of \(Units.sizeText(size)) there",
        remedy: "use --loop, or a guest")
    }
    let own = filesystem.mkfs
    let label = own.contains(mkfs.label) ? [] : [mkfs.label, Signature.label]
    return try run(
      mkfs, mkfs.arguments + label + length.options + own, on: path, length.last, passing: opened)
  }

  private static func run(
    _ mkfs: FilesystemTraits.Mkfs, _ arguments: [String], on path: String, _ last: [String] = [],
    passing descriptor: Int32?
  ) throws(HarnessError) -> MadeFilesystem {
    // proc(5), /proc/PID/fd: opening the link opens what the descriptor refers to.
    let target = descriptor == nil ? path : "/proc/self/fd/3"
    try Tool.run(
      mkfs.program, arguments + [target] + last, package: mkfs.package,
      passing: descriptor, remedy: "check device.size and filesystem.mkfs")
    return MadeFilesystem(
      command: ([mkfs.program] + arguments + last).joined(separator: " "),
      // The first line in which the program tells it.
      version: lines(mkfs.program, [mkfs.version]).first.map(String.init),
      // In the words of the file system's own tool.
      features: mkfs.features(lines(mkfs.dump.program, mkfs.dump.arguments + [path])))
  }

  /// What a program of a file system's tools prints; nothing where it fails: a trial does without.
  private static func lines(_ program: String, _ arguments: [String]) -> [Substring] {
    guard let output = try? Tool.run(program, arguments, package: program, waiver: .unknown) else {
      return []
    }
    return String(decoding: output, as: UTF8.self).split(separator: "\n")
  }
}

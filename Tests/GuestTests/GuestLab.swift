// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// What the guest tests share: the static binary, the kernels, and directories that go away.
///
/// `ci/test` builds the binary and sets WBSTRESS_BINARY; without it these tests are skipped, not passed.
enum GuestLab {
  static let binary = ProcessInfo.processInfo.environment["WBSTRESS_BINARY"]

  /// Seeds that begin the streams at once (``TrialPlan/startDelay``), for tests that do not ask what the delay makes of
  /// an OOM kill: a campaign's, whose first trial waits for 11 ms, and a trial's own, 67 ms. By the seed 1 of either a
  /// trial would wait for more than a second.
  static let campaignSeed = 23
  static let trialSeed: UInt64 = 10

  static let profiles = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../profiles").standardized.path

  static func kernel(_ spec: String) throws -> Kernel {
    try Kernel(resolving: KernelSpec(parsing: spec), store: KernelStore())
  }

  static func profile(
    _ name: String, variant: String? = nil, _ overrides: [(String, String)] = []
  ) throws -> Profile {
    try ProfileFile(path: "\(profiles)/\(name).yaml").profile(
      variant: variant, overrides: overrides.map { (key: $0.0, value: $0.1, origin: "test") })
  }

  /// A trial in a directory of its own; TCG always, so that the tests mean the same everywhere.
  static func trial(
    _ profile: Profile, kernel: String, in directory: String, number: Int = 1,
    seed: UInt64 = trialSeed
  ) throws -> GuestTrial {
    let binary = try #require(binary)
    return GuestTrial(
      plan: TrialPlan(profile: profile, label: "test", axes: [], number: number, seed: seed),
      kernel: try self.kernel(kernel), accelerator: .tcg, binary: binary, store: try KernelStore(),
      directory: directory)
  }

  /// The record of a trial that must end so.
  static func record(
    of text: String, kernel: String, in directory: String, seed: UInt64 = trialSeed,
    keepDisk: Bool = false, ends outcome: Outcome = .completed
  ) throws -> RecordReader {
    let profile = try ProfileFile(text: text, name: "test").profile()
    var trial = try self.trial(profile, kernel: kernel, in: directory, seed: seed)
    trial.keepDisk = keepDisk
    let ending = try trial.run(Interrupt())
    #expect(ending.outcome == outcome, "\(kernel): \(ending)")
    return try RecordReader(trial.recordPath)
  }

  static func withDirectory<R>(_ body: (String) throws -> R) throws -> R {
    let path = NSTemporaryDirectory() + "wbstress-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
  }

  /// A dynamic program and what it is linked to, by path.
  static func files(of program: String) throws -> [String: String] {
    let path = try #require(Tool.path(program), "ci/install test installs \(program)")
    var files = ["/usr/bin/" + program: path]
    for line in try output("ldd", [path]).split(separator: "\n") {
      if let file = line.split(whereSeparator: \.isWhitespace).first(where: { $0.hasPrefix("/") }) {
        files[String(file)] = String(file)
      }
    }
    return files
  }

  /// Processes whose command line names `text`.
  static func processes(naming text: String) -> [String] {
    File.names(in: "/proc").filter { $0.allSatisfy(\.isNumber) }.compactMap { pid in
      let line = (try? File.text("/proc/\(pid)/cmdline")) ?? ""
      return line.contains(text) ? "\(pid): \(line)" : nil
    }.filter { !$0.contains("xctest") && !$0.contains("swiftpm") }
  }

  /// Nothing but record and console log may be left of a trial, and no QEMU.
  static func expectNothingLeft(of directory: String, disk: Bool = false) {
    let left = File.names(in: directory).filter {
      $0 != "record.jsonl" && $0 != "console.log" && !$0.contains(".emulator-")
    }
    #expect(left == (disk ? ["scratch.img"] : []))
    #expect(processes(naming: directory).isEmpty)
  }

  /// Runs a program of the distribution and returns what it printed.
  static func output(_ program: String, _ arguments: [String]) throws -> String {
    String(decoding: try Tool.run(program, arguments, package: program), as: UTF8.self)
  }

  /// A file's size on an unmounted image, told by the file system's own debugger; nil where there is none here.
  static func size(
    of file: String, on image: String, _ kind: Profile.Filesystem.Kind
  ) throws -> UInt64? {
    switch kind {
    case .ext4, .ext3, .ext2:
      let words = try output("debugfs", ["-R", "stat /\(file)", image])
        .split { " \n".contains($0) }
      return words.firstIndex(of: "Size:").flatMap { UInt64(words[$0 + 1]) }
    case .xfs:
      let text = try output(
        "xfs_db", ["-r", "-c", "path /\(file)", "-c", "print core.size", image])
      return text.split { " \n=".contains($0) }.last.flatMap { UInt64($0) }
    case .btrfs:
      let text = try output("btrfs", ["inspect-internal", "dump-tree", "-t", "5", image])
      // INODE_ITEM lines: "... size 25165824 nbytes ..."; the one regular file has mode 100644.
      let lines = text.split(separator: "\n")
      for (i, line) in lines.enumerated() where line.contains("mode 100644") {
        let item = lines[max(0, i - 2)...i].joined(separator: " ").split(separator: " ")
        if let at = item.lastIndex(of: "size") { return UInt64(item[at + 1]) }
      }
      return nil
    default: return nil
    }
  }
}

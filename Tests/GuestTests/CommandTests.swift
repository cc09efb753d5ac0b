// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// The command line as its user has it, interrupted and resumed.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct CommandTests {
  private func start(_ arguments: [String]) throws -> StressMachine.Process {
    var environment = ["WBSTRESS_PROFILES=\(GuestLab.profiles)"]
    for key in ["HOME", "PATH", "XDG_CACHE_HOME"] {
      if let value = ProcessInfo.processInfo.environment[key] {
        environment.append("\(key)=\(value)")
      }
    }
    return try StressMachine.Process(
      [try #require(GuestLab.binary)] + arguments, environment: environment)
  }

  private func wait(seconds: Double, _ condition: () -> Bool) -> Bool {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while Date() < deadline {
      if condition() { return true }
      Foundation.Thread.sleep(forTimeInterval: 0.05)
    }
    return false
  }

  @Test func interruptedTwiceAndResumed() throws {
    try GuestLab.withDirectory { directory in
      let campaign = directory + "/campaign"
      let arguments = [
        "run", "smoke", "--kernel", "debian:6.1", "--trials", "1", "--accelerator", "tcg",
        "--vary", "device.bandwidth=1MiB/s", "--output", campaign,
      ]
      let trial = campaign + "/trials/1-1"
      func isSampling() -> Bool {
        (try? File.text(trial + "/record.jsonl"))?.contains("\"type\":\"sample\"") ?? false
      }

      // ^C: everything is taken down and the record closed.
      let first = try start(arguments)
      #expect(wait(seconds: 60, isSampling))
      first.signal(SIGINT)
      #expect(first.wait(timeout: 20_000_000_000) == .status(130))
      GuestLab.expectNothingLeft(of: trial)
      let ending = try RecordReader(trial + "/record.jsonl").ending
      #expect(ending?.outcome == .harnessLost && ending?.reason == "interrupted")

      // kill -9: nobody is left to close it, but QEMU dies too and the record can be read.
      let second = try start(arguments)
      #expect(wait(seconds: 60) { File.exists(trial + ".lost-1") && isSampling() })
      second.signal(SIGKILL)
      #expect(second.wait(timeout: 5_000_000_000) == .signal(SIGKILL))
      #expect(wait(seconds: 5) { GuestLab.processes(naming: campaign).isEmpty })
      let lost = try TrialSummary(trial + "/record.jsonl")
      #expect(lost.ending.outcome == .harnessLost && lost.ending.reason == "no-end")

      // The same command goes on; both lost attempts are kept, and no disk image of theirs.
      let third = try start(arguments)
      #expect(third.wait(timeout: 90_000_000_000) == .status(0))
      #expect(try RecordReader(trial + "/record.jsonl").ending?.outcome == .completed)
      #expect(
        File.names(in: campaign + "/trials") == ["1-1", "1-1.lost-1", "1-1.lost-2"])
      GuestLab.expectNothingLeft(of: trial)
      GuestLab.expectNothingLeft(of: trial + ".lost-2")

      // Another question does not go into the same directory.
      let other = try start(arguments + ["--fs", "xfs"])
      #expect(other.wait(timeout: 20_000_000_000) == .status(2))
    }
  }

  static let exits: [([String], Int32)] = [
    (["run", "smoke"], 4), (["run", "no-such-profile", "--kernel", "debian:6.1"], 2),
    (["run", "smoke", "--kernel", "debian:1.0"], 5),
    (["run", "smoke", "--kernel", "/nonexistent"], 5),
    (["run", "smoke", "--kernel", "debian:6.1", "--vary", "engin=pwrite"], 2),
    (["run", "smoke", "--kernel", "debian:6.1", "--trials", "0"], 2),
    (["frobnicate"], 2), (["--help"], 0), (["profiles", "check", "smoke", "oracle-backup"], 0),
  ]

  @Test(arguments: exits)
  func exitCodes(_ arguments: [String], _ code: Int32) throws {
    let process = try start(arguments)
    #expect(process.wait(timeout: 60_000_000_000) == .status(code))
  }

  @Test func kernelWithoutTheModule() throws {
    try GuestLab.withDirectory { directory in
      // A Debian kernel whose modules lack xfs.
      let kernel = try GuestLab.kernel("debian:6.1")
      let modules = try #require(kernel.modules)
      let copy = directory + "/lib/modules/" + kernel.release
      try FileManager.default.createDirectory(
        atPath: directory + "/lib/modules", withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: modules, toPath: copy)
      try FileManager.default.createDirectory(
        atPath: directory + "/boot", withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: kernel.image, toPath: directory + "/boot/vmlinuz-" + kernel.release)
      try FileManager.default.removeItem(atPath: copy + "/kernel/fs/xfs")
      try Tool.run("depmod", ["-b", directory, kernel.release], package: "kmod")

      let spec = try KernelSpec(parsing: directory)
      let choice = ProfileCatalog.Choice(
        file: try ProfileFile(path: GuestLab.profiles + "/smoke.yaml"), variant: nil)
      let matrix = try Matrix(
        choice, kernels: [spec], filesystems: ["xfs", "btrfs"],
        vary: [.init(key: "device.size", values: ["512MiB"])])
      let error = #expect(throws: HarnessErrors.self) {
        _ = try Preflight.check(matrix, jobs: 1, store: try KernelStore()) { _ in }
      }
      #expect(error?.errors.count == 1)
      #expect(error?.errors.first?.code == .environment)
      #expect(error?.description.contains("xfs") == true)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

/// What is refused of `--on` and its options before anything is connected to.
struct RemoteOptionsTests {
  private func refusal(_ arguments: [String]) throws -> String {
    let (exit, output) = try Tool.output(try BuiltTool.path(), arguments, package: "wbstress")
    #expect(exit == .status(HarnessError.Code.usage.rawValue), "\(arguments)")
    return String(decoding: output, as: UTF8.self)
  }

  @Test(arguments: [
    (["--on", "ssh:box"], "--on: needs --loop, --device or --kernel, as they are called there"),
    (
      ["--on", "ssh:box", "--kernel", "git:linux@v6.12"],
      "is built on this machine, and the guests are on another"
    ),
    (["--on", "ssh:box", "--on", "ssh:box", "--loop", "/x"], "the same value twice"),
    (
      ["--on", "ssh:a", "--on", "ssh:b", "--loop", "/x", "--console", "true"],
      "--console: 2 are needed, one for each --on"
    ),
    (["--on", "box", "--loop", "/x"], "is not of the form ssh:[USER@]HOST[:PORT]"),
    (["--on", "ssh:-oProxyCommand=x", "--loop", "/x"], "is not of the form"),
    (["--loop", "/x", "--reconnect", "5m"], "--reconnect: needs --on"),
    (["--loop", "/x", "--console", "true"], "--console: needs --on"),
    (["--on", "ssh:box", "--loop", "/x", "--reconnect", "0s"], "--reconnect: at least 1s"),
    (
      ["--on", "ssh:box", "--loop", "/x", "--jobs", "2"], "--jobs: one trial at a time on a machine"
    ),
    (
      ["--on", "ssh:box", "--loop", "/x", "--keep-disks"],
      "--keep-disks and --on exclude each other"
    ),
    (
      ["--on", "ssh:box", "--loop", "/x", "--shared", "--output", "/nowhere"],
      "--shared and --on exclude each other"
    ),
  ])
  func ofRun(_ arguments: [String], _ words: String) throws {
    let text = try refusal(["run", "smoke"] + arguments)
    #expect(text.contains(words), "\(text)")
  }

  @Test func ofOthers() throws {
    #expect(try refusal(["check", "--on", "box"]).contains("is not of the form"))
    #expect(try refusal(["clean", "--on", "ssh:"]).contains("is not of the form"))
    #expect(
      try refusal(["check", "--on", "ssh:box", "--output", "x"])
        .contains("--output and --on exclude each other"))
  }
}

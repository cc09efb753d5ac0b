// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressMachine

/// What a person sees on a terminal while a campaign runs, on a real pseudo-terminal.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct LiveTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../..").standardized.path

  private struct Seen {
    var screens: [String]
    var scrollback: [String]
    var status: Int64?
    var cursorWasHidden: Bool
  }

  private func watch(
    _ options: [String] = [], _ arguments: [String], environment: [String] = []
  ) throws -> Seen {
    let tool = Self.root + "/.build/python/bin/python"
    try #require(File.exists(tool), "ci/install test installs pyte into .build/python")
    let variables =
      ["TERM=xterm", "WBSTRESS_PROFILES=\(GuestLab.profiles)"] + environment
    let program = [try #require(GuestLab.binary), "run", "smoke", "--accelerator", "tcg"]
    let output = try Tool.run(
      "env",
      variables + [tool, Self.root + "/Tests/Tools/live-screen.py"] + options + ["80", "24", "120"]
        + ["--"] + program + arguments, package: "coreutils")
    let json = try JSON(parsing: output)
    return Seen(
      screens: (json["screens"]?.array ?? []).compactMap(\.string),
      scrollback: (json["scrollback"]?.array ?? []).compactMap(\.string),
      status: json["status"]?.int, cursorWasHidden: json["cursor_hidden"]?.bool ?? true)
  }

  /// Two short trials on a terminal that is made narrower meanwhile: what runs is shown, and afterwards nothing of
  /// it is left but the lines of finished trials.
  @Test func showsWhatRuns() throws {
    try GuestLab.withDirectory { directory in
      let seen = try watch(
        ["--resize", "60", "24", "memory ["],
        // Slow enough for the streams to be seen.
        [
          "--kernel", "debian:6.1", "--vary", "device.bandwidth=1MiB/s", "--trials", "2",
          "--output", directory + "/c",
        ])
      #expect(seen.status == 0 && !seen.cursorWasHidden)
      func wasShown(_ pattern: Regex<Substring>) -> Bool {
        seen.screens.contains { $0.firstMatch(of: pattern) != nil }
      }
      #expect(wasShown(#/\n#1 debian:6.1 ext4 1MiB\/s, trial 1, [0-9.]+ s: boot/#))
      #expect(wasShown(#/trial [12], [0-9.]+ s: stream/#))
      #expect(wasShown(#/\n  memory \[[awo.]+\] [0-9.]+ of [0-9.]+ MiB/#))
      #expect(wasShown(#/ [0-9.]+ MiB\/s, [0-9.]+ of [0-9.]+ MiB/#))
      #expect(wasShown(#/PSI some: memory [0-9]+ %, io [0-9]+ %/#))
      #expect(
        wasShown(#/\n1 debian:6.1 ext4 1MiB\/s >\. /#)
          && wasShown(#/\n1 debian:6.1 ext4 1MiB\/s c>/#))
      #expect(wasShown(#/ 1\/2 done, [0-9:]+ passed, left: about [0-9]:[0-9]{2}/#))
      for number in 1...2 {
        #expect(
          seen.scrollback.count {
            $0.hasPrefix("[\(number)/2] debian:6.1 ext4 1MiB/s #\(number): completed")
          }
            == 1)
      }
      #expect(!seen.scrollback.contains { $0.contains("memory [") || $0.contains("to come") })
    }
  }

  /// ^C in the middle: the block goes, the cursor is there, and the words come where it stood.
  @Test func interruptLeavesTheTerminalInOrder() throws {
    try GuestLab.withDirectory { directory in
      let seen = try watch(
        ["--interrupt", "memory ["], ["--kernel", "debian:6.1", "--output", directory + "/c"])
      #expect(seen.status == 130 && !seen.cursorWasHidden)
      #expect(seen.screens.contains { $0.contains("memory [") })
      #expect(seen.scrollback.contains { $0.contains("interrupted; resume with: wbstress run") })
      #expect(!seen.scrollback.contains { $0.contains("memory [") })
    }
  }

  @Test(arguments: [(["--no-live"], []), ([], ["TERM=dumb"])] as [([String], [String])])
  func plainLinesWhereAskedFor(_ options: [String], _ environment: [String]) throws {
    try GuestLab.withDirectory { directory in
      let seen = try watch(
        ["--interrupt", "results in"],
        ["--kernel", "debian:6.1", "--trials", "1"] + options + ["--output", directory + "/c"],
        environment: environment)
      #expect(seen.status == 130)
      #expect(seen.scrollback.contains { $0.contains("interrupted; resume with: wbstress run") })
      #expect(!seen.screens.contains { $0.contains("done, ") })
    }
  }
}

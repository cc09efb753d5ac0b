// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressReport

struct ManualPageTests {
  private let directory: RecordFixture
  private let path: String
  private let page: String

  init() throws {
    directory = try RecordFixture()
    page = try BuiltTool.output("man")
    path = try directory.write("wbstress.1", page)
  }

  /// Both programs that Linux distributions read manuals with.
  @Test func isWellFormed() throws {
    // It exits with the worst of its complaints, those that do not count among them.
    let (exit, said) = try Tool.output(
      "mandoc", ["-T", "lint", path], package: "mandoc (ci/install test)")
    #expect(exit == .status(0) || exit == .status(1))
    // Whether other manuals are installed, and indexed, is not this page's concern.
    let complaints = String(decoding: said, as: UTF8.self).split(separator: "\n").filter {
      !$0.contains("mandoc.db") && !$0.contains("referenced manual not found")
    }
    #expect(complaints == [])
    let groff = try Tool.run(
      "groff", ["-mandoc", "-ww", "-z", "-T", "utf8", path], package: "groff (ci/install test)")
    #expect(String(decoding: groff, as: UTF8.self) == "")
  }

  @Test func hasTheSectionsThatOthersHave() throws {
    let sections = page.split(separator: "\n").filter { $0.hasPrefix(".Sh ") }.map {
      $0.dropFirst(4)
    }
    #expect(
      sections == [
        "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "ENVIRONMENT", "FILES", "\"EXIT STATUS\"",
        "EXAMPLES", "\"SEE ALSO\"", "CAVEATS",
      ])
    // Of the file's own words between @ none is left.
    #expect(!page.contains(#/@[A-Za-z]+@/#))
  }

  /// Every option of every command, as the parser has them.
  @Test func hasEveryOption() throws {
    let text = String(
      decoding: try Tool.run("mandoc", ["-T", "ascii", path], package: "mandoc"), as: UTF8.self
    ).replacing(#/.\x08/#, with: "")
    let help = try CommandHelp(dump: try BuiltTool.output("--experimental-dump-help").utf8)
    func check(_ command: CommandHelp, _ path: String) {
      if command.subcommands.isEmpty { #expect(text.contains(path + "\n"), "\(path)") }
      for name in command.arguments.flatMap(\.names) {
        #expect(text.contains(name), "\(path) \(name)")
      }
      for sub in command.subcommands { check(sub, "\(path) \(sub.name)") }
    }
    #expect(help.subcommands.count >= 10)
    check(help, help.name)
  }

  /// docs/usage.md has the same table.
  @Test func exitStatusIsThePages() throws {
    let page = try File.text(ToolCheck.root.appending(path: "docs/usage.md").path)
    for (code, meaning) in ExitStatus.all {
      #expect(page.contains("| \(code) | \(meaning) |\n"), "\(code)")
    }
  }

  @Test func escapesWhatRoffWouldRead() {
    #expect(
      ManualText.escaped(#"a\b 'c' --d `e` ~^"#) == #"a\eb \(aqc\(aq \-\-d \(gae\(ga \(ti\(ha"#)
    var text = ManualText()
    text.prose(".TH is no request here. 'nor this. Next")
    #expect(text.lines == ["\\&.TH is no request here.", "\\&\\(aqnor this.", "Next"])
  }

  @Test func refusesADumpThatItCannotRead() {
    for dump in ["", "{}", #"{"command":{}}"#] {
      let error = #expect(throws: HarnessError.self) { try CommandHelp(dump: dump.utf8) }
      #expect(error?.code == .harness)
    }
  }
}

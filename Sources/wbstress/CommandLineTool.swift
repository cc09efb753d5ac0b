// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import StressAnalysis
import StressCore

/// The command line's root.
struct CommandLineTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wbstress",
    abstract: "Reproduce, explain and compare writeback and OOM behaviour of Linux kernels.",
    version: Version.text,
    subcommands: [
      Run.self, Threshold.self, Work.self, Merge.self, Watch.self, ProfileFrom.self, Check.self,
      Clean.self, Report.self, Why.self, Compare.self,
      Judge.self, Bisect.self, Profiles.self, Kernels.self, Record.self, Autopsy.self,
      Explain.self, LintMail.self, Manual.self, Completions.self,
    ])

  /// Parses and runs, and turns errors into the exit codes of docs/usage.md.
  static func run() -> Never {
    // git takes any other for a word on the commit.
    let isJudge = CommandLine.arguments.dropFirst().first == Judge._commandName
    func exit(_ code: Int32) -> Never {
      let isKept = !isJudge || code == 0 || code == HarnessError.Code.interrupted.rawValue
      Glibc.exit(isKept ? code : Judgement.impossible)
    }
    do {
      var command = try parseAsRoot()
      try command.run()
      Glibc.exit(0)
    } catch let error as HarnessError {
      Output.error(error.description)
      exit(error.code.rawValue)
    } catch let error as HarnessErrors {
      // As compilers do, without a name in front: editors find FILE:LINE:COLUMN.
      Output.problems(error.description)
      exit(error.errors.first?.code.rawValue ?? HarnessError.Code.harness.rawValue)
    } catch let error as ExitCode {
      Glibc.exit(error.rawValue)
    } catch {
      // What the parser itself has to say: help and version are no errors.
      let isHelp = Self.exitCode(for: error).isSuccess
      let text = Self.fullMessage(for: error)
      isHelp ? Output.line(text) : Output.error(text)
      exit(isHelp ? 0 : HarnessError.Code.usage.rawValue)
    }
  }
}

/// Text for people, written with write(2): stdio's globals are not safe to use from several threads. Names and
/// messages in it are others': what would steer a terminal is spelled out.
enum Output {
  static func line(_ text: String) { write(1, text + "\n") }
  static func bytes(_ bytes: [UInt8]) { write(1, bytes) }
  static func problems(_ text: String) { write(2, text + "\n") }
  static func error(_ text: String) { write(2, "wbstress: " + text + "\n") }

  /// Progress goes beside the results, so that these can be piped.
  static func progress(_ text: String) { write(2, text) }

  /// Sequences of the harness's own, to a terminal.
  static func control(_ text: String) { write(2, Array(text.utf8)) }

  static let progressIsTerminal = isatty(2) == 1

  private static func write(_ descriptor: Int32, _ text: String) {
    write(descriptor, Array(text.visibleLines.utf8))
  }

  private static func write(_ descriptor: Int32, _ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let wrote = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if wrote <= 0 { return }
      rest = rest.dropFirst(wrote)
    }
  }
}

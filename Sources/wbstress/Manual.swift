// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressReport

struct Manual: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "man", abstract: "Print the manual page, as mdoc for man(1).",
    discussion: "To read it: wbstress man | man -l -")

  func run() throws {
    let help = try CommandHelp(dump: CommandLineTool._dumpHelp().utf8)
    Output.bytes(Array(ManualPage(help).text.utf8))
  }
}

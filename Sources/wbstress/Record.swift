// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressRecord
import StressReport

struct Record: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Read records.", subcommands: [Show.self])

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print what happened in a trial, in order.",
      discussion: "The file itself is JSON Lines; jq can read it.")

    @Argument(help: "A record.jsonl, or the directory of a trial.", completion: .file())
    var file: String

    func run() throws {
      let path = File.names(in: file).isEmpty ? file : file + "/" + RecordFile.name
      Output.line(RecordText(try RecordReader(path)).text)
    }
  }
}

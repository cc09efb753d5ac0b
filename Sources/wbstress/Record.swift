import ArgumentParser
import StressCore
import StressRecord
import StressReport

struct Record: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look at records.", subcommands: [Show.self])

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A trial's record for people: what happened, in order.",
      discussion: "The file itself is JSON Lines: jq reads it.")

    @Argument(help: "A record.jsonl, or the directory of a trial.", completion: .file())
    var file: String

    func run() throws {
      let path = File.names(in: file).isEmpty ? file : file + "/" + RecordFile.name
      Output.line(RecordText(try RecordReader(path)).text)
    }
  }
}

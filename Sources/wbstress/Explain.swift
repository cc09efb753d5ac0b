import ArgumentParser
import StressReport

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell what a counter, column or word of a report is.",
    discussion: """
      With its unit, the kernels that have it, where it is documented, and what it does not say. Upper and lower \
      case are alike; 'vmstat.pgscan_direct', 'vmstat:pgscan_direct' and 'memory.stat pgscan' name the file, too. \
      Without a term: all there are.
      """)

  @Argument(
    help: ArgumentHelp("What stands in a report, a record or a profile.", valueName: "term"),
    completion: Suggestions.terms)
  var words: [String] = []

  func run() throws {
    let text = GlossaryText(.all, style: .forTerminal())
    if words.isEmpty { return Output.line(text.index) }
    Output.line(try text.explanation(of: words.joined(separator: " ")))
  }
}

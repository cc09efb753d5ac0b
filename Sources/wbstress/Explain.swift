// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressReport

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Explain a counter, column or word of a report.",
    discussion: """
      Prints its unit, the kernels that have it, where it is documented, and its limits. Case does \
      not matter; 'vmstat.pgscan_direct', 'vmstat:pgscan_direct' and 'memory.stat pgscan' also \
      name the file. Without a term, lists all terms.
      """)

  @Argument(
    help: ArgumentHelp("A word from a report, a record or a profile.", valueName: "term"),
    completion: Suggestions.terms)
  var words: [String] = []

  func run() throws {
    let text = GlossaryText(.all, style: .forTerminal())
    if words.isEmpty { return Output.line(text.index) }
    Output.line(try text.explanation(of: words.joined(separator: " ")))
  }
}

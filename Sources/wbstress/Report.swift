// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressReport

extension ReportFormat: ExpressibleByArgument {}

struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Report a campaign's results from its records.",
    discussion:
      "Formats that show one cell or trial use the first suitable one, unless one is given."
  )

  @Argument(
    help: ArgumentHelp("The campaign directory.", valueName: "dir"), completion: .directory)
  var directory: String

  @Option(
    help: """
      One screen (terminal), all tables (full), a draft to a kernel list (mail), a script that \
      does not need this program (reproducer), a page for a browser (html), a chart of the cells \
      by kernel or another axis (svg), a trace for \
      ui.perfetto.dev (perfetto), all figures (json, csv), or results for CI (ktap, junit, kcidb).
      """)
  var format: ReportFormat = .terminal

  @Option(
    help: ArgumentHelp("Output file (default: standard output).", valueName: "file"),
    completion: .file())
  var output: String?

  @OptionGroup var part: CampaignPart

  @OptionGroup var comparison: ComparedAxisOptions

  func run() throws {
    let choice = ReportFormat.Choice(
      cell: part.cell.map { $0 - 1 }, trial: part.trial, comparison: comparison.request,
      style: output == nil ? .forTerminal() : .init(colour: false), ownNames: Machine.names)
    let campaign = try CampaignAnalysis(directory: directory)
    let bytes = try format.render(campaign, choice)
    if let note = try format.note(campaign, choice) { Output.error(note) }
    if format == .mail { Self.tellWhatIsLeft(bytes) }
    guard let output else { return Output.bytes(bytes) }
    try File.write(output, bytes)
  }
}

extension Report {
  /// A draft is no mail yet.
  private static func tellWhatIsLeft(_ draft: [UInt8]) {
    let lint = MailLint(String(decoding: draft, as: UTF8.self), names: Machine.names)
    Output.error(
      "a draft: \(lint.todos) places to fill in, \(lint.errors.count - lint.todos) other errors;"
        + " 'wbstress lint-mail FILE' lists them")
  }
}

/// Which part of a campaign a command is about.
struct CampaignPart: ParsableArguments {
  @Option(help: ArgumentHelp("One cell only, by its number in the report.", valueName: "number"))
  var cell: Int?

  @Option(help: ArgumentHelp("One trial of each cell only.", valueName: "number"))
  var trial: Int?

  func validate() throws {
    if let cell, cell < 1 { throw ValidationError("--cell: from 1") }
    if let trial, trial < 1 { throw ValidationError("--trial: from 1") }
  }
}

/// What is compared with what.
struct ComparedAxisOptions: ParsableArguments {
  @Option(help: "The axis to compare along (default: the only one that varies).")
  var axis: String?

  @Option(help: "The base value of the axis (default: the first).")
  var base: String?

  @Option(
    help: ArgumentHelp(
      "A value to compare with it (default: all others); may be repeated.", valueName: "value"))
  var against: [String] = []

  var request: ComparisonChoice.Request { .init(axis: axis, base: base, against: against) }
}

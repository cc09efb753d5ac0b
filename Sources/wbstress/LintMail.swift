// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressReport

struct LintMail: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check a mail to a kernel list, such as an edited draft, before you send it.",
    discussion: """
      docs/mail.md lists the checks. With an error a list would ask for more or drop the mail; a \
      warning is worth a look. Exits with 1 if there are errors. Nothing is ever sent.
      """)

  @Argument(help: "The mail, as 'wbstress report --format mail' writes it.")
  var file: String

  func run() throws {
    let lint = MailLint(try File.text(file, code: .usage), names: Machine.names)
    for finding in lint.findings {
      let place = finding.line.map { "\(file):\($0)" } ?? file
      Output.line("\(place): \(finding.severity.rawValue): \(finding.text) [\(finding.item)]")
    }
    let errors = lint.errors.count
    Output.line("\(errors) errors, \(lint.findings.count - errors) warnings")
    if errors > 0 { throw ExitCode(HarnessError.Code.expectation.rawValue) }
  }
}

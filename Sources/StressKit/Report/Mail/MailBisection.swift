// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// What a mail tells of the search for the commit, and what a later patch is to be tagged with.
///
/// Source: Documentation/process/submitting-patches.rst, "Describe your changes".
struct MailBisection {
  private let outcome: BisectionOutcome

  init(_ outcome: BisectionOutcome) { self.outcome = outcome }

  var text: MailText {
    let words = BisectionText(outcome)
    var text = MailText()
    for line in words.text.split(separator: "\n") {
      text.item(String(line.drop { $0 == " " }))
    }
    text.add(
      "git bisect from \(outcome.good.prefix(12)) to \(outcome.bad.prefix(12)), in its order:")
    text.verbatim(words.log)
    if let culprit = outcome.culprit {
      text.add("For a patch that repairs it:")
      text.verbatim(["Fixes: \(culprit.reference)"])
    }
    return text
  }
}

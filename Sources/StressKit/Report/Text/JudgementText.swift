// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// A judgement in words.
package enum JudgementText {
  /// `bad: OOM or hang in 3:3 trials (44-100 %); ...`.
  package static func text(_ judgement: Judgement) -> String {
    let counts = "OOM or hang in \(BisectionText.counts(judgement.seen))"
    let question = judgement.question
    let rates = "\(percent(question.good)) % against \(percent(question.bad)) %"
    switch judgement.call {
    case .good, .bad:
      var text = "\(judgement.word): \(counts); \(rates), either error at most 1 %"
      if judgement.isBetween {
        text +=
          "\nambiguous: the rate lies between the two, and fits neither. Another change may be at work, or --good and"
          + " --bad are not the rates of this machine"
      }
      return text
    case .undecided, .open:
      return
        "undecided: \(counts) do not tell \(rates); more --trials, or rates further apart, would"
    case .untestable(let why): return "untestable: \(why)"
    case .stopped(let why):
      return
        "stopped: \(why); \(counts). The trials do not show what they are to show on this kernel"
    }
  }

  private static func percent(_ rate: Double) -> String {
    let value = rate * 100
    return Format.fixed(value, value == value.rounded() ? 0 : 1)
  }
}

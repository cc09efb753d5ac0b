// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// Which of two rates of failing trials (OOM or hang) a kernel has, from trials one after another.
///
/// Wald's test (``SequentialTest``) stops as soon as it is known. Its answer is wrong at most once in a hundred, if the
/// rate is one of the two; if it lies between them, the answer says which is nearer, and `isBetween` that it is neither.
package struct Judgement: Equatable, Sendable {
  /// What is asked.
  package struct Question: Equatable, Sendable {
    /// Rates of failing trials: without the fault, and with it.
    package let good: Double
    package let bad: Double
    /// Trials at most.
    package let most: Int

    /// - Throws: when the rates are no rates, or not in this order (usage).
    package init(good: Double, bad: Double, most: Int) throws(HarnessError) {
      guard 0 <= good, good < bad, bad <= 1 else {
        throw HarnessError(
          .usage, "--good \(good) --bad \(bad)",
          "the share of trials that fail must be at least 0, at most 1, and less in good kernels",
          remedy: "as in --good 0.05 --bad 0.8")
      }
      self.good = good
      self.bad = bad
      self.most = most
    }

    /// Of each error. Wald's bounds let the real ones be alpha / (1 - beta): at most 1 % of this.
    package static let error = 0.01
    private static let nominal = error / (1 + error)

    var test: SequentialTest {
      SequentialTest(low: good, high: bad, alpha: Self.nominal, beta: Self.nominal)
    }
  }

  package enum Call: Equatable, Sendable {
    /// Not known yet.
    case open
    case good, bad
    /// Not known after all trials that there may be.
    case undecided
    /// Trials tell nothing of this kernel; why.
    case untestable(String)
    /// A control did not come true, so that nothing that is seen can be believed; which.
    case stopped(String)
  }

  package let question: Question
  package let call: Call
  /// Trials that failed, of those that count, up to the decision.
  package let seen: Proportion
  /// By how much the trials are likelier with the bad rate, as a logarithm.
  package let evidence: Double
  /// Of `evidence`: below it is good, above bad.
  package let bounds: ClosedRange<Double>

  /// Trials that tell nothing, before a kernel counts as untestable.
  package static let patience = 3

  /// - Parameters:
  ///   - trials: in their order.
  ///   - controls: cells of controls.
  package init(_ question: Question, _ trials: [TrialSummary], controls: [CellSummary] = []) {
    self.question = question
    var test = question.test
    for trial in trials where trial.ending.outcome.counts { test.add(isEvent: trial.hasFailed) }
    seen = test.seen
    evidence = test.logLikelihoodRatio
    bounds = test.bounds
    call = Self.call(test, question, trials, controls)
  }

  private static func call(
    _ test: SequentialTest, _ question: Question, _ trials: [TrialSummary],
    _ controls: [CellSummary]
  ) -> Call {
    if let failed = controls.first(where: \.isFailedControl) {
      let kind = failed.profile.control?.rawValue ?? ""
      return .stopped(
        "the \(kind) control was killed in \(failed.killed.events) of \(failed.killed.trials) trials"
      )
    }
    for trials in [trials] + controls.map(\.trials) {
      let lost = trials.filter { !$0.ending.outcome.counts }
      if lost.count >= patience, let last = lost.last {
        let why = last.ending.reason ?? last.ending.outcome.rawValue
        return .untestable("\(lost.count) trials told nothing, the last one for \(why)")
      }
    }
    switch test.decision {
    case .low: return .good
    case .high: return .bad
    case .undecided: return test.seen.trials < question.most ? .open : .undecided
    }
  }

  /// Whether the rate that was decided for does not fit what was seen: it lies between the two (Wilson, 99 %).
  package var isBetween: Bool {
    let interval = seen.wilson(z: Self.z99)
    return switch call {
    case .good: question.good < interval.lower
    case .bad: question.bad > interval.upper
    default: false
    }
  }

  /// The 0.995 quantile of the standard normal distribution.
  private static let z99 = 2.5758293035489004

  /// Exit codes for `git bisect run`: 125 skips a commit, 128 and above end the bisection.
  package var exitCode: Int32 {
    switch call {
    case .good: 0
    case .bad: 1
    case .open, .undecided, .untestable: Self.skip
    case .stopped: Self.stop
    }
  }

  package static let skip: Int32 = 125
  package static let stop: Int32 = 128
  /// What keeps from judging at all: else git would take it for a bad commit.
  package static let impossible: Int32 = 129

  /// A word: `good`, `bad`, `undecided`, `untestable`, `stopped`.
  package var word: String {
    switch call {
    case .open: "open"
    case .good: "good"
    case .bad: "bad"
    case .undecided: "undecided"
    case .untestable: "untestable"
    case .stopped: "stopped"
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// How a trial ended: exactly one of these, in the record's last line.
package enum Outcome: String, CaseIterable, Sendable {
  /// The streams ended and nobody was killed.
  case completed
  /// The kernel's OOM killer ran.
  case oom
  /// The machine lives, but nothing moved any more, or the trial made no end within its time.
  case stalled
  /// The machine gives no sign of life any more.
  case hang
  /// The kernel panicked.
  case panic
  /// The harness itself was lost: killed, interrupted or failed.
  case harnessLost = "harness-lost"
  /// The trial could not be carried out as the profile says; it tells nothing.
  case invalid
  /// Not tried.
  case skipped

  /// Whether the trial says something about its cell.
  package var counts: Bool {
    switch self {
    case .completed, .oom, .stalled, .hang, .panic: true
    case .harnessLost, .invalid, .skipped: false
    }
  }
}

/// The end of a trial: its outcome, and for all but the plain ones why.
package struct Ending: Sendable, Equatable {
  package var outcome: Outcome
  /// A stable word, such as `boot-failure`, `time-out`, `set-up`.
  package var reason: String?
  package var message: String?

  package init(_ outcome: Outcome, reason: String? = nil, message: String? = nil) {
    self.outcome = outcome
    self.reason = reason
    self.message = message
  }

  /// The machine beside the test suffered, and the host of a guest had no CPU or memory for it: reasons of trials
  /// that say nothing of the kernel, and that the same command carries out again.
  package static let machine = "machine"
  package static let hostStarved = "host-starved"

  /// Whether the same command carries the trial out again.
  package var isRepeated: Bool {
    outcome == .harnessLost
      || outcome == .invalid && [Self.machine, Self.hostStarved].contains(reason)
  }

  package static let interrupted = Ending(
    .harnessLost, reason: "interrupted", message: "stopped by a signal")

  /// Of a record whose harness died before its last line.
  package static let none = Ending(
    .harnessLost, reason: "no-end", message: "the record has no last line")
}

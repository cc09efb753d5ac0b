// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What the process's exit codes mean, as the manual and docs/usage.md say it.
package enum ExitStatus {
  package static let all: [(code: Int32, meaning: String)] =
    [(0, "done; expectations met; a comparison found no regression")]
    + HarnessError.Code.allCases.map { ($0.rawValue, meaning($0)) }

  private static func meaning(_ code: HarnessError.Code) -> String {
    switch code {
    case .expectation:
      "an expectation of the profile was missed or a control failed (both are listed above the tables); a comparison found a regression"
    case .usage: "usage or profile error"
    case .inconclusive:
      "inconclusive: a control, or a cell with expectations, has no usable trial; a comparison cannot decide; a threshold is not known after all its trials"
    case .refused:
      "refused by a guard: no `--kernel`, `--loop` or `--device`, not root, too little space or memory, another run in progress, ...; a trial was aborted to protect the machine; the cells cannot be compared"
    case .environment: "the environment lacks something: the message names it and how to get it"
    case .harness: "a fault of the harness"
    case .interrupted: "interrupted; the record is kept, and the same command resumes the campaign"
    }
  }
}

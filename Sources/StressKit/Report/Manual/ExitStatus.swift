import StressCore

/// What the process's exit codes mean, as the manual and the README say it.
package enum ExitStatus {
  package static let all: [(code: Int32, meaning: String)] =
    [(0, "done; expectations met; a comparison found no regression")]
    + HarnessError.Code.allCases.map { ($0.rawValue, meaning($0)) }

  private static func meaning(_ code: HarnessError.Code) -> String {
    switch code {
    case .expectation:
      "an expectation of the profile was missed, or a control failed (listed above the tables); a regression"
    case .usage: "usage or profile error"
    case .inconclusive:
      "inconclusive: a control, or a cell that expects something, has no trial that says anything; a comparison that cannot tell"
    case .refused:
      "refused by a guard: neither `--kernel` nor `--loop` nor `--device`, no root, too little room or memory, another run, ...; a trial aborted because the machine beside it suffered; cells that cannot be compared"
    case .environment: "the environment lacks something: named, with how to get it"
    case .harness: "a fault of the harness"
    case .interrupted: "interrupted; the record is kept, the same command goes on"
    }
  }
}

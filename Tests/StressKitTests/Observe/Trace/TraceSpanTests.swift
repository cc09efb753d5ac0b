// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressRecord

struct TraceSpanTests {
  /// Of events that are recorded, by the names that they are asked for by, and of their fields.
  private static let known: Set<String> = Set(
    TraceEvent.allCases.flatMap { event in
      [event.definition.name]
        + event.definition.fields.flatMap {
          $0.filter { $0 != "?" }.split(separator: "|").map(String.init)
        }
    })

  /// Each name of an event or a field in a definition is of one that is recorded: `_end` behind `x_begin` stands
  /// for `x_end`.
  @Test(arguments: TraceSpan.allCases)
  func isMeasuredByWhatIsRecorded(_ span: TraceSpan) {
    let words = span.definition.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(
      String.init
    )
    .filter { $0.contains("_") }
    #expect(!words.isEmpty)
    for word in words {
      let isPart = word.hasPrefix("_") && Self.known.contains { $0.hasSuffix(word) }
      #expect(isPart || Self.known.contains(word), "\(span.label): \(word)")
    }
  }

  /// The interval of a request's run ends with the return of the function, not with what comes next.
  @Test func runsEndWithTheReturn() {
    guard case .returnProbe(let function) = TraceEvent.ioWqEnd.definition.source else {
      Issue.record("\(TraceEvent.ioWqEnd.definition)")
      return
    }
    #expect(TraceSpan.ioWqRun.definition == "\(function) to its return")
  }
}

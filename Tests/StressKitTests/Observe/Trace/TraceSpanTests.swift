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

  /// What the definition says is what is measured: it names the event that ends the interval, and the one that begins
  /// it.
  @Test(arguments: TraceSpan.allCases)
  func isMeasuredByTheEventsOfItsDefinition(_ span: TraceSpan) {
    let words = span.definition.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(
      String.init)
    func isNamed(_ event: TraceEvent) -> Bool {
      let name = event.definition.name
      return words.contains { $0 == name || $0.hasPrefix("_") && name.hasSuffix($0) }
    }
    switch span.traits.interval {
    case .pair(let begin, let end, _, _):
      #expect(isNamed(begin) && isNamed(end), "\(span.label)")
    case .told(let event, _, _, _, _), .since(let event, _), .sinceJiffy(let event, _):
      #expect(isNamed(event), "\(span.label)")
    case .own: break
    }
  }

  /// In a report each row once, and each rank.
  @Test func rowsOfReclaimAreInOneOrder() {
    let ranks = TraceSpan.allCases.compactMap { span in
      if case .reclaim(_, let rank) = span.traits.section { rank } else { nil }
    }
    #expect(ranks.count == 7 && Set(ranks).count == ranks.count)
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

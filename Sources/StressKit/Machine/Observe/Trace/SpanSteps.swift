// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What the digest does with a record of each event, as the table of spans says it: looked up once, so that a record
/// costs a few comparisons and no text.
final class SpanSteps {
  struct Step {
    enum Action: UInt8 {
      /// The interval of a key begins, or ends.
      case begin, end
      /// It lies behind the event or ahead of it, as long as a field says.
      case behind, ahead
      /// It begins when a field says.
      case since
      /// A row for whoever knows what a jiffy is.
      case jiffy
      /// The event has a line by itself, unless a step before this has taken it.
      case alone
      /// The digest has code for it.
      case own
    }

    var action: Action
    var span = TraceSpan.dirtyThrottle
    /// The span's number.
    var kind: UInt64 = 0
    /// Whether it is reclaim of a task for itself, which wakes the flusher; kswapd's has no begin.
    var isReclaim = false
    /// Of a pair's end: without a beginning it is nothing that was missed.
    var endsAlone = false
    /// Where the parts of the key are.
    var key: (UInt8, UInt8) = (SpanSteps.nothing, SpanSteps.nothing)
    /// What is kept of a beginning, if anything is.
    var kept: (UInt8, UInt8) = (SpanSteps.nothing, SpanSteps.nothing)
    /// Where a row's values are, if not in their order; none of those behind `count` counts.
    var values = InlineArray<8, UInt8>(repeating: SpanSteps.nothing)
    var count: UInt8 = 0
    /// Where the length or the beginning is.
    var field: UInt8 = SpanSteps.nothing
    /// What the length is in, ns.
    var unit: UInt64 = 1
    /// Where a value must be for the step to be taken, and which.
    var condition: UInt8 = SpanSteps.nothing
    var value: Int64 = 0
  }

  /// Places of a value: 0 to 7, of the record's; then the two that were kept of the beginning, the task, and none.
  static let kept: UInt8 = 8
  static let task: UInt8 = 10
  static let nothing: UInt8 = 11

  /// Of all events, by event.
  let steps: UnsafeMutablePointer<Step>
  /// Where an event's begin, and behind the last event's their end.
  let bounds: UnsafeMutablePointer<UInt16>

  /// Events of no interval that the digest has code for.
  private static let others = TraceEvent.summed + [.schedWakeup, .kernelStack]

  init() {
    let all = TraceEvent.allCases.map(Self.all)
    steps = .allocate(capacity: all.reduce(0) { $0 + $1.count })
    bounds = .allocate(capacity: all.count + 1)
    var next = 0
    for (i, some) in all.enumerated() {
      (bounds + i).initialize(to: UInt16(next))
      (steps + next).initialize(from: some, count: some.count)
      next += some.count
    }
    (bounds + all.count).initialize(to: UInt16(next))
  }

  deinit {
    steps.deallocate()
    bounds.deallocate()
  }

  private static func all(of event: TraceEvent) -> [Step] {
    var steps = TraceSpan.allCases.flatMap { Self.steps(for: $0, at: event) }
    var isOwn = others.contains(event)
    for span in TraceSpan.allCases {
      if case .own(let begin, let end) = span.traits.interval {
        isOwn = isOwn || begin == event || end == event
      }
    }
    if isOwn { steps.append(Step(action: .own)) }
    // What tells of none that is known, such as a further reason of throttling, is worth a line.
    if !TraceEvent.counted.contains(event), steps.allSatisfy({ $0.condition != nothing }) {
      steps.append(Step(action: .alone))
    }
    return steps
  }

  private static func steps(for span: TraceSpan, at event: TraceEvent) -> [Step] {
    var steps: [Step] = []
    func add(_ action: Step.Action, _ change: (inout Step) -> Void) {
      var step = Step(action: action, span: span, kind: UInt64(span.rawValue))
      step.isReclaim = [.memcgReclaim, .directReclaim].contains(span)
      change(&step)
      steps.append(step)
    }
    switch span.traits.interval {
    case .pair(let begin, let end, let key, let endsAlone):
      let kept = span.traits.values.map(\.field).filter { place(of: $0, in: end) == nil }
      precondition((1...2).contains(key.count) && kept.count <= 2, span.label)
      func places(_ event: TraceEvent) -> (UInt8, UInt8) {
        (place(of: key[0], in: event), key.count > 1 ? place(of: key[1], in: event) : nothing)
      }
      // An end comes before a beginning of the same span's, where one event is both.
      if event == end {
        add(.end) {
          $0.key = places(end)
          $0.endsAlone = endsAlone
          arrange(span, end, kept, &$0)
        }
      }
      if event == begin {
        add(.begin) {
          $0.key = places(begin)
          if kept.count > 0 { $0.kept.0 = needed(kept[0], begin) }
          if kept.count > 1 { $0.kept.1 = needed(kept[1], begin) }
        }
      }
    case .told(event, let field, let unit, let side, let condition):
      add(side == .behind ? .behind : .ahead) {
        $0.field = needed(field, event)
        $0.unit = unit.rawValue
        if let condition {
          $0.condition = needed(condition.field, event)
          $0.value = condition.value
        }
        arrange(span, event, [], &$0)
      }
    case .since(event, let field):
      add(.since) {
        $0.field = needed(field, event)
        arrange(span, event, [], &$0)
      }
    case .sinceJiffy(event, let field):
      add(.jiffy) {
        $0.field = needed(field, event)
        arrange(span, event, [], &$0)
      }
    case .told, .since, .sinceJiffy, .own: break
    }
    return steps
  }

  /// Says where a row's values are, unless they are the record's first ones.
  private static func arrange(
    _ span: TraceSpan, _ event: TraceEvent, _ kept: [String], _ step: inout Step
  ) {
    let places = span.traits.values.map { value in
      kept.firstIndex(of: value.field).map { Self.kept + UInt8($0) } ?? needed(value.field, event)
    }
    var told = places
    // Behind them, since it becomes a time only where the record is written.
    if step.action == .jiffy { told.append(step.field) }
    if told.elementsEqual((0..<told.count).map(UInt8.init)) { return }
    step.count = UInt8(told.count)
    for (i, place) in told.enumerated() { step.values[i] = place }
  }

  private static func place(of key: SpanTraits.Key, in event: TraceEvent) -> UInt8 {
    switch key {
    case .task: task
    case .field(let name): needed(name, event)
    }
  }

  private static func place(of name: String, in event: TraceEvent) -> UInt8? {
    event.definition.names.firstIndex(of: name).map(UInt8.init)
  }

  /// The place of a field that the table of spans names; that it exists is the table's to keep.
  private static func needed(_ name: String, _ event: TraceEvent) -> UInt8 {
    guard let place = place(of: name, in: event) else {
      preconditionFailure("\(event.label) has no field \(name)")
    }
    return place
  }
}

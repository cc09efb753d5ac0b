// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// The two types of lines that tell of one operation each, and their names of what both tell: for those who read
/// them by the hundred thousand.
struct OperationNames {
  let type: any Line.Type
  let kind: StaticString
  let start: StaticString
  /// How long it took, or had taken when it was last seen, ns.
  let time: StaticString
  let pid: StaticString
  let op: StaticString
  let stream: StaticString
  let task: StaticString
  let pinned: StaticString
  let isInFlight: Bool

  static let slow = OperationNames(
    type: SlowLine.self, kind: SlowLine.name(\.kind), start: SlowLine.name(\.start),
    time: SlowLine.name(\.latency), pid: SlowLine.name(\.pid), op: SlowLine.name(\.op),
    stream: SlowLine.name(\.stream), task: SlowLine.name(\.task),
    pinned: SlowLine.name(\.pinned), isInFlight: false)

  static let inFlight = OperationNames(
    type: InFlightLine.self, kind: InFlightLine.name(\.kind), start: InFlightLine.name(\.start),
    time: InFlightLine.name(\.age), pid: InFlightLine.name(\.pid), op: InFlightLine.name(\.op),
    stream: InFlightLine.name(\.stream), task: InFlightLine.name(\.task),
    pinned: InFlightLine.name(\.pinned), isInFlight: true)

  static let all = [slow, inFlight]
}

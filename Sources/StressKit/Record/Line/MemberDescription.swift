// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What docs/record.md says of a member.
package struct MemberDescription: Sendable {
  package var name: String
  package var kind: String
  package var unit: LineUnit?
  package var meaning: String
  package var isLeftOut: Bool
  /// Whether its parts are those of each element of a list.
  package var isList: Bool
  /// Whether its parts are those of what stands under each key.
  package var isKeyed: Bool
  package var parts: [MemberDescription]
}

extension LineObject {
  package static var descriptions: [MemberDescription] {
    members.map { member in
      MemberDescription(
        name: "\(member.name)", kind: member.kind, unit: member.unit, meaning: member.meaning,
        isLeftOut: member.isLeftOut, isList: member.value is any ListValue.Type,
        isKeyed: member.value is any KeyedValue.Type, parts: member.value.parts)
    }
  }
}

extension Member where Owner: LineObject {
  /// Whether it is the member that a path leads to, however the path was made.
  func sets<Value>(_ path: KeyPath<Owner, Value?>) -> Bool {
    var owner = Owner()
    self.read(&owner, value.sample)
    return owner[keyPath: path] != nil
  }
}

private protocol ListValue {}
extension Array: ListValue {}
private protocol KeyedValue {}
extension Keyed: KeyedValue {}

// MARK: Samples and parts

extension MemberValue {
  package static var parts: [MemberDescription] { [] }
}

extension MemberValue where Self: LineObject {
  package static var sample: JSON {
    .object(members.map { (key: "\($0.name)", value: $0.value.sample) })
  }
  package static var parts: [MemberDescription] { descriptions }
}

extension MemberValue where Self: RawRepresentable<String> & CaseIterable {
  package static var sample: JSON { allCases.first.map { .string($0.rawValue) } ?? .null }
}

extension Int64 {
  package static var sample: JSON { .int(1) }
}

extension Double {
  package static var sample: JSON { .double(0.5) }
}

extension Bool {
  package static var sample: JSON { .bool(true) }
}

extension String {
  package static var sample: JSON { .string("x") }
}

extension JSON {
  package static var sample: JSON { .string("x") }
}

extension Array where Element: MemberValue {
  package static var sample: JSON { .array([Element.sample]) }
  package static var parts: [MemberDescription] { Element.parts }
}

extension Keyed {
  package static var sample: JSON { .object([(key: "x", value: Value.sample)]) }
  package static var parts: [MemberDescription] { Value.parts }
}

extension OOMReport {
  package static var sample: JSON {
    var report = OOMReport()
    report.victims = [Victim(pid: 1, comm: "x", time: 1, sequence: 1)]
    return report.json
  }
}

extension OOMReport.Victim {
  package static var sample: JSON {
    OOMReport.Victim(pid: 1, comm: "x", time: 1, sequence: 1).json
  }
}

// MARK: What stands in a record

extension JSON {
  /// A member as it stands, of whatever kind it is.
  package subscript<Object: LineObject, Value>(path: KeyPath<Object, Value?>) -> JSON? {
    self["\(Object.name(path))"]
  }
}

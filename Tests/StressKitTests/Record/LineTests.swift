// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressRecord

/// What holds for every type of line.
struct LineTests {
  static let types: [String] = LineTypes.all.map { $0.typeName }

  private func type(_ name: String) throws -> any Line.Type {
    try #require(LineTypes.all.first { $0.typeName == name })
  }

  private func read<L: Line>(_: L.Type, _ json: JSON) -> L {
    Array(json.text.utf8).withUnsafeBufferPointer { L(RecordLine($0)) }
  }

  /// A value of each member's kind, one after the other told apart by what they are.
  private func filled<L: Line>(_: L.Type) -> [(key: String, value: JSON)] {
    var number: Int64 = 0
    return L.members.map { member in
      ("\(member.name)", Self.distinct(member.value.sample, &number))
    }
  }

  /// The same with another number or text in each place that allows any. Words are checked by their kind.
  private static func distinct(_ value: JSON, _ number: inout Int64) -> JSON {
    number += 1
    switch value {
    case .int: return .int(number)
    case .double: return .double(Double(number) + 0.5)
    case "x": return .string("x\(number)")
    case .array(let elements): return .array(elements.map { distinct($0, &number) })
    case .object(let members):
      return .object(members.map { ($0.key, distinct($0.value, &number)) })
    default: return value
    }
  }

  private func expectAllMembers<L: Line>(_ type: L.Type) {
    let members = filled(type)
    let own: [(key: String, value: JSON)] = [("type", .string(L.typeName)), ("t", 7)]
    let line = read(type, .object(own + members))
    #expect(line.t == 7)
    #expect(line.json == .object(members), "\(L.typeName)")
    #expect(L(json: .object(members))?.json == .object(members), "\(L.typeName)")
    // The time where the line does not begin with it, and members in any order.
    let reversed = read(type, .object((own + members).reversed()))
    #expect(reversed.t == 7 && reversed.json == .object(members), "\(L.typeName)")
  }

  @Test(arguments: types)
  func writesAndReadsAllMembers(_ name: String) throws { expectAllMembers(try type(name)) }

  private func expectNothing<L: Line>(_ type: L.Type) {
    let unknown = L.members.filter { !$0.isLeftOut }.map { (key: "\($0.name)", value: JSON.null) }
    for text in ["{}", "[]", "", "{\"type\":\"\(L.typeName)\",\"t\":null}"] {
      let line = Array(text.utf8).withUnsafeBufferPointer { L(RecordLine($0)) }
      #expect(line.t == nil && line.json == .object(unknown), "\(L.typeName)")
    }
    // What is of another kind is as good as missing.
    let odd = L.members.map { member -> (key: String, value: JSON) in
      ("\(member.name)", member.value.sample == .bool(true) ? 1 : .bool(true))
    }
    let line = read(type, .object(odd))
    for (member, value) in zip(L.members, odd) where !(member.value == JSON.self) {
      let written = member.write(line)?.1
      #expect(written == (member.isLeftOut ? nil : .null), "\(L.typeName).\(member.name) \(value)")
    }
  }

  /// What a kernel does not give is null, and what does not apply is not there.
  @Test(arguments: types)
  func whatIsMissingIsNull(_ name: String) throws { expectNothing(try type(name)) }

  @Test(arguments: types)
  func membersAreDescribed(_ name: String) throws {
    let type = try type(name)
    #expect(type.typeName.count <= 32 && type.typeName.allSatisfy { $0.isLowercase || $0 == "-" })
    #expect(type.meaning.count > 20 && type.meaning.hasSuffix("."))
    expectDescribed(type.descriptions, name)
    let own = type.descriptions.map(\.name)
    #expect(!own.contains("type") && !own.contains("t"))
    for (operation, _, _, meaning) in (type as? any TotalsLine.Type)?.operationMembers ?? [] {
      #expect(!own.contains(operation) && meaning.count > 10)
    }
  }

  private func expectDescribed(_ members: [MemberDescription], _ owner: String) {
    // As many as the set of those that were read has room for.
    #expect(members.count <= 64, "\(owner)")
    #expect(Set(members.map(\.name)).count == members.count, "\(owner)")
    for member in members {
      let name = "\(owner).\(member.name)"
      #expect(!member.name.isEmpty && !member.kind.isEmpty, "\(name)")
      #expect(
        member.meaning.contains(" ") || ["median", "largest"].contains(member.meaning), "\(name)")
      #expect(!member.meaning.hasSuffix(".") || member.meaning.hasSuffix("..."), "\(name)")
      expectDescribed(member.parts, name)
    }
  }

  @Test func namesAreUnique() {
    #expect(LineTypes.names.count == LineTypes.all.count)
  }

  /// Those of a protocol's extension, too, whose paths are not equal to the structure's.
  @Test func namesOfMembersByTheirPaths() {
    #expect(SpanLine.name(\.length).description == "ns")
    #expect(SlowLine.name(\.stream).description == "stream")
    #expect(SlowLine.name(\.pinned).description == "pinned")
    #expect(StreamLine.name(\.firstStart).description == "first_start")
    #expect(RoundsLine.name(\.statesLost).description == "states_lost")
    #expect(EndLine.name(\.outcome).description == "outcome")
    #expect(SilenceLine.name(\.mainLoop).description == "main_loop")
  }

  /// A member is had as it stands, also where it is of another kind.
  @Test func membersAsTheyStand() {
    let text = #"{"type":"phase","t":1,"name":"later","delay":1.5}"#
    let half: JSON = .double(1.5)
    Array(text.utf8).withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) -> Void in
      let line = RecordLine(bytes)
      #expect(line.type == "phase" && line.time == 1)
      #expect(line[\PhaseLine.name]?.string == "later" && PhaseLine(line).name == nil)
      #expect(line[\PhaseLine.delay] == half)
      #expect(line.json[\PhaseLine.delay] == half)
    }
  }
}

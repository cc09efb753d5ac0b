// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A type of line of the record: its members with their units and meanings, and how it is written and read. The only
/// place where its name and its members' names are spelled.
///
/// Everything in it is optional: what a kernel does not give is `nil`, and so is what a damaged line or one of an
/// older version lacks. docs/record.md is generated from these.
package protocol Line: LineObject {
  /// `type` of such a line; at most 32 characters.
  static var type: StaticString { get }
  /// What it tells, in one or two sentences.
  static var meaning: String { get }
  static var traits: LineTraits { get }
  /// CLOCK_BOOTTIME of the guest (or of this machine), ns; nil: a line of the host, which has none.
  var t: Int64? { get set }
}

extension Line {
  package static var traits: LineTraits { [] }

  /// What stands in the record after `type`.
  package static var typeName: String { "\(type)" }

  /// Reads a line of this type.
  package init(_ line: RecordLine) {
    self.init()
    t = read(line.bytes)
  }

  /// Reads a line as it came, without its end; nil: it is of another type, or damaged.
  package init?(parsing bytes: [UInt8]) {
    let line: Self? = bytes.withUnsafeBufferPointer { bytes in
      guard case .line(let head) = LineHead.read(bytes), head.type == Self.type else { return nil }
      return Self(RecordLine(bytes))
    }
    guard let line else { return nil }
    self = line
  }

  /// The line as the record has it, `type` and `t` first, with its end.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    var members: [(key: String, value: JSON)] = [("type", .string(Self.typeName))]
    if let t { members.append(("t", .int(t))) }
    members += Self.members.compactMap { $0.write(self).map { (key: $0.0, value: $0.1) } }
    members += rest.map { (key: $0.0, value: $0.1) }
    JSON.object(members).write(to: &bytes)
    bytes.append(0x0a)
    return bytes
  }
}

/// What becomes of a type of line beside being written.
package struct LineTraits: OptionSet, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// The host writes it, not the guest.
  package static let host = LineTraits(rawValue: 1)
  /// The count of ``WrittenLine`` leaves it out: samples are counted by lane, the others come after it or from the host.
  package static let uncounted = LineTraits(rawValue: 2)
  /// A record may have two of them that are the same, word for word.
  package static let repeatable = LineTraits(rawValue: 4)
  /// One of many that tell of single operations or spans: refused before others where there is no room for all.
  package static let bulk = LineTraits(rawValue: 8)
  /// Brought to the disk as soon as it is written (fdatasync(2)).
  package static let synced = LineTraits(rawValue: 16)
}

/// An object of JSON with known members: a line, or a value inside one.
package protocol LineObject: Sendable {
  static var members: [Member<Self>] { get }
  /// Whether it has members besides whose names are not ours, such as a kernel's fields: those are in `rest`.
  static var keepsRest: Bool { get }
  var rest: [(String, JSON)] { get set }
  init()
}

extension LineObject {
  package static var keepsRest: Bool { false }
  package var rest: [(String, JSON)] {
    get { [] }
    set {}
  }

  /// The name of a member, for those that read a million lines (`RecordLine.ints`).
  package static func name<Value>(_ path: KeyPath<Self, Value?>) -> StaticString {
    let members = members
    // A path that a protocol's extension made is not equal to the structure's own.
    guard
      let member = members.first(where: { $0.path as PartialKeyPath<Self> == path })
        ?? members.first(where: { $0.sets(path) })
    else { preconditionFailure("\(Self.self) does not list a member") }
    return member.name
  }

  /// Takes each member's first value. What is of another kind than the member is as good as missing.
  ///
  /// - Returns: the line's time.
  mutating func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
    var time: Int64?
    var cursor = JSONCursor(bytes)
    guard (try? cursor.opens("{", "}")) == true else { return nil }
    let members = Self.members
    var seen: UInt64 = 0
    var hasTime = false
    // They are written in their order.
    var next = 0
    while let name = cursor.checkedKey() {
      var value = cursor
      let isNext = next < members.count && name == members[next].name
      if let index = isNext ? next : members.firstIndex(where: { name == $0.name }) {
        next = index + 1
        if seen >> UInt64(index) & 1 == 0 {
          seen |= 1 << UInt64(index)
          if let json = try? value.value() { members[index].read(&self, json) }
        }
      } else if name == RecordLine.timeName {
        if !hasTime { time = (try? value.value())?.int }
        hasTime = true
      } else if Self.keepsRest, !(name == "type"), let json = try? value.value() {
        rest.append((name.string, json))
      }
      cursor.passMember()
    }
    return time
  }

  package init?(json: JSON) {
    guard let members = json.members else { return nil }
    self.init()
    var seen: Set<String> = []
    for (key, value) in members where seen.insert(key).inserted {
      if let member = Self.members.first(where: { "\($0.name)" == key }) {
        member.read(&self, value)
      } else if Self.keepsRest {
        rest.append((key, value))
      }
    }
  }

  package var json: JSON {
    .object((Self.members.compactMap { $0.write(self) } + rest).map { (key: $0.0, value: $0.1) })
  }
}

/// A member of a line, or of an object in one.
package struct Member<Owner>: Sendable {
  package let name: StaticString
  package let unit: LineUnit?
  package let meaning: String
  /// Its kind in words, as in `integer`.
  package let kind: String
  /// Whether it is left out where it is nil; else it is null, unknown.
  package let isLeftOut: Bool
  /// What it holds, which knows its members in turn.
  let value: any MemberValue.Type
  let path: any PartialKeyPath<Owner> & Sendable
  let read: @Sendable (inout Owner, JSON) -> Void
  private(set) var write: @Sendable (Owner) -> (String, JSON)?

  /// The same member, left out only of a line that it does not apply to: of any other nil is null.
  ///
  /// - Parameter applies: to a line.
  package func `where`(_ applies: @escaping @Sendable (Owner) -> Bool) -> Member {
    var member = self
    let (told, key) = (write, "\(name)")
    member.write = { told($0) ?? (applies($0) ? (key, .null) : nil) }
    return member
  }

  /// - Parameter isLeftOut: where it is nil it does not apply, and is left out.
  package init<Value: MemberValue>(
    _ name: StaticString, _ path: any WritableKeyPath<Owner, Value?> & Sendable,
    isLeftOut: Bool = false, _ meaning: String
  ) {
    self.init(name: name, path, unit: nil, isLeftOut: isLeftOut, meaning)
  }

  package init<Value: MemberValue>(
    _ name: StaticString, _ path: any WritableKeyPath<Owner, Value?> & Sendable,
    _ unit: LineUnit, isLeftOut: Bool = false, _ meaning: String
  ) {
    self.init(name: name, path, unit: unit, isLeftOut: isLeftOut, meaning)
  }

  private init<Value: MemberValue>(
    name: StaticString, _ path: any WritableKeyPath<Owner, Value?> & Sendable, unit: LineUnit?,
    isLeftOut: Bool, _ meaning: String
  ) {
    self.name = name
    self.unit = unit
    self.meaning = meaning
    self.isLeftOut = isLeftOut
    self.path = path
    kind = Value.kind
    value = Value.self
    read = { $0[keyPath: path] = Value(member: $1) }
    let key = "\(name)"
    write = { owner in
      if let value = owner[keyPath: path] { return (key, value.member) }
      return isLeftOut ? nil : (key, .null)
    }
  }
}

/// What a number counts.
package enum LineUnit: String, Sendable {
  case nanoseconds = "ns"
  case microseconds = "us"
  case seconds = "s"
  case bytes
  case pages
  case ticks = "1/100 s"
  case bytesPerSecond = "bytes/s"
  case perSecond = "1/s"
  case percent = "%"
  case share = "0 to 1"
}

/// What a member may hold.
package protocol MemberValue: Sendable {
  static var kind: String { get }
  /// A value as it may stand in a record.
  static var sample: JSON { get }
  /// The members of an object, of a list's objects, or of those that stand under each key.
  static var parts: [MemberDescription] { get }
  /// nil: it is of another kind.
  init?(member: JSON)
  var member: JSON { get }
}

extension Int64: MemberValue {
  package static var kind: String { "integer" }
  package init?(member: JSON) {
    guard let value = member.int else { return nil }
    self = value
  }
  package var member: JSON { .int(self) }
}

extension Double: MemberValue {
  package static var kind: String { "number" }
  package init?(member: JSON) {
    guard let value = member.double else { return nil }
    self = value
  }
  package var member: JSON { .double(self) }
}

extension Bool: MemberValue {
  package static var kind: String { "true or false" }
  package init?(member: JSON) {
    guard let value = member.bool else { return nil }
    self = value
  }
  package var member: JSON { .bool(self) }
}

extension String: MemberValue {
  package static var kind: String { "text" }
  package init?(member: JSON) {
    guard let value = member.string else { return nil }
    self = value
  }
  package var member: JSON { .string(self) }
}

extension Array: MemberValue where Element: MemberValue {
  package static var kind: String { "list of \(Element.kind)" }
  /// Elements of another kind are left out.
  package init?(member: JSON) {
    guard let elements = member.array else { return nil }
    self = elements.compactMap(Element.init(member:))
  }
  package var member: JSON { .array(map(\.member)) }
}

/// Anything: what is looked at more closely by who reads it.
extension JSON: MemberValue {
  package static var kind: String { "value" }
  /// Null is a value here: among others, that a kernel lacks a file.
  package init?(member: JSON) { self = member }
  package var member: JSON { self }
}

/// One of a few words; any other is as good as missing.
extension MemberValue where Self: RawRepresentable<String> & CaseIterable {
  package static var kind: String { allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ") }
  package init?(member: JSON) {
    guard let value = member.string.flatMap(Self.init(rawValue:)) else { return nil }
    self = value
  }
  package var member: JSON { .string(rawValue) }
}

extension MemberValue where Self: LineObject {
  package static var kind: String { "object" }
  package init?(member: JSON) {
    guard let value = Self(json: member) else { return nil }
    self = value
  }
  package var member: JSON { json }
}

/// An object whose keys are somebody else's: a kernel's counters, cgroups' paths. In the order of the record.
package struct Keyed<Value: MemberValue>: MemberValue {
  package var members: [(key: String, value: Value)]

  package init(_ members: [(key: String, value: Value)]) { self.members = members }

  package static var kind: String { "object of \(Value.kind)" }
  /// Values of another kind are left out.
  package init?(member: JSON) {
    guard let all = member.members else { return nil }
    members = all.compactMap { key, value in Value(member: value).map { (key, $0) } }
  }
  package var member: JSON { .object(members.map { ($0.key, $0.value.member) }) }

  package subscript(key: String) -> Value? { members.first { $0.key == key }?.value }

  /// The first value of each key.
  package var dictionary: [String: Value] {
    Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
  }
}

// SPDX-License-Identifier: Apache-2.0
import StressCore

/// One line of a record, its members read where they stand: what a look at a million lines can afford.
///
/// Valid only within the call that it is given to. Reading is inlinable, as those who look are in another module.
public struct RecordLine {
  /// What each line has beside its own members.
  @inlinable public static var typeName: StaticString { "type" }
  @inlinable public static var timeName: StaticString { "t" }

  @usableFromInline let bytes: UnsafeBufferPointer<UInt8>

  @inlinable public init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// The whole line; null when it is no JSON any more.
  package var json: JSON { (try? JSON(parsing: bytes)) ?? .null }

  @inlinable public subscript(key: StaticString) -> JSON? { member(key) { try? $0.value() } }

  /// A member as it stands, of whatever kind it is. Who reads a million lines looks up the name once, and gives that.
  package subscript<L: LineObject, Value>(path: KeyPath<L, Value?>) -> JSON? { self[L.name(path)] }

  @inlinable public var type: String? { string(Self.typeName) }

  /// `t`.
  @inlinable public var time: Int64? { int(Self.timeName) }

  @inlinable public func int(_ key: StaticString) -> Int64? { self[key]?.int }

  @inlinable public func string(_ key: StaticString) -> String? { self[key]?.string }

  /// Whether the member is this string.
  @inlinable public func has(_ key: StaticString, _ word: StaticString) -> Bool {
    member(key) { cursor in (try? cursor.text()).map { $0 == word } } ?? false
  }

  package func isOf(_ type: any Line.Type) -> Bool { has(Self.typeName, type.type) }

  /// Whether it is JSON from its beginning to its end, which a line of a ``RecordReader`` is.
  package var isWhole: Bool { (try? JSON(parsing: bytes)) != nil }

  /// Gives a cursor that stands before the value of the first member of that name.
  @inlinable public func read(_ key: StaticString, _ body: (inout JSONCursor) -> Void) {
    _ = member(key) { body(&$0) }
  }

  /// Gives each member's name, and a cursor that stands before its value, in one pass.
  @inlinable public func forEachMember(_ body: (JSONCursor.Text, inout JSONCursor) -> Void) {
    var cursor = JSONCursor(bytes)
    guard (try? cursor.opens("{", "}")) == true else { return }
    while let name = cursor.checkedKey() {
      var value = cursor
      body(name, &value)
      cursor.passMember()
    }
  }

  /// The first members of these names as integers, all found in one pass; nil for one that is none.
  @inlinable public func ints<let count: Int>(
    _ keys: InlineArray<count, StaticString>
  ) -> InlineArray<count, Int64?> {
    var values = InlineArray<count, Int64?>(repeating: nil)
    var isMissing = InlineArray<count, Bool>(repeating: true)
    var missing = count
    var cursor = JSONCursor(bytes)
    guard (try? cursor.opens("{", "}")) == true else { return values }
    while missing > 0, let name = cursor.checkedKey() {
      for i in keys.indices where isMissing[i] && name == keys[i] {
        isMissing[i] = false
        missing -= 1
        values[i] = cursor.integer()
        break
      }
      cursor.passMember()
    }
    return values
  }

  /// The first member of that name, as `JSON`'s subscript has it.
  @inlinable func member<R>(_ key: StaticString, _ read: (inout JSONCursor) -> R?) -> R? {
    var cursor = JSONCursor(bytes)
    guard (try? cursor.opens("{", "}")) == true else { return nil }
    while let name = cursor.checkedKey() {
      if name == key { return read(&cursor) }
      cursor.passMember()
    }
    return nil
  }
}

/// What tells where a line belongs, the whole line checked on the way.
package struct LineHead {
  enum Answer {
    case line(LineHead)
    case defect(RecordDefects.Kind)
  }

  /// Times and durations from 0 to this, ns, 73 years: two of them can be added and subtracted.
  package static let latest: Int64 = 1 << 61

  var type: JSONCursor.Text
  /// What divides a type: `of`, or the `lane`.
  var kind: JSONCursor.Text?

  static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Answer {
    var cursor = JSONCursor(bytes)
    var type: JSONCursor.Text?
    var kind: JSONCursor.Text?
    var isPossible = true
    do throws(JSONError) {
      var more = try cursor.opens("{", "}")
      while more {
        let key = try cursor.key()
        if type == nil, key == "type" {
          type = try cursor.text()
        } else if kind == nil, key == "of" || key == "lane", cursor.isAtString {
          kind = try cursor.text()
        } else if isTime(key) {
          if let time = try cursor.checkedInteger() {
            isPossible = isPossible && 0...latest ~= time
          }
        } else {
          try cursor.skip()
        }
        more = try cursor.another("}")
      }
      try cursor.end()
    } catch { return .defect(.torn) }
    guard let type else { return .defect(.torn) }
    return isPossible ? .line(LineHead(type: type, kind: kind)) : .defect(.wrongTime)
  }

  private static func isTime(_ key: JSONCursor.Text) -> Bool {
    switch key.count {
    case 1: key == "t"
    case 2: key == "ns"
    case 3: key == "age"
    case 4: key == "from"
    case 5: key == "start"
    case 7: key == "latency"
    default: false
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Where a text stops being JSON.
public struct JSONError: Error, CustomStringConvertible, Equatable {
  package var offset: Int
  package var message: String
  public var description: String { "byte \(offset): \(message)" }
}

extension JSON {
  /// Parses one JSON text; anything but blanks after it is an error.
  package init(parsing text: some Sequence<UInt8>) throws(JSONError) {
    let parsed = Array(text).withUnsafeBufferPointer { bytes in
      Result { () throws(JSONError) in try JSON(parsing: bytes) }
    }
    self = try parsed.get()
  }

  package init(parsing bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) {
    var cursor = JSONCursor(bytes)
    self = try cursor.value()
    try cursor.end()
  }
}

/// Goes through a JSON text (RFC 8259) from left to right: builds values, or passes over them, which checks
/// them just as well and builds nothing.
///
/// The bytes must outlive it. Who reads records goes through a million lines with it from another module: what runs for
/// each byte or member is public and inlinable, as the compiler inlines and specialises no function of a package across
/// its modules (Swift 6.3).
public struct JSONCursor {
  /// Deeper nesting than any record has would exhaust the stack.
  @inlinable static var deepest: Int { 200 }
  /// Any integer of so many digits is an Int64.
  @inlinable static var safeDigits: Int { 18 }

  @usableFromInline let bytes: UnsafeBufferPointer<UInt8>
  @usableFromInline var at = 0

  @inlinable public init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// A string as it stands in the text; one with escapes in it is written anew.
  public struct Text {
    @usableFromInline let plain: UnsafeBufferPointer<UInt8>
    @usableFromInline var escaped: [UInt8]?

    @inlinable init(plain: UnsafeBufferPointer<UInt8>, escaped: [UInt8]? = nil) {
      self.plain = plain
      self.escaped = escaped
    }

    package var string: String {
      escaped.map { String(decoding: $0, as: UTF8.self) } ?? String(decoding: plain, as: UTF8.self)
    }

    /// Of bytes.
    @inlinable public var count: Int { escaped?.count ?? plain.count }

    @inlinable public static func == (text: Text, word: StaticString) -> Bool {
      // Most names that are compared differ in their length.
      text.count == word.utf8CodeUnitCount && text.withBytes { $0.isSame(as: word.bytes) }
    }

    /// Gives its UTF-8.
    @inlinable public func withBytes<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
      escaped.map { $0.withUnsafeBufferPointer(body) } ?? body(plain)
    }
  }

  @inline(never) @usableFromInline func error(_ message: String) -> JSONError {
    JSONError(offset: at, message: message)
  }

  @inlinable mutating func skipBlanks() {
    while at < bytes.count, Self.isBlank(bytes[at]) { at += 1 }
  }

  @inlinable static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0a || byte == 0x09 || byte == 0x0d
  }

  @inlinable mutating func take(_ byte: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard at < bytes.count, bytes[at] == UInt8(ascii: byte) else { return false }
    at += 1
    return true
  }

  /// That nothing but blanks is left.
  @inlinable public mutating func end() throws(JSONError) {
    skipBlanks()
    if at < bytes.count { throw error("text after the value") }
  }

  // MARK: Values

  /// Builds the value that comes next.
  public mutating func value(depth: Int = 0) throws(JSONError) -> JSON {
    switch try lead(depth) {
    case UInt8(ascii: "{"):
      var members: [(key: String, value: JSON)] = []
      var more = try opens("{", "}")
      while more {
        let key = try key().string
        members.append((key, try value(depth: depth + 1)))
        more = try another("}")
      }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSON] = []
      var more = try opens("[", "]")
      while more {
        elements.append(try value(depth: depth + 1))
        more = try another("]")
      }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try text().string)
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return try number()
    }
  }

  /// Passes over the value that comes next.
  @inlinable public mutating func skip(depth: Int = 0) throws(JSONError) {
    switch try lead(depth) {
    case UInt8(ascii: "{"):
      var more = try opens("{", "}")
      while more {
        _ = try key()
        try skip(depth: depth + 1)
        more = try another("}")
      }
    case UInt8(ascii: "["):
      var more = try opens("[", "]")
      while more {
        try skip(depth: depth + 1)
        more = try another("]")
      }
    case UInt8(ascii: "\""): _ = try text()
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): _ = try checkedInteger()
    default: _ = try value(depth: depth)
    }
  }

  /// Passes over the value that comes next, as `skip` does; what it is where it is an integer.
  @inlinable public mutating func checkedInteger() throws(JSONError) -> Int64? {
    skipBlanks()
    guard at < bytes.count, bytes[at] == UInt8(ascii: "-") || bytes[at] &- UInt8(ascii: "0") < 10
    else { return try value().int }
    let start = at
    if let value = try smallInteger() { return value }
    at = start
    return try number().int
  }

  /// Passes over the value that comes next without a look at what it is: for a text that was checked before.
  /// Of any other it passes over something, but never leaves the bytes.
  @inlinable mutating func passChecked() {
    var depth = 0
    if at < bytes.count, bytes[at] < UInt8(ascii: "A"), bytes[at] != UInt8(ascii: "\"") {
      // A number, as most values are.
      while at < bytes.count, bytes[at] != UInt8(ascii: ","), bytes[at] < UInt8(ascii: "[") {
        at += 1
      }
    }
    while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "\""): _ = passString()
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return }
        depth -= 1
      case UInt8(ascii: ","): if depth == 0 { return }
      default: break
      }
      at += 1
    }
  }

  /// From its first quote to its last; whether there was an escape in it.
  @inlinable mutating func passString() -> Bool {
    at += 1
    var isEscaped = false
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      let isEscape = bytes[at] == UInt8(ascii: "\\")
      isEscaped = isEscaped || isEscape
      at += isEscape ? 2 : 1
    }
    at = min(at, bytes.count)
    return isEscaped
  }

  /// The first byte of the value that comes next.
  @inlinable mutating func lead(_ depth: Int) throws(JSONError) -> UInt8 {
    if depth > Self.deepest { throw error("nested too deeply") }
    skipBlanks()
    guard at < bytes.count else { throw error("text ends where a value should be") }
    return bytes[at]
  }

  // MARK: Objects and arrays

  /// Enters an object or an array; whether there is anything in it.
  @inlinable public mutating func opens(
    _ opening: Unicode.Scalar, _ closing: Unicode.Scalar
  ) throws(JSONError) -> Bool {
    guard take(opening) else { throw error("expected '\(opening)'") }
    return !take(closing)
  }

  /// After a member or an element: whether another comes. At the last it leaves the object or the array.
  @inlinable public mutating func another(_ closing: Unicode.Scalar) throws(JSONError) -> Bool {
    if take(",") { return true }
    guard take(closing) else { throw error("expected ',' or '\(closing)'") }
    return false
  }

  /// The next member's name, up to its value, in an object that was checked before; nil: none comes.
  @inlinable public mutating func checkedKey() -> Text? {
    guard isAtString else { return nil }
    let start = self
    guard !passString() else {
      // Written anew, as an escape asks for.
      self = start
      return try? key()
    }
    guard at < bytes.count else { return nil }
    let text = Text(plain: UnsafeBufferPointer(rebasing: bytes[start.at + 1..<at]))
    at += 1
    guard take(":") else { return nil }
    skipBlanks()
    return text
  }

  /// After a member whose value was read, or is not wanted: on to the next one of a text that was checked.
  @inlinable public mutating func passMember() {
    passChecked()
    _ = take(",")
  }

  /// A member's name, up to its value.
  @inlinable public mutating func key() throws(JSONError) -> Text {
    let key = try text()
    guard take(":") else { throw error("expected ':'") }
    return key
  }

  // MARK: Scalars

  private mutating func literal(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    guard bytes[at...].starts(with: word.bytes) else { throw error("not a JSON value") }
    at += word.bytes.count
    return value
  }

  @usableFromInline mutating func number() throws(JSONError) -> JSON {
    let start = at
    if let value = try smallInteger() { return .int(value) }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if let value = Int64(text) { return .int(value) }
    guard let value = Double(text), value.isFinite else { throw error("number out of range") }
    return .double(value)
  }

  /// The value that comes next where it is an integer, which most numbers of a record are.
  @inlinable public mutating func integer() -> Int64? {
    guard at < bytes.count else { return nil }
    if bytes[at] &- UInt8(ascii: "0") < 10 {
      let start = at
      if let value = try? smallInteger() { return value }
      at = start
    }
    return (try? value())?.int
  }

  /// The list of two integers that comes next; nil: something else does, and the cursor stays before it.
  @inlinable public mutating func integerPair() -> (Int64, Int64)? {
    let start = self
    if take("["), let first = integer(), take(","), let second = integer(), take("]") {
      return (first, second)
    }
    self = start
    return nil
  }

  /// Passes over a number; its value where it is an integer of up to `safeDigits`.
  @inlinable mutating func smallInteger() throws(JSONError) -> Int64? {
    let isNegative = bytes[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    let first = at
    let magnitude = digits()
    guard at > first else { throw error("not a JSON value") }
    if bytes[first] == UInt8(ascii: "0"), at > first + 1 {
      throw error("number with a leading 0")
    }
    let digits = at - first
    // Behind most numbers is a comma.
    if at < bytes.count, bytes[at] != UInt8(ascii: ","), try fraction() { return nil }
    if digits > Self.safeDigits { return nil }
    return isNegative ? -magnitude : magnitude
  }

  /// Passes over digits. Their value is right for up to `safeDigits` of them.
  @inlinable mutating func digits() -> Int64 {
    var value: Int64 = 0
    while at < bytes.count, case let digit = bytes[at] &- 0x30, digit < 10 {
      value = value &* 10 &+ Int64(digit)
      at += 1
    }
    return value
  }

  /// Passes over a number's decimals and exponent; whether it had any.
  @inlinable mutating func fraction() throws(JSONError) -> Bool {
    let start = at
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
      at += 1
      try expectDigits()
    }
    if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") {
        at += 1
      }
      try expectDigits()
    }
    return at > start
  }

  @inlinable mutating func expectDigits() throws(JSONError) {
    let start = at
    _ = digits()
    if at == start { throw error("digit expected") }
  }

  // MARK: Strings

  /// Whether a string comes next.
  @inlinable public var isAtString: Bool {
    mutating get {
      skipBlanks()
      return at < bytes.count && bytes[at] == UInt8(ascii: "\"")
    }
  }

  /// The string that comes next.
  @inlinable public mutating func text() throws(JSONError) -> Text {
    guard isAtString else { throw error("expected '\"'") }
    at += 1
    let start = at
    var bits: UInt8 = 0
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") {
        let plain = UnsafeBufferPointer(rebasing: bytes[start..<at])
        if bits & 0x80 != 0 { try checkUTF8(plain) }
        at += 1
        return Text(plain: plain)
      }
      if byte == UInt8(ascii: "\\") { return try escapedText(from: start) }
      if byte < 0x20 { throw error("control character in a string") }
      bits |= byte
      at += 1
    }
    throw error("string does not end")
  }

  @usableFromInline func checkUTF8(_ text: some Sequence<UInt8>) throws(JSONError) {
    if String(validating: text, as: UTF8.self) == nil { throw error("string is not UTF-8") }
  }

  /// The rest of a string from its first escape on, and the whole of it.
  @usableFromInline mutating func escapedText(from start: Int) throws(JSONError) -> Text {
    var out = Array(bytes[start..<at])
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        try checkUTF8(out)
        return Text(plain: UnsafeBufferPointer(rebasing: bytes[start..<at - 1]), escaped: out)
      case 0..<0x20: throw error("control character in a string")
      case UInt8(ascii: "\\"): try escape(into: &out)
      default: out.append(byte)
      }
    }
    throw error("string does not end")
  }

  private mutating func escape(into out: inout [UInt8]) throws(JSONError) {
    guard at < bytes.count else { throw error("string does not end") }
    let byte = bytes[at]
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
    case UInt8(ascii: "n"): out.append(0x0a)
    case UInt8(ascii: "t"): out.append(0x09)
    case UInt8(ascii: "r"): out.append(0x0d)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "f"): out.append(0x0c)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xd800..<0xdc00).contains(code) {
        guard bytes[at...].starts(with: "\\u".utf8) else { throw error("lone surrogate") }
        at += 2
        let low = try hexadecimal()
        guard (0xdc00..<0xe000).contains(low) else { throw error("lone surrogate") }
        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw error("lone surrogate") }
      out.append(contentsOf: String(Character(scalar)).utf8)
    default: throw error("unknown escape")
    }
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard at + 4 <= bytes.count,
      bytes[at..<at + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
    else { throw error("four hexadecimal digits expected") }
    at += 4
    return code
  }
}

extension StaticString {
  /// Its UTF-8.
  @inlinable public var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether the bytes are the same. The corresponding C function is `memcmp`.
  @inlinable public func isSame(as other: UnsafeBufferPointer<UInt8>) -> Bool {
    guard count == other.count, first == other.first else { return false }
    return count == 0 || memcmp(baseAddress!, other.baseAddress!, count) == 0
  }
}

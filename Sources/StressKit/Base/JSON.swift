/// A JSON value (RFC 8259). Members keep their order, integers keep all 64 bits.
///
/// Foundation's coder would cost the guest tens of MB of memory that cannot be reclaimed.
package enum JSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([JSON])
  case object([(key: String, value: JSON)])

  package static func == (a: JSON, b: JSON) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let x), .bool(let y)): x == y
    case (.int(let x), .int(let y)): x == y
    case (.double(let x), .double(let y)): x == y
    case (.string(let x), .string(let y)): x == y
    case (.array(let x), .array(let y)): x == y
    case (.object(let x), .object(let y)):
      x.count == y.count && zip(x, y).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    default: false
    }
  }

  /// The member called `key`; nil for anything but an object that has it.
  package subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }

  package var string: String? { if case .string(let s) = self { s } else { nil } }
  package var bool: Bool? { if case .bool(let b) = self { b } else { nil } }
  package var array: [JSON]? { if case .array(let a) = self { a } else { nil } }
  package var members: [(key: String, value: JSON)]? {
    if case .object(let o) = self { o } else { nil }
  }
  package var int: Int64? { if case .int(let i) = self { i } else { nil } }
  package var double: Double? {
    switch self {
    case .int(let i): Double(i)
    case .double(let d): d
    default: nil
    }
  }

  /// An unsigned count; beyond Int64.max it is clamped, which no kernel counter here reaches.
  package static func uint(_ value: UInt64) -> JSON { .int(Int64(clamping: value)) }

  /// `nil` becomes `null`: unknown, never 0.
  package static func optional(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .int(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(arrayLiteral elements: JSON...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { (key: $0.0, value: $0.1) })
  }
}

// MARK: - Writing

extension JSON {
  /// The value on one line.
  package var text: String {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends the value, on one line, as UTF-8.
  package func write(to out: inout [UInt8]) {
    switch self {
    case .null: out.append(contentsOf: "null".utf8)
    case .bool(let b): out.append(contentsOf: (b ? "true" : "false").utf8)
    case .int(let i): JSON.write(i, to: &out)
    case .double(let d):
      // JSON has neither NaN nor infinity.
      out.append(contentsOf: (d.isFinite ? "\(d)" : "null").utf8)
    case .string(let s): JSON.write(s, to: &out)
    case .array(let elements):
      out.append(UInt8(ascii: "["))
      for (i, element) in elements.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        element.write(to: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let members):
      out.append(UInt8(ascii: "{"))
      for (i, member) in members.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        JSON.write(member.key, to: &out)
        out.append(UInt8(ascii: ":"))
        member.value.write(to: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  /// The value for people: a member a line, two spaces a level, short arrays on one line.
  package var indentedText: String { indented(by: "") }

  private func indented(by lead: String) -> String {
    let more = lead + "  "
    switch self {
    case .object(let members) where !members.isEmpty:
      let lines = members.map {
        "\(more)\(JSON.string($0.key).text): \($0.value.indented(by: more))"
      }
      return "{\n\(lines.joined(separator: ",\n"))\n\(lead)}"
    case .array(let elements) where text.utf8.count > 60:
      let lines = elements.map { more + $0.indented(by: more) }
      return "[\n\(lines.joined(separator: ",\n"))\n\(lead)]"
    default: return text
    }
  }

  static func write(_ value: Int64, to out: inout [UInt8]) {
    var rest = value.magnitude
    if rest < 10, value >= 0 { return out.append(UInt8(ascii: "0") + UInt8(rest)) }
    // A sign and the 19 digits of Int64.min's magnitude, from the back.
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var at = digits.count
      repeat {
        at -= 1
        digits[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0
      if value < 0 {
        at -= 1
        digits[at] = UInt8(ascii: "-")
      }
      out.append(contentsOf: UnsafeBufferPointer(rebasing: digits[at...]))
    }
  }

  private static func write(_ string: String, to out: inout [UInt8]) {
    let hex = Array("0123456789abcdef".utf8)
    out.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
      case UInt8(ascii: "\n"): out.append(contentsOf: "\\n".utf8)
      case UInt8(ascii: "\t"): out.append(contentsOf: "\\t".utf8)
      case UInt8(ascii: "\r"): out.append(contentsOf: "\\r".utf8)
      case 0..<0x20, 0x7f:
        out.append(contentsOf: "\\u00".utf8)
        out.append(hex[Int(byte >> 4)])
        out.append(hex[Int(byte & 15)])
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}

// MARK: - Reading

/// Where a text stops being JSON.
package struct JSONError: Error, CustomStringConvertible, Equatable {
  package var offset: Int
  package var message: String
  package var description: String { "byte \(offset): \(message)" }
}

extension JSON {
  /// Parses one JSON text; anything but blanks after it is an error.
  package init(parsing text: some Sequence<UInt8>) throws(JSONError) {
    var parser = JSONParser(bytes: Array(text))
    self = try parser.document()
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  var at = 0
  /// Deeper nesting than any record has would exhaust the stack.
  static let deepest = 200

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(JSONError) -> JSON {
    let value = try value(depth: 0)
    skipBlanks()
    if at < bytes.count { throw error("text after the value") }
    return value
  }

  func error(_ message: String) -> JSONError { JSONError(offset: at, message: message) }

  mutating func skipBlanks() {
    while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
  }

  mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard at < bytes.count, bytes[at] == byte else { return false }
    at += 1
    return true
  }

  mutating func literal(_ word: String, _ value: JSON) throws(JSONError) -> JSON {
    guard bytes[at...].starts(with: word.utf8) else { throw error("not a JSON value") }
    at += word.utf8.count
    return value
  }

  mutating func value(depth: Int) throws(JSONError) -> JSON {
    if depth > Self.deepest { throw error("nested too deeply") }
    skipBlanks()
    guard at < bytes.count else { throw error("text ends where a value should be") }
    switch bytes[at] {
    case UInt8(ascii: "{"):
      at += 1
      var members: [(key: String, value: JSON)] = []
      if take(UInt8(ascii: "}")) { return .object(members) }
      repeat {
        skipBlanks()
        let key = try string()
        guard take(UInt8(ascii: ":")) else { throw error("expected ':'") }
        members.append((key, try value(depth: depth + 1)))
      } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "}")) else { throw error("expected ',' or '}'") }
      return .object(members)
    case UInt8(ascii: "["):
      at += 1
      var elements: [JSON] = []
      if take(UInt8(ascii: "]")) { return .array(elements) }
      repeat { elements.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
      guard take(UInt8(ascii: "]")) else { throw error("expected ',' or ']'") }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return try number()
    }
  }

  mutating func number() throws(JSONError) -> JSON {
    let start = at
    func digits(_ from: Int) -> Int {
      var i = from
      while i < bytes.count, (0x30...0x39).contains(bytes[i]) { i += 1 }
      return i
    }
    if bytes[at] == UInt8(ascii: "-") { at += 1 }
    let whole = digits(at)
    guard whole > at else { throw error("not a JSON value") }
    if bytes[at] == UInt8(ascii: "0"), whole > at + 1 { throw error("number with a leading 0") }
    at = whole
    var integral = true
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
      integral = false
      let end = digits(at + 1)
      guard end > at + 1 else { throw error("digit expected") }
      at = end
    }
    if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      integral = false
      at += 1
      if at < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[at]) { at += 1 }
      let end = digits(at)
      guard end > at else { throw error("digit expected") }
      at = end
    }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if integral, let value = Int64(text) { return .int(value) }
    guard let value = Double(text), value.isFinite else { throw error("number out of range") }
    return .double(value)
  }

  mutating func string() throws(JSONError) -> String {
    guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw error("expected '\"'") }
    at += 1
    var out: [UInt8] = []
    while true {
      guard at < bytes.count else { throw error("string does not end") }
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
      case 0..<0x20: throw error("control character in a string")
      case UInt8(ascii: "\\"): try escape(into: &out)
      default: out.append(byte)
      }
    }
  }

  mutating func escape(into out: inout [UInt8]) throws(JSONError) {
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

  mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard at + 4 <= bytes.count,
      bytes[at..<at + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let code = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
    else { throw error("four hexadecimal digits expected") }
    at += 4
    return code
  }
}

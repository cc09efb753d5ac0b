// SPDX-License-Identifier: Apache-2.0

/// A JSON value (RFC 8259). Members keep their order, integers keep all 64 bits.
///
/// Foundation's coder would cost the guest tens of MB of memory that cannot be reclaimed.
public enum JSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case array([JSON])
  case object([(key: String, value: JSON)])

  public static func == (a: JSON, b: JSON) -> Bool {
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

  @inlinable public var string: String? { if case .string(let s) = self { s } else { nil } }
  @inlinable public var bool: Bool? { if case .bool(let b) = self { b } else { nil } }
  @inlinable public var array: [JSON]? { if case .array(let a) = self { a } else { nil } }
  package var members: [(key: String, value: JSON)]? {
    if case .object(let o) = self { o } else { nil }
  }
  @inlinable public var int: Int64? { if case .int(let i) = self { i } else { nil } }
  /// Such an integer that a great many of them can be added up, 0 to 2^48: a damaged one is no count.
  package var count: Int? { int?.count }
  package var double: Double? {
    switch self {
    case .int(let i): Double(i)
    case .double(let d): d
    default: nil
    }
  }

  /// An unsigned count; beyond Int64.max it is clamped, which no kernel counter here reaches.
  package static func uint(_ value: UInt64) -> JSON { .int(Int64(clamping: value)) }

  /// A number in the shortest form that reads back as the same: without decimals where it has none. What is
  /// no number (nil, NaN, infinity) becomes `null`: unknown, never 0.
  package static func number(_ value: Double?) -> JSON {
    guard let value, value.isFinite else { return .null }
    // Beyond 2^53 not every integer is a Double, and digits would say more than it does.
    return value == value.rounded() && abs(value) < 0x1p53 ? .int(Int64(value)) : .double(value)
  }

  package static func number(_ value: Int?) -> JSON { value.map { .int(Int64($0)) } ?? .null }

  /// `nil` becomes `null`: unknown, never 0.
  package static func optional(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
}

extension Int64 {
  /// As ``JSON/count``.
  package var count: Int? { (0...1 << 48).contains(self) ? Int(self) : nil }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) {
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

  package static func write(_ value: Int64, to out: inout [UInt8]) {
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

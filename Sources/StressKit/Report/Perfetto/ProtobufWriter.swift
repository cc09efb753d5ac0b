// SPDX-License-Identifier: Apache-2.0

/// Writes messages in the wire format of protocol buffers: https://protobuf.dev/programming-guides/encoding.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  private enum WireType: UInt64 {
    case varint = 0
    case fixed64 = 1
    case length = 2
  }

  /// - Parameter number: the field's, from 1.
  private mutating func tag(_ number: UInt64, _ type: WireType) {
    varint(number << 3 | type.rawValue)
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A field of type uint32, uint64 or an enumeration.
  mutating func field(_ number: UInt64, _ value: UInt64) {
    tag(number, .varint)
    varint(value)
  }

  /// A field of type int32 or int64: a negative number takes ten bytes.
  mutating func field(_ number: UInt64, _ value: Int64) {
    field(number, UInt64(bitPattern: value))
  }

  /// A field of type bool.
  mutating func field(_ number: UInt64, _ value: Bool) { field(number, value ? 1 : 0 as UInt64) }

  /// A field of type double.
  mutating func field(_ number: UInt64, _ value: Double) {
    tag(number, .fixed64)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// A field of type string.
  mutating func field(_ number: UInt64, _ text: String) {
    tag(number, .length)
    varint(UInt64(text.utf8.count))
    bytes.append(contentsOf: text.utf8)
  }

  /// A field that is a message.
  mutating func message(_ number: UInt64, _ body: (inout ProtobufWriter) -> Void) {
    tag(number, .length)
    let start = bytes.count
    // Room for the length of most messages.
    bytes.append(0)
    body(&self)
    let length = bytes.count - start - 1
    bytes[start] = UInt8(truncatingIfNeeded: length & 0x7f)
    if length < 0x80 { return }
    var rest = ProtobufWriter()
    rest.varint(UInt64(length) >> 7)
    bytes[start] |= 0x80
    bytes.insert(contentsOf: rest.bytes, at: start + 1)
  }

  /// Fields that were written before.
  mutating func fields(_ written: ArraySlice<UInt8>) { bytes.append(contentsOf: written) }
}

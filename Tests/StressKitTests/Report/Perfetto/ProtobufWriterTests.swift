// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressReport

struct ProtobufWriterTests {
  private func hex(_ write: (inout ProtobufWriter) -> Void) -> String {
    var writer = ProtobufWriter()
    write(&writer)
    let digits = Array("0123456789abcdef")
    return String(writer.bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  /// The specification's own examples, and the ends of each length.
  @Test(
    arguments: [
      (0, "0800"), (1, "0801"), (127, "087f"), (128, "088001"), (150, "089601"),
      (16383, "08ff7f"), (16384, "08808001"), (1 << 32, "088080808010"),
      (1 << 63, "0880808080808080808001"), (UInt64.max, "08ffffffffffffffffff01"),
    ] as [(UInt64, String)])
  func varints(_ value: UInt64, _ expected: String) {
    #expect(hex { $0.field(1, value) } == expected)
  }

  /// int64 is no zigzag: a negative number has all its ten bytes.
  @Test(
    arguments: [
      (-1, "08ffffffffffffffffff01"), (.min, "0880808080808080808001"),
      (.max, "08ffffffffffffffff7f"), (-2, "08feffffffffffffffff01"),
    ] as [(Int64, String)])
  func signedNumbers(_ value: Int64, _ expected: String) {
    #expect(hex { $0.field(1, value) } == expected)
  }

  @Test func otherTypes() {
    #expect(hex { $0.field(2, "testing") } == "120774657374696e67")
    #expect(hex { $0.field(2, "") } == "1200")
    #expect(hex { $0.field(1, 1.5) } == "09000000000000f83f")
    #expect(hex { $0.field(44, -0.0) } == "e1020000000000000080")
    #expect(hex { $0.field(3, true) } == "1801")
    #expect(hex { $0.field(3, false) } == "1800")
    // The highest number that a field may have.
    #expect(hex { $0.field((1 << 29) - 1, 0 as UInt64) } == "f8ffffff0f00")
  }

  /// A message's length comes before it and may itself be longer than a byte.
  @Test(arguments: [0, 1, 125, 126, 127, 128, 200, 16381, 16382, 16383, 16384, 40000])
  func messages(_ count: Int) {
    var text = ProtobufWriter()
    text.field(1, String(repeating: "x", count: count))
    var nested = ProtobufWriter()
    nested.message(3) { outer in outer.message(3) { $0.fields(text.bytes[...]) } }
    func length(_ bytes: [UInt8]) -> [UInt8] {
      var writer = ProtobufWriter()
      writer.field(1, UInt64(bytes.count))
      return Array(writer.bytes.dropFirst())
    }
    let inner = [0x1a] + length(text.bytes) + text.bytes
    #expect(nested.bytes == [0x1a] + length(inner) + inner)
  }

  @Test func emptyMessage() { #expect(hex { $0.message(3) { _ in } } == "1a00") }
}

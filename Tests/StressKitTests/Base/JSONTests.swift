// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct JSONTests {
  @Test(arguments: [0, 7, 9, 10, -1, -10, 90_210, Int64.max, Int64.min])
  func writesIntegers(_ value: Int64) {
    var bytes = Array("[".utf8)
    JSON.write(value, to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == "[\(value)")
  }

  @Test(arguments: [
    #"{"a":[1,-2,9223372036854775807],"b":"x\"\\\n","c":null,"d":true,"e":{}}"#, "[]", "\"ü😀\"",
  ])
  func writesWhatItReads(_ text: String) throws {
    #expect(try JSON(parsing: text.utf8).text == text)
  }

  @Test func readsEscapesAndNumbers() throws {
    #expect(try JSON(parsing: #""\u00e4\ud83d\ude00\/""#.utf8) == .string("ä😀/"))
    #expect(try JSON(parsing: " -1.5e3 ".utf8) == .double(-1500))
    #expect(try JSON(parsing: "0".utf8) == .int(0))
  }

  @Test(arguments: [
    "", "{", "[1,]", "01", "1.", "tru", "\"a", "{\"a\" 1}", "1 2", "\"\\ud800\"", "\"\u{1}\"", "-",
    "7777777777777e77777777777777777", "-1e400", String(repeating: "[", count: 300),
  ])
  func refuses(_ text: String) {
    #expect(throws: JSONError.self) { try JSON(parsing: text.utf8) }
  }
}

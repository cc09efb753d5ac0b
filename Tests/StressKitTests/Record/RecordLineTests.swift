// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressRecord

struct RecordLineTests {
  private func ints(_ text: String) -> [Int64?] {
    Array(text.utf8).withUnsafeBufferPointer { bytes in
      let found = RecordLine(bytes).ints(["start", "ns", "pid"])
      return found.indices.map { found[$0] }
    }
  }

  @Test(arguments: [
    (#"{"type":"span","start":5,"ns":-7,"pid":1}"#, [5, -7, 1]),
    (#"{"pid":1,"start":5}"#, [5, nil, 1]),
    (#" { "ns" : 7 , "start" : 5 } "#, [5, 7, nil]),
    // Of two of one name the first counts, also when it is no integer.
    (#"{"ns":"x","ns":7,"start":5,"start":6}"#, [5, nil, nil]),
    (#"{"a":{"pid":3},"b":[{"ns":1},"pid\":2"],"c":"}","\u0070id":4}"#, [nil, nil, 4]),
    (#"{"start":1.5,"ns":null,"pid":true}"#, [nil, nil, nil]), ("{}", [nil, nil, nil]),
    ("[1]", [nil, nil, nil]), ("", [nil, nil, nil]),
  ])
  func severalIntegersInOnePass(_ text: String, _ values: [Int64?]) {
    #expect(ints(text) == values)
  }

  /// A line is checked when the record is opened; what is cut off later must not be read beyond its end.
  @Test func cutOffItNeverLeavesTheBytes() {
    let text = #"{"a":"b\"c","start":[1,{"x":"y"}],"n\u0073":12,"pid":-3}"#
    for length in 0...text.utf8.count { _ = ints(String(text.prefix(length))) }
    #expect(ints(text) == [nil, 12, -3])
  }

  @Test func oneMember() {
    let text = #"{"t":1,"of":"a\"b","\u006f":2,"of":"c"}"#
    Array(text.utf8).withUnsafeBufferPointer { bytes in
      let line = RecordLine(bytes)
      #expect(line.int("t") == 1 && line.int("o") == 2 && line.string("of") == "a\"b")
      #expect(line.has("of", "a\"b") && !line.has("of", "c") && line["x"] == nil)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct TextSearchTests {
  private static let texts: [(String, [String])] = [
    ("", []), ("\n", []), ("a", ["a"]), ("a\n", ["a"]), ("\n\na\n\nb c", ["a", "b c"]),
    ("ä\nö", ["ä", "ö"]),
  ]

  @Test(arguments: texts)
  func lines(_ text: String, _ lines: [String]) {
    #expect(text.lines.map(String.init) == lines)
    let part = ("x" + text + "\n")[...].dropFirst()
    #expect(part.lines.map(String.init) == lines)
    #expect(text[...].lastLine.map(String.init) == lines.last)
    #expect(part.lastLine.map(String.init) == lines.last)
  }

  private static let prefixes: [(String, String, String?)] = [
    ("abc", "ab", "c"), ("abc", "abc", ""), ("abc", "abcd", nil), ("abc", "b", nil),
    ("", "a", nil), ("abc", "", "abc"),
    // Of bytes: a letter may get its accent behind the prefix.
    ("e\u{301}x", "e", "\u{301}x"),
    // Longer than what a string keeps without memory of its own.
    ("Memory cgroup stats for /a:", "Memory cgroup stats for ", "/a:"),
    ("Memory cgroup stats of /a:", "Memory cgroup stats for ", nil),
  ]

  @Test(arguments: prefixes)
  func prefix(_ text: String, _ prefix: String, _ rest: String?) {
    #expect(text[...].after(prefix: prefix).map(String.init) == rest)
    #expect(("x" + text)[...].dropFirst().after(prefix: prefix).map(String.init) == rest)
  }

  @Test func bytes() {
    Array("a\nb\n".utf8).withUnsafeBufferPointer { bytes in
      #expect(bytes.offset(of: 0x0a) == 1 && bytes.offset(of: 0x62) == 2)
      #expect(bytes.offset(of: 0x63) == nil)
    }
    #expect(UnsafeBufferPointer<UInt8>(start: nil, count: 0).offset(of: 0) == nil)
  }
}

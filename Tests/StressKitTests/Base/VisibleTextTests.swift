// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

/// What names and messages of others may do to a terminal: nothing.
struct VisibleTextTests {
  /// Line breaks, an escape sequence, a turned direction, a mark without width.
  @Test(arguments: [
    ("a\nb", "a\\u{a}b"), ("\u{1b}[31m", "\\u{1b}[31m"), ("x\u{202e}y", "x\\u{202e}y"),
    ("\u{2066}\u{2069}", "\\u{2066}\\u{2069}"), ("\u{2028}", "\\u{2028}"),
    ("\u{feff}\u{85}", "\\u{feff}\\u{85}"), ("\r\n", "\\u{d}\\u{a}"),
    ("plain text, äöü 漢字", "plain text, äöü 漢字"),
  ])
  func nothingHides(text: String, seen: String) { #expect(text.visible == seen) }

  /// Lines and colours stay; no cursor is moved, no title set, no clipboard written, no line written over.
  @Test(arguments: [
    ("a\nb\tc\n", "a\nb\tc\n"), ("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m"),
    ("\u{1b}[1;31mx", "\u{1b}[1;31mx"), ("\u{1b}[2J", "\\u{1b}[2J"),
    ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
    ("\u{1b}]52;c;eA==\u{1b}\\", "\\u{1b}]52;c;eA==\\u{1b}\\"),
    ("\u{9b}31m", "\\u{9b}31m"), ("\u{1b}[31", "\\u{1b}[31"), ("\u{1b}", "\\u{1b}"),
    ("over\rwritten", "over\\u{d}written"), ("a\r\nb", "a\\u{d}\nb"), ("a\u{8}b", "a\\u{8}b"),
    ("\u{1b}[\u{1b}[31m", "\\u{1b}[\u{1b}[31m"), ("x\u{202e}y\u{0}", "x\\u{202e}y\\u{0}"),
  ])
  func nothingSteersATerminal(text: String, seen: String) { #expect(text.visibleLines == seen) }

  @Test func anErrorIsOneLine() {
    let error = HarnessError(.usage, "a\nwbstress: all is well\u{1b}[2J", "open")
    #expect(error.description == "a\\u{a}wbstress: all is well\\u{1b}[2J: open")
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressReport

struct TableTests {
  @Test func alignsAndTrims() {
    var table = Table([("#", .right), ("name", .left), ("MiB/s", .right), ("why", .left)])
    table.add(["1", "a", "4.0", ""])
    table.add(["10", "longer", "12345.6", "x y"])
    #expect(
      table.lines() == [
        " #  name      MiB/s  why",
        " 1  a           4.0",
        "10  longer  12345.6  x y",
      ])
    #expect(table.fits(24) && !table.fits(23))
  }

  @Test func headerAlone() {
    #expect(Table([("a", .right), ("b", .left)]).lines() == ["a  b"])
    #expect(Table([]).lines().isEmpty && Table([]).fits(0))
  }

  /// Characters, not bytes.
  @Test func countsCharacters() {
    var table = Table([("ä", .right), ("b", .left)])
    table.add(["…é", "c"])
    #expect(table.lines() == [" ä  b", "…é  c"])
  }

  @Test func breaksTextsToFit() {
    var table = Table([("n", .right), ("outcomes", .text), ("m", .right)])
    table.add(["1", "completed 10, oom 3, stalled 1", "2"])
    table.add(["3", "oom 1", "4"])
    #expect(
      table.lines(within: 22) == [
        "n  outcomes          m",
        "1  completed 10,     2",
        "   oom 3, stalled 1",
        "3  oom 1             4",
      ])
    #expect(table.fits(18) && !table.fits(17))
    #expect(table.lines(within: 36) == table.lines())
  }

  /// What cannot give way does not, and nothing is lost.
  @Test func numbersAndLabelsStayWhole() {
    var table = Table([("number", .right), ("text", .text), ("label", .left)])
    table.add(["12345678901234567890", "abcdefghijklmnopqrstuvwxyz", "a label as long"])
    #expect(!table.fits(10))
    #expect(
      table.lines(within: 10) == [
        "              number  text          label",
        "12345678901234567890  abcdefghijkl  a label as long",
        "                      mnopqrstuvwx",
        "                      yz",
      ])
  }

  @Test(arguments: [
    ("", 5, 0, [""]), ("a b", 5, 0, ["a b"]), ("aaa bbb", 5, 0, ["aaa", "bbb"]),
    ("aaaaa bbbbb", 5, 0, ["aaaaa", "bbbbb"]), ("aa bb cc", 5, 0, ["aa bb", "cc"]),
    ("aa bb cc", 5, 2, ["aa bb", "  cc"]), ("abcdefgh", 3, 0, ["abc", "def", "gh"]),
    ("abcdefgh", 4, 2, ["abcd", "  ef", "  gh"]), ("a bcdefgh", 4, 0, ["a", "bcde", "fgh"]),
    ("abcd", 4, 0, ["abcd"]), ("aa b\u{a0}c dd", 5, 0, ["aa", "b c", "dd"]),
  ])
  func broken(_ text: String, _ width: Int, _ indent: Int, _ lines: [String]) {
    #expect(Format.broken(text, width: width, indent: indent) == lines)
  }

  @Test(
    arguments: [
      (0, 0, "0"), (0, 2, "0.00"), (1.005, 2, "1.00"), (1.25, 1, "1.3"), (2.5, 0, "3"),
      (0.995, 2, "1.00"), (9.999, 2, "10.00"), (-9.999, 2, "-10.00"), (-0.04, 1, "0.0"),
      (-0.05, 1, "-0.1"), (-0.0, 2, "0.00"), (12.05, 3, "12.050"), (1e-9, 3, "0.000"),
      (999_999_999_999_999, 0, "999999999999999"), (-123_456_789_012, 1, "-123456789012.0"),
      (1e15, 0, "-"), (1e300, 2, "-"), (.infinity, 1, "-"), (-.infinity, 1, "-"), (.nan, 2, "-"),
    ] as [(Double, Int, String)])
  func fixed(_ value: Double, _ digits: Int, _ text: String) {
    #expect(Format.fixed(value, digits) == text)
  }

  @Test func units() {
    #expect(Format.seconds(1_234_567_890) == "1.23" && Format.seconds(nil) == "-")
    #expect(Format.seconds(4_999_999) == "0.00" && Format.seconds(5_000_000) == "0.01")
    #expect(Format.mebibytes(4_210_860.6) == "4.0" && Format.mebibytes(nil) == "-")
    #expect(Format.mebibytes(1_048_576 * 1234.56) == "1234.6")
  }

  @Test(arguments: [
    (Profile.Expectation(.oomKill, .atLeast, 1), "oom_kill >= 1"),
    (Profile.Expectation(.throughput, .greater, 2_097_152), "throughput > 2MiB/s"),
    (Profile.Expectation(.stall(.p99), .less, 1_500_000_000), "stall.p99 < 1500ms"),
    (Profile.Expectation(.ioPressure(full: true), .atMost, 0), "psi.io.full <= 0ns"),
  ])
  func expectations(_ expectation: Profile.Expectation, _ text: String) {
    #expect(expectation.text == text)
  }
}

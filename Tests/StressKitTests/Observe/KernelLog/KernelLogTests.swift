// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressRecord

struct KernelLogTests {
  /// The bytes of a file in Fixtures.
  static func fixture(_ name: String) throws -> [UInt8] {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: nil))
    return try [UInt8](Data(contentsOf: url))
  }

  private func parsed(_ text: String) -> KernelLogRecord? { KernelLogRecord(parsing: text.utf8) }

  @Test func readsARecord() throws {
    let record = try #require(
      parsed(
        "14,18446744073709551615,10518941,c,caller=T169,future=1;a\\x0ab\\x5cx \\xc3\\xa4; c\n"
          + " SUBSYSTEM=block\n DEVICE=b254:0\n"))
    #expect(record.level == 6 && record.facility == 1)
    #expect(record.sequence == .max)
    #expect(record.time == 10_518_941_000)
    #expect(record.isContinuation)
    #expect(record.caller == "T169")
    #expect(record.text == "a\nb\\x ä; c")
  }

  @Test func readsTheShortestRecord() throws {
    let record = try #require(parsed("0,0,0,-;"))
    #expect(record.text.isEmpty && record.caller == nil && !record.isContinuation)
  }

  /// Escapes that are none, or that a short read cut, stay; a serial line's \r goes, the log's own stays.
  @Test(arguments: [
    ("\\x0", "\\x0"), ("\\xg0 \\y", "\\xg0 \\y"), ("end\\x", "end\\x"), ("a\r\n", "a"),
    ("a\\x0d", "a\r"), ("\\xFF", "\u{fffd}"),
  ])
  func keepsWhatIsNoEscape(_ body: String, _ text: String) throws {
    #expect(try #require(parsed("6,1,1,-;" + body)).text == text)
  }

  @Test(arguments: [
    "", ";", "6,1,1;x", "6,1,1,-", "6,1,,-;x", "a,1,1,-;x", "6,-1,1,-;x", " DEVICE=a,b,c,d;e",
    "6,1,18446744073709551615,-;time overflows", "4294967296,1,1,-;x",
  ])
  func refuses(_ text: String) { #expect(parsed(text) == nil) }

  @Test(arguments: [
    ("kmsg-memcg-oom-61.txt", 76, 415, 500), ("kmsg-memcg-oom-612.txt", 99, 427, 525),
    ("kmsg-memcg-oom-618.txt", 99, 285, 383), ("kmsg-global-oom-61.txt", 38, 417, 469),
    ("kmsg-global-oom-612.txt", 39, 425, 479),
  ])
  func splitsASavedLog(_ file: String, _ count: Int, _ first: UInt64, _ last: UInt64) throws {
    let records = KernelLogRecord.records(in: try Self.fixture(file))
    #expect(records.count == count)
    #expect(records.first?.sequence == first && records.last?.sequence == last)
    #expect(records.allSatisfy { !$0.text.contains("\r") && !$0.isContinuation })
  }

  /// Each begins a report, wherever it stands in the text; none does so before its last letter.
  @Test(arguments: [
    "oom", "ut of memory", "Killed process", "INFO: task ", ": page allocation ", " held by ",
    "Linux version ",
  ])
  func marksOfReports(_ mark: String) throws {
    func isMarked(_ text: String) throws -> Bool {
      try #require(parsed("4,1,1,-;" + text)).isMarked
    }
    for text in [mark, "o u: K" + mark, mark + " held", "IL" + mark + "o"] {
      #expect(try isMarked(text), "\(text)")
    }
    let (cut, tail) = (String(mark.dropLast()), String(mark.dropFirst()))
    for text in ["", " ", "o", "x" + cut, tail + " ", cut + "?"] {
      #expect(try !isMarked(text), "\(text)")
    }
  }

  @Test func passesOverWhatIsNoRecord() {
    let file = "boot noise\n\n6,1,1,-;a\n SUBSYSTEM=x\n DEVICE=+y\n6,2,2,-;b\r\n6,3"
    #expect(KernelLogRecord.records(in: file.utf8).map(\.text) == ["a", "b"])
  }
}

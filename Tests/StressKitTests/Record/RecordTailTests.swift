// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressRecord

struct RecordTailTests {
  private let directory: RecordFixture
  private let path: String

  init() throws {
    directory = try RecordFixture()
    path = try directory.write("record.jsonl", "")
  }

  private func append(_ text: String) throws {
    let fd = try Descriptor(open: path, O_WRONLY | O_APPEND)
    try fd.writeAll(Array(text.utf8), path)
  }

  private func text(_ lines: [[UInt8]]) -> [String] {
    lines.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func givesCompleteLinesOnly() throws {
    var tail = try RecordTail(path)
    #expect(tail.lines().isEmpty)
    try append("{\"a\":")
    #expect(tail.lines().isEmpty)
    try append("1}\n\n{\"b\":2}\n{")
    #expect(text(tail.lines()) == ["{\"a\":1}", "", "{\"b\":2}"])
    #expect(tail.lines().isEmpty)
    try append("}\n")
    #expect(text(tail.lines()) == ["{}"])
  }

  /// A line longer than one read, and many in one.
  @Test func readsAllThatIsThere() throws {
    let long = String(repeating: "x", count: 700_001)
    try append(long + "\n" + String(repeating: "yy\n", count: 500) + "rest")
    var tail = try RecordTail(path)
    let lines = tail.lines()
    #expect(lines.count == 501 && lines.first?.count == long.count)
    #expect(lines.dropFirst().allSatisfy { $0 == Array("yy".utf8) })
  }

  @Test func readsNoMoreThanItMay() throws {
    try append("one\ntwo\nthree\n")
    var tail = try RecordTail(path)
    #expect(text(tail.lines(atMost: 6)) == ["one"])
    #expect(tail.lines(atMost: 1).isEmpty)
    #expect(text(tail.lines(atMost: 100)) == ["two", "three"])
  }

  @Test func beginsAnewWhenTheFileBecameShorter() throws {
    try append("one\ntwo\ntorn")
    var tail = try RecordTail(path)
    #expect(text(tail.lines()) == ["one", "two"])
    #expect(truncate(path, 0) == 0)
    try append("new\n")
    #expect(text(tail.lines()) == ["new"])
  }

  @Test func tellsThatTheFileWasReplaced() throws {
    let tail = try RecordTail(path)
    let before = tail.isReplaced(path)
    // Renamed, its inode is not used again.
    try File.rename(path, path + ".1")
    let without = tail.isReplaced(path)
    try directory.write("record.jsonl", "")
    let after = tail.isReplaced(path)
    #expect([before, without, after] == [false, true, true])
  }

  /// What is longer than any line of a record is not kept, and what follows it is.
  @Test func passesOverALineWithoutEnd() throws {
    let part = String(repeating: "x", count: LinePlace.longest / 4 + 1)
    for _ in 0..<5 { try append(part) }
    var tail = try RecordTail(path)
    #expect(tail.lines().isEmpty)
    try append("rest of it\n{}\n")
    #expect(text(tail.lines()) == ["{}"])
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Testing

@testable import StressCore
@testable import StressRecord

struct RecordFileTests {
  private let directory: RecordFixture
  private let path: String

  init() throws {
    directory = try RecordFixture()
    path = directory.path("record.jsonl")
  }

  private func append(_ text: String) throws {
    let fd = try Descriptor(open: path, O_WRONLY | O_CREAT | O_APPEND)
    try fd.writeAll(Array(text.utf8), path)
  }

  private func write(_ lines: (String, [(String, JSON)])...) throws {
    let sink = try RecordSink(path)
    for (type, members) in lines { sink.emit(type, members) }
    try sink.finish()
  }

  @Test func writesLines() throws {
    try write(
      ("header", [("schema", 1)]), ("end", [("reason", .null), ("message", "a\n\"b\"")]))
    #expect(
      try File.text(path)
        == #"{"type":"header","schema":1}"# + "\n"
        + #"{"type":"end","reason":null,"message":"a\n\"b\""}"# + "\n")
  }

  @Test func namesTheFileThatCannotBeWritten() throws {
    let path = directory.path("no/record.jsonl")
    let error = #expect(throws: HarnessError.self) { _ = try RecordSink(path) }
    #expect(error?.description.hasPrefix("\(path): open: ENOENT") == true)
  }

  /// The type and the time of a line are read where the harness writes them, and nowhere else.
  @Test func aLinesTypeAndTime() {
    func read(_ text: String) -> (String, UInt64?) {
      Array(text.utf8).withUnsafeBytes { (RecordFile.type(of: $0), RecordFile.time(of: $0)) }
    }
    #expect(read(#"{"type":"sample","t":12,"lane":"a"}"#) == ("sample", 12))
    #expect(read(#"{"type":"header","schema":1}"#) == ("header", nil))
    #expect(read(#"{"type":"x","t":-1}"#) == ("x", nil))
    #expect(read(#"{"type":"x","t":99999999999999999999}"#) == ("x", nil))
    for text in ["", "{", #"{"t":1,"type":"x"}"#, #"{"type":"x"#, #"{"type":"# + "\n"] {
      #expect(read(text) == ("?", nil))
    }
  }

  // MARK: Reading

  @Test func countsTornLinesAndKeepsUnknownTypes() throws {
    try append(
      """
      {"type":"header","schema":1,"later":{"x":[]}}
      {"type":"sam
      {"type":"from-the-future","t":1}

      [1]
      {"no":"type"}
      {"type":7}
      {"type":"phase","name":"a"}
      {"type":"phase","name":"b"}
      {"type":"end","outcome":"oom","reason":"set-up","message":"m"}

      """)
    let record = try RecordReader(path)
    #expect(record.torn == 4)
    #expect(record.types == ["header", "from-the-future", "phase", "end"])
    #expect(record.defects[.unknownType] == 1)
    #expect(record.lines("from-the-future") == [["type": "from-the-future", "t": 1]])
    #expect(record.first("header")?["later"]?["x"] == [])
    #expect(record.lines("phase").count == 2)
    #expect(record.first("phase")?["name"] == "a" && record.last("phase")?["name"] == "b")
    #expect(record.first("none") == nil)
    #expect(record.ending == Ending(.oom, reason: "set-up", message: "m"))
    #expect(RecordReader.ending(path) == record.ending)
  }

  /// A record with an `end` is that of a whole trial, whatever stands behind it, and both ways to ask say the same.
  @Test(
    arguments: [
      ("", nil), ("{\"type\":\"header\"}\n", nil),
      ("{\"type\":\"end\",\"outcome\":\"oom\"}", .oom),
      ("{\"type\":\"end\",\"outcome\":\"oom\"}\n", .oom),
      // What an outage leaves there, and its spilled lines behind a record that was cut off.
      (
        "{\"type\":\"end\",\"outcome\":\"oom\"}\n{\"type\":\"outage\",\"why\":\"ENOSPC\",\"kept\":3}\n",
        .oom
      ),
      ("{\"type\":\"end\",\"outcome\":\"oom\"}\n{\"type\":\"outa", .oom),
      (
        "{\"type\":\"ph\n{\"type\":\"end\",\"outcome\":\"hang\"}\n{\"type\":\"outage\"}\n\n\n",
        .hang
      ),
      ("{\"type\":\"end\",\"outcome\":\"oom\"}\n{\"type\":\"phase\"}\n", .oom),
      ("{\"outcome\":\"oom\",\"type\":\"end\"}\n", .oom),
      ("{\"type\":\"end\",\"outcome\":\"unheard-of\"}\n", nil), ("{\"type\":\"end\"}\n", nil),
      ("{\"type\":\"guest-end\",\"outcome\":\"oom\"}\n", nil),
      ("{\"type\":\"end\",\"outco", nil),
    ] as [(String, Outcome?)])
  func endings(_ text: String, _ outcome: Outcome?) throws {
    try append(text)
    #expect(RecordReader.ending(path)?.outcome == outcome)
    #expect(try RecordReader(path).ending?.outcome == outcome)
    // Far from the file's end, behind a line that is longer than what is read at a time.
    let long = "{\"type\":\"note\",\"message\":\"\(String(repeating: "x", count: 300_000))\"}\n"
    try append("\n" + long)
    #expect(RecordReader.ending(path)?.outcome == outcome)
    #expect(try RecordReader(path).ending?.outcome == outcome)
  }

  /// A line of a type that is described must not be called unknown.
  @Test func everyTypeIsDescribed() throws {
    let page = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../docs/record.md").standardized
    let sections = try File.text(page.path).components(separatedBy: "\n## ")
    let types = try #require(sections.first { $0.hasPrefix("Line types\n") })
    let described = types.components(separatedBy: "\n### ").dropFirst().compactMap { text in
      text.prefixMatch(of: /`([a-z-]+)`\n\nWritten by the (guest|host)\. [A-Z]/)
        .map { String($0.1) }
    }
    #expect(Set(described) == LineTypes.names && described.count == LineTypes.names.count)
    #expect(types.components(separatedBy: "\n### ").count == described.count + 1)
  }

  @Test func missingRecord() {
    #expect(RecordReader.ending(path) == nil)
    let error = #expect(throws: HarnessError.self) { try RecordReader(path) }
    #expect(error?.code == .usage && error?.errno == .noSuchFileOrDirectory)
  }

  @Test func endingIsReadBack() throws {
    for outcome in Outcome.allCases {
      let ending = Ending(outcome, reason: "r", message: nil)
      try File.write(path, EndLine(ending).bytes)
      #expect(RecordReader.ending(path) == ending)
    }
  }

  @Test func outcomesThatSayNothingAreExcluded() {
    let excluded = Outcome.allCases.filter { !$0.counts }
    #expect(excluded == [.harnessLost, .invalid, .skipped])
  }

  @Test func readsASavedRecord() throws {
    let record = try RecordReader(try directory.record(from: RecordFixture.killed))
    #expect(record.defects.isEmpty)
    let lines = try RecordFixture.lines(RecordFixture.killed)
    #expect(record.types.reduce(0) { $0 + record.count($1) } == lines.count)
    #expect(record.first("columns")?["names"]?.array?.count == 237)
    #expect(record.lines("sample").allSatisfy { $0["v"]?.array?.count == 237 })
  }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord
@testable import StressReport

/// What a reader makes of records that are not as they were written: it leaves out and says so.
struct DamagedRecordTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private func read(_ text: String) throws -> RecordReader {
    try RecordReader(try directory.write("record.jsonl", text))
  }

  private static let columns =
    #"{"type":"columns","t":1,"lane":"fast","interval":10,"names":["a","b"]}"#

  private func sample(_ t: Int, _ values: String, lane: String = "fast") -> String {
    "{\"type\":\"sample\",\"t\":\(t),\"lane\":\"\(lane)\",\"v\":[\(values)]}"
  }

  private func lane(_ lines: String...) throws -> (lane: Lane?, defects: RecordDefects) {
    let record = try read(lines.joined(separator: "\n") + "\n")
    return (record.lane("fast"), record.defects)
  }

  private func only(_ kind: RecordDefects.Kind, _ count: Int = 1) -> RecordDefects {
    var defects = RecordDefects()
    defects.add(kind, count)
    return defects
  }

  // MARK: Lanes

  @Test func samplesBecomeColumns() throws {
    let (lane, defects) = try lane(
      Self.columns, sample(10, "0,-5"), sample(20, "0,null"),
      sample(30, "9223372036854775807,7"), sample(40, "-9223372036854775807,7"))
    let found = try #require(lane)
    #expect(defects.isEmpty && found.interval == 10 && found.names == ["a", "b"])
    #expect(found.times == [10, 20, 30, 40])
    #expect(found.column("a")?.values == [0, 0, .max, -.max])
    #expect(found.column("b")?.values == [-5, nil, 7, 7])
    #expect(found.column("c") == nil)
    #expect(found.column("b")?.value(at: 0) == -5 && found.column("b")?.value(at: 1) == nil)
    #expect(found.column("b")?.growth(from: 0, to: 3) == 12)
    #expect(found.column("b")?.growth(from: 1, to: 3) == nil)
    var runs: [Range<Int>] = []
    found.column("a")?.forEachRun { run, _ in runs.append(run) }
    #expect(runs == [0..<2, 2..<3, 3..<4])
  }

  @Test func samplesAreFoundByTheirTime() throws {
    let lane = try #require(
      try lane(Self.columns, sample(10, "1,1"), sample(20, "2,2"), sample(40, "3,3")).lane)
    #expect(lane.first(from: 10) == 0 && lane.first(from: 11) == 1 && lane.first(from: 41) == nil)
    #expect(lane.last(until: 9) == nil && lane.last(until: 39) == 1 && lane.last(until: 99) == 2)
  }

  /// Other producers may set blanks, or other members first.
  @Test func samplesThatAreFormedOtherwise() throws {
    let (lane, defects) = try lane(
      Self.columns, #"{"lane": "fast", "v": [ 1, null ], "t": 10, "type": "sample"}"#,
      sample(20, "2,3"))
    #expect(defects.isEmpty)
    #expect(lane?.column("a")?.values == [1, 2] && lane?.column("b")?.values == [nil, 3])
  }

  @Test func timesThatGoBackwardsAreSorted() throws {
    let (lane, defects) = try lane(
      Self.columns, sample(30, "3,3"), sample(10, "1,1"), sample(40, "4,4"), sample(20, "2,2"))
    #expect(defects == only(.disorder, 2))
    #expect(lane?.times == [10, 20, 30, 40] && lane?.column("b")?.values == [1, 2, 3, 4])
  }

  @Test func columnsBehindTheirSamples() throws {
    let (lane, defects) = try lane(sample(10, "1,1"), sample(20, "2,2"), Self.columns)
    #expect(defects.isEmpty && lane?.column("a")?.values == [1, 2])
  }

  @Test func samplesWithoutColumns() throws {
    let record = try read([sample(10, "1,1"), sample(20, "2,2")].joined(separator: "\n"))
    #expect(record.defects == only(.unnamedSample, 2))
    #expect(record.lanes.isEmpty && record.count("sample") == 0 && record.lines("sample").isEmpty)
  }

  /// A second set of columns holds from there on; what it lacks is unknown.
  @Test func columnsThatChange() throws {
    let other = #"{"type":"columns","t":15,"lane":"fast","interval":10,"names":["c","a"]}"#
    let (lane, defects) = try lane(
      Self.columns, Self.columns, sample(10, "1,2"), other, sample(20, "3,4"))
    var expected = only(.columnsChanged)
    expected.add(.duplicate)
    #expect(defects == expected && lane?.names == ["a", "b", "c"])
    #expect(lane?.column("a")?.values == [1, 4] && lane?.column("b")?.values == [2, nil])
    #expect(lane?.column("c")?.values == [nil, 3])
    // Before the first of two, nothing tells which are meant.
    let early = try self.lane(sample(5, "9,9"), Self.columns, sample(10, "1,2"), other)
    #expect(early.defects[.unnamedSample] == 1 && early.lane?.times == [10])
  }

  @Test(arguments: [
    ("1", RecordDefects.Kind.wrongWidth), ("1,2,3", .wrongWidth), ("", .wrongWidth),
    ("1,1.5", .wrongValue), ("1,1e400", .torn), ("1,01", .torn), ("1,nul", .torn), ("1,", .torn),
    ("1,99999999999999999999", .wrongValue), ("1,-9223372036854775808", .wrongValue),
    ("1,\"2\"", .wrongValue), ("1,[2]", .wrongValue), ("1,2\u{0}", .torn),
  ])
  func samplesWithOtherValues(_ values: String, _ kind: RecordDefects.Kind) throws {
    let (lane, defects) = try lane(
      Self.columns, sample(10, "1,2"), sample(20, values), sample(30, "3,4"))
    #expect(defects == only(kind))
    #expect(lane?.times == [10, 30] && lane?.column("b")?.values == [2, 4])
  }

  @Test func samplesWithoutATime() throws {
    let (lane, defects) = try lane(
      Self.columns, #"{"type":"sample","lane":"fast","v":[1,2]}"#,
      #"{"type":"sample","t":1.5,"lane":"fast","v":[1,2]}"#, sample(10, "1,2"))
    #expect(defects == only(.wrongValue, 2) && lane?.times == [10])
  }

  @Test func samplesOfOneMoment() throws {
    let (lane, defects) = try lane(
      Self.columns, sample(10, "1,2"), sample(10, "1,2"), sample(20, "3,4"), sample(20, "5,6"))
    #expect(defects == only(.doubleSample, 2))
    #expect(lane?.times == [10, 20] && lane?.column("a")?.values == [1, 3])
  }

  @Test func missingSamplesAreCounted() throws {
    let told = #"{"type":"lane","t":50,"lane":"fast","samples":5,"dropped":0}"#
    #expect(try lane(Self.columns, sample(10, "1,2"), told).defects == only(.missingSample, 4))
    #expect(try lane(told).defects == only(.missingSample, 5))
  }

  /// What an outage says is lost is not missing without a word.
  @Test func lostLinesAreNotMissing() throws {
    let told = #"{"type":"lane","t":50,"lane":"fast","samples":5,"dropped":0}"#
    let outage =
      #"{"type":"outage","t":40,"from":20,"why":"EIO","kept":1,"lost":{"sample":3,"span":2}}"#
    let written = #"{"type":"written","t":60,"lines":5}"#
    var defects = only(.missingSample, 1)
    defects.add(.lostSample, 3)
    defects.add(.lostLine, 2)
    #expect(try lane(Self.columns, sample(10, "1,2"), outage, told, written).defects == defects)
  }

  // MARK: Other lines

  @Test func missingLinesAreCounted() throws {
    let lines = [
      #"{"type":"header"}"#, #"{"type":"phase","t":1,"name":"a"}"#,
      #"{"type":"written","t":3,"lines":3}"#,
      #"{"type":"guest-end","t":4}"#,
    ]
    #expect(try read(lines.joined(separator: "\n")).defects == only(.missingLine))
  }

  @Test func repeatedLines() throws {
    let line = #"{"type":"oom","t":5,"report":{}}"#
    let latency = #"{"type":"latency","t":5,"of":"write","count":1,"v":[[4,1]]}"#
    let record = try read([line, latency, line, latency, line].joined(separator: "\n"))
    var expected = only(.duplicate, 2)
    expected.add(.repeated, 1)
    #expect(record.defects == expected)
    #expect(record.lines("oom").count == 1 && record.lines("latency").count == 2)
  }

  @Test func twoHeaders() throws {
    let same = try read(
      [#"{"type":"header","n":1}"#, #"{"type":"phase"}"#, #"{"type":"header","n":1}"#]
        .joined(separator: "\n"))
    #expect(same.defects == only(.duplicate))
    let other = try read(
      [
        #"{"type":"header","n":1}"#, #"{"type":"phase"}"#, #"{"type":"header","n":2}"#,
        #"{"type":"oom"}"#, "x",
      ].joined(separator: "\n"))
    #expect(other.defects == only(.foreign, 3))
    #expect(other.types == ["header", "phase"])
  }

  @Test func enormousLine() throws {
    let long = String(repeating: "7", count: LinePlace.longest + 9)
    let record = try read(
      "{\"type\":\"phase\",\"t\":1}\n{\"type\":\"oom\",\"x\":\(long)}\n{\"type\":\"phase\",\"t\":2}"
    )
    #expect(record.defects == only(.tooLong))
    #expect(record.lines("phase").compactMap { $0["t"]?.int } == [1, 2])
    // One that is long and yet a line, over the end of several pieces.
    let text = String(repeating: "x", count: 3 << 20)
    let kept = try read("{\"type\":\"note\",\"message\":\"\(text)\"}\n{\"type\":\"phase\"}\n")
    #expect(kept.defects.isEmpty)
    #expect(kept.first("note")?["message"]?.string?.utf8.count == text.utf8.count)
  }

  @Test(arguments: [
    "{\"type\":\"phase\",\"x\":" + String(repeating: "[", count: 100_000), "\u{0}\u{0}\u{0}",
    "{\"type\":\"phase\",\"x\":1e400}", "{\"type\":\"phase\"} {\"type\":\"phase\"}", "[]", "7",
    "{\"type\":\"pha", "{\"type\":null}", "{\"of\":\"write\"}",
    "{\"type\":\"phase\",\"x\":\"\\ud800\"}",
  ])
  func linesThatAreNone(_ line: String) throws {
    let record = try read("{\"type\":\"phase\",\"t\":1}\n\(line)\n{\"type\":\"phase\",\"t\":2}\n")
    #expect(record.defects == only(.torn) && record.count("phase") == 2)
  }

  /// None of them may overflow a difference.
  @Test(arguments: [
    #"{"type":"span","t":-1}"#, #"{"type":"span","t":9223372036854775807}"#,
    #"{"type":"span","t":1,"ns":-5}"#, #"{"type":"slow","t":1,"latency":9223372036854775807}"#,
    #"{"type":"slow","start":4611686018427387904}"#, #"{"type":"in-flight","age":-1}"#,
    #"{"type":"latency","from":-1}"#,
    #"{"type":"sample","t":-10,"lane":"fast","v":[1,2]}"#,
    #"{"type":"sample","t":9223372036854775807,"lane":"fast","v":[1,2]}"#,
  ])
  func timesThatCannotBe(_ line: String) throws {
    let record = try read([Self.columns, sample(10, "1,2"), line].joined(separator: "\n"))
    #expect(record.defects == only(.wrongTime))
    #expect(record.types == ["columns", "sample"] && record.count("sample") == 1)
  }

  @Test func bytesThatAreNoUTF8() throws {
    var bytes = Array(#"{"type":"phase","name":"xx"}"#.utf8)
    bytes[bytes.count - 4] = 0xff
    #expect(try RecordReader(try directory.write("r", bytes)).defects == only(.torn))
  }

  @Test func emptyRecord() throws {
    let record = try read("")
    #expect(record.types.isEmpty && record.lanes.isEmpty && record.defects.isEmpty)
    #expect(record.ending == nil)
  }

  @Test func pipesAreRefused() throws {
    let path = directory.path("pipe")
    #expect(mkfifo(path, 0o600) == 0)
    // Opened for both, so that neither waits for the other.
    let both = try Descriptor(open: path, O_RDWR)
    let error = #expect(throws: HarnessError.self) { try RecordReader("/proc/self/fd/\(both.raw)") }
    #expect(error?.code == .usage && error?.errno == .illegalSeek)
  }

  /// What was there is read again when it is asked for.
  @Test func recordsThatShrink() throws {
    let record = try read("{\"type\":\"phase\",\"t\":1}\n{\"type\":\"phase\",\"t\":2}\n")
    #expect(record.defects.isEmpty)
    #expect(truncate(directory.path("record.jsonl"), 30) == 0)
    #expect(record.lines("phase").count == 1)
    #expect(record.defects == only(.shrunk))
  }

  /// Those that are left keep their kinds.
  @Test func recordsThatLoseLinesOfSeveralKinds() throws {
    let lines = ["a", "b", "a"].enumerated().map {
      "{\"type\":\"span\",\"t\":\($0.offset),\"of\":\"\($0.element)\"}"
    }
    let record = try read(lines.joined(separator: "\n") + "\n")
    func kinds() -> [Int] {
      var kinds: [Int] = []
      record.forEach(SpanLine.self, ofEach: ["b", "a"]) { kind, _ in kinds.append(kind) }
      return kinds
    }
    #expect(kinds() == [1, 0, 1])
    #expect(truncate(directory.path("record.jsonl"), off_t(lines[0].utf8.count + 5)) == 0)
    #expect(kinds() == [1])
    #expect(record.defects == only(.shrunk))
  }

  // MARK: Asking

  @Test func linesOfAKind() throws {
    let record = try read(
      [
        #"{"type":"span","t":1,"of":"off-cpu","ns":5}"#, #"{"type":"event","t":2,"of":"off-cpu"}"#,
        #"{"type":"span","t":9,"of":"memcg-reclaim","ns":6}"#, #"{"type":"span","t":4,"ns":1}"#,
        #"{"type":"span","t":3,"of":"off-cpu","ns":7,"state":"D"}"#, #"{"type":"end"}"#,
      ].joined(separator: "\n"))
    var found: [Int64?] = []
    record.forEach("span", of: "off-cpu") { found.append($0.int("ns")) }
    #expect(found == [5, 7])
    #expect(record.count("span", of: "off-cpu") == 2 && record.count("span") == 4)
    #expect(record.count("span", of: "none") == 0 && record.count("none", of: "x") == 0)
    found = []
    record.forEach("span") { found.append($0.int("t")) }
    #expect(found == [1, 9, 4, 3])
    record.forEach("span", of: "none") { _ in Issue.record("there is none") }
    var kinds: [Int] = []
    record.forEach(SpanLine.self, ofEach: ["none", "memcg-reclaim", "off-cpu"]) { kind, line in
      #expect(line.string("of") == (kind == 1 ? "memcg-reclaim" : "off-cpu"))
      kinds.append(kind)
    }
    #expect(kinds == [2, 1, 2])
    record.forEach(OpenLine.self, ofEach: ["off-cpu"]) { _, _ in Issue.record("there is none") }
    #expect(record.lines("event", "span").compactMap { $0["t"]?.int } == [1, 2, 9, 4, 3])
    var times: [Int64?] = []
    record.forEachInTime { line, time in
      times.append(time)
      #expect(line.has("of", "memcg-reclaim") == (time == 9))
      #expect(line.has("state", "D") == (time == 3) && !line.has("ns", "6"))
    }
    #expect(times == [1, 2, 3, 4, 9, nil])
  }

  /// Behind members of every shape.
  @Test func membersWhereTheyStand() throws {
    let record = try read(
      #"{"a":[1,{"x":"]}"},[]],"b":"\\\",c\"","type":"span" , "n" : -7 ,"o":{},"s":"é\u00e9","t":3}"#
    )
    record.forEach("span") { line in
      #expect(line.int("n") == -7 && line.int("t") == 3 && line.string("s") == "éé")
      #expect(line.string("b") == "\\\",c\"" && line["o"] == [:] && line.int("x") == nil)
      #expect(line["a"] == [1, ["x": "]}"], []])
    }
    #expect(record.count("span") == 1)
  }

  // MARK: Anything

  private struct Counts: Equatable {
    var types: [String: Int] = [:]
    var lanes: [String: [Int64]] = [:]

    init(_ record: RecordReader) {
      for type in record.types where record.count(type) > 0 { types[type] = record.count(type) }
      for lane in record.lanes { lanes[lane.name] = lane.times.sorted() }
    }
  }

  /// A saved record with the count of its lines, as the harness writes it now.
  private func saved(_ name: String) throws -> [UInt8] {
    let uncounted = LineTypes.uncounted.map { "{\"type\":\"\($0)\"" }
    let count = try RecordFixture.lines(name).count { line in
      !uncounted.contains { line.hasPrefix($0) }
    }
    let path = try directory.record(
      from: name, adding: ["{\"type\":\"written\",\"t\":1,\"lines\":\(count + 1)}"])
    return try File.read(path)
  }

  private enum Damage: CaseIterable {
    case bit, byte, cut, hole, zeros, doubled, swapped, shuffled, twice, garbage
  }

  private func damage(_ text: [UInt8], _ kind: Damage, _ random: inout SplitMix64) -> [UInt8] {
    func lines() -> [[UInt8]] { text.split(separator: 0x0a).map { Array($0) } }
    func joined(_ lines: [[UInt8]]) -> [UInt8] { lines.flatMap { $0 + [0x0a] } }
    var text = text
    let at = Int.random(in: 0..<text.count, using: &random)
    let end = min(text.count, at + Int.random(in: 1...4096, using: &random))
    switch kind {
    case .bit: text[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case .byte: text[at] = UInt8.random(in: 0...255, using: &random)
    case .cut: text.removeSubrange(at...)
    case .hole: text.removeSubrange(at..<end)
    case .zeros: text.replaceSubrange(at..<end, with: repeatElement(0, count: end - at))
    case .doubled:
      var all = lines()
      let line = Int.random(in: 0..<all.count, using: &random)
      all.insert(all[line], at: Int.random(in: 0...all.count, using: &random))
      return joined(all)
    case .swapped:
      var all = lines()
      all.swapAt(
        Int.random(in: 0..<all.count, using: &random), Int.random(in: 0..<all.count, using: &random)
      )
      return joined(all)
    case .shuffled: return joined(lines().shuffled(using: &random))
    case .twice: text += text
    case .garbage:
      text.insert(
        contentsOf: (0..<64).map { _ in UInt8.random(in: 0...255, using: &random) }, at: at)
    }
    return text
  }

  /// Whatever happens to a record: what is counted is what was there, or the report says otherwise.
  @Test(arguments: [RecordFixture.completed, RecordFixture.killed, RecordFixture.groupKilled])
  func nothingIsLostInSilence(_ name: String) throws {
    let text = try saved(name)
    let whole = try RecordReader(try directory.write("whole.jsonl", text))
    #expect(whole.defects.isEmpty && whole.ending != nil)
    let counts = Counts(whole)
    var random = SplitMix64(seed: 42)
    var silent = 0
    for round in 0..<670 {
      let kind = Damage.allCases[round % Damage.allCases.count]
      let path = try directory.write("damaged.jsonl", damage(text, kind, &random))
      let record = try RecordReader(path)
      // Without an end the report says that its harness was lost.
      if record.defects.isEmpty, record.ending != nil {
        silent += 1
        #expect(Counts(record) == counts, "round \(round): \(kind)")
      }
      if round % 10 == 0 {
        _ = RecordText(record).text
        // A trial, or an error by name.
        do { _ = try TrialSummary(path) } catch { #expect(error.code == .usage) }
      }
    }
    // Swapped lines and changed digits; a test that finds everything damaged would show nothing.
    #expect(silent > 30)
  }
}

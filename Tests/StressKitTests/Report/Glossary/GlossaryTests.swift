// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord
@testable import StressReport

struct GlossaryTests {
  private let glossary = Glossary.all

  private func expectEntries(_ names: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(!names.isEmpty, sourceLocation: sourceLocation)
    let missing = Set(names).filter { glossary.find($0).isEmpty }.sorted()
    #expect(missing == [], sourceLocation: sourceLocation)
  }

  // MARK: Completeness

  @Test func everyLabelHasAnEntry() {
    expectEntries(TraceSpan.allCases.map(\.label))
    expectEntries(StallCause.allCases.map(\.label))
    expectEntries(Outcome.allCases.map(\.rawValue))
    expectEntries(OOMComposition.Part.allCases.map(\.rawValue))
    expectEntries(OOMFinding.all.map(\.name))
    expectEntries(Verdict.Call.allCases.map(\.rawValue))
    expectEntries(Measure.allCases.map(\.rawValue))
    expectEntries(Profile.Expectation.Metric.known)
    expectEntries(Profile.Expectation.Metric.operations)
    expectEntries(["backup.fsync.p99", "vmstat.pgscan_direct"])
    expectEntries(VmstatNames.names)
  }

  @Test func everyTypeOfLineHasAnEntry() {
    for type in LineTypes.names {
      #expect(glossary.find(type).contains { $0.group == .lines }, "\(type)")
    }
  }

  /// What they say is docs/record.md's text without its marks.
  @Test func entriesOfLinesArePlainText() throws {
    let entries = glossary.entries.filter { $0.group == .lines }
    #expect(entries.flatMap(\.names) == LineTypes.all.map { $0.typeName })
    for entry in entries {
      #expect(
        entry.text.hasPrefix("Line of a record. ") && entry.text.hasSuffix(" docs/record.md."))
      #expect(!entry.text.contains { "`[]".contains($0) } && !entry.text.contains(".md)"))
    }
    #expect(
      RecordPage.plain("A, read `once` ([its members](#a)). [Which](#b) of [safety](b.md), (c).")
        == "A, read once. Which of safety, (c).")
  }

  /// Of 4.19, 6.1, 6.12 and 6.18.
  @Test(arguments: ["419", "61", "612", "618"])
  func everyCounterOfVmstatHasAnEntry(_ kernel: String) throws {
    let keys = try File.text(Fixtures.path("vmstat-\(kernel).txt")).split(separator: "\n")
      .compactMap { $0.split(separator: " ").first.map(String.init) }
    #expect(keys.count > (kernel == "419" ? 120 : 150))
    expectEntries(keys.map { "vmstat:" + $0 })
    expectEntries(keys.map { "vmstat \($0)" })
  }

  @Test(arguments: ["61", "612"])
  func everyKeyOfACgroupsFilesHasAnEntry(_ kernel: String) throws {
    let text = try File.text(Fixtures.path("cgroup-files-\(kernel).txt"))
    for file in ["memory.stat", "memory.events", "memory.events.local"] {
      let part = try #require(text.split(separator: "=== \(file)\n").dropFirst().first)
      let keys = part.prefix { $0 != "=" }.split(separator: "\n")
        .compactMap { $0.split(separator: " ").first.map(String.init) }
      #expect(keys.count > 5)
      expectEntries(keys.map { "wbstress/\(file):\($0)" })
    }
  }

  @Test(arguments: [RecordFixture.completed, RecordFixture.killed, RecordFixture.groupKilled])
  func everyColumnOfARecordHasAnEntry(_ name: String) throws {
    let directory = try RecordFixture()
    let record = try RecordReader(try directory.record(from: name))
    let columns = record.lines("columns").flatMap { $0["names"]?.array?.compactMap(\.string) ?? [] }
    #expect(columns.count > 100)
    expectEntries(columns)
  }

  /// Columns of docs/record.md that the saved records do not have.
  @Test func everyDescribedColumnHasAnEntry() {
    let disk = ["read", "write", "discard"].flatMap { kind in
      ["ios", "merges", "sectors", "ticks"].map { "disk:\(kind)_\($0)" }
    }
    let bdi = [
      "BdiWriteback", "BdiReclaimable", "BdiDirtyThresh", "DirtyThresh", "BackgroundThresh",
      "BdiDirtied", "BdiWritten", "BdiWriteBandwidth", "b_dirty", "b_io", "b_more_io",
      "b_dirty_time", "bdi_list", "state",
    ].map { "bdi:" + $0 }
    let writeback = [
      "WbWriteback", "WbReclaimable", "WbDirtyThresh", "WbDirtied", "WbWritten",
      "WbWriteBandwidth", "b_dirty", "b_io", "b_more_io", "b_dirty_time", "state",
    ].map { "wbstress/backup/wb_stats:" + $0 }
    let cpu = [
      "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
    ].map { "cpu:" + $0 }
    let pressure = ["some", "full"].flatMap { kind in
      ["memory", "io", "cpu"].flatMap {
        ["pressure/\($0):\(kind)", "wbstress/db/\($0).pressure:\(kind)"]
      }
    }
    expectEntries(disk + bdi + writeback + cpu + pressure)
    expectEntries([
      "disk:flush_ios", "disk:flush_ticks", "disk:in_flight", "disk:io_ticks",
      "disk:time_in_queue", "kswapd0:run", "kswapd11:wait", "kswapd0:slices", "kworker/u:run",
      "kworker/u:wait", "wbstress/memory.current",
    ])
  }

  /// Headings of the tables in the golden reports: what stands above columns of figures.
  @Test(arguments: ["mixed.txt", "traced.txt", "situation.txt"])
  func everyHeadingOfAReportHasAnEntry(_ name: String) throws {
    let lines = try File.text(Fixtures.path("reports/" + name)).split(separator: "\n").map(
      String.init)
    var names: [String] = []
    // Titles of tables over cells, and headers whose columns are two blanks apart.
    for line in lines where !line.contains(": ") && (line.contains(" #1 ") || line.hasSuffix(" #1"))
    {
      names.append(String(line.prefix(upTo: line.firstRange(of: " #1")!.lowerBound)))
    }
    for line in lines where line.hasPrefix("#  ") {
      names += line.split(separator: "  ").map(String.init)
    }
    names = names.map { $0.split(separator: " ").joined(separator: " ") }
    // Axes are keys of the profile.
    let axes: Set = ["fs", "kernel", "variant", "engine", "lru_gen", "pin", "mount", "rstat"]
    expectEntries(names.filter { !axes.contains($0) })
  }

  @Test func everyHeadingOfWhyAndCompareHasAnEntry() {
    expectEntries([
      "counter", "quiet", "before", "ratio", "SD", "q", "lag", "r", "base", "new", "change", "p",
      "adj.", "het.", "stratum", "heterogeneity p", "odds ratio", "common odds ratio", "e-value",
      "pairs", "e more", "e fewer", "e alike",
      "counters that differ", "of", "unexplained", "stalls", "their time, s", "REFUSED",
    ])
  }

  // MARK: Files

  /// Written out again, its entries are the file.
  @Test(arguments: Glossary.Group.allCases.filter { $0.words != nil })
  func everyFileIsRead(_ group: Glossary.Group) throws {
    let file = EmbeddedText.body(try #require(group.words))
    let again = group.written.flatMap { entry in
      entry.names.map { "## " + (entry.file.map { $0 + ":" } ?? "") + $0 } + [entry.text]
    }
    let words = { (text: String) in text.split(whereSeparator: \.isWhitespace) }
    #expect(group.written.count > 5 && words(again.joined(separator: "\n")) == words(file))
  }

  /// What is completed from tables has their names, and all of them.
  @Test func filesHaveTheNamesOfTables() {
    func names(_ group: Glossary.Group) -> [String] { group.written.flatMap(\.names) }
    #expect(names(.causes) == StallCause.allCases.map(\.label))
    #expect(names(.outcomes) == Outcome.allCases.map(\.rawValue))
    let judged = Verdict.Call.allCases.map(\.rawValue) + Measure.allCases.map(\.rawValue)
    #expect(names(.comparison).starts(with: judged))
    let headings = Glossary.Group.headings.written.map(\.names)
    #expect(headings.contains(VmstatNames.names) && headings.contains(["throttle reaction"]))
    #expect(headings.contains(["kills by finding"]))
    #expect(headings.contains { $0.starts(with: OOMComposition.Part.allCases.map(\.rawValue)) })
  }

  // MARK: Looking up

  private func titles(_ term: String) -> [String] { glossary.find(term).map(\.title) }

  @Test(arguments: [
    "vmstat.pgscan_direct", "vmstat:pgscan_direct", "vmstat pgscan_direct", "VMSTAT:PGSCAN_DIRECT",
    "/proc/vmstat pgscan_direct",
  ])
  func aFileSaysWhich(_ term: String) {
    #expect(titles(term) == ["vmstat pgscan_direct, pgsteal_direct"])
  }

  @Test func aNameAloneIsAllThatHaveIt() {
    #expect(Set(glossary.find("pgscan_direct").map(\.file)) == ["vmstat", "memory.stat"])
    #expect(Set(glossary.find("oom").map(\.group)) == [.headings, .outcomes, .lines, .memcg])
    #expect(titles("memory.stat pgscan") == ["memory.stat pgscan, pgsteal"])
    #expect(titles("IO-WQ   Queueing") == ["io-wq queueing"])
  }

  /// A name stands before a pattern that it fits, too.
  @Test func exactNamesComeFirst() {
    #expect(titles("vmstat:workingset_nodes") == ["vmstat workingset_nodes"])
    #expect(titles("vmstat:allocstall_dma32") == ["vmstat allocstall_*"])
    #expect(titles("vmstat:allocstall_").isEmpty)
  }

  @Test func unknownTermsHaveNeighbours() {
    #expect(glossary.nearest("pgscan_driect").first == "pgscan_direct")
    #expect(glossary.nearest("nr_dirt").contains("nr_dirty"))
    #expect(glossary.nearest("throttle_congested").first == "VMSCAN_THROTTLE_CONGESTED")
    #expect(glossary.nearest("xqzvwk").isEmpty)
    let error = #expect(throws: HarnessError.self) {
      try GlossaryText(glossary, style: .init(colour: false)).explanation(of: "nr_dirtyy")
    }
    #expect(error?.code == .usage && error?.remedy?.contains("nr_dirty,") == true)
  }

  // MARK: Texts

  @Test func entriesAreSentencesOfSomeLength() {
    for entry in glossary.entries {
      #expect(entry.text.count > 25 && entry.text.hasSuffix("."), "\(entry.title)")
      #expect(!entry.text.contains("  ") && !entry.text.contains("\n"), "\(entry.title)")
    }
  }

  /// Within a group and a file each name once.
  @Test func namesAreUnique() {
    var seen: Set<String> = []
    for entry in glossary.entries {
      for name in entry.names {
        #expect(
          seen.insert("\(entry.group) \(entry.file ?? "") \(name)").inserted, "\(entry.title)")
      }
    }
  }

  @Test func linesAreNoWiderThanATerminal() throws {
    let text = GlossaryText(glossary, style: .init(colour: false))
    let explained = try glossary.names.filter { !$0.contains("*") }.map {
      try text.explanation(of: $0)
    }
    for line in ([text.index] + explained).joined(separator: "\n").split(separator: "\n") {
      #expect(line.count <= 80, "\(line)")
    }
  }

  /// What an interval is measured by has one text: the record's `trace-start`, the reports, the glossary and the page
  /// on the record give the same.
  @Test func definitionsAreTheSameEverywhere() throws {
    let page = try File.text(ToolCheck.root.appending(path: "docs/record.md").path)
    let section = try #require(
      page.components(separatedBy: "\n## Spans and latencies\n").dropFirst().first?
        .components(separatedBy: "\n## ").first)
    var documented: [String: String] = [:]
    for row in section.split(separator: "\n") where row.hasPrefix("| `") {
      let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      for name in cells[0].split(separator: ", ") where cells.count > 1 {
        let name = name.filter { $0 != "`" }
        documented[name] = documented[name] ?? cells[1]
      }
    }
    let operations = LatencySection.operations.map { ($0.of, $0.definition) }
    for (label, definition) in operations + TraceSpan.allCases.map({ ($0.label, $0.definition) }) {
      #expect(section.contains("`\(label)`"), "\(label)")
      #expect(documented[label] == definition, "\(label)")
      let told = glossary.find(label).filter { [.spans, .latencies].contains($0.group) }
      #expect(told.contains { $0.text.contains(definition) }, "\(label)")
    }
  }
}

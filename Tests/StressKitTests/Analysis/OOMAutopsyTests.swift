// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressRecord

struct OOMAutopsyTests {
  private let directory: RecordFixture
  init() throws { directory = try RecordFixture() }

  private static let dumps = [
    "kmsg-memcg-oom-61.txt", "kmsg-memcg-oom-612.txt", "kmsg-memcg-oom-618.txt",
    "kmsg-global-oom-61.txt", "kmsg-global-oom-612.txt",
  ]

  private func report(_ name: String) throws -> OOMReport {
    let records = KernelLogRecord.records(in: try KernelLogTests.fixture(name))
    return try #require(OOMReportParser.reports(in: records).first)
  }

  /// All numbers of a dump, read in another way than the parser's: a key's first number in the text.
  private struct Raw {
    let text: String

    init(_ name: String) throws {
      text = String(decoding: try KernelLogTests.fixture(name), as: UTF8.self)
    }

    /// The numbers behind every `lead` in the text.
    func all(_ lead: String) -> [Int64] {
      text.split(separator: lead, omittingEmptySubsequences: false).dropFirst().compactMap {
        Int64($0.drop { $0 == " " }.prefix { $0.isNumber })
      }
    }

    func first(_ lead: String) throws -> Int64 { try #require(all(lead).first, "\(lead)") }

    /// Bytes of a memcg's figure: behind the semicolon of a record, or an escaped newline.
    func figure(_ key: String) -> Int64 {
      (all(";\(key) ") + all("\\x0a\(key) ")).first ?? 0
    }
  }

  @Test(arguments: dumps.prefix(3))
  func memcgFiguresAreTheDumpsToThePage(_ name: String) throws {
    let raw = try Raw(name)
    let memory = try #require(OOMComposition(try report(name)))
    #expect(memory.limit == 65536 << 10)
    #expect(memory.total == (try raw.first("memory: usage ")) << 10)
    #expect(memory[.anon] == raw.figure("anon") && memory[.anon] > 0)
    #expect(memory[.fileWriteback] == raw.figure("file_writeback"))
    #expect(memory[.fileDirty] == raw.figure("file_dirty"))
    #expect(
      memory[.fileClean] + memory[.fileDirty] + memory[.fileWriteback] == raw.figure("file"))
    #expect(memory[.slabReclaimable] == raw.figure("slab_reclaimable"))
    #expect(memory[.slabUnreclaimable] == raw.figure("slab_unreclaimable"))
    #expect(memory[.kernelStack] == raw.figure("kernel_stack"))
    #expect(memory[.pageTables] == raw.figure("pagetables"))
    let kernel: [OOMComposition.Part] = [
      .slabReclaimable, .slabUnreclaimable, .kernelStack, .pageTables, .otherKernel,
    ]
    #expect(kernel.reduce(0) { $0 + memory[$1] } == raw.figure("kernel"))
    #expect(memory.unevictable == raw.figure("unevictable"))
    #expect(memory[.shmem] == 0 && memory[.swapCache] == 0 && memory[.free] == 0)
    #expect(memory.unaccounted == memory.total - memory.parts.values.reduce(0, +))
    // The kernel's statistics were flushed for the dump: every byte has its name.
    #expect(memory.unaccounted == 0)
    #expect(memory.swapLeft == 0)
  }

  @Test(arguments: dumps.suffix(2))
  func machineFiguresAreTheDumpsToThePage(_ name: String) throws {
    let raw = try Raw(name)
    let memory = try #require(OOMComposition(try report(name)))
    #expect(memory.total == (try total(raw, name)) && memory.limit == memory.total)
    let shmem = try raw.first("shmem:") << 12
    #expect(memory[.shmem] == shmem)
    let anon = try raw.first("active_anon:") + raw.first("inactive_anon:")
    #expect(memory[.anon] == anon << 12 - shmem)
    #expect(
      memory[.fileClean] == (try raw.first("active_file:") + raw.first("inactive_file:")) << 12)
    #expect(memory[.free] == (try raw.first("free:") + raw.first("free_pcp:")) << 12)
    #expect(memory[.kernelStack] == (try raw.first("kernel_stack:")) << 10)
    #expect(memory[.locked] == 0 && memory.swapLeft == 0)
    // The pages of the DMA and the DMA32 zone that no ordinary allocation may take.
    #expect(memory.watermark == raw.all(" min:").reduce(0, +) << 10)
    #expect(memory.unaccounted == memory.total - memory.parts.values.reduce(0, +))
    // Pages of the kernel that no counter names: a few percent.
    #expect(memory.unaccounted > 0 && memory.unaccounted < memory.total / 10)
  }

  /// `N pages RAM` less `N pages reserved`: what the zones manage, by another line of the dump.
  private func total(_ raw: Raw, _ name: String) throws -> Int64 {
    func before(_ words: String) throws -> Int64 {
      let lead = try #require(raw.text.split(separator: words).first, "\(name): \(words)")
      return try #require(Int64(lead.split(separator: ";").last ?? ""))
    }
    return (try before(" pages RAM") - before(" pages reserved")) << 12
  }

  @Test func findingsOfTheDumps() throws {
    func finding(_ name: String, journalledData: Bool = false) throws -> OOMFinding {
      let report = try report(name)
      return OOMFinding(report, OOMComposition(report), journalledData: journalledData)
    }
    // That trial had data=journal: most of what looks clean is dirty in jbd2's buffers.
    #expect(try finding(Self.dumps[0], journalledData: true) == .writebackBound)
    #expect(try finding(Self.dumps[0]) == .premature)
    #expect(try finding(Self.dumps[1]) == .writebackBound)
    #expect(try finding(Self.dumps[2]) == .writebackBound)
    #expect(try finding(Self.dumps[3]) == .justified)
    #expect(try finding(Self.dumps[4]) == .justified)
  }

  // MARK: The rule

  /// A memcg of 100 MiB; sizes in KiB.
  private func memcg(
    clean: UInt64, dirty: UInt64 = 0, writeback: UInt64 = 0, locked: Bool = true,
    swapLimit: UInt64 = 0, order: Int32 = 0, constraint: String = "CONSTRAINT_MEMCG"
  ) -> OOMReport {
    var report = OOMReport()
    report.global = false
    report.order = order
    report.constraint = constraint
    report.usage = 100 << 20
    report.limit = 100 << 20
    report.swapUsage = 0
    report.swapLimit = swapLimit << 10
    let file = clean + dirty + writeback
    let anon = 100 << 10 - file
    report.memory = [
      .init("anon", anon << 10), .init("file", file << 10), .init("kernel", 0), .init("shmem", 0),
      .init("file_dirty", dirty << 10), .init("file_writeback", writeback << 10),
      .init("inactive_anon", locked ? 0 : anon << 10), .init("active_anon", 0),
      .init("inactive_file", file << 10), .init("active_file", 0),
      .init("unevictable", locked ? anon << 10 : 0),
    ]
    return report
  }

  private func finding(_ report: OOMReport, journalledData: Bool = false) -> OOMFinding {
    OOMFinding(report, OOMComposition(report), journalledData: journalledData)
  }

  @Test func ruleAtItsEdges() {
    // 5 % of 102400 KiB are 5120, 1 % 1024.
    #expect(finding(memcg(clean: 5120)) == .premature)
    #expect(finding(memcg(clean: 5119)) == .undecided(.between))
    #expect(finding(memcg(clean: 5120, writeback: 40000)) == .premature)
    #expect(finding(memcg(clean: 1023)) == .justified)
    #expect(finding(memcg(clean: 0, dirty: 1023)) == .justified)
    #expect(finding(memcg(clean: 0, dirty: 1024)) == .writebackBound)
    #expect(finding(memcg(clean: 2000, dirty: 1000, writeback: 1000)) == .writebackBound)
    #expect(finding(memcg(clean: 2001, dirty: 1000, writeback: 1000)) == .undecided(.between))
    #expect(finding(memcg(clean: 500, writeback: 600)) == .undecided(.between))
  }

  /// Swap cache is on the lists of anonymous memory, and no page table maps it.
  @Test func swapCacheThatIsLeft() {
    func report(_ kibibytes: UInt64) -> OOMReport {
      var report = memcg(clean: 0, locked: false)
      report.memory[0] = .init("anon", (102_400 - kibibytes) << 10)
      report.memory.append(.init("swapcached", kibibytes << 10))
      return report
    }
    #expect(finding(report(5120)) == .swapCached)
    #expect(finding(report(5119)) == .justified)
  }

  @Test func ruleWhereItMustNotJudge() {
    #expect(finding(memcg(clean: 50000, order: -1)) == .undecided(.sysrq))
    #expect(
      finding(memcg(clean: 50000, constraint: "CONSTRAINT_CPUSET")) == .undecided(.constrained))
    #expect(finding(OOMReport()) == .undecided(.noDump))
    var unlimited = memcg(clean: 50000)
    unlimited.limit = nil
    #expect(finding(unlimited) == .undecided(.noLimit))
    let swap = memcg(clean: 0, locked: false, swapLimit: 1024)
    #expect(finding(swap) == .undecided(.swap))
    #expect(finding(memcg(clean: 0, locked: false, swapLimit: 1023)) == .justified)
    #expect(finding(memcg(clean: 0, locked: true, swapLimit: 90000)) == .justified)
    // `max`: it is the machine's swap that counts.
    let unbounded = memcg(clean: 0, locked: false, swapLimit: 9_007_199_254_740_988)
    #expect(finding(unbounded) == .undecided(.unknownSwap))
    let swapless = OOMComposition(unbounded, hasSwap: false)
    #expect(OOMFinding(unbounded, swapless, journalledData: false) == .justified)
    let swapping = OOMComposition(unbounded, hasSwap: true)
    #expect(OOMFinding(unbounded, swapping, journalledData: false) == .undecided(.unknownSwap))
    #expect(
      finding(memcg(clean: 9000, writeback: 1000), journalledData: true)
        == .undecided(.journalledData))
    #expect(finding(memcg(clean: 7000, writeback: 3000), journalledData: true) == .writebackBound)
  }

  @Test func pagesThatAreDirtyAndUnderWritebackCountOnce() throws {
    var report = memcg(clean: 0, dirty: 3000, writeback: 3000)
    let i = try #require(report.memory.firstIndex { $0.key == "file" })
    report.memory[i].value = 4000 << 10
    let memory = try #require(OOMComposition(report))
    // The kernel's own figures, and what they are too much.
    #expect(memory[.fileWriteback] == 3000 << 10 && memory[.fileDirty] == 3000 << 10)
    #expect(memory[.fileClean] == 0 && memory[.fileOverlap] == -2000 << 10)
    #expect(memory.awaitingWriteback == 4000 << 10)
    #expect(memory.unaccounted == memory.total - memory.parts.values.reduce(0, +))
  }

  /// Shared memory is in `file`, and is none that reclaim takes without swap.
  @Test func sharedMemoryIsNoCache() throws {
    func shared(_ kilobytes: UInt64, _ report: OOMReport) throws -> OOMReport {
      var report = report
      for (key, change) in [("shmem", kilobytes), ("inactive_anon", kilobytes)] {
        let i = try #require(report.memory.firstIndex { $0.key == key })
        report.memory[i].value += change << 10
      }
      let lists = try #require(report.memory.firstIndex { $0.key == "inactive_file" })
      report.memory[lists].value -= kilobytes << 10
      return report
    }
    #expect(finding(memcg(clean: 40960)) == .premature)
    #expect(finding(try shared(40960, memcg(clean: 40960))) == .justified)
    #expect(finding(try shared(40960, memcg(clean: 40960, writeback: 8000))) == .writebackBound)
  }

  /// Which of them holds first is the finding, so what is said of it is of its own rule.
  @Test func eachFindingHasItsRuleAndItsText() {
    let names = OOMFinding.all.map(\.name)
    #expect(names == ["premature", "swap-cached", "justified", "writeback-bound", "undecided"])
    for finding in OOMFinding.all.dropLast() {
      #expect(OOMFinding.rule.contains("\(finding.name), if \(finding.condition)"))
    }
    let told: [OOMFinding] = [
      .premature, .swapCached, .justified, .writebackBound, .undecided(.between),
    ]
    #expect(told.map(\.name) == names)
    #expect(told.map { $0.why != nil } == [false, false, false, false, true])
    #expect(OOMFinding.undecided(.sysrq).text == "undecided: triggered by sysrq-f")
  }

  // MARK: Records

  @Test func killOfARecord() throws {
    let record = try RecordReader(
      directory.record(
        from: RecordFixture.killed,
        adding: [
          #"{"type":"event","t":5097000000,"of":"mark_victim","pid":160,"victim":148}"#,
          #"{"type":"memcg-event","t":4900000000,"cgroup":"wbstress","deltas":{"max":3}}"#,
          #"{"type":"memcg-event","t":5000000000,"cgroup":"wbstress","deltas":{"low":3}}"#,
          #"{"type":"span","t":4800000000,"of":"dirty-throttle","start":4800000000,"ns":1}"#,
          #"{"type":"span","t":4880000000,"of":"dirty-throttle","start":4880000000,"ns":1}"#,
          #"{"type":"span","t":4980000000,"of":"dirty-throttle","start":4980000000,"ns":1}"#,
          #"{"type":"span","t":5200000000,"of":"flusher-wake","start":5100000000,"ns":1}"#,
          #"{"type":"trace","events":{"writeback:balance_dirty_pages":3,"#
            + #""writeback:writeback_start":1}}"#,
        ]))
    let all = OOMAutopsy.all(in: record)
    let autopsy = try #require(all.first)
    #expect(all.count == 1 && autopsy.time == 5_097_000_000)
    #expect(autopsy.scope == .memcg("/wbstress") && !autopsy.isGroupKill)
    #expect(
      autopsy.invoker == .init(comm: "iou-wrk-159", pid: 160, worker: "backup"))
    #expect(autopsy.victims.map(\.task) == [.init(comm: "wb-pinned", pid: 148, worker: "db")])
    #expect(autopsy.finding == .writebackBound)
    // Those who only count find the same.
    #expect(OOMIncident.all(in: record) == [OOMIncident(.writebackBound)])
    #expect(autopsy.lead.limit == .before(first: 197_000_000, last: 197_000_000, count: 1))
    // What came before the streams is none of it.
    #expect(autopsy.lead.pause == .before(first: 217_000_000, last: 117_000_000, count: 2))
    // It came after the kill.
    #expect(autopsy.lead.reclaimWake == .never)
    #expect(autopsy.lead.backgroundWake == .unknown && autopsy.lead.throttled == .unknown)
  }

  @Test func groupKillIsOneIncident() throws {
    let record = try RecordReader(directory.record(from: RecordFixture.groupKilled))
    let all = OOMAutopsy.all(in: record)
    let autopsy = try #require(all.first)
    #expect(all.count == 1 && autopsy.isGroupKill)
    #expect(autopsy.victims.map(\.task.worker) == ["db", "backup"])
    #expect(OtherKill.all(in: record).isEmpty)
  }

  @Test func killThatWasNoOOM() throws {
    let killed =
      #"{"type":"worker","t":7000000000,"name":"backup","event":"killed","exit":"signal 9"}"#
    let path = try directory.record(from: RecordFixture.completed, adding: [killed])
    #expect(
      OtherKill.all(in: try RecordReader(path))
        == [OtherKill(worker: "backup", time: 7_000_000_000, isCertain: true)])
    let gaps = try directory.record(
      "gaps.jsonl", from: RecordFixture.completed,
      replacing: ["\"kmsg_gaps\":0": "\"kmsg_gaps\":1"],
      adding: [killed])
    #expect(OtherKill.all(in: try RecordReader(gaps)).map(\.isCertain) == [false])
    #expect(
      OtherKill.all(in: try RecordReader(directory.record(from: RecordFixture.killed))).isEmpty)
    // Counted and logged, and the report of it is lost.
    let lost = try directory.record("lost.jsonl", from: RecordFixture.killed, without: ["oom"])
    #expect(OtherKill.all(in: try RecordReader(lost)).map(\.isCertain) == [false])
  }
}

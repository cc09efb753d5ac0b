// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord
@testable import StressReport

struct TerminalReportTests {
  private let directory: RecordFixture
  private let campaign: CampaignFixture

  init() throws {
    directory = try RecordFixture()
    campaign = CampaignFixture(directory)
  }

  private func expectNarrow(
    _ text: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for line in text.split(separator: "\n") where line.count > TerminalReport.width {
      Issue.record("\(line.count) columns: \(line)", sourceLocation: sourceLocation)
    }
  }

  private func withoutEscapes(_ text: String) -> String {
    var result = ""
    var isEscape = false
    for character in text {
      if character == "\u{1b}" { isEscape = true }
      if !isEscape { result.append(character) }
      if character == "m" { isEscape = false }
    }
    return result
  }

  /// Everything that a report can have to say, in a small campaign.
  private func mixed() throws {
    try campaign.plan(
      [["kernel": "debian:6.1", "fs": "xfs"], ["kernel": "debian:6.12", "fs": "xfs"]], trials: 3)
    try campaign.trial(1, 1, from: RecordFixture.completed)
    try campaign.trial(
      1, 2, from: RecordFixture.completed,
      replacing: ["\"last_end\":10349506322": "\"last_end\":16349506322"],
      adding: ["{\"type\":\"lane\",\"lane\":\"rstat\",\"missed\":10,\"dropped\":0}"])
    // Fewer than planned, and one that never booted.
    try campaign.trial(2, 1, from: RecordFixture.killed)
    try campaign.trial(
      2, 2, from: RecordFixture.killed, replacing: ["\"kill_lines\":1": "\"kill_lines\":2"])
    try campaign.trial(
      2, 3, from: RecordFixture.killed,
      replacing: [
        "\"console_kill_lines\":1": "\"console_kill_lines\":0",
        "{\"type\":\"end\",\"outcome\":\"oom\",\"reason\":null,\"message\":null}":
          "{\"type\":\"end\",\"outcome\":\"invalid\",\"reason\":\"boot-failure\",\"message\":"
          + "\"the kernel had not reached the harness after 30 s; QEMU says running;\\nconsole\"}",
      ],
      without: [
        "guest", "guest-end", "environment", "phase", "stream", "snapshot", "sample", "oom",
        "kills", "slow",
      ])
  }

  @Test func smallCampaign() throws {
    try mixed()
    let text = try campaign.report()
    try expectGolden(text, "mixed.txt")
    expectNarrow(text)
  }

  /// The same reason is said once; a stream that was killed had handed over writes that never ended.
  @Test func trialsThatEndAlikeAndWritesThatDoNot() throws {
    try campaign.plan([["fs": "ext4"]], trials: 3)
    let flight =
      "{\"type\":\"in-flight\",\"t\":3000,\"stream\":\"backup\",\"kind\":\"write\",\"start\":2000,\"age\":1000}"
    try campaign.trial(
      1, 1, from: RecordFixture.killed,
      adding: [
        latency("write", [(22_000_000, 6)], max: 22_000_000, worker: "backup"), flight,
        flight.replacing("2000", with: "2001"),
        "{\"type\":\"trace\",\"punted\":{\"backup\":8},\"events\":{\"io_uring:io_uring_queue_async_work\":8}}",
      ])
    for number in 2...3 {
      try campaign.trial(
        1, number, from: RecordFixture.killed,
        replacing: [
          "{\"type\":\"end\",\"outcome\":\"oom\",\"reason\":null,\"message\":null}":
            "{\"type\":\"end\",\"outcome\":\"invalid\",\"reason\":\"set-up\",\"message\":\"no room\"}"
        ],
        adding: [
          "{\"type\":\"trace\",\"punted\":{\"backup\":90},\"events\":{\"io_uring:io_uring_queue_async_work\":90}}"
        ])
    }
    let lines = try campaign.report().split(separator: "\n")
    #expect(
      lines.filter { $0.hasPrefix("excluded: ") } == ["excluded: #1 trials 2, 3: invalid: no room"])
    #expect(lines.contains("#1: 100 % of the buffered writes went to an io-wq worker"))
  }

  /// Two arms of one cell: what they show is noise.
  @Test func calibratedCampaign() throws {
    try campaign.plan(
      ["A", "B"].map { ["kernel": "debian:6.12", "calibrate": $0] as KeyValuePairs }, trials: 2)
    for cell in 1...2 {
      try campaign.trial(cell, 1, from: RecordFixture.killed)
      try campaign.trial(cell, 2, from: RecordFixture.killed)
    }
    let text = try campaign.report()
    #expect(
      text.contains(
        """
        noise of debian:6.12: 0 of 1000 (0.0 %) random draws of 2 against 2 of its 4
            trials were reported as a change; 95 % of the draws differ by at most OOM or
        """))
    expectNarrow(text)
  }

  /// What the kernel's events and the workers' clocks tell, for each cell and with its definition.
  @Test func tracedCampaign() throws {
    try campaign.plan([["fs": "xfs"], ["fs": "ext4"]], trials: 1)
    let trace =
      "{\"type\":\"trace\",\"lost\":[{\"cpu\":1,\"overrun\":7}],\"punted\":{\"backup\":48},"
      + "\"events\":{\"writeback:balance_dirty_pages\":9,\"writeback:writeback_start\":3}}"
    try campaign.trial(
      1, 1, from: RecordFixture.killed,
      adding: [
        latency(
          "write", [(22_000_000, 95), (1_500_000_000, 1)], max: 1_500_400_000, worker: "backup"),
        latency("block-write", [(3_880_000_000, 20)], max: 3_910_000_000),
        latency("dirty-throttle", [(8_000_000, 4)], max: 8_000_000), trace,
        "{\"type\":\"mirror\",\"t\":3000,\"from\":1000,\"cpu\":900,\"steal\":0,\"balloon\":4,"
          + "\"resident\":9437184,\"record_bytes\":400000,\"agents\":[\"kubelet\"]}",
        "{\"type\":\"lane\",\"lane\":\"fast\",\"lateness\":{\"p99\":4500000,\"max\":65000000}}",
      ])
    try campaign.trial(
      2, 1, from: RecordFixture.completed,
      adding: [
        latency("jbd2-commit", [(90_000, 1)], max: 90_000),
        "{\"type\":\"trace\",\"failed\":\"no tracefs\"}",
      ])
    let text = try campaign.report()
    try expectGolden(text, "traced.txt")
    expectNarrow(text)
    let screen = try campaign.terminal().screen
    try expectGolden(screen, "screen.txt")
    expectNarrow(screen)
  }

  /// Calls of commands stand by what they went to, with their definition once; a kernel that does not tell them is
  /// named.
  @Test func callsOfCommands() throws {
    try campaign.plan(
      [["fs": "xfs"], ["fs": "ext4"]], trials: 1,
      replacing: [
        "\"observe\":{":
          "\"commands\":[{\"name\":\"work\",\"run\":[\"dd\"]}],\"observe\":{\"syscalls\":true,"
      ])
    try campaign.trial(
      1, 1, from: RecordFixture.completed,
      adding: [
        latency("write-call", [(2_000_000, 9)], max: 2_500_000, worker: "work", mount: "scratch"),
        latency("write-call", [(1_000_000, 9)], max: 1_000_000, worker: "work", mount: "pipe"),
        latency("sync-call", [(70_000_000, 1)], max: 70_000_000, worker: "work", mount: "scratch"),
        "{\"type\":\"trace\",\"events\":{\"raw_syscalls:sys_enter\":19}}",
      ])
    try campaign.trial(
      2, 1, from: RecordFixture.completed,
      adding: ["{\"type\":\"trace\",\"events\":{\"oom:mark_victim\":0}}"])
    let lines = try campaign.report().split(separator: "\n")
    let rows = lines.filter { $0.contains("-call:") && !$0.contains("sys_enter") }.map {
      $0.split(separator: " ").joined(separator: " ")
    }
    #expect(
      rows == [
        "write-call:pipe 1.0 / 1.0 -", "write-call:scratch 2.0 / 2.5 -",
        "sync-call:scratch 70.0 / 70.0 -",
      ])
    #expect(
      lines.count { $0.hasPrefix("write-call: sys_enter to sys_exit of a command's call") } == 1)
    let note = "#2 no calls: 1 trial whose kernel has no raw_syscalls:sys_enter"
    #expect(lines.count { $0.hasPrefix(note) } == 1)
    #expect(!lines.contains { $0.hasPrefix("#1 no calls") })
  }

  private func latency(
    _ of: String, _ values: [(Int, Int)], max: Int, worker: String? = nil, mount: String? = nil
  ) -> String {
    let pairs = values.map { "[\($0.0),\($0.1)]" }.joined(separator: ",")
    let sum = values.reduce(0) { $0 + $1.0 * $1.1 }
    let whose =
      (worker.map { "\"worker\":\"\($0)\"," } ?? "") + (mount.map { "\"mount\":\"\($0)\"," } ?? "")
    return "{\"type\":\"latency\",\"t\":1,\"of\":\"\(of)\",\(whose)\"max\":\(max),"
      + "\"sum\":\(sum),\"v\":[\(pairs)]}"
  }

  private static func snapshot(_ when: String, _ counters: String) -> String {
    "{\"type\":\"snapshot\",\"t\":1,\"file\":\"/proc/vmstat\",\"when\":\"\(when)\",\"values\":{\(counters)}}"
  }

  private static let events =
    "\"vmscan:mm_vmscan_throttled\":31,\"writeback:balance_dirty_pages\":9,"
    + "\"vmscan:mm_vmscan_memcg_reclaim_end\":5,\"vmscan:mm_vmscan_direct_reclaim_end\":0,"
    + "\"writeback:writeback_start\":3"

  /// A situation with everything that a profile can have, a control that fails, a pin that fell short, and
  /// what reclaim did.
  @Test func situation() throws {
    let profile: KeyValuePairs = [
      "\"summary\":\"":
        "\"source\":{\"list\":\"linux-mm\",\"subject\":\"mm: vmscan: avoid stalls\","
        + "\"date\":\"2026\"},\"summary\":\"",
      "\"pinned\":[{":
        "\"commands\":[{\"name\":\"dump\",\"cgroup\":\"batch\",\"when\":\"beside\",\"run\":"
        + "\"while :; do\\n  cp -r /srv /mnt/wbstress\\ndone\"},{\"name\":\"server\",\"outside\":true,"
        + "\"when\":\"service\",\"run\":[\"sleep\",\"infinity\"],\"within\":\"5s\"}],"
        + "\"cgroups\":[{\"name\":\"data\",\"memory.min\":\"8388608\"},{\"name\":\"batch\"}],"
        + "\"tasks\":[{\"name\":\"probe\",\"do\":\"probe\",\"cgroup\":\"batch\"},{\"name\":\"drop\","
        + "\"do\":\"truncate\",\"size\":4194304,\"state\":\"writeback\",\"rounds\":5}],"
        + "\"timeline\":[{\"at\":\"0s\",\"start\":\"drop\"},{\"at\":\"1s\",\"bandwidth\":\"1MiB/s\","
        + "\"delay\":\"20ms\"},{\"at\":\"2500ms\",\"bandwidth\":\"unlimited\",\"cgroup\":\"batch\","
        + "\"limits\":{\"memory.high\":\"16777216\"}},{\"at\":\"3s\",\"rmdir\":\"data\"}],"
        + "\"pinned\":[{\"name\":\"heap\",\"cgroup\":\"data\",\"size\":8388608,\"mode\":\"hot\","
        + "\"growth\":\"65536B/s\",\"huge\":false,\"rate\":500,\"distribution\":\"zipf\"},{",
      "\"fsync\":\"end\"":
        "\"jobs\":2,\"fsync\":4194304,\"sync\":\"fdatasync\",\"read_back\":2097152,"
        + "\"compressible\":50,\"cgroup\":\"batch\"",
      "\"rate\":\"unlimited\"": "\"rate\":\"2097152B/s\",\"pace\":\"closed\"",
      "\"iops\":\"unlimited\"": "\"iops\":50,\"delay\":\"5ms\"",
      "\"cpus\":2": "\"cpus\":2,\"nodes\":2,\"zram\":67108864",
      "\"expect\":{": "\"control\":\"negative\",\"expect\":{\"probe.fsync.p99\":\"< 1s\",",
    ]
    try campaign.plan(
      [["kernel": "debian:6.1"], ["kernel": "debian:6.12"]], trials: 2, replacing: profile)
    func shortfall(_ reached: Int) -> String {
      "{\"type\":\"pin\",\"t\":1,\"pinned\":\"db\",\"size\":56623104,\"reached\":\(reached),"
        + "\"errno\":\"ENOMEM\"}"
    }
    for number in 1...2 {
      try campaign.trial(
        1, number, from: RecordFixture.completed,
        replacing: ["\"fsync\":\"end\"": "\"jobs\":2,\"fsync\":\"end\""], without: ["snapshot"],
        adding: [
          latency("fsync", [(20_000_000, 9)], max: 20_400_000, worker: "backup-0"),
          latency("fsync", [(30_000_000, 9)], max: 30_400_000, worker: "backup-1"),
          latency("fsync", [(2_000_000_000, 9)], max: 2_000_400_000, worker: "probe"),
          latency("fault", [(90_000, 9)], max: 91_000, worker: "probe"),
          latency("touch", [(50_000, 99)], max: 1_000_000, worker: "heap"),
          latency("truncate", [(7_000_000, 5)], max: 7_100_000, worker: "drop"),
          latency("VMSCAN_THROTTLE_WRITEBACK", [(100_000_000, 30 + number)], max: 100_000_000),
          latency("memcg-reclaim", [(4_000_000, 5)], max: 4_000_000),
          latency("flusher-wake", [(58_000_000, 2)], max: 58_000_000),
          "{\"type\":\"trace\",\"events\":{\(Self.events)}}",
          "{\"type\":\"columns\",\"lane\":\"slow\",\"interval\":100000000,"
            + "\"names\":[\"kswapd0:run\",\"kswapd1:run\"]}",
          "{\"type\":\"sample\",\"t\":6000000000,\"lane\":\"slow\",\"v\":[1000000,2000000]}",
          "{\"type\":\"sample\",\"t\":6100000000,\"lane\":\"slow\",\"v\":[61000000,42000000]}",
          Self.snapshot(
            "before",
            "\"nr_vmscan_write\":1,\"allocstall_dma32\":2,\"allocstall_normal\":0,"
              + "\"pswpout\":7,\"pswpin\":0,\"compact_stall\":0,\"pgscan_file\":10,\"pgpgout\":1,"
              + "\"oom_kill\":0"),
          Self.snapshot(
            "after",
            "\"nr_vmscan_write\":41,\"allocstall_dma32\":5,\"allocstall_normal\":1,"
              + "\"pswpout\":77,\"pswpin\":0,\"compact_stall\":0,\"pgscan_file\":20,\"pgpgout\":9,"
              + "\"oom_kill\":0"),
          shortfall(number == 1 ? 43_253_760 : 47_185_920),
        ])
    }
    try campaign.trial(2, 1, from: RecordFixture.killed, adding: [shortfall(4096)])
    let text = try campaign.report()
    try expectGolden(text, "situation.txt")
    expectNarrow(text)
  }

  /// What the timeline wrote, with the time that each write took; older records do not tell that.
  @Test func timelineWrites() throws {
    func end(_ at: Int64, _ what: String, _ took: Int64, _ rest: String = "") -> String {
      #"{"type":"moment-end","t":\#(9_000_000_000 + took),"start":9000000000,"at":\#(at),"what":"\#(what)"\#(rest)}"#
    }
    try campaign.plan([["fs": "ext4"]], trials: 2)
    for (number, took) in [(1, Int64(250_000_000)), (2, 1_750_000_000)] {
      try campaign.trial(
        1, number, from: RecordFixture.completed,
        adding: [
          end(5_000_000_000, "memory.max=50331648", took),
          end(
            15_000_000_000, "a memory.reclaim=1048576", 4_000_000,
            number == 1 ? #","errno":"EAGAIN""# : ""),
          #"{"type":"moment-end","t":9000000000,"at":1000000000,"what":"delay=0"}"#,
        ])
    }
    let lines = try campaign.report().split(separator: "\n").map(String.init)
    let first = try #require(
      lines.firstIndex { $0.hasPrefix("#  ") && $0.contains("write") && $0.contains("median") },
      "\(lines.joined(separator: "\n"))")
    let rows = lines[(first + 1)...(first + 2)].map {
      $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
    #expect(rows[0].hasPrefix("1 5") && rows[0].hasSuffix("memory.max=50331648 2 1.00 1.75"))
    #expect(
      rows[1].hasPrefix("1 15") && rows[1].contains("a memory.reclaim=1048576 (EAGAIN in 1) 2"))
    #expect(!lines.contains { $0.contains("delay=0") })
  }

  /// A command in a heading is cut; in a mail it is not.
  @Test func commandsInWords() {
    var command = Profile.Command(name: "copy")
    command.run = ["cp", "-r", "/srv/data", "/mnt/wbstress"]
    #expect(command.words() == "copy: cp -r /srv/data /mnt/wbstress")
    #expect(command.words(atMost: 5) == "copy: cp -r ...")
    command.run = ["/bin/sh", "-c", "for i in 1 2; do\n  sync\ndone\u{1b}[31m"]
    command.cgroup = "batch"
    command.when = .before
    command.exit = nil
    #expect(
      command.words()
        == "copy (before, exit status any, in batch): for i in 1 2; do sync done\\u{1b}[31m")
  }

  /// A positive control that survives puts the others in doubt, and is said before the expectations.
  @Test func failedControls() throws {
    try campaign.plan(
      [["fs": "ext4"], ["fs": "xfs"]], trials: 1,
      replacing: ["\"expect\":{": "\"control\":\"positive\",\"expect\":{"])
    try campaign.trial(1, 1, from: RecordFixture.completed)
    try campaign.trial(2, 1, from: RecordFixture.killed)
    let lines = try campaign.report().split(separator: "\n")
    let failed = try #require(lines.firstIndex(of: "positive control failed: #1 killed in 0:1"))
    let missed = try #require(lines.firstIndex(of: "expected oom_kill == 0: missed in #2 (1:1)"))
    #expect(failed < missed)
    #expect(lines.contains("2  xfs   1:1  21-100 %  writeback-bound 1  oom 1, control +"))
    #expect(
      try campaign.report(colour: true).contains("\u{1b}[31mpositive control failed\u{1b}[0m"))
  }

  /// Every kind of operation that a worker may time has a row and a definition.
  @Test func operationsHaveDefinitions() {
    #expect(LatencySection.operations.map(\.of) == Profile.Expectation.Metric.operations)
    // First touches are in the histogram of their pin.
    #expect(
      Set(SharedBlock.Kind.allCases.map(\.label)).subtracting(["populate"])
        == Set(Profile.Expectation.Metric.operations))
  }

  @Test func onlyColourHasEscapes() throws {
    try mixed()
    let plain = try campaign.report()
    #expect(!plain.contains("\u{1b}"))
    let colour = try campaign.report(colour: true)
    #expect(colour.contains("\u{1b}[1m") && colour.contains("\u{1b}[31mexcluded\u{1b}[0m"))
    // Colours change no line.
    #expect(withoutEscapes(colour) == plain)
  }

  @Test func nothingRunYet() throws {
    try campaign.plan([["kernel": "debian:6.1", "fs": "xfs"]], trials: 2)
    let text = try campaign.report()
    #expect(text.contains("#1: 0 of 2 trials run so far"))
    #expect(text.contains("0:0"))
    expectNarrow(text)
  }

  // MARK: Width

  private let kernels = [
    "./builds/linux-6.12-memcg-writeback-base/arch/x86/boot/bzImage",
    "./builds/linux-6.12-memcg-writeback-patched/arch/x86/boot/bzImage,modules=./builds/mod",
  ]

  /// Two kernels whose paths differ only in the middle stay apart.
  @Test func longPaths() throws {
    try campaign.plan(
      kernels.map { ["kernel": $0, "fs": "ext4"] }, trials: 1, seed: .max,
      label: "oracle-backup-with-a-long-name:and-a-variant-of-it-too")
    for (i, kernel) in kernels.enumerated() {
      try campaign.trial(
        i + 1, 1, from: RecordFixture.killed,
        replacing: [
          "\"kernel\":\"debian:6.12\",\"release\"": "\"kernel\":\"\(kernel)\",\"release\""
        ])
    }
    let text = try campaign.report()
    expectNarrow(text)
    try expectGolden(text, "long-paths.txt")
  }

  @Test func oneWordLongerThanALine() throws {
    let kernel = "/" + String(repeating: "d", count: 200)
    try campaign.plan([["kernel": kernel], ["kernel": kernel + "e"]], trials: 1, label: kernel)
    try campaign.trial(
      1, 1, from: RecordFixture.killed,
      replacing: ["\"kernel\":\"debian:6.12\",\"release\"": "\"kernel\":\"\(kernel)\",\"release\""])
    for colour in [false, true] {
      let text = withoutEscapes(try campaign.report(colour: colour))
      expectNarrow(text)
      // Broken, not cut: the label is there in full, beside what comes before and after it.
      #expect(text.count { $0 == "d" } >= 4 * 200)
    }
  }

  @Test func fourAxesAndTwelveCells() throws {
    var cells: [KeyValuePairs<String, String>] = []
    for kernel in ["debian:6.1", "debian:6.12"] {
      for fs in ["ext4", "xfs", "btrfs"] {
        for engine in ["io_uring", "pwrite"] {
          cells.append([
            "kernel": kernel, "fs": fs, "engine": engine, "filesystem.mount": "[noatime,\(engine)]",
          ])
        }
      }
    }
    try campaign.plan(cells, trials: 1)
    for cell in 1...12 {
      // Large counters, so that not even six cells fit beside each other.
      try campaign.trial(
        cell, 1, from: RecordFixture.killed,
        replacing: [
          "\"nr_vmscan_immediate_reclaim\":22592": "\"nr_vmscan_immediate_reclaim\":9876543210"
        ])
    }
    let text = try campaign.report()
    expectNarrow(text)
    try expectGolden(text, "twelve-cells.txt")
  }

  /// Labels that fit stand in the tables themselves.
  @Test func labelsInTheTable() throws {
    try campaign.plan(
      [["kernel": "debian:6.1", "fs": "xfs"], ["kernel": "debian:6.12", "fs": "xfs"]], trials: 1)
    try campaign.trial(1, 1, from: RecordFixture.completed)
    try campaign.trial(2, 1, from: RecordFixture.killed)
    let lines = try campaign.report().split(separator: "\n")
    #expect(lines.contains("#  kernel       OOM  95 % CI   kills by finding   outcomes"))
    #expect(lines.contains("1  debian:6.1   0:1  0-79 %    -                  completed 1"))
    #expect(lines.contains("2  debian:6.12  1:1  21-100 %  writeback-bound 1  oom 1"))
    #expect(lines.contains("all cells: fs xfs"))
  }

  /// `memory.max` and `io.max` would both be `max`.
  @Test func shortKeysOfSeveralAxes() throws {
    try campaign.plan(
      [
        ["memory.max": "64MiB", "io.max": "a", "machine.cpus": "1"],
        ["memory.max": "32MiB", "io.max": "b", "machine.cpus": "2"],
      ], trials: 1)
    let text = try campaign.report()
    #expect(text.contains("#  memory.max  io.max  cpus  OOM"))
    expectNarrow(text)
  }

  /// Every outcome at once is more than a line.
  @Test func manyOutcomes() throws {
    try campaign.plan(
      [
        ["kernel": "debian:6.1-cloud", "fs": "xfs"], ["kernel": "debian:6.12-cloud", "fs": "ext4"],
      ],
      trials: 8)
    for (i, outcome) in Outcome.allCases.enumerated() {
      try campaign.trial(
        1, i + 1, from: RecordFixture.killed,
        replacing: [
          "{\"type\":\"end\",\"outcome\":\"oom\"":
            "{\"type\":\"end\",\"outcome\":\"\(outcome.rawValue)\""
        ])
    }
    let text = try campaign.report()
    expectNarrow(text)
    for outcome in Outcome.allCases { #expect(text.contains("\(outcome.rawValue) 1")) }
  }

  /// What went wrong without touching the result stands below the tables, with how often and where.
  @Test func notesOfTheRecords() throws {
    let directory = try RecordFixture()
    let campaign = CampaignFixture(directory)
    try campaign.plan([["fs": "xfs"]], trials: 3)
    func note(_ text: String) -> String { "{\"type\":\"note\",\"t\":1,\"message\":\"\(text)\"}" }
    func stack(_ tid: Int) -> String { "{\"type\":\"task-stack\",\"t\":1,\"tid\":\(tid)}" }
    try campaign.trial(
      1, 1, from: RecordFixture.completed, adding: [note("rmdir: EBUSY"), note("umount: EBUSY")])
    try campaign.trial(1, 2, from: RecordFixture.completed, adding: [note("rmdir: EBUSY")])
    try campaign.trial(
      1, 3, from: RecordFixture.completed,
      adding: [
        stack(8), stack(9), "{\"type\":\"watchdog\",\"t\":2,\"ended\":\"killed by signal 9\"}",
      ])
    let text = try campaign.report()
    #expect(text.contains("note: #1: rmdir: EBUSY (trials 1, 2)\n"), "\(text)")
    #expect(text.contains("note: #1: umount: EBUSY (trial 1)\n"))
    #expect(
      text.contains(
        "note: #1: the watchdog ended before its time: killed by signal 9 (trial 3)\n"))
    #expect(
      text.contains("evidence: #1 trial 3: task-stack 2 lines, shown by wbstress record show"))
    let json = try JSON(parsing: try campaign.write(.json).text.utf8)
    let first = json["cells"]?.array?[0]["trials"]?.array?[0]["measured"]
    #expect(first?["notes"] == ["rmdir: EBUSY", "umount: EBUSY"])
  }
}
